"""Every write of the portal. Passwords come in hashed: hashing takes long and must not hold a transaction."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy.orm import Session

from contracts.accounts import Person
from contracts.portal import KeyPublished, KeyRetired, SessionRevoked
from services.portal import domain, store
from shared.access import Actor, Book
from shared.db import new_id
from shared.problem import Problem, conflict, forbidden, invalid, missing
from shared.sealing import seal, unseal
from shared.service import Runtime
from shared.tokens import ALGORITHM
from shared.uow import UnitOfWork

# OWASP's recommendation for argon2id; 46 MiB for each of the few requests that a process answers at once.
_HASHER = PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)
FIRST_PASSWORD_FILE = "admin-password"
_SEALED_KEYS = "signing keys"


# --- passwords ---------------------------------------------------------------------------------------------


def hash_password(password: str) -> str:
    """The argon2id hash of a password. Takes long: call it before the transaction opens."""
    return _HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed. Takes as long where there is no hash to compare with."""
    try:
        return _HASHER.verify(password_hash or _nobodys_hash(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _HASHER.hash(secrets.token_urlsafe())


def check_password(password: str, own_words: Sequence[str]) -> None:
    """Refuse (422) a password that is too short, common, or made of its person's names."""
    fault = domain.password_fault(password, own_words)
    if fault == "short":
        raise invalid({"password": "Use at least 12 characters; a sentence is easy to remember."})
    if fault == "long":
        raise invalid({"password": "Use at most 128 characters."})
    if fault == "common":
        raise invalid({"password": "This is among the passwords that are tried first; choose another."})
    if fault == "own":
        raise invalid({"password": "Leave out your name, your username and the name of this system."})


def has_password(session: Session, person_id: str) -> bool:
    """Whether a person can sign in with a password."""
    return store.has_password(session, person_id)


def set_first_password(
    uow: UnitOfWork, *, person_id: str, password_hash: str, must_change: bool = True
) -> None:
    """The password that a set-up gives (the administrator of an empty agency, the demo's people)."""
    _set_password(uow, person_id, password_hash, must_change=must_change)
    uow.audit("password.first", person_id)


def set_password(uow: UnitOfWork, *, person_id: str, password_hash: str) -> None:
    """Set a password by whoever runs this installation, for recovery; everything that was open ends."""
    _set_password(uow, person_id, password_hash)
    end_everything(uow, person_id=person_id)
    uow.audit("password.recovered", person_id)


def change_own_password(running: Runtime, *, who: Actor, present: str, password: str, address: str) -> None:
    """A person changes their password: compares the present one, then changes it in one transaction.

    Raises as `try_password` does, with the fault at the field `present`.
    """
    if not who.can_write:
        raise forbidden("This token may only read.")
    try:
        attempt = try_password(
            running, person=who.person, username=who.username, password=present, address=address
        )
    except Problem as problem:
        if problem.kind != "wrong-password":
            raise
        raise invalid({"present": "This is not your present password."}) from problem
    password_hash = hash_password(password)
    with running.unit_of_work(who.username) as uow:
        accept(uow, attempt)
        token = uow.session.get(store.IssuedToken, who.session_id)
        keep = token.session_id if token is not None else ""
        change_password(uow, person_id=who.id, password_hash=password_hash, keep=keep)
    forget_first_password(running)


def change_password(uow: UnitOfWork, *, person_id: str, password_hash: str, keep: str = "") -> None:
    """A person changes their own password, having shown the present one; other sessions than `keep` end."""
    _set_password(uow, person_id, password_hash)
    query = store.tokens(person_id, domain.SESSION, uow.now)
    _revoke(uow, [row for row in uow.session.scalars(query) if row.session_id != keep])
    uow.audit("password.changed", person_id)


def forget_first_password(running: Runtime) -> None:
    """Remove the file with the first password once nobody has that password any more.

    Call it after the change was committed: a file removed before would lock the administrator out.
    """
    kept = running.settings.home / FIRST_PASSWORD_FILE
    if not kept.exists():
        return
    with running.database.read() as session:
        if store.first_password_stands(session):
            return
    kept.unlink(missing_ok=True)


def _set_password(uow: UnitOfWork, person_id: str, password_hash: str, *, must_change: bool = False) -> None:
    uow.session.merge(
        store.Credential(
            person_id=person_id, password_hash=password_hash, must_change=must_change, set_at=uow.now
        )
    )
    uow.session.flush()
    _close_links(uow, person_id)


# --- guessing ----------------------------------------------------------------------------------------------


def count_guess(uow: UnitOfWork, *, account: str, address: str) -> None:
    """Count an attempt before it is made, so that guesses made at once cannot slip through together.

    Raises 429 when the account, or the address, has had too many. Accounts that do not exist count alike.
    Counted in the database because several processes answer.
    """
    for key, most in ((account, domain.GUESSES_PER_ACCOUNT), (address, domain.GUESSES_PER_ADDRESS)):
        row = _guesses(uow, key)
        if row.count >= most:
            wait = row.since + domain.GUESS_WINDOW - uow.now
            raise Problem(
                429,
                "too-many-attempts",
                "Too many attempts. Try again in %(minutes)d minutes, or ask an administrator for a link.",
                values={"minutes": -(-int(wait.total_seconds()) // 60)},
            )
        row.count += 1
    uow.session.flush()


def forgive_guess(uow: UnitOfWork, *, account: str, address: str) -> None:
    """The attempt was right: the account counts from nothing, the address one less."""
    _guesses(uow, account).count = 0
    row = _guesses(uow, address)
    row.count = max(0, row.count - 1)


def _guesses(uow: UnitOfWork, key: str) -> store.Guesses:
    row = uow.session.get(store.Guesses, key)
    if row is None:
        row = store.Guesses(key=key, since=uow.now, count=0)
        uow.session.add(row)
    elif row.since <= uow.now - domain.GUESS_WINDOW:
        row.since, row.count = uow.now, 0
    return row


# --- signing in --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """A password that was right: whose, the hash that it was compared with, and under what it was counted."""

    person_id: str
    proved: str
    account: str
    address: str
    again: str = ""


def try_password(
    running: Runtime, *, person: Person | None, username: str, password: str, address: str
) -> Attempt:
    """Compare a password with a person's. Raises 429 after too many attempts, 422 when it is wrong.

    The sentence and the time are the same for somebody unknown, not invited yet or gone. Three steps, each
    for itself: the attempt is counted for good, the slow comparison holds no transaction, then a failure is
    recorded. `accept` belongs into the transaction of what the password was asked for.
    """
    secret = running.settings.secret
    account = domain.guess_key(secret, "account", domain.folded(username))
    origin = domain.guess_key(secret, "address", address)
    with running.unit_of_work() as uow:
        count_guess(uow, account=account, address=origin)
    with running.database.read() as session:
        credential = session.get(store.Credential, person.id) if person is not None else None
    kept = credential.password_hash if credential is not None else None
    if not matches(kept, password) or kept is None or person is None:
        with running.unit_of_work() as uow:
            uow.audit("sign-in.failed", person.id if person else "unknown", account=account, address=origin)
        raise _wrong()
    again = hash_password(password) if _HASHER.check_needs_rehash(kept) else ""
    return Attempt(person.id, kept, account, origin, again)


def accept(uow: UnitOfWork, attempt: Attempt) -> None:
    """What an attempt was made for happens in this transaction: it is no guess. Raises 422 when it came late,
    that is, when the password was changed or reset meanwhile.
    """
    credential = uow.session.get(store.Credential, attempt.person_id)
    if credential is None or credential.password_hash != attempt.proved:
        raise _wrong()
    if attempt.again:
        credential.password_hash = attempt.again
    forgive_guess(uow, account=attempt.account, address=attempt.address)


def _wrong() -> Problem:
    # Says nothing of which of the two is wrong, or whether there is such a person.
    return Problem(422, "wrong-password", "The username or the password is not right.")


def sign_in(uow: UnitOfWork, *, person_id: str, device: str, secret: str, address: str, by: str) -> str:
    """Begin a session of somebody who has proved who they are; answers its token."""
    token, issued = issue_token(
        uow,
        person_id=person_id,
        kind=domain.SESSION,
        name=device,
        life=domain.SESSION_LIFE,
        secret=secret,
    )
    uow.audit("sign-in", person_id, session=issued.session_id, address=address, by=by)
    return token


def renew_session(uow: UnitOfWork, *, token_id: str, secret: str) -> tuple[str, store.IssuedToken] | None:
    """Go on with a session that is used and half over: a further token; the old one holds till its end."""
    old = uow.session.get(store.IssuedToken, token_id)
    if old is None or old.kind != domain.SESSION or old.revoked_at is not None:
        return None
    if not domain.worth_renewing(old.expires_at, old.started_at, uow.now):
        return None
    return issue_token(
        uow,
        person_id=old.person_id,
        kind=domain.SESSION,
        name=old.name,
        life=domain.renewed_until(old.started_at, uow.now) - uow.now,
        secret=secret,
        scope=old.scope,
        goes_on=old,
    )


def sign_out(uow: UnitOfWork, *, token_id: str) -> None:
    """End the session that a token belongs to."""
    issued = uow.session.get(store.IssuedToken, token_id)
    if issued is not None and issued.kind == domain.SESSION:
        _revoke(uow, store.of_session(uow.session, issued.session_id, uow.now))
        uow.audit("sign-out", issued.person_id, session=issued.session_id)


# --- links -------------------------------------------------------------------------------------------------


def make_link(uow: UnitOfWork, *, person_id: str, book: Book) -> tuple[str, store.Link]:
    """A link with which somebody sets a password, once: an invitation, or a reset where they have one.

    Whoever may manage people invites; only administrators reset, and invite administrators and auditors, for
    the link lets its holder act as that person. A reset ends all that was open, and the password itself.
    Earlier links stop working. Raises 404 for somebody unknown, 409 for somebody who has left.
    """
    uow.require("person.manage")
    person = book.people.get(person_id)
    if person is None:
        raise missing()
    if book.person(person_id) is None:
        raise conflict("%(name)s has left the agency.", "has-left", name=person.name)
    kind = domain.RESET if store.has_password(uow.session, person_id) else domain.INVITATION
    if kind == domain.RESET or domain.guarded(person.roles):
        uow.require("person.grant")
    if kind == domain.RESET:
        end_everything(uow, person_id=person_id)
        uow.session.delete(uow.session.get_one(store.Credential, person_id))
    _close_links(uow, person_id)
    secret = secrets.token_urlsafe(32)
    link = store.Link(
        id=new_id(),
        person_id=person_id,
        kind=kind,
        digest=digest(secret),
        made_by=uow.actor_id,
        made_at=uow.now,
        expires_at=uow.now + domain.LINK_LIFE[kind],
        version=1,
    )
    uow.session.add(link)
    uow.session.flush()
    uow.audit(f"link.{kind}", person_id, link=link.id)
    return secret, link


def close_link(uow: UnitOfWork, *, link_id: str) -> store.Link:
    """Stop a link from working. Raises 404 for an unknown one."""
    uow.require("person.manage")
    link = uow.session.get(store.Link, link_id)
    if link is None:
        raise missing()
    if link.closed_at is None:
        link.closed_at = uow.now
        link.version += 1
        uow.audit("link.closed", link.person_id, link=link.id)
    return link


def follow_link(uow: UnitOfWork, *, secret: str, password_hash: str) -> str:
    """Set the password that a link's holder chose and use the link up; answers the person's id.

    Raises 404 when the link was used, closed or is over.
    """
    link = store.open_link(uow.session, digest(secret), uow.now)
    if link is None:
        raise missing("This link was used or is over. Ask for a new one.")
    _set_password(uow, link.person_id, password_hash)
    uow.audit("password.set", link.person_id, link=link.id)
    return link.person_id


def digest(secret: str) -> str:
    """Under which a link is kept. Its secret has 256 random bits, so a plain digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _close_links(uow: UnitOfWork, person_id: str) -> None:
    for link in uow.session.scalars(store.open_links(person_id, uow.now)):
        link.closed_at = uow.now
        link.version += 1


# --- tokens ------------------------------------------------------------------------------------------------


def create_token(
    uow: UnitOfWork, *, name: str, days: int, scope: str, secret: str
) -> tuple[str, store.IssuedToken]:
    """A person makes an API token for themselves. It is answered once and never kept.

    Raises 422 for an empty name, an unknown scope, or a life that is not 1 to 366 days.
    """
    _require_writing(uow)
    if not 0 < len(name) <= 200:
        raise invalid({"name": "Say what the token is for, in at most 200 characters."})
    if not 1 <= days <= domain.API_TOKEN_LONGEST.days:
        raise invalid({"days": "Choose 1 to 366 days."})
    if scope not in domain.SCOPES:
        raise invalid({"scope": "Choose what the token may do."})
    token, issued = issue_token(
        uow,
        person_id=uow.who.id,
        kind=domain.API,
        name=name,
        life=timedelta(days=days),
        secret=secret,
        scope=scope,
    )
    uow.audit("token.created", issued.id, person=issued.person_id, scope=scope, days=days)
    return token, issued


def issue_token(
    uow: UnitOfWork,
    *,
    person_id: str,
    kind: str,
    name: str,
    life: timedelta,
    secret: str,
    scope: str = "read write",
    goes_on: store.IssuedToken | None = None,
) -> tuple[str, store.IssuedToken]:
    """Sign a token for a person; one that `goes_on` belongs to the same session. Its id can be revoked."""
    key = store.signing_key(uow.session, uow.now) or publish_key(uow, secret=secret)
    token_id = new_id()
    issued = store.IssuedToken(
        id=token_id,
        person_id=person_id,
        kind=kind,
        name=name,
        scope=scope,
        key_id=key.id,
        session_id=goes_on.session_id if goes_on else token_id,
        started_at=goes_on.started_at if goes_on else uow.now,
        issued_at=uow.now,
        expires_at=uow.now + life,
        version=0,
    )
    uow.session.add(issued)
    uow.session.flush()
    claims = {
        "sub": person_id,
        "jti": issued.id,
        "kind": kind,
        "scope": scope,
        "iat": int(issued.issued_at.timestamp()),
        "exp": int(issued.expires_at.timestamp()),
    }
    pem = unseal(key.sealed, secret=secret, purpose=_SEALED_KEYS)
    header = {"alg": ALGORITHM, "kid": key.id}
    return jwt.encode(header, claims, OKPKey.import_key(pem), algorithms=[ALGORITHM]), issued


def revoke_token(uow: UnitOfWork, *, token_id: str) -> store.IssuedToken:
    """End a session (all of its tokens) or an API token, everywhere. Only its own person or the system."""
    issued = uow.session.get(store.IssuedToken, token_id)
    if issued is None or (uow.actor is not None and issued.person_id != uow.actor.id):
        raise missing()
    _require_writing(uow)
    if issued.revoked_at is None:
        _revoke(uow, [issued, *store.of_session(uow.session, issued.session_id, uow.now)])
        uow.audit(f"{issued.kind}.revoked", issued.id, person=issued.person_id)
    return issued


def end_all_of(uow: UnitOfWork, *, person_id: str) -> None:
    """An administrator ends every session and API token of somebody."""
    uow.require("person.grant")
    end_everything(uow, person_id=person_id)
    uow.audit("sessions.ended", person_id)


def end_other_sessions(uow: UnitOfWork, *, keep: str) -> None:
    """A person ends every session of theirs but the one at hand."""
    _require_writing(uow)
    query = store.tokens(uow.who.id, domain.SESSION, uow.now)
    _revoke(uow, [row for row in uow.session.scalars(query) if row.session_id != keep])
    uow.audit("sessions.ended", uow.who.id)


def end_everything(uow: UnitOfWork, *, person_id: str) -> None:
    """End every session and API token of a person."""
    for kind in (domain.SESSION, domain.API):
        _revoke(uow, uow.session.scalars(store.tokens(person_id, kind, uow.now)).all())


def _revoke(uow: UnitOfWork, tokens: Sequence[store.IssuedToken]) -> None:
    for token in tokens:
        if token.revoked_at is None:
            token.revoked_at = uow.now
            uow.emit(SessionRevoked, token)


def _require_writing(uow: UnitOfWork) -> None:
    if uow.actor is not None and not uow.actor.can_write:
        raise forbidden("This token may only read.")


# --- keys --------------------------------------------------------------------------------------------------


def publish_key(uow: UnitOfWork, *, secret: str) -> store.SigningKey:
    """Make a signing key and publish its public half."""
    pair = OKPKey.generate_key("Ed25519")
    key = store.SigningKey(
        id=new_id(),
        jwk=pair.as_dict(private=False),
        sealed=seal(pair.as_pem(private=True), secret=secret, purpose=_SEALED_KEYS),
        made_at=uow.now,
        version=0,
    )
    uow.emit(KeyPublished, key)
    return key


def ensure_key(uow: UnitOfWork, *, secret: str) -> None:
    """Publish a signing key where there is none, so that services can verify before anybody signs in."""
    if store.signing_key(uow.session, uow.now) is None:
        publish_key(uow, secret=secret)


def rotate_keys(uow: UnitOfWork, *, secret: str, at_once: bool = False) -> store.SigningKey:
    """Publish a new key; the older ones are trusted until the last token that they signed ends.

    With `at_once` (a key has leaked) they are trusted no longer: whoever is signed in must sign in again.
    """
    older = [key for key in store.live_keys(uow.session, uow.now) if key.retired_at is None]
    key = publish_key(uow, secret=secret)
    for old in store.live_keys(uow.session, uow.now) if at_once else older:
        if old.id != key.id:
            old.retired_at = uow.now if at_once else _trusted_until(uow, old)
            uow.emit(KeyRetired, old)
    uow.audit("keys.rotated", key.id, at_once=at_once)
    return key


def _trusted_until(uow: UnitOfWork, key: store.SigningKey) -> datetime:
    # It may go on signing until every service has heard of the new one.
    signs_until = uow.now + domain.KEY_SPREAD + domain.SESSION_LIFE
    return max(store.last_expiry(uow.session, key.id) or uow.now, signs_until)
