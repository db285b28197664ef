"""Consuming others' events: each takes effect once, in order per key, and a bad one stops only its key.

Positions and the highest (epoch, version) handled per key are kept in the transaction of the effects, in the
consumer's own database: duplicates, stragglers and repeated reads do nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from contracts.event import EPOCH, HAPPENINGS, SHAPES, Event, Happening, Shape
from shared import clock
from shared.db import Database
from shared.log.port import LogReader, Positions, Record
from shared.tables import DeadLetterRow, InboxRow, PositionRow
from shared.uow import UnitOfWork

BATCH = 100
HOLD_SECONDS = 0.02  # how long one transaction may keep others from writing, the access facts above all
ATTEMPTS = 3
HEARD_EVERY = timedelta(seconds=5)
log = structlog.get_logger("inbox")


@dataclass(frozen=True, slots=True)
class Fold:
    """Keeps the newest state of a shape: `apply(uow, event, shape)`. Heals at the key's next event.

    `apply` is also told what it has: a replay says a version again. `drop(uow, marker, key)` lets go of a key
    that a restored source does not have any more; it is called for keys of other shapes of the topic too.
    """

    shape: type[Shape]
    apply: Callable[[UnitOfWork, Event, Any], None]
    drop: Callable[[UnitOfWork, Event, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """Does something because something happened; must see every event of a key in order."""

    happening: Happening
    apply: Callable[[UnitOfWork, Event, Any], None]


Handler = Fold | Reaction
_Rows = dict[tuple[str, int], PositionRow]
_Moved = dict[tuple[str, int], int]
_Polled = tuple[Record, Event | ValueError]


class _Overtaken(Exception):
    """Another worker of this service has moved the positions: what was polled from them is its."""


class Consumer:
    """Reads topics for one service and applies its handlers. `step()` does one batch."""

    def __init__(
        self,
        name: str,
        handlers: Sequence[Handler],
        database: Database,
        reader: LogReader,
        *,
        topics: Sequence[str],
        committed: Callable[[UnitOfWork], None] | None = None,
    ) -> None:
        self.name = name
        self.topics = tuple(topics)
        self._handlers = tuple(handlers)
        self._database = database
        self._reader = reader
        self._committed = committed or (lambda uow: None)
        self._heard: dict[str, datetime] = {}

    def step(self, wait: float = 0.0) -> int:
        """Handle one batch; with nothing to do, wait for more. Note it where the end of a topic was reached.

        Answers how many records were read. Raises OperationalError when a database cannot answer, and
        LogUnavailable when the log cannot: try again.
        """
        with self._database.read() as session:
            positions = self.positions(session)
        records = self._reader.poll(positions, BATCH)
        try:
            self._handle_batch(records, positions)
        except _Overtaken:
            return len(records)
        if len(records) < BATCH:
            self._note_end(positions)
        if not records and wait:
            self._reader.wait(wait)
        return len(records)

    def positions(self, session: Session) -> dict[tuple[str, int], int]:
        """Where this consumer reads on, per topic and partition."""
        rows = session.scalars(select(PositionRow).where(PositionRow.consumer == self.name))
        return {(row.topic, row.partition): row.position for row in rows}

    def lag(self) -> dict[str, int]:
        """For each topic how many events are still to handle."""
        with self._database.read() as session:
            return self._reader.lag(self.positions(session))

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _handle_batch(self, records: Sequence[Record], positions: _Moved) -> None:
        """Handle the records that were polled from these positions, and move the positions with them."""
        rest = [(record, _event_of(record)) for record in records]
        try:
            while rest:
                rest = rest[self._in_one_transaction(rest, positions) :]
        except Exception as error:
            if _may_pass(error):
                raise
            # Some record of the batch cannot be handled: find it by taking them one at a time.
            for one in rest:
                self._handle_alone(one, positions)

    def _in_one_transaction(self, batch: Sequence[_Polled], positions: _Moved) -> int:
        """Handle the first records, as many as HOLD_SECONDS allow; answers how many."""
        handled = 0
        with self._database.write() as session:
            rows = self._claim(session, batch, positions)
            uow = UnitOfWork(session, clock.now())
            began = time.monotonic()
            some_parked = self._some_parked(session)
            epochs = self._epochs(session)
            inbox = _Inbox(session, self.name, (event for _, event in batch if isinstance(event, Event)))
            for _, event in batch:
                if handled and (isinstance(event, ValueError) or event.completes_epoch):
                    break  # what is no event, and what looks at the whole inbox, go alone
                if isinstance(event, ValueError):
                    raise event
                if event.epoch >= epochs.get(event.source, 0):
                    self._handle(uow, inbox, event, some_parked)
                handled += 1
                if event.completes_epoch or time.monotonic() - began > HOLD_SECONDS:
                    break
            inbox.write()
            moved = _move(rows, batch[:handled])
        positions |= moved
        if uow.emitted:
            self._committed(uow)
        return handled

    def _handle_alone(self, one: _Polled, positions: _Moved) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._in_one_transaction([one], positions)
                return
            except Exception as error:
                if _may_pass(error):
                    raise
                failure = error
                log.warning("event.failed", consumer=self.name, attempt=attempt, error=repr(error))
        with self._database.write() as session:
            rows = self._claim(session, [one], positions)
            self._give_up(session, one, repr(failure))
            moved = _move(rows, [one])
        positions |= moved

    def _claim(self, session: Session, batch: Sequence[_Polled], positions: Positions) -> _Rows:
        """The rows of the positions, which nobody may have moved since the records were polled from there."""
        rows = {where: self._row(session, where[0]) for where in {_where(record) for record, _ in batch}}
        if any(row.position != positions.get(where, 0) for where, row in rows.items()):
            raise _Overtaken
        return rows

    def _row(self, session: Session, topic: str) -> PositionRow:
        row = session.get(PositionRow, (self.name, topic, 0))
        if row is None:
            row = PositionRow(consumer=self.name, topic=topic, partition=0, position=0)
            session.add(row)
        return row

    def _handle(self, uow: UnitOfWork, inbox: _Inbox, event: Event, some_parked: bool) -> None:
        if event.completes_epoch:
            self._drop_older(uow, event)
        elif some_parked and self._parked(uow.session, event):
            self._set_aside(uow.session, event, waiting=True, error="")
        else:
            self._apply_newer(uow, inbox, event)

    def _apply_newer(self, uow: UnitOfWork, inbox: _Inbox, event: Event) -> None:
        said, known = (event.epoch, event.version), inbox.handled(event)
        if said < known or (said == known and not event.replay):
            return
        shape = SHAPES.get(event.shape_name)
        if shape is None:
            return  # from a newer producer; nobody here wants it yet
        state = shape.read(event.state)
        uow.cause, uow.trace = event.id, event.trace
        for handler in self._handlers:
            if self._wants(handler, event):
                handler.apply(uow, event, state)
        inbox.keep(event)

    @staticmethod
    def _wants(handler: Handler, event: Event) -> bool:
        if isinstance(handler, Fold):
            return event.shape_name == handler.shape.NAME
        return not event.replay and handler.happening == HAPPENINGS.get(event.type)

    # --- epochs ---

    def _epochs(self, session: Session) -> dict[str, int]:
        """The newest epoch that each source has completed."""
        query = select(InboxRow.source, InboxRow.epoch).where(
            InboxRow.consumer == self.name, InboxRow.source.in_(self.topics), InboxRow.key == EPOCH
        )
        return {row.source: row.epoch for row in session.execute(query)}

    def _drop_older(self, uow: UnitOfWork, marker: Event) -> None:
        """Let go of what a restored source does not have any more: keys whose newest event is older."""
        session = uow.session
        owed = self._forget_letters(session, marker)
        older = select(InboxRow).where(
            InboxRow.consumer == self.name,
            InboxRow.source == marker.source,
            InboxRow.epoch < marker.epoch,
            InboxRow.key != EPOCH,
        )
        folds = [h for h in self._handlers if isinstance(h, Fold) and marker.source == h.shape.TOPIC]
        for row in session.scalars(older).all():
            if row.key in owed:
                continue
            for fold in folds:
                if fold.drop is not None:
                    fold.drop(uow, marker, row.key)
            session.delete(row)
        session.merge(
            InboxRow(
                consumer=self.name,
                source=marker.source,
                key=EPOCH,
                epoch=marker.epoch,
                version=marker.version,
            )
        )

    def _forget_letters(self, session: Session, marker: Event) -> set[str]:
        """Forget the dead letters of what is gone; answers the parked keys that the source still has.

        Those were said again behind what parked them: they are taken up when that is released.
        """
        query = select(DeadLetterRow).where(
            DeadLetterRow.consumer == self.name, DeadLetterRow.source == marker.source
        )
        letters = [(row, Event.from_json(row.envelope).epoch) for row in session.scalars(query)]
        owed = {row.key for row, epoch in letters if row.waiting and epoch >= marker.epoch}
        for row, epoch in letters:
            if epoch < marker.epoch and row.key not in owed:
                session.delete(row)
        return owed

    def _note_end(self, positions: Positions) -> None:
        """Keep where the topics end and when that was known, now and then."""
        long_ago = datetime.min.replace(tzinfo=UTC)
        ends = {
            topic: end
            for topic, end in self._reader.ends(positions).items()
            if end.at - self._heard.get(topic, long_ago) >= HEARD_EVERY
        }
        if not ends:
            return
        with self._database.write() as session:
            for topic, end in ends.items():
                row = self._row(session, topic)
                row.at_end_at = end.at
                if row.position == positions.get((topic, 0), 0):
                    row.position = end.position
        self._heard |= {topic: end.at for topic, end in ends.items()}

    # --- what cannot be handled ---

    def _give_up(self, session: Session, one: _Polled, error: str) -> None:
        record, event = one
        if isinstance(event, ValueError):
            event = Event(id="", type="", source="", epoch=0, key="", version=0, at="")
        log.error("event.dead", consumer=self.name, type=event.type, key=event.key, error=error)
        reacts = any(isinstance(h, Reaction) and self._wants(h, event) for h in self._handlers)
        self._set_aside(session, event, waiting=False, error=error, parked=reacts, envelope=record.envelope)

    def _some_parked(self, session: Session) -> bool:
        query = select(DeadLetterRow.id).where(DeadLetterRow.consumer == self.name, DeadLetterRow.parked)
        return session.scalar(query.limit(1)) is not None

    def _parked(self, session: Session, event: Event) -> bool:
        query = select(DeadLetterRow.id).where(
            DeadLetterRow.consumer == self.name,
            DeadLetterRow.source == event.source,
            DeadLetterRow.key == event.key,
            DeadLetterRow.parked,
        )
        return session.scalar(query.limit(1)) is not None

    def _set_aside(
        self,
        session: Session,
        event: Event,
        *,
        waiting: bool,
        error: str,
        parked: bool = True,
        envelope: str = "",
    ) -> None:
        session.add(
            DeadLetterRow(
                consumer=self.name,
                source=event.source,
                key=event.key,
                parked=parked,
                waiting=waiting,
                envelope=envelope or event.to_json(),
                error=error,
                at=clock.now(),
            )
        )
        session.flush()

    def retry(self, dead_letter_id: int) -> None:
        """Handle a dead letter again, then what waits behind it, in order. Raises what still fails."""
        self._release(dead_letter_id, handle=True)

    def drop(self, dead_letter_id: int) -> None:
        """Give a dead letter up and go on with what waits behind it."""
        self._release(dead_letter_id, handle=False)

    def _release(self, dead_letter_id: int, *, handle: bool) -> None:
        with self._database.write() as session:
            first = session.get(DeadLetterRow, dead_letter_id)
            if first is None or first.consumer != self.name:
                raise LookupError(f"there is no dead letter {dead_letter_id} of {self.name}")
            uow = UnitOfWork(session, clock.now())
            queue = [first] if handle else []
            queue += self._behind(session, first)
            session.execute(
                delete(DeadLetterRow).where(DeadLetterRow.id.in_([first.id, *[row.id for row in queue]]))
            )
            events = [Event.from_json(row.envelope) for row in queue]
            inbox = _Inbox(session, self.name, events)
            for event in events:
                self._apply_newer(uow, inbox, event)
            inbox.write()
        if uow.emitted:
            self._committed(uow)

    def _behind(self, session: Session, first: DeadLetterRow) -> list[DeadLetterRow]:
        query = select(DeadLetterRow).where(
            DeadLetterRow.consumer == first.consumer,
            DeadLetterRow.source == first.source,
            DeadLetterRow.key == first.key,
            DeadLetterRow.waiting,
        )
        return list(session.scalars(query.order_by(DeadLetterRow.id)))


class _Inbox:
    """What was handled of the keys of one transaction's events: read at once, and written at once."""

    def __init__(self, session: Session, consumer: str, events: Iterable[Event]) -> None:
        self._session = session
        self._consumer = consumer
        query = select(InboxRow.source, InboxRow.key, InboxRow.epoch, InboxRow.version).where(
            InboxRow.consumer == consumer, InboxRow.key.in_({event.key for event in events})
        )
        self._known = {(row.source, row.key): (row.epoch, row.version) for row in session.execute(query)}
        self._there = set(self._known)
        self._changed: set[tuple[str, str]] = set()

    def handled(self, event: Event) -> tuple[int, int]:
        """The newest (epoch, version) of the event's key."""
        return self._known.get((event.source, event.key), (0, 0))

    def keep(self, event: Event) -> None:
        """This one is handled."""
        self._known[event.source, event.key] = (event.epoch, event.version)
        self._changed.add((event.source, event.key))

    def write(self) -> None:
        """Write what was kept."""
        new, old = self._values(self._changed - self._there), self._values(self._changed & self._there)
        if new:
            self._session.execute(insert(InboxRow), new)
        if old:
            self._session.execute(update(InboxRow), old)

    def _values(self, keys: set[tuple[str, str]]) -> list[dict[str, Any]]:
        return [
            {
                "consumer": self._consumer,
                "source": source,
                "key": key,
                "epoch": self._known[source, key][0],
                "version": self._known[source, key][1],
            }
            for source, key in keys
        ]


def _where(record: Record) -> tuple[str, int]:
    return record.topic, record.partition


def _move(rows: _Rows, batch: Sequence[_Polled]) -> _Moved:
    moved = {_where(record): record.position for record, _ in batch}
    for where, position in moved.items():
        rows[where].position = position
    return moved


def _event_of(record: Record) -> Event | ValueError:
    """The event of a record, whose names a database can keep; what is none is told when it is handled."""
    try:
        event = Event.from_json(record.envelope)
        names = (event.source, event.key)
        if not all(isinstance(name, str) and name.isprintable() and len(name) <= 64 for name in names):
            raise ValueError("no names of an event")
        if not isinstance(event.type, str) or not all(
            isinstance(number, int) for number in (event.epoch, event.version)
        ):
            raise ValueError("not an event")
        return event
    except ValueError as error:
        return error


def _may_pass(error: Exception) -> bool:
    """Whether it is not the record's fault: the database is away, or another worker was faster."""
    return isinstance(error, OperationalError | _Overtaken) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
