"""Accounts' rows and queries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Select, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from contracts import accounts as contract
from shared import access, clock
from shared.db import UtcDateTime
from shared.problem import missing


class Base(DeclarativeBase):
    """Base of accounts' tables."""

    type_annotation_map = {datetime: UtcDateTime, list[str]: JSON}


class Client(Base):
    """A client of the agency."""

    __tablename__ = "clients"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    english_name: Mapped[str] = mapped_column(String(200))
    aliases: Mapped[list[str]]
    industry: Mapped[str] = mapped_column(String(100))
    parent_id: Mapped[str | None] = mapped_column(String(36))
    branch: Mapped[str] = mapped_column(String(100))
    visibility: Mapped[str] = mapped_column(String(16))
    tier: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]

    def shape(self) -> contract.Client:
        """What other services are told."""
        return contract.Client(**{name: getattr(self, name) for name in _names(contract.Client)})


class Person(Base):
    """Somebody who works, or worked, at the agency."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[str]]
    branch: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]

    def shape(self) -> contract.Person:
        """What other services are told."""
        return contract.Person(**{name: getattr(self, name) for name in _names(contract.Person)})


class Assignment(Base):
    """A seat on a client's team for a period."""

    __tablename__ = "assignments"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(36), index=True)
    person_id: Mapped[str] = mapped_column(String(36), index=True)
    role: Mapped[str] = mapped_column(String(8))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    version: Mapped[int]

    def shape(self) -> contract.Assignment:
        """What other services are told."""
        return contract.Assignment(
            id=self.id,
            client_id=self.client_id,
            person_id=self.person_id,
            role=self.role,
            starts_at=clock.rfc3339(self.starts_at),
            ends_at=clock.rfc3339(self.ends_at) if self.ends_at else None,
            version=self.version,
        )


def _names(shape: Any) -> list[str]:
    return list(shape.__dataclass_fields__)


def clients(scope: access.Scope) -> Select[tuple[Client]]:
    """The clients that a reader may list."""
    return select(Client).where(access.listed(scope, Client.id))


def client(session: Session, client_id: str, scope: access.Scope) -> Client:
    """A client that the reader may list. Raises 404 otherwise, existing or not."""
    found = session.get(Client, client_id)
    if found is None or not scope.lists(found.id):
        raise missing("client")
    return found
