"""Keeping documents: every change gives a row a new `seq`, in the transaction of the inbox."""

from __future__ import annotations

from dataclasses import asdict, replace

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from contracts.event import Event
from services.search.projections import SOURCE, Facts
from services.search.store import Document, DocumentSequence, Retouch
from shared.uow import UnitOfWork

RETOUCH_BATCH = 200
_CARRIED = ("title", "reliability", "client_id")  # what the document of a finding holds of its source


def keep(uow: UnitOfWork, event: Event, facts: Facts) -> None:
    """Keep a document's newest facts. Findings that carry the name of a changed source are indexed again."""
    session = uow.session
    row = session.get(Document, facts.id)
    if row is not None and (row.epoch, row.version) > (event.epoch, event.version):
        return
    before = None if row is None else _carried(row)
    seq = _next_seq(session)
    if row is None:
        row = Document(id=facts.id)
        session.add(row)
    for name, value in asdict(facts).items():
        setattr(row, name, value)
    row.epoch, row.version, row.seq = event.epoch, event.version, seq
    if row.kind == SOURCE and before != _carried(row):
        _retouch(session, row.id)


def withhold(uow: UnitOfWork, event: Event, kind: str) -> None:
    """Of this version everyone is told only that it is there: until the whole arrives it is not found."""
    row = uow.session.get(Document, event.key)
    if row is not None and (row.epoch, row.version) < (event.epoch, event.version):
        keep(uow, event, Facts(kind=kind, id=event.key, deleted=True))


def drop(uow: UnitOfWork, marker: Event, key: str) -> None:
    """A restored source does not have this record any more: what is left is its tombstone.

    Unless another of its topics has it, where it was said again: a finding that was TLP:RED once.
    """
    row = uow.session.get(Document, key)
    if row is not None and not row.deleted and row.epoch < marker.epoch:
        keep(uow, replace(marker, version=row.version), Facts(kind=row.kind, id=key, deleted=True))


def retouch_some(session: Session) -> bool:
    """Give the next findings of a changed source a new `seq`; answers whether there were any.

    In batches of its own, because a fold that touched thousands of rows would hold up the access facts.
    """
    retouch = session.scalar(select(Retouch).where(Retouch.done_seq.is_(None)).limit(1))
    if retouch is None:
        return False
    rest = _findings_of(retouch.source_id).where(Document.id > retouch.after).order_by(Document.id)
    ids = list(session.scalars(rest.limit(RETOUCH_BATCH)))
    last = _next_seq(session, len(ids))
    if ids:
        first = last - len(ids) + 1
        session.execute(update(Document), [{"id": key, "seq": first + n} for n, key in enumerate(ids)])
        retouch.after = ids[-1]
    if len(ids) < RETOUCH_BATCH:
        retouch.done_seq = last
    return True


def forget_retouched(session: Session, mark: int) -> None:
    """Forget the changed sources whose findings the index holds by now."""
    session.execute(delete(Retouch).where(Retouch.done_seq <= mark))


def _carried(row: Document) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in _CARRIED)


def _retouch(session: Session, source_id: str) -> None:
    if session.scalar(_findings_of(source_id).limit(1)) is not None:
        session.merge(Retouch(source_id=source_id, after="", done_seq=None))


def _findings_of(source_id: str) -> Select[str]:
    return select(Document.id).where(Document.source_id == source_id)


def _next_seq(session: Session, count: int = 1) -> int:
    """Take so many numbers; answers the last. Others wait for the commit, so they are committed in order."""
    taken = update(DocumentSequence).values(last=DocumentSequence.last + count)
    return session.execute(taken.returning(DocumentSequence.last)).scalar_one()
