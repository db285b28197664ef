"""A finding, its history and its warnings as one reader sees them: what they may not see is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import intelligence as contract
from contracts.event import Event
from services.intelligence.domain import evidence, freshness, history
from services.intelligence.store import queries
from services.intelligence.store.rows import Finding, Source
from shared import access, clock
from shared import uow as units
from shared.problem import missing
from shared.tables import EventRow


@dataclass(frozen=True, slots=True)
class Warn:
    """Something to know before relying on a finding. `finding_id`: the other finding that it is about."""

    reason: str
    finding_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class FindingView(contract.Finding):
    """A finding for one reader: the published shape without what they may not see, and what is computed.

    `freshness`: 0–100 now. `client_pending`: the client's record has not arrived here yet.
    """

    recorded_at: str = ""
    freshness: float = 0.0
    client_name: str = ""
    client_pending: bool = False
    author_name: str = ""
    source: Source | None = None
    warnings: list[Warn] = field(default_factory=list)


_SHAPE_FIELDS = [f.name for f in fields(contract.Finding)]
Stated = tuple[Finding, contract.Finding]


def view(session: Session, who: access.Actor, row: Finding) -> FindingView:
    """One finding as it is now."""
    return views(session, who, [row])[0]


def views(session: Session, who: access.Actor, rows: Sequence[Finding]) -> list[FindingView]:
    """Findings as they are now, in their order. The rows themselves must be readable."""
    return stated_views(session, who, [(row, row.shape()) for row in rows], who.now)


def stated_views(
    session: Session, who: access.Actor, stated: Sequence[Stated], at: datetime
) -> list[FindingView]:
    """Readable rows in a state that they have or once had, judged as of an instant."""
    seen = _Seen(session, who, [shape for _, shape in stated])
    return [_view(seen, row, shape, at) for row, shape in stated]


class _Seen:
    """What a reader may see of all that some findings refer to, read in few queries."""

    def __init__(self, session: Session, who: access.Actor, shapes: Sequence[contract.Finding]) -> None:
        self.who = who
        confirming = {other for shape in shapes for other in shape.corroborated_by}
        linked = {link for shape in shapes for link in (shape.supersedes_id, shape.superseded_by_id) if link}
        self.findings = queries.visible_findings(session, who, confirming | linked)
        self.sources = queries.visible_sources(session, who, (shape.source_id for shape in shapes))
        claimed = [shape for shape in shapes if shape.credibility == evidence.CONFIRMED]
        self.source_of = queries.sources_behind(session, {x for s in claimed for x in s.corroborated_by})
        behind = {*self.source_of.values(), *(shape.source_id for shape in claimed)}
        self.origins = queries.origins(session, behind) if claimed else {}

    def link(self, finding_id: str | None) -> str | None:
        return finding_id if finding_id in self.findings else None

    def warnings(self, shape: contract.Finding) -> Iterable[Warn]:
        """Only states that the reader may see count: a hidden finding is taken to stand."""
        if shape.state not in (*evidence.LIVE, evidence.DRAFT):
            return
        for other in shape.corroborated_by:
            known = self.findings.get(other)
            if known is not None and known.state in ("retracted", "disputed", "superseded"):
                yield Warn(known.state, other)
        if shape.credibility == evidence.CONFIRMED and not self.is_earned(shape):
            yield Warn("unearned")

    def is_earned(self, shape: contract.Finding) -> bool:
        standing = [
            source_id
            for other, source_id in self.source_of.items()
            if other in shape.corroborated_by
            and (other not in self.findings or self.findings[other].state in evidence.LIVE)
        ]
        return evidence.is_earned(shape.credibility, [shape.source_id, *standing], self.origins)


def is_earned(session: Session, who: access.Actor, row: Finding) -> bool:
    """Whether a finding's credibility still stands, as far as this reader may see."""
    shape = row.shape()
    return _Seen(session, who, [shape]).is_earned(shape)


def _view(seen: _Seen, row: Finding, shape: contract.Finding, at: datetime) -> FindingView:
    book = seen.who.book
    plain = {name: getattr(shape, name) for name in _SHAPE_FIELDS}
    plain["corroborated_by"] = [other for other in shape.corroborated_by if other in seen.findings]
    source = seen.sources.get(shape.source_id)
    plain["source_id"] = source.id if source else ""
    plain["supersedes_id"] = seen.link(shape.supersedes_id)
    plain["superseded_by_id"] = seen.link(shape.superseded_by_id)
    fresh = freshness.score(shape.part, clock.instant(shape.verified_at or shape.collected_at), at)
    return FindingView(
        **plain,
        recorded_at=clock.rfc3339(row.recorded_at),
        freshness=round(fresh, 1),
        client_name=book.client_name(shape.client_id),
        client_pending=shape.client_id is not None and shape.client_id not in book.clients,
        author_name=book.person_name(shape.author_id),
        source=source,
        warnings=[*seen.warnings(shape), *_ageing(shape, fresh, at)],
    )


def _ageing(shape: contract.Finding, fresh: float, at: datetime) -> Iterable[Warn]:
    if shape.state not in evidence.LIVE:
        return
    if shape.valid_until is not None and shape.valid_until < at.date().isoformat():
        yield Warn("expired")
    if fresh < freshness.STALE_BELOW:
        yield Warn("stale")


# --- history -----------------------------------------------------------------------------------------------


def finding_history(session: Session, who: access.Actor, row: Finding) -> list[history.Entry]:
    """The history of each field, oldest first.

    What a draft said stays with those who may see drafts; for all others history begins with the submission.
    """
    events = [event for event in units.history(session, row.id) if _may_know(who, event)]
    states = [contract.Finding.read(event.state) for event in events]
    seen = _Seen(session, who, states)
    return history.entries(
        events,
        name=who.book.person_name,
        masks={
            "source_id": lambda value: value if value in seen.sources else "",
            "corroborated_by": lambda values: [value for value in values if value in seen.findings],
            "supersedes_id": seen.link,
            "superseded_by_id": seen.link,
        },
    )


def source_history(session: Session, who: access.Actor, row: Source) -> list[history.Entry]:
    """The history of a source's fields. Its origins are never more hidden than it is itself."""
    return history.entries(units.history(session, row.id), name=who.book.person_name, masks={})


def finding_known_at(session: Session, who: access.Actor, row: Finding, at: datetime) -> FindingView:
    """A readable finding as it was known at an instant. Raises 404 when nothing was that they may see."""
    stated = known_at(session, who, [row], at)
    if not stated:
        raise missing("finding")
    return stated_views(session, who, stated, at)[0]


def known_at(session: Session, who: access.Actor, rows: Sequence[Finding], at: datetime) -> list[Stated]:
    """Readable rows with the state recorded last until an instant; those unknown then are left out."""
    newest: dict[str, Event] = {}
    ids = [row.id for row in rows]
    for start in range(0, len(ids), queries.MANY):
        query = select(EventRow.envelope).where(
            EventRow.key.in_(ids[start : start + queries.MANY]), EventRow.at <= at, ~EventRow.replay
        )
        for envelope in session.scalars(query.order_by(EventRow.key, EventRow.id)):
            event = Event.from_json(envelope)
            newest[event.key] = event
    return [
        (row, contract.Finding.read(newest[row.id].state))
        for row in rows
        if row.id in newest and _may_know(who, newest[row.id])
    ]


def _may_know(who: access.Actor, event: Event) -> bool:
    """Whether a past version may be shown to somebody who may read the present one."""
    was = contract.Finding.read(event.state)
    if was.state != evidence.DRAFT:
        return True
    subject = access.Subject(was.client_id, was.label, tuple(was.recipients), (was.author_id,))
    return who.may("draft.read", subject)
