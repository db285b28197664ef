"""One transaction: rows, events, audit and idempotency are committed together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.orm import Session

from contracts.event import Event, Happening, Shape
from shared import access, clock
from shared.db import Database, new_id
from shared.problem import Problem
from shared.tables import AuditRow, EpochRow, EventRow

STATE_LIMIT_BYTES = 900_000
FIRST_EPOCH = 1
SYSTEM = "system"
_epochs: WeakKeyDictionary[Engine | Connection, int] = WeakKeyDictionary()
INSERT_EVENT = insert(EventRow.__table__)  # type: ignore[arg-type]


class Aggregate(Protocol):
    """A row that is published: it counts its versions and knows its public shape."""

    id: Any
    version: Any

    def shape(self) -> Shape:
        """The public shape of the row as it is now."""


@dataclass(eq=False)
class UnitOfWork:
    """What a command is given: the session, who acts, when, and the only way to emit.

    Commands never commit: returning commits, raising rolls back.
    """

    session: Session
    now: datetime
    actor: access.Actor | None = None
    cause: str | None = None
    trace: str | None = None
    emitted: list[Event] = field(default_factory=list)

    @property
    def actor_id(self) -> str:
        """The acting person's id, or `system` where nobody asked (timers, seeding, reactions)."""
        return self.actor.id if self.actor else SYSTEM

    @property
    def who(self) -> access.Actor:
        """The acting person. Raises 401 where nobody signed in."""
        if self.actor is None:
            raise Problem(401, "unauthenticated", "Sign in first.")
        return self.actor

    def require(self, action: str, subject: access.Subject | None = None) -> None:
        """Refuse with 403 what the acting person may not do. The system itself may do everything."""
        if self.actor is not None and not self.actor.may(action, subject):
            raise Problem(403, "forbidden", "You may not do this.")

    def emit(self, happening: Happening, row: Aggregate, change: Mapping[str, Any] | None = None) -> Event:
        """Count the row's version up and record what happened with the shape after it.

        Raises 413 when the shape is too large to travel: the person who typed it must learn so here.
        """
        row.version = (row.version or 0) + 1
        self.session.add(row)
        self.session.flush()
        shape = row.shape()
        *public, whole = [self._event(happening, row, part, change) for part in shape.parts()]
        for event in public:
            event.change.clear()  # it may quote what is left out
        for event in (*public, whole):
            self._keep(event)
        if isinstance(shape, access.FACTS):
            # The owner of an access fact obeys it in the same transaction.
            access.keep_fact(self.session, whole, shape)
        return whole

    def _event(
        self, happening: Happening, row: Aggregate, part: Shape, change: Mapping[str, Any] | None
    ) -> Event:
        return Event(
            id=new_id(),
            type=f"{part.NAME}.{happening.name}",
            source=part.TOPIC,
            epoch=epoch_of(self.session),
            key=str(row.id),
            version=row.version,
            at=clock.rfc3339(self.now),
            actor=self.actor_id,
            cause=self.cause,
            trace=self.trace,
            change=dict(change or {}),
            state=part.to_dict(),
        )

    def _keep(self, event: Event) -> None:
        envelope = event.to_json()
        if len(envelope.encode()) > STATE_LIMIT_BYTES:
            raise Problem(413, "too-large", "This is too large to keep in one piece; split it.")
        # Past the ORM: nobody changes the row again, and each write waits for this one.
        self.session.connection().execute(INSERT_EVENT, event_row(event, envelope, self.now))
        self.emitted.append(event)

    def audit(self, action: str, subject: str, **details: Any) -> None:
        """Record in the audit trail, in this transaction. Details hold ids and facts, no personal data."""
        self.session.add(
            AuditRow(
                at=self.now,
                actor=self.actor_id,
                action=action,
                subject=subject,
                details=details,
                trace=self.trace or "",
            )
        )


@contextmanager
def unit_of_work(
    database: Database,
    *,
    actor: Callable[[Session], access.Actor | None] | None = None,
    cause: str | None = None,
    trace: str | None = None,
    committed: Callable[[UnitOfWork], None] | None = None,
) -> Iterator[UnitOfWork]:
    """Open a transaction. `actor` is looked up inside it, so that permission and effect see one state.

    `committed` is called after a successful commit (to wake consumers); its failure loses nothing.
    """
    with database.write() as session:
        uow = UnitOfWork(session, clock.now(), actor(session) if actor else None, cause, trace)
        yield uow
    if committed is not None and uow.emitted:
        committed(uow)


def event_row(event: Event, envelope: str, at: datetime) -> dict[str, Any]:
    """The values of an event's row, for `INSERT_EVENT`."""
    return {
        "event_id": event.id,
        "topic": event.source,
        "type": event.type,
        "key": event.key,
        "version": event.version,
        "at": at,
        "envelope": envelope,
        "replay": event.replay,
    }


def history(session: Session, key: str) -> list[Event]:
    """Every event of one key that this service published, oldest first: the history of each field.

    What was only said again is no part of it. Of an event in parts, the whole is answered: it was kept last.
    """
    happened = select(EventRow.envelope).where(EventRow.key == key, ~EventRow.replay).order_by(EventRow.id)
    found = {event.version: event for event in map(Event.from_json, session.scalars(happened))}
    return [found[version] for version in sorted(found)]


def epoch_of(session: Session) -> int:
    """The epoch of what a database publishes, read once by each process: a restore needs it stopped."""
    bound = session.get_bind()
    if bound not in _epochs:
        _epochs[bound] = session.scalar(select(EpochRow.epoch)) or FIRST_EPOCH
    return _epochs[bound]
