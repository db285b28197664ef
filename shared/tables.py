"""The tables that every service's database has beside its own rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import UtcDateTime

# SQLite numbers rows by itself only for INTEGER primary keys.
Sequence = BigInteger().with_variant(Integer, "sqlite")


class Platform(DeclarativeBase):
    """Base of the platform's tables; each service's own tables have a base of their own."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON}


class EventRow(Platform):
    """Outbox, history and, embedded, the log: `id` is in commit order on SQLite."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(36), unique=True)
    topic: Mapped[str] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    at: Mapped[datetime]
    envelope: Mapped[str] = mapped_column(Text)
    replay: Mapped[bool] = mapped_column(default=False, server_default=false())
    __table_args__ = (Index("events_topic", "topic", "id"), Index("events_key", "key", "version"))


class InboxRow(Platform):
    """The highest (epoch, version) of each key that a consumer has handled."""

    __tablename__ = "inbox"
    consumer: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int]
    version: Mapped[int]


class PositionRow(Platform):
    """How far a consumer has read a topic, and when it last knew that it was at the end."""

    __tablename__ = "positions"
    consumer: Mapped[str] = mapped_column(String(64), primary_key=True)
    topic: Mapped[str] = mapped_column(String(64), primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True, default=0)
    position: Mapped[int] = mapped_column(Sequence, default=0)
    at_end_at: Mapped[datetime | None]


class LeaseRow(Platform):
    """Who alone may do something now, and until when: the relay that sends a service's events."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]


class EpochRow(Platform):
    """The epoch of what this service publishes; a restore opens a new one. Without a row: 1."""

    __tablename__ = "epoch"
    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    epoch: Mapped[int]


class DeadLetterRow(Platform):
    """An event that could not be handled; `waiting` ones are later events of a parked key, in order."""

    __tablename__ = "dead_letters"
    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    consumer: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64))
    parked: Mapped[bool]
    waiting: Mapped[bool]
    envelope: Mapped[str] = mapped_column(Text)
    error: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]
    __table_args__ = (Index("dead_letters_key", "consumer", "source", "key"),)


class IdempotencyRow(Platform):
    """The answer once given to an actor's Idempotency-Key, kept with the effect."""

    __tablename__ = "idempotency"
    actor: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(default=0)
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    body: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]


class AuditRow(Platform):
    """One entry of the audit trail; `hash` chains it to the one before, linked after commit by the worker."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]]
    trace: Mapped[str] = mapped_column(String(64), default="")
    number: Mapped[int | None] = mapped_column(Sequence, unique=True)
    hash: Mapped[str | None] = mapped_column(String(64))
    signature: Mapped[str | None] = mapped_column(String(64))


class AccessRevisionRow(Platform):
    """Changes with the access tables, so that a process knows when to read them again.

    A fresh id and not a counter: a number that was rolled back would come again with other facts.
    """

    __tablename__ = "access_revision"
    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    revision: Mapped[str] = mapped_column(String(36))


class AccessFactRow(Platform):
    """One access fact as its shape says it: a person, assignment, wall, client, key or ended session."""

    __tablename__ = "access_facts"
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int]
    version: Mapped[int]
    state: Mapped[dict[str, Any]]
