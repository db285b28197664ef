"""Keeping the index a copy of the rows: what is newer is copied; what is lost or differs is made again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import func, select

from services.search.commands.documents import forget_retouched, retouch_some
from services.search.projections import CLIENT, may_name_source
from services.search.store import Document, DocumentSequence, Rebuilds, Retouch, index_of, writer_of
from shared.search.port import IndexAway, IndexDocument, IndexUnavailable, SearchIndex, census
from shared.service import Runtime
from shared.uow import UnitOfWork, epoch_of

BATCH = 200
REBUILD_BATCH = 1_000
CHECK_SECONDS = 6 * 3600.0
_EPOCH = (
    1  # the index is told a row's `seq` as its version: that alone grows with every change, also of a source
)
_SEQ_BITS = 16  # epochs are minutes: nobody changes more documents than this in each of them
log = structlog.get_logger("search")


@dataclass(eq=False)
class _Rebuild:
    """A new index that is being filled beside the one that answers."""

    index: SearchIndex
    wanted: int  # the number of the wish that it fulfils


@dataclass(eq=False)
class _Progress:
    """What the writing process remembers between two steps; losing it costs a rebuild from its start."""

    rebuild: _Rebuild | None = None
    checked_at: float = field(default=float("-inf"))
    away: bool = False  # it did not answer at the last step


_progress: WeakKeyDictionary[Runtime, _Progress] = WeakKeyDictionary()


def index_some(running: Runtime) -> bool:
    """Do a bit of what there is to index; answers whether there was anything. Idle beside another writer."""
    index = writer_of(running)
    if index is None:
        return False
    progress = _progress.setdefault(running, _Progress())
    try:
        busy = _step(running, index, progress)
        progress.away = False
        return busy
    except IndexAway as away:
        # Nothing is lost: once it answers, the next step goes on from its mark.
        if not progress.away:
            log.warning("search.index_away", error=str(away))
        progress.away = True
        return False
    except IndexUnavailable as damage:
        # What is lost or damaged was given up; the next step finds its mark at 0 and copies everything again.
        log.warning("search.index_lost", error=str(damage))
        progress.rebuild = None
        return True


def _step(running: Runtime, index: SearchIndex, progress: _Progress) -> bool:
    with running.database.read() as session:
        wishes = session.get_one(Rebuilds, 1)
        retouches = session.scalar(select(Retouch.source_id).limit(1)) is not None
    wished = wishes.wanted > wishes.done
    touched, copied = False, 0
    try:
        touched = retouches and _retouch(running, index.mark())
        lost = index.mark() == 0
        copied = _copy(running, index, BATCH)
        _say_whether_filling(running, wishes.filling, lost=lost and copied == BATCH, copied=copied)
    except IndexAway:
        if not wished:  # what cannot be read any more can still be made again
            raise
    if wished:
        _rebuild_some(running, index, progress, wishes.wanted)
        return True
    if not copied and time.monotonic() - progress.checked_at > CHECK_SECONDS:
        progress.checked_at = time.monotonic()
        if not _agrees(running, index):
            log.warning("search.index_differs")
            wish_for_rebuild(running)
            return True
    return touched or copied > 0


def index_agrees(running: Runtime) -> bool:
    """Whether the index holds just what the rows say, by count and digest; true before all is copied."""
    return _agrees(running, index_of(running))


def index_problem(running: Runtime) -> str:
    """What is wrong with the index, for whoever looks after the installation; empty when nothing is."""
    try:
        return _problem(running, index_of(running))
    except IndexUnavailable as error:
        return str(error)


def _problem(running: Runtime, index: SearchIndex) -> str:
    with running.database.read() as session:
        newer = select(func.count()).select_from(Document).where(Document.seq > index.mark())
        missing = session.scalar(newer) or 0
    if missing:
        return f"{missing} changes are not in it yet; is search's worker running?"
    return "" if _agrees(running, index) else "it differs from the rows: acm rebuild search"


def wish_for_rebuild(running: Runtime) -> int:
    """Ask for the index to be made again; answers the number of the wish, which `done` will reach."""
    with running.database.write() as session:
        wishes = session.get_one(Rebuilds, 1)
        wishes.wanted += 1
        return wishes.wanted


def after_restore(uow: UnitOfWork) -> None:
    """The rows went back and the index did not: number on above all that it has seen.

    So what is written from now on is found at once; that the rest differs the worker sees when it starts.
    """
    sequence = uow.session.get_one(DocumentSequence, 1)
    sequence.last = max(sequence.last, epoch_of(uow.session) << _SEQ_BITS)


def _retouch(running: Runtime, mark: int) -> bool:
    with running.database.write() as session:
        forget_retouched(session, mark)
        return retouch_some(session)


def _copy(running: Runtime, index: SearchIndex, limit: int) -> int:
    """Copy the next rows that are newer than the index; answers how many."""
    with running.database.read() as session:
        query = select(Document).where(Document.seq > index.mark()).order_by(Document.seq).limit(limit)
        rows = session.scalars(query).all()
        if not rows:
            return 0
        wanted = sorted({row.source_id for row in rows if row.source_id})
        sources = {row.id: row for row in session.scalars(select(Document).where(Document.id.in_(wanted)))}
    index.put([index_document(row, sources.get(row.source_id)) for row in rows], mark=rows[-1].seq)
    return len(rows)


def _say_whether_filling(running: Runtime, filling: bool, *, lost: bool, copied: int) -> None:
    """An index that was lost is filled where it stands: until it is full, answers say so."""
    if (lost and not filling) or (filling and not copied):
        with running.database.write() as session:
            session.get_one(Rebuilds, 1).filling = lost


def _rebuild_some(running: Runtime, index: SearchIndex, progress: _Progress, wanted: int) -> None:
    """Fill the new index further; once it holds everything and agrees with the rows, let it answer."""
    if progress.rebuild is None:
        progress.rebuild = _Rebuild(index.rebuild(), wanted)
    fresh = progress.rebuild.index
    if _copy(running, fresh, REBUILD_BATCH):
        with running.database.write() as session:
            session.get_one(Rebuilds, 1).copied = fresh.mark()
        return
    if not _agrees(running, fresh):
        log.error("search.rebuild_differs")
        fresh.close()
        progress.rebuild = None
        return
    index.swap(fresh)
    with running.database.write() as session:
        wishes = session.get_one(Rebuilds, 1)
        wishes.done, wishes.copied = progress.rebuild.wanted, 0
    progress.rebuild = None
    progress.checked_at = time.monotonic()


def _agrees(running: Runtime, index: SearchIndex) -> bool:
    """Whether an index that has copied everything holds just what the rows say; true before that."""
    with running.database.read() as session:
        rows = session.execute(select(Document.id, Document.seq, Document.deleted)).all()
    newest = max((row.seq for row in rows), default=0)
    if newest > index.mark():
        return True
    return index.census() == census((row.id, _EPOCH, row.seq, row.deleted) for row in rows)


def index_document(row: Document, source: Document | None) -> IndexDocument:
    """What the index is told of a document; of its source only what each of its readers may know."""
    if row.deleted:
        return IndexDocument(id=row.id, epoch=_EPOCH, version=row.seq, deleted=True)
    named = source is not None and may_name_source(
        finding_client=row.client_id, label=row.label, source_client=source.client_id
    )
    return IndexDocument(
        id=row.id,
        epoch=_EPOCH,
        version=row.seq,
        kind=row.kind,
        client_id=row.client_id,
        label=row.label,
        recipients=tuple(row.recipients),
        listing=row.kind == CLIENT,
        title=row.title,
        body=row.body,
        names=tuple(row.names),
        part=row.part,
        method=row.method,
        source_id=source.id if source is not None and named else "",
        source_name=source.title if source is not None and named else "",
        reliability=source.reliability if source is not None else row.reliability,
        credibility=row.credibility,
        valid_from=_day(row.valid_from),
        valid_until=_day(row.valid_until),
        collected_at=row.collected_at,
        verified_at=row.verified_at,
        owner=row.owner,
    )


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC) if text else None
