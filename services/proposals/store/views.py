"""A proposal, its warnings, versions and pitch as one reader sees them: what they may not see is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from contracts import proposals as contract
from contracts.event import Event
from services.proposals.domain import approvals, citations, content, pitching, workflows
from services.proposals.domain.budget import Budget
from services.proposals.store import queries
from services.proposals.store.rows import Decision, Finding, Pitch, Proposal, Section
from shared import access
from shared import uow as units
from shared.clock import instant
from shared.problem import missing

COALESCE_SECONDS = 600
"""Edits of one person within so many seconds of one another are one version."""


@dataclass(frozen=True, slots=True)
class Warned:
    """What speaks against a citation. `finding_id` is empty where the reader may not see the finding."""

    finding_id: str
    reason: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class SectionView:
    """A section without the citations that the reader may not see."""

    id: str
    heading: str
    body: str
    citations: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is next: the approvals whose turn it is, and the people who could give them."""

    who: str
    people: list[str]


@dataclass(frozen=True, kw_only=True)
class ProposalView:
    """A proposal for one reader. `warnings` block its way out; `notes` tell what fell after it had left.

    `verbs`: what the workflow and the reader's rights allow now. `client_pending`: the client's record has
    not arrived here yet.
    """

    id: str
    number: str
    kind: str
    client_id: str | None
    client_name: str
    client_pending: bool
    title: str
    language: str
    label: str
    recipients: list[str]
    state: str
    state_since: datetime
    author_id: str
    author_name: str
    owner_id: str
    owner_name: str
    due_at: datetime | None
    is_late: bool
    valid_until: Any
    currency: str
    amount: Decimal
    probability: int | None
    content_hash: str
    waiting_for: list[str]
    family_id: str
    alternative: str
    result: str
    outcome_reason: str
    created_at: datetime
    closed_at: datetime | None
    version: int
    warnings: list[Warned] = field(default_factory=list)
    notes: list[Warned] = field(default_factory=list)
    sections: list[SectionView] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    verbs: list[str] = field(default_factory=list)
    cited: dict[str, Finding] = field(default_factory=dict)


def views(session: Session, who: access.Actor, rows: Sequence[Proposal]) -> list[ProposalView]:
    """Proposals for a list, in their order: without their texts."""
    falls = _Falls(session, rows)
    return [_view(who, row, falls) for row in rows]


def view(session: Session, who: access.Actor, row: Proposal) -> ProposalView:
    """One proposal, whole."""
    falls = _Falls(session, [row])
    seen = {key: one for key, one in falls.findings.items() if queries.finding_readable(who, one)}
    return _view(
        who,
        row,
        falls,
        sections=[section_view(one, seen) for one in row.sections],
        budget=row.table,
        verbs=verbs(who, row),
        cited=seen,
    )


def section_view(section: Section, seen: Mapping[str, Finding]) -> SectionView:
    """A section with the citations that are among those seen."""
    cites = [one for one in section.cites if one in seen]
    return SectionView(section.id, section.heading, section.body, cites, section.version)


class _Falls:
    """What speaks against the citations of some proposals, read in few queries."""

    def __init__(self, session: Session, rows: Sequence[Proposal]) -> None:
        self._citations: dict[str, dict[str, str]] = {}
        for citation in queries.citations_of(session, (row.id for row in rows)):
            labels = self._citations.setdefault(citation.proposal_id, {})
            labels.setdefault(citation.finding_id, citation.cited_label)
        cited = {one for labels in self._citations.values() for one in labels}
        self.findings = queries.findings(session, cited)

    def of(self, row: Proposal, now: datetime) -> list[citations.Warn]:
        """What speaks against a proposal's citations and was not decided yet."""
        return citations.warnings(
            self._cited(row),
            [citations.Decision(one.finding_id, frozenset(one.reasons)) for one in self._decisions(row)],
            now.date(),
        )

    def _decisions(self, row: Proposal) -> Iterable[Decision]:
        return row.decisions if row.id in self._citations else ()

    def _cited(self, row: Proposal) -> list[citations.Cited]:
        return [
            citations.Cited(
                finding_id=key,
                state=self.findings[key].state,
                label=self.findings[key].label,
                cited_label=label,
                valid_until=self.findings[key].valid_until,
            )
            for key, label in self._citations.get(row.id, {}).items()
            if key in self.findings
        ]


def undecided(session: Session, row: Proposal, now: datetime) -> list[citations.Warn]:
    """The warnings of a proposal, whoever may see the findings: what blocks its way out."""
    return _Falls(session, [row]).of(row, now) if workflows.warns(row.kind, row.state) else []


def _view(who: access.Actor, row: Proposal, falls: _Falls, **more: Any) -> ProposalView:
    book = who.book
    fallen = [_warned(who, falls, warn) for warn in falls.of(row, who.now)]
    fallen = list(dict.fromkeys(fallen))  # hidden ones are told once, whatever their number
    warns = workflows.warns(row.kind, row.state)
    return ProposalView(
        id=row.id,
        number=row.number,
        kind=row.kind,
        client_id=row.client_id,
        client_name=book.client_name(row.client_id),
        client_pending=row.client_id is not None and row.client_id not in book.clients,
        title=row.title,
        language=row.language,
        label=row.label,
        recipients=row.recipients,
        state=row.state,
        state_since=row.state_since,
        author_id=row.author_id,
        author_name=book.person_name(row.author_id),
        owner_id=row.owner_id,
        owner_name=book.person_name(row.owner_id),
        due_at=row.due_at,
        is_late=row.due_at is not None and row.due_at < who.now and workflows.is_open(row.state),
        valid_until=row.valid_until,
        currency=row.currency,
        amount=row.amount,
        probability=row.probability,
        content_hash=row.content_hash,
        waiting_for=list(row.waiting_for),
        family_id=row.family_id,
        alternative=row.alternative,
        result=row.result,
        outcome_reason=row.outcome_reason,
        created_at=row.created_at,
        closed_at=row.closed_at,
        version=row.version,
        warnings=fallen if warns else [],
        notes=[] if warns else fallen,
        **more,
    )


def _warned(who: access.Actor, falls: _Falls, warn: citations.Warn) -> Warned:
    finding = falls.findings[warn.finding_id]
    if not queries.finding_readable(who, finding):
        return Warned("", "hidden")
    return Warned(warn.finding_id, warn.reason, finding.title)


def verbs(who: access.Actor, row: Proposal) -> list[str]:
    """The steps that the workflow and the reader's rights allow now, in the workflow's order."""
    return [
        step.verb
        for step in workflows.WORKFLOWS[row.kind].verbs(row.state)
        if who.may(
            step.action, row.approval_subject() if step.action == "proposal.approve" else row.subject()
        )
    ]


def turns(session: Session, who: access.Actor, row: Proposal) -> list[Turn]:
    """Who is next with a proposal under review, by name, without those who had a hand in it."""
    if row.state != workflows.UNDER_REVIEW[row.kind]:
        return []
    given = queries.given(session, row)
    busy = {approval.person_id for approval in given} | set(row.contributor_ids)
    found = []
    for slot in approvals.turn(queries.needed(row), given):
        people = _seated(who, row, slot.who)
        found.append(Turn(slot.who, [who.book.person_name(one) for one in people if one not in busy]))
    return found


def _seated(who: access.Actor, row: Proposal, as_what: str) -> list[str]:
    book = who.book
    if as_what != approvals.DIRECTOR:
        seats = book.team(row.client_id or "", who.now)
        return sorted({seat.person_id for seat in seats if seat.role == as_what})
    return sorted(
        person.id
        for person in book.people.values()
        if person.status == "employed"
        and "director" in person.roles
        and row.client_id not in book.hidden_by_wall(person.id, who.now)
    )


# --- versions ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """The content as it was after one stretch of writing. `marks`: what happened to exactly this content."""

    version: int
    at: datetime
    actor_id: str
    actor_name: str
    content_hash: str
    marks: tuple[str, ...]
    is_current: bool


def versions(session: Session, who: access.Actor, row: Proposal) -> list[Version]:
    """The versions of a proposal's content that the reader may know, newest first."""
    found: list[Version] = []
    for event in _known_events(session, who, row):
        said = contract.Proposal.read(event.state)
        at = instant(event.at)
        happened = event.type.partition(".")[2]
        mark = (happened,) if happened not in ("drafted", "edited", "commented", "warned", "planned") else ()
        last = found[-1] if found else None
        if last is not None and last.content_hash == said.content_hash:
            found[-1] = _version(who, event, at, said, (*last.marks, *mark), keep=last)
            continue
        if last is not None and _goes_on(last, event, at):
            found.pop()
        found.append(_version(who, event, at, said, mark))
    return [replace(one, is_current=one.content_hash == row.content_hash) for one in reversed(found)]


def _goes_on(last: Version, event: Event, at: datetime) -> bool:
    near = (at - last.at).total_seconds() <= COALESCE_SECONDS
    return near and not last.marks and last.actor_id == event.actor


def _version(
    who: access.Actor,
    event: Event,
    at: datetime,
    said: contract.Proposal,
    marks: tuple[str, ...],
    keep: Version | None = None,
) -> Version:
    if keep is not None:
        return Version(keep.version, keep.at, keep.actor_id, keep.actor_name, keep.content_hash, marks, False)
    name = who.book.person_name(event.actor)
    return Version(event.version, at, event.actor or "", name, said.content_hash, marks, False)


def _known_events(session: Session, who: access.Actor, row: Proposal) -> list[Event]:
    """The events whose state the reader could have read then, as they stand now with its client."""
    found = []
    for event in units.history(session, row.id):
        said = contract.Proposal.read(event.state)
        subject = access.Subject(said.client_id, said.label, tuple(said.recipients), (said.author_id,))
        making = said.state in workflows.UNSUBMITTED
        if who.may("proposal.making.read" if making else "proposal.read", subject):
            found.append(event)
    return found


def stated(session: Session, who: access.Actor, row: Proposal, version: int) -> contract.Proposal:
    """A proposal as it was at a version. Raises 404 for one that the reader may not know."""
    event = next((e for e in _known_events(session, who, row) if e.version == version), None)
    if event is None:
        raise missing("version")
    said = contract.Proposal.read(event.state)
    seen = queries.visible_findings(session, who, content.cited(said.sections))
    for section in said.sections:
        section["citations"] = [one for one in section["citations"] if one in seen]
    return said


def changes(
    session: Session, who: access.Actor, row: Proposal, since: int, version: int
) -> list[content.SectionChange]:
    """What became of each section between two versions that the reader may know."""
    before, after = (stated(session, who, row, number) for number in (since, version))
    return content.section_changes(before.sections, after.sections)


def section_at(session: Session, row: Proposal, section_id: str, version: int) -> str:
    """The text of a section at a version of its own, or as it is now where that was never told."""
    for event in reversed(units.history(session, row.id)):
        for section in event.state.get("sections", ()):
            if section["id"] == section_id and section["version"] == version:
                return str(section["body"])
    return queries.section(row, section_id).body


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry of a proposal's history."""

    at: datetime
    actor_name: str
    happening: str
    reason: str
    state: str


def happenings(session: Session, who: access.Actor, row: Proposal) -> list[Happened]:
    """What happened to a proposal as far as the reader may know, newest first; edits in one stretch are
    one.
    """
    found: list[Happened] = []
    for event in _known_events(session, who, row):
        what = event.type.partition(".")[2]
        finding_id = event.change.get("finding_id")
        if finding_id and not queries.visible_findings(session, who, [finding_id]):
            continue
        reason = str(event.change.get("reason", ""))
        one = Happened(
            instant(event.at), who.book.person_name(event.actor), what, reason, event.state.get("state", "")
        )
        last = found[-1] if found else None
        if last and what == "edited" == last.happening and last.actor_name == one.actor_name:
            found.pop()
        found.append(one)
    return found[::-1]


# --- pitches -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PitchView:
    """A pitch for one reader: scores only once they are open, before that the reader's own."""

    pitch: Pitch
    version: int
    scoring: pitching.Scoring
    my_points: dict[str, int] | None
    cost: Decimal
    advice: pitching.Advice | None
    override: dict[str, Any]


def pitch_view(session: Session, who: access.Actor, row: Proposal) -> PitchView:
    """A proposal's pitch."""
    pitch = queries.pitch(session, row)
    mine = next((score["points"] for score in pitch.scores if score["scorer_id"] == who.id), None)
    judged = pitch.go_no_go
    return PitchView(
        pitch=pitch,
        version=pitch.version,
        scoring=pitching.scoring(pitch.criteria, pitch.scores),
        my_points=mine,
        cost=pitching.cost(pitch.costs),
        advice=pitching.advice(
            probability=judged["probability"],
            margin=Decimal(judged["expected_margin"]),
            expected_cost=Decimal(judged["expected_cost"]),
        )
        if judged
        else None,
        override=_listed_only(who, pitch.override),
    )


def _listed_only(who: access.Actor, override: dict[str, Any]) -> dict[str, Any]:
    """An override names only the clients that the reader may know of."""
    if not override:
        return override
    return override | {"client_ids": [one for one in override["client_ids"] if who.scope.lists(one)]}


def conflicts(who: access.Actor, client_id: str) -> list[pitching.Conflict]:
    """The clients that stand against an invitation, of those that the reader may list."""
    clients = {key: one for key, one in who.book.clients.items() if who.scope.lists(key)}
    parents = {key: one.parent_id for key, one in clients.items()}

    def root(key: str) -> str:
        seen = {key}
        while (above := parents.get(key)) is not None and above not in seen:
            seen.add(above)
            key = above
        return key

    groups: dict[str, set[str]] = {}
    for key in clients:
        groups.setdefault(root(key), set()).add(key)

    def party(key: str) -> pitching.Party:
        client = clients[key]
        group = groups[root(key)]
        names = (client.name, client.english_name, *client.aliases)
        return pitching.Party(
            id=key,
            names=frozenset(name.casefold() for name in names if name),
            industry=client.industry.casefold(),
            group=frozenset(group),
            group_industries=frozenset(clients[one].industry.casefold() for one in group) - {""},
        )

    served = [key for key, one in clients.items() if one.status == "active" and key != client_id]
    return (
        pitching.conflicts(party(client_id), [party(key) for key in served]) if client_id in clients else []
    )
