"""Every write of the portal."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

from joserfc import jwe, jwt
from joserfc.jwk import OctKey, OKPKey

from contracts.portal import KeyPublished, SessionRevoked
from services.portal import store
from shared.db import new_id
from shared.problem import missing
from shared.tokens import ALGORITHM
from shared.uow import UnitOfWork


def publish_key(uow: UnitOfWork, *, secret: str) -> store.SigningKey:
    """Make a signing key and publish its public half."""
    pair = OKPKey.generate_key("Ed25519")
    sealed = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM"}, pair.as_pem(private=True), _sealing_key(secret)
    )
    key = store.SigningKey(
        id=new_id(), jwk=pair.as_dict(private=False), sealed=sealed, made_at=uow.now, version=0
    )
    uow.emit(KeyPublished, key)
    return key


def issue_token(
    uow: UnitOfWork,
    *,
    person_id: str,
    kind: str,
    name: str,
    life: timedelta,
    secret: str,
    scope: str = "read write",
) -> tuple[str, store.IssuedToken]:
    """Sign a token for a person. The token is answered once and never kept; its id can be revoked."""
    key = store.signing_key(uow.session, uow.now) or publish_key(uow, secret=secret)
    issued = store.IssuedToken(
        id=new_id(),
        person_id=person_id,
        kind=kind,
        name=name,
        scope=scope,
        issued_at=uow.now,
        expires_at=uow.now + life,
        version=0,
    )
    uow.session.add(issued)
    uow.session.flush()
    pem = jwe.decrypt_compact(key.sealed, _sealing_key(secret)).plaintext
    claims = {
        "sub": person_id,
        "jti": issued.id,
        "kind": kind,
        "scope": scope,
        "iat": int(issued.issued_at.timestamp()),
        "exp": int(issued.expires_at.timestamp()),
    }
    header = {"alg": ALGORITHM, "kid": key.id}
    return jwt.encode(header, claims, OKPKey.import_key(pem or b""), algorithms=[ALGORITHM]), issued


def revoke_token(uow: UnitOfWork, *, token_id: str) -> store.IssuedToken:
    """End a session or API token at once, everywhere. Only its own person or the system may."""
    issued = uow.session.get(store.IssuedToken, token_id)
    if issued is None or (uow.actor is not None and issued.person_id != uow.actor.id):
        raise missing()
    if issued.revoked_at is None:
        issued.revoked_at = uow.now
        uow.emit(SessionRevoked, issued)
        uow.audit("session.revoked", issued.id, person=issued.person_id)
    return issued


def _sealing_key(secret: str) -> OctKey:
    digest = hashlib.sha256(b"signing keys\0" + secret.encode()).digest()
    return OctKey.import_key({"kty": "oct", "k": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()})
