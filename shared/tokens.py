"""Signed tokens that every service verifies alone: EdDSA only, keys by id, ended ones refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.access import Book
from shared.clock import instant

ALGORITHM = "Ed25519"
_SESSION_COOKIE = "acm_session"
_VERIFIED: dict[str, Claims] = {}
_VERIFIED_LIMIT = 2_000


def session_cookie(tls: bool) -> str:
    """The name of the cookie that holds a session's token; under TLS browsers bind it to this host."""
    return f"__Host-{_SESSION_COOKIE}" if tls else _SESSION_COOKIE


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: who, which token, until when, and whether it may write. Nothing about teams."""

    person_id: str
    id: str
    key_id: str
    kind: str
    expires_at: datetime
    can_write: bool


def verify(token: str, book: Book, now: datetime) -> Claims | None:
    """The claims of a token that holds now, else None."""
    claims = _VERIFIED.get(token) or _read(token, book)
    if claims is None or claims.expires_at <= now or claims.id in book.ended_sessions:
        return None
    key = book.keys.get(claims.key_id)
    if key is None or (key.retired_at is not None and instant(key.retired_at) <= now):
        return None
    if len(_VERIFIED) >= _VERIFIED_LIMIT:
        _VERIFIED.clear()
    _VERIFIED[token] = claims  # the signature need not be checked twice; the rest above always is
    return claims


def _read(token: str, book: Book) -> Claims | None:
    try:
        key_id = str(jws.extract_compact(token.encode()).headers().get("kid", ""))
        key = book.keys.get(key_id)
        if key is None:
            return None
        claims = jwt.decode(token, OKPKey.import_key(dict(key.jwk)), algorithms=[ALGORITHM]).claims
        return Claims(
            person_id=str(claims["sub"]),
            id=str(claims["jti"]),
            key_id=key_id,
            kind=str(claims["kind"]),
            expires_at=datetime.fromtimestamp(float(claims["exp"]), UTC),
            can_write="write" in claims.get("scope", "").split(),
        )
    except (JoseError, KeyError, ValueError, TypeError, OverflowError):
        return None
