"""The portal's rows and queries: signing keys, issued tokens, credentials, one-time links, guesses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import JSON, Select, String, Text, delete, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from contracts import portal as contract
from services.portal import domain
from shared import clock
from shared.db import UtcDateTime
from shared.problem import missing


class Base(DeclarativeBase):
    """Base of the portal's tables."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, str]: JSON, list[str]: JSON}


class SigningKey(Base):
    """A key pair that signs tokens; `sealed` is the private half, under the installation's secret."""

    __tablename__ = "signing_keys"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    jwk: Mapped[dict[str, str]]
    sealed: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    version: Mapped[int]

    def shape(self) -> contract.Key:
        """The public half."""
        retired = clock.rfc3339(self.retired_at) if self.retired_at else None
        return contract.Key(id=self.id, jwk=self.jwk, retired_at=retired, version=self.version)


class IssuedToken(Base):
    """A session or API token that was issued; the token itself is not kept.

    A session that is renewed is several tokens with one `session_id` and `started_at`.
    """

    __tablename__ = "issued_tokens"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    scope: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(36), index=True)
    session_id: Mapped[str] = mapped_column(String(36), index=True)
    started_at: Mapped[datetime]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    version: Mapped[int]

    def shape(self) -> contract.Session:
        """What other services must know of it once it is ended."""
        return contract.Session(
            id=self.id,
            person_id=self.person_id,
            revoked_at=clock.rfc3339(self.revoked_at) if self.revoked_at else None,
            expires_at=clock.rfc3339(self.expires_at),
            version=self.version,
        )


class Credential(Base):
    """How a person proves who they are. No row: they have not been invited, or not answered yet."""

    __tablename__ = "credentials"
    person_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text)
    must_change: Mapped[bool]
    set_at: Mapped[datetime]


class Link(Base):
    """A one-time link with which a person sets a password; its secret is kept as a digest only."""

    __tablename__ = "links"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    made_by: Mapped[str] = mapped_column(String(36))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    version: Mapped[int]


class Guesses(Base):
    """How many attempts to sign in were made on an account, or from an address, since a moment."""

    __tablename__ = "guesses"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime] = mapped_column(index=True)
    count: Mapped[int]


# --- keys --------------------------------------------------------------------------------------------------


def signing_key(session: Session, now: datetime) -> SigningKey | None:
    """The key that signs now: the newest that every service has heard of."""
    living = live_keys(session, now)
    known = [key for key in living if key.made_at <= now - domain.KEY_SPREAD]
    return next(iter(known or reversed(living)), None)


def live_keys(session: Session, now: datetime) -> Sequence[SigningKey]:
    """The keys that are trusted now, newest first."""
    query = select(SigningKey).where((SigningKey.retired_at.is_(None)) | (SigningKey.retired_at > now))
    return session.scalars(query.order_by(SigningKey.made_at.desc(), SigningKey.id.desc())).all()


def last_expiry(session: Session, key_id: str) -> datetime | None:
    """When the last token that a key signed, and nobody ended, ends."""
    query = select(func.max(IssuedToken.expires_at)).where(
        IssuedToken.key_id == key_id, IssuedToken.revoked_at.is_(None)
    )
    return session.scalar(query)


# --- tokens ------------------------------------------------------------------------------------------------


def tokens(person_id: str, kind: str, now: datetime) -> Select[IssuedToken]:
    """The living tokens of a kind that a person has."""
    return select(IssuedToken).where(
        IssuedToken.person_id == person_id,
        IssuedToken.kind == kind,
        IssuedToken.revoked_at.is_(None),
        IssuedToken.expires_at > now,
    )


def sessions(person_id: str, now: datetime) -> Select[IssuedToken]:
    """The living sessions of a person, each as its newest token."""
    newest = (
        select(func.max(IssuedToken.id))
        .where(IssuedToken.person_id == person_id, IssuedToken.kind == domain.SESSION)
        .group_by(IssuedToken.session_id)
    )
    return tokens(person_id, domain.SESSION, now).where(IssuedToken.id.in_(newest))


def token(session: Session, token_id: str, person_id: str) -> IssuedToken:
    """A token of a person. Raises 404 for another one's."""
    found = session.get(IssuedToken, token_id)
    if found is None or found.person_id != person_id:
        raise missing()
    return found


def of_session(session: Session, session_id: str, now: datetime) -> Sequence[IssuedToken]:
    """Every living token of one session."""
    query = select(IssuedToken).where(
        IssuedToken.session_id == session_id,
        IssuedToken.revoked_at.is_(None),
        IssuedToken.expires_at > now,
    )
    return session.scalars(query).all()


# --- credentials and links ---------------------------------------------------------------------------------


def has_password(session: Session, person_id: str) -> bool:
    """Whether a person can sign in with a password."""
    return session.get(Credential, person_id) is not None


def first_password_stands(session: Session) -> bool:
    """Whether somebody still has the password that the set-up gave them."""
    return session.scalar(select(Credential.person_id).where(Credential.must_change).limit(1)) is not None


def open_links(person_id: str, now: datetime) -> Select[Link]:
    """The links of a person that still work."""
    return select(Link).where(Link.person_id == person_id, Link.closed_at.is_(None), Link.expires_at > now)


def open_link(session: Session, digest: str, now: datetime) -> Link | None:
    """The link with this digest, if it still works."""
    found = session.scalar(select(Link).where(Link.digest == digest))
    return found if found is not None and found.closed_at is None and found.expires_at > now else None


# --- what is over ------------------------------------------------------------------------------------------


def forget(session: Session, now: datetime) -> bool:
    """Delete what no longer says anything: counted guesses, used links; answers whether there were any."""
    old_guesses = session.execute(delete(Guesses).where(Guesses.since < now - domain.GUESS_WINDOW))
    kept_for = now - domain.LINK_LIFE[domain.INVITATION]
    old_links = session.execute(delete(Link).where(Link.expires_at < kept_for))
    return bool(old_guesses.rowcount or old_links.rowcount)  # type: ignore[attr-defined]
