"""What may be read of proposals: every query carries its reader's permission."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, object_session

from services.proposals.domain import approvals, workflows
from services.proposals.store.rows import (
    Approval,
    Citation,
    Comment,
    Competitor,
    Finding,
    Pitch,
    Proposal,
    Recipient,
    Section,
    Step,
    Threshold,
)
from shared import access
from shared.problem import missing

MANY = 400  # how many ids are asked for at once
OPEN = tuple(state for state in workflows.BOARD if workflows.is_open(state))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which proposals of those that may be seen; empty values ask for nothing."""

    kind: str = ""
    client_id: str = ""
    state: str = ""
    owner_id: str = ""
    author_id: str = ""
    label: str = ""
    family_id: str = ""
    competitor: str = ""
    title: str = ""
    open: bool | None = None
    late_at: datetime | None = None
    states: tuple[str, ...] = field(default=())


def proposals(who: access.Actor, which: Filter | None = None) -> Select[Proposal]:
    """The proposals that a reader may see."""
    return select(Proposal).where(*conditions(who, which or Filter()))


def conditions(who: access.Actor, which: Filter) -> list[ColumnElement[bool]]:
    """What filters a reader's proposals: permission first, then what was asked for."""
    found = [readable(who)]
    if which.client_id in who.scope.hidden:
        return [false()]
    for name in ("kind", "client_id", "state", "owner_id", "author_id", "label", "family_id"):
        if value := getattr(which, name):
            found.append(getattr(Proposal, name) == value)
    if which.states:
        found.append(Proposal.state.in_(which.states))
    if which.open is not None:
        found.append(Proposal.state.in_(OPEN) if which.open else Proposal.state.not_in(OPEN))
    if which.late_at is not None:
        found += [Proposal.due_at < which.late_at, Proposal.state.in_(OPEN)]
    if which.title:
        found.append(
            or_(
                Proposal.title.icontains(which.title, autoescape=True),
                Proposal.number.icontains(which.title, autoescape=True),
            )
        )
    if which.competitor:
        pitches = select(Pitch.proposal_id).join(Competitor, Competitor.pitch_id == Pitch.id)
        found.append(Proposal.id.in_(pitches.where(Competitor.name == which.competitor)))
    return found


def readable(who: access.Actor) -> ColumnElement[bool]:
    """Whether a reader may see a row: `proposal.read`, in the making `proposal.making.read`."""
    named = Proposal.id.in_(select(Recipient.proposal_id).where(Recipient.person_id == who.id))
    making = Proposal.state.in_(sorted(workflows.UNSUBMITTED))
    return or_(
        and_(
            ~making,
            access.readable(who.scope, client=Proposal.client_id, label=Proposal.label, is_recipient=named),
        ),
        and_(
            making,
            access.making(
                who,
                client=Proposal.client_id,
                label=Proposal.label,
                author=Proposal.author_id,
                is_recipient=named,
            ),
        ),
    )


def may_read(who: access.Actor, row: Proposal) -> bool:
    """`readable` for one row."""
    return who.may("proposal.making.read" if row.is_making else "proposal.read", row.subject())


def proposal(session: Session, proposal_id: str, who: access.Actor) -> Proposal:
    """A proposal that the reader may see. Raises 404 otherwise, existing or not."""
    found = session.get(Proposal, proposal_id)
    if found is None or not may_read(who, found):
        raise missing("proposal")
    return found


def section(row: Proposal, section_id: str) -> Section:
    """A section of a proposal. Raises 404."""
    found = next((one for one in row.sections if one.id == section_id), None)
    if found is None:
        raise missing("section")
    return found


def pitch(session: Session, row: Proposal) -> Pitch:
    """The pitch of a proposal. Raises 404 for another kind."""
    found = session.scalar(select(Pitch).where(Pitch.proposal_id == row.id))
    if found is None:
        raise missing("pitch")
    return found


def approvals_of(session: Session, row: Proposal) -> list[Approval]:
    """The whole trail, oldest first."""
    query = select(Approval).where(Approval.proposal_id == row.id).order_by(Approval.at, Approval.id)
    return list(session.scalars(query))


def given(session: Session, row: Proposal) -> list[approvals.Given]:
    """The approvals that hold for the content as it is now."""
    return [
        approvals.Given(entry.person_id, entry.who, entry.stage)
        for entry in approvals_of(session, row)
        if entry.decision == "approved" and entry.voided_at is None and entry.content_hash == row.content_hash
    ]


def needed(row: Proposal) -> list[approvals.Slot]:
    """The approvals that a proposal's content needs."""
    budget = row.table
    session = object_session(row)
    held = _ruled_at(session, row) if session is not None else None
    rules = [one.rule for one in rules_in_force(session, held)] if session is not None else approvals.RULES
    return approvals.needed(
        approvals.Facts(
            kind=row.kind,
            of_client=row.client_id is not None,
            label=row.label,
            amount=budget.net,
            discount_percent=budget.discount_percent,
        ),
        rules,
    )


@dataclass(frozen=True, slots=True)
class RuleInForce:
    """A rule for approving as it holds. `threshold`: the condition that directors set, if any; `version`: how
    often they did.
    """

    rule: approvals.Rule
    threshold: str
    version: int
    since: datetime | None
    by_id: str


def rules_in_force(session: Session, at: datetime | None = None) -> list[RuleInForce]:
    """The rules for approving as they hold now, or held at an instant."""
    query = select(Threshold).order_by(Threshold.rule_id, Threshold.version)
    held = {row.rule_id: row for row in session.scalars(query) if at is None or row.since <= at}
    rules = approvals.with_thresholds({key: Decimal(row.value) for key, row in held.items()})
    found = []
    for rule in rules:
        row = held.get(rule.id)
        threshold = approvals.THRESHOLDS.get(rule.id, "")
        found.append(
            RuleInForce(rule, threshold, row.version, row.since, row.by_id)
            if row is not None
            else RuleInForce(rule, threshold, 0, None, "")
        )
    return found


def rule_in_force(session: Session, rule_id: str) -> RuleInForce:
    """One rule as it holds now. Raises 404."""
    found = next((one for one in rules_in_force(session) if one.rule.id == rule_id), None)
    if found is None:
        raise missing("rule")
    return found


def _ruled_at(session: Session, row: Proposal) -> datetime | None:
    """When the rules held that a proposal is under: when it last went under review; None while it is
    written.
    """
    review = workflows.UNDER_REVIEW[row.kind]
    if row.state == review:
        return row.state_since
    if row.state in workflows.UNSUBMITTED:
        return None
    reviewed = select(func.max(Step.entered_at)).where(Step.proposal_id == row.id, Step.state == review)
    return session.scalar(reviewed)


def stands_as(who: access.Actor, row: Proposal) -> frozenset[str]:
    """As what somebody may approve a proposal: their seats on its client's team, or a director."""
    seats = {
        seat.role for seat in who.book.seats(who.id, who.now) if seat.client_id == row.client_id is not None
    }
    leads = {"director"} if row.client_id is not None else {"director", "leadership"}
    return frozenset(seats | ({approvals.DIRECTOR} if who.roles & leads else set()))


def steps_of(row: Proposal) -> Select[Step]:
    """Where a proposal was, and how long, in order."""
    return select(Step).where(Step.proposal_id == row.id).order_by(Step.place)


def comments(session: Session, row: Proposal) -> list[Comment]:
    """The comments on a proposal, oldest first."""
    return list(session.scalars(select(Comment).where(Comment.proposal_id == row.id).order_by(Comment.id)))


def comment(session: Session, row: Proposal, comment_id: str) -> Comment:
    """One comment on a proposal. Raises 404."""
    found = session.get(Comment, comment_id)
    if found is None or found.proposal_id != row.id:
        raise missing("comment")
    return found


# --- cited findings ----------------------------------------------------------------------------------------


def finding_readable(who: access.Actor, row: Finding) -> bool:
    """Whether a reader may see a cited finding, as intelligence would say."""
    return who.may("draft.read" if row.state == "draft" else "finding.read", row.subject())


def findings(session: Session, ids: Iterable[str]) -> dict[str, Finding]:
    """Those of some findings that have arrived here, whoever may see them."""
    found: dict[str, Finding] = {}
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), MANY):
        some = ordered[start : start + MANY]
        found |= {row.id: row for row in session.scalars(select(Finding).where(Finding.id.in_(some)))}
    return found


def visible_findings(session: Session, who: access.Actor | None, ids: Iterable[str]) -> dict[str, Finding]:
    """Those of some findings that the reader may see, by id; the system sees all."""
    return {
        key: row for key, row in findings(session, ids).items() if who is None or finding_readable(who, row)
    }


def citing(session: Session, finding_id: str) -> list[Proposal]:
    """The proposals that cite a finding and would warn of its fall, whoever may see them."""
    query = select(Citation.proposal_id).where(Citation.finding_id == finding_id)
    rows = session.scalars(select(Proposal).where(Proposal.id.in_(query)).order_by(Proposal.id))
    return [row for row in rows if workflows.warns(row.kind, row.state)]


def is_cited(session: Session, finding_id: str) -> bool:
    """Whether any proposal cites a finding."""
    return (
        session.scalar(select(Citation.finding_id).where(Citation.finding_id == finding_id).limit(1))
        is not None
    )


def citations_of(session: Session, proposal_ids: Iterable[str]) -> list[Citation]:
    """The citations of some proposals."""
    found: list[Citation] = []
    ordered = sorted(set(proposal_ids))
    for start in range(0, len(ordered), MANY):
        some = ordered[start : start + MANY]
        query = select(Citation).where(Citation.proposal_id.in_(some))
        found += session.scalars(query.order_by(Citation.section_id, Citation.place))
    return found
