"""What the portal publishes on its access topic: public signing keys and revoked sessions."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.event import Shape, happening

ACCESS_TOPIC = "portal.access"


@dataclass(frozen=True, kw_only=True)
class Key(Shape):
    """A public key (JWK) that verifies tokens until `retired_at`; two may be live while they rotate."""

    TOPIC = ACCESS_TOPIC
    NAME = "key"

    id: str
    jwk: dict[str, str] = field(default_factory=dict)
    retired_at: str | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Session(Shape):
    """A token that may no longer be used: `id` is the token's id, `expires_at` when it would have ended."""

    TOPIC = ACCESS_TOPIC
    NAME = "session"

    id: str
    person_id: str = ""
    revoked_at: str | None = None
    expires_at: str = ""
    version: int = 0


KeyPublished = happening(Key, "published", "a signing key came into use")
KeyRetired = happening(Key, "retired", "a signing key must no longer be trusted")
SessionRevoked = happening(Session, "revoked", "a session or API token was ended before its time")
