"""The portal's rows: signing keys and issued tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from contracts import portal as contract
from shared import clock
from shared.db import UtcDateTime


class Base(DeclarativeBase):
    """Base of the portal's tables."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, str]: JSON}


class SigningKey(Base):
    """A key pair that signs tokens; `sealed` is the private half, encrypted with the installation's secret."""

    __tablename__ = "signing_keys"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    jwk: Mapped[dict[str, str]]
    sealed: Mapped[str]
    made_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
    version: Mapped[int]

    def shape(self) -> contract.Key:
        """The public half."""
        retired = clock.rfc3339(self.retired_at) if self.retired_at else None
        return contract.Key(id=self.id, jwk=self.jwk, retired_at=retired, version=self.version)


class IssuedToken(Base):
    """A session or API token that was issued; the token itself is not kept."""

    __tablename__ = "issued_tokens"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    scope: Mapped[str] = mapped_column(String(64))
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


def signing_key(session: Session, now: datetime) -> SigningKey | None:
    """The newest key that may sign now."""
    query = select(SigningKey).where((SigningKey.retired_at.is_(None)) | (SigningKey.retired_at > now))
    return session.scalars(query.order_by(SigningKey.made_at.desc()).limit(1)).first()
