"""What may be read of intelligence: every query carries its reader's permission."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, literal, or_, select
from sqlalchemy.orm import Session

from services.intelligence.domain import evidence
from services.intelligence.store.rows import Finding, FindingRecipient, Source
from shared import access
from shared.problem import missing

MANY = 400  # how many ids are asked for at once

# --- sources -----------------------------------------------------------------------------------------------


def sources(
    who: access.Actor, *, client_id: str = "", reliability: str = "", kind: str = "", name: str = ""
) -> Select[Source]:
    """The sources that a reader may see, optionally some of them; `name`: a part of it."""
    query = select(Source).where(_source_readable(who))
    if client_id:
        query = query.where(Source.client_id == client_id)
    if reliability:
        query = query.where(Source.reliability == reliability)
    if kind:
        query = query.where(Source.kind == kind)
    if name:
        query = query.where(Source.name.icontains(name, autoescape=True))
    return query


def source(session: Session, source_id: str, who: access.Actor) -> Source:
    """A source that the reader may see. Raises 404 otherwise, existing or not."""
    found = session.get(Source, source_id)
    if found is None or not who.may("source.read", found.subject()):
        raise missing("source")
    return found


def visible_sources(session: Session, who: access.Actor | None, ids: Iterable[str]) -> dict[str, Source]:
    """Those of some sources that the reader may see, by id; the system sees all."""
    found: dict[str, Source] = {}
    for some in _batches(ids):
        rows = session.scalars(select(Source).where(Source.id.in_(some)))
        found |= {row.id: row for row in rows if who is None or who.may("source.read", row.subject())}
    return found


def origins(session: Session, source_ids: Iterable[str]) -> dict[str, str | None]:
    """For some sources, and all behind them, which source each repeats."""
    known: dict[str, str | None] = {}
    wanted = set(source_ids)
    while wanted:
        for some in _batches(wanted):
            rows = session.execute(select(Source.id, Source.origin_id).where(Source.id.in_(some)))
            known |= {row.id: row.origin_id for row in rows}
        known |= dict.fromkeys(wanted - known.keys())
        wanted = {origin for origin in known.values() if origin is not None and origin not in known}
    return known


def repeaters(session: Session, source_id: str, who: access.Actor) -> list[Source]:
    """The sources that repeat this one, as far as the reader may see."""
    query = select(Source).where(Source.origin_id == source_id, _source_readable(who))
    return list(session.scalars(query.order_by(Source.name).limit(100)))


def _source_readable(who: access.Actor) -> ColumnElement[bool]:
    return access.readable(who.scope, client=Source.client_id, label=literal(access.AMBER))


# --- findings ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """Which findings of those that may be seen; empty values ask for nothing."""

    client_id: str = ""
    market: str = ""
    part: str = ""
    method: str = ""
    label: str = ""
    state: str = ""
    source_id: str = ""
    author_id: str = ""
    ids: tuple[str, ...] = field(default=())


def findings(session: Session, who: access.Actor, which: Filter | None = None) -> Select[Finding]:
    """The findings that a reader may see."""
    query = select(Finding).where(finding_readable(who))
    which = which or Filter()
    if which.client_id in who.scope.hidden:
        return query.where(false())  # the same answer as the condition gives, without looking through them
    for name in ("client_id", "market", "part", "method", "label", "state", "author_id"):
        if value := getattr(which, name):
            query = query.where(getattr(Finding, name) == value)
    if which.ids:
        query = query.where(Finding.id.in_(which.ids))
    if which.source_id:
        # Asking for a source that the reader may not see must not tell which findings cite it.
        seen = visible_sources(session, who, [which.source_id])
        query = query.where(Finding.source_id == which.source_id if seen else false())
    return query


def finding_readable(who: access.Actor) -> ColumnElement[bool]:
    """Whether a reader may see a row: `finding.read`, for drafts `draft.read`."""
    named = Finding.id.in_(select(FindingRecipient.finding_id).where(FindingRecipient.person_id == who.id))
    columns: dict[str, Any] = {"client": Finding.client_id, "label": Finding.label, "is_recipient": named}
    return or_(
        and_(Finding.state != evidence.DRAFT, access.readable(who.scope, **columns)),
        and_(Finding.state == evidence.DRAFT, access.drafts(who, author=Finding.author_id, **columns)),
    )


def may_read(who: access.Actor, row: Finding) -> bool:
    """`finding_readable` for one row."""
    return who.may("draft.read" if row.state == evidence.DRAFT else "finding.read", row.subject())


def finding(session: Session, finding_id: str, who: access.Actor) -> Finding:
    """A finding that the reader may see. Raises 404 otherwise, existing or not."""
    found = session.get(Finding, finding_id)
    if found is None or not may_read(who, found):
        raise missing("finding")
    return found


def visible_findings(session: Session, who: access.Actor | None, ids: Iterable[str]) -> dict[str, Finding]:
    """Those of some findings that the reader may see, by id; the system sees all."""
    found: dict[str, Finding] = {}
    for some in _batches(ids):
        query = select(Finding).where(Finding.id.in_(some))
        if who is not None:
            query = query.where(finding_readable(who))
        found |= {row.id: row for row in session.scalars(query)}
    return found


def sources_behind(session: Session, finding_ids: Iterable[str]) -> dict[str, str]:
    """For some findings, whoever may see them, the source of each: to count independent origins only."""
    found: dict[str, str] = {}
    for some in _batches(finding_ids):
        rows = session.execute(select(Finding.id, Finding.source_id).where(Finding.id.in_(some)))
        found |= {row.id: row.source_id for row in rows}
    return found


def overdue(which: dict[str, datetime]) -> ColumnElement[bool]:
    """Findings in force that were last verified, else collected, before what holds for their part."""
    conditions = [and_(Finding.part == part, Finding.fresh_since < at) for part, at in which.items()]
    return and_(Finding.state.in_((evidence.SUBMITTED, evidence.VERIFIED)), or_(*conditions))


def _batches(ids: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(set(ids))
    return (ordered[start : start + MANY] for start in range(0, len(ordered), MANY))
