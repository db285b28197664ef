"""Saying again what holds: a replay of a service's records, and the new epoch of a restored one.

Only current states are said again, each at the version that it has, from the rows as they are: old versions
sent after new ones would survive the log's compaction, and rows have what the shapes gained since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from contracts.event import EPOCH, EPOCH_COMPLETE, RESTATED, Event, topics_of
from shared import clock
from shared.db import new_id
from shared.service import Runtime, Service
from shared.tables import EpochRow, EventRow, LeaseRow
from shared.uow import FIRST_EPOCH, INSERT_EVENT, SYSTEM, Aggregate, epoch_of, event_row

BATCH = 200
PAUSE_SECONDS = 0.02  # between two batches, in which others may write
UNFINISHED = timedelta(days=1)  # after which an interrupted replay is begun anew
_REPLAY = "replay"
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_ID_BITS = 32


def next_epoch(held: int, now: datetime) -> int:
    """The epoch that a restored service opens: above the one that it had, also where that is not known.

    Minutes since 2026: a database that was lost altogether had opened its newest epoch before.
    """
    return max(held + 1, int((now - _BEGINNING) / timedelta(minutes=1)))


def open_epoch(session: Session, service: Service, epoch: int, now: datetime) -> int:
    """Say all that a restored service has in its new epoch, then that this was all; answers how many records.

    The ids of its events go on above all that it ever gave in an older epoch, of which the backup knows
    nothing: a reader of the events table that was ahead of the backup misses none.
    """
    session.merge(EpochRow(id=1, epoch=epoch))
    session.flush()
    ids = count(epoch << _ID_BITS)
    said = 0
    for kind in service.published:
        for rows in _unsaid(session, kind, since=epoch << _ID_BITS):
            _say_again(session, rows, epoch, now, ids)
            said += len(rows)
    markers = [
        Event(
            id=new_id(),
            type=EPOCH_COMPLETE,
            source=topic,
            epoch=epoch,
            key=EPOCH,
            version=0,
            at=clock.rfc3339(now),
            actor=SYSTEM,
            replay=True,
        )
        for topic in topics_of(service.name)
    ]
    _insert(session, markers, now, ids)
    return said


def held_epoch(session: Session) -> int:
    """The epoch that a database is in, past every cache."""
    return session.scalar(select(EpochRow.epoch)) or FIRST_EPOCH


def replay(running: Runtime, progress: Callable[[int, int], None]) -> int:
    """Say the current state of each record again, beside the running service; answers how many.

    One that was interrupted goes on where it was. Two at once do the work of one. `progress` is told how many
    records were said again, of how many.
    """
    database, service = running.database, running.service
    with database.write() as session:
        since = _begin(session)
        total = sum(_count(session, kind, since=since) for kind in service.published)
    said = 0
    for kind in service.published:
        after = ""
        while True:
            with database.write() as session:
                rows = _next(session, kind, since=since, after=after)
                if rows:
                    _say_again(session, rows, epoch_of(session), clock.now(), None)
                    after = str(rows[-1].id)
            if not rows:
                break
            running.log.committed(topics_of(service.name))
            said += len(rows)
            progress(said, total)
            time.sleep(PAUSE_SECONDS)
    with database.write() as session:
        unfinished = session.get(LeaseRow, _REPLAY)
        if unfinished is not None:
            session.delete(unfinished)
    return said


def _begin(session: Session) -> int:
    """The last event before this replay, or before the interrupted one that it goes on with."""
    now = clock.now()
    unfinished = session.get(LeaseRow, _REPLAY)
    if unfinished is not None and unfinished.until > now:
        return int(unfinished.holder)
    since = session.scalar(select(func.max(EventRow.id))) or 0
    session.merge(LeaseRow(name=_REPLAY, holder=str(since), until=now + UNFINISHED))
    return since


def _unsaid(session: Session, kind: type[Aggregate], *, since: int) -> Iterator[Sequence[Aggregate]]:
    after = ""
    while rows := _next(session, kind, since=since, after=after):
        yield rows
        after = str(rows[-1].id)
        session.expunge_all()


def _next(session: Session, kind: Any, *, since: int, after: str) -> Sequence[Aggregate]:
    """The next published rows of which nothing was said since an event."""
    query = select(kind).where(kind.id > after, _is_unsaid(kind, since)).order_by(kind.id).limit(BATCH)
    rows: Sequence[Aggregate] = session.scalars(query).all()
    return rows


def _count(session: Session, kind: Any, *, since: int) -> int:
    return session.scalar(select(func.count()).select_from(kind).where(_is_unsaid(kind, since))) or 0


def _is_unsaid(kind: Any, since: int) -> ColumnElement[bool]:
    # A row without a version was never published.
    return and_(kind.version > 0, ~exists().where(EventRow.key == kind.id, EventRow.id > since))


def _say_again(
    session: Session, rows: Sequence[Aggregate], epoch: int, now: datetime, ids: Iterator[int] | None
) -> None:
    again = [
        Event(
            id=new_id(),
            type=f"{part.NAME}.{RESTATED}",
            source=part.TOPIC,
            epoch=epoch,
            key=str(row.id),
            version=row.version,
            at=clock.rfc3339(now),
            actor=SYSTEM,
            state=part.to_dict(),
            replay=True,
        )
        for row in rows
        for part in row.shape().parts()
    ]
    _insert(session, again, now, ids)


def _insert(session: Session, events: Sequence[Event], now: datetime, ids: Iterator[int] | None) -> None:
    rows = [
        event_row(event, event.to_json(), now) | ({} if ids is None else {"id": next(ids)})
        for event in events
    ]
    if rows:
        session.connection().execute(INSERT_EVENT, rows)
