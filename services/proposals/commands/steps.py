"""Moving a proposal to another state, and keeping how long it stayed in each."""

from __future__ import annotations

from sqlalchemy import func, select

from services.proposals import store
from services.proposals.domain import approvals, workflows
from shared import access
from shared.problem import forbidden
from shared.uow import UnitOfWork
from shared.workflow import Transition


def step_of(uow: UnitOfWork, row: store.Proposal, verb: str, reason: str = "") -> Transition:
    """The transition for a verb: 403 for who may not, 409 in another state, 422 without its reason."""
    workflow = workflows.WORKFLOWS[row.kind]
    known = next((one for one in workflow.transitions if one.verb == verb), None)
    if known is not None:
        uow.require(known.action, subject_for(known.action, row))
    return workflow.step(row.state, verb, reason)


def subject_for(action: str, row: store.Proposal) -> access.Subject:
    """What a rule is asked about: for approving, everybody who had a hand in the content counts as author."""
    return row.approval_subject() if action == "proposal.approve" else row.subject()


def enter(uow: UnitOfWork, row: store.Proposal, state: str) -> None:
    """Let a proposal be in a state from now on."""
    session = uow.session
    query = select(store.Step).where(store.Step.proposal_id == row.id, store.Step.left_at.is_(None))
    for step in session.scalars(query):
        step.left_at = uow.now
        step.seconds = int((uow.now - step.entered_at).total_seconds())
    place = session.scalar(select(func.count()).where(store.Step.proposal_id == row.id)) or 0
    session.add(store.Step(proposal_id=row.id, place=place, kind=row.kind, state=state, entered_at=uow.now))
    row.state, row.state_since = state, uow.now
    if state in workflows.WON | workflows.LOST:
        row.result = state
    row.closed_at = None if workflows.is_open(state) else row.closed_at or uow.now


def wait_for_approvals(uow: UnitOfWork, row: store.Proposal) -> list[approvals.Slot]:
    """Note who must still approve the content as it is; answers the approvals that are still to come."""
    under_review = row.state == workflows.UNDER_REVIEW[row.kind]
    uow.session.flush()
    waiting = approvals.open_slots(store.needed(row), store.given(uow.session, row)) if under_review else []
    row.waiting_for = [slot.who for slot in waiting]
    return waiting


def author_of(uow: UnitOfWork) -> str:
    """The acting person: a proposal has an author."""
    if uow.actor is None:
        raise forbidden("A proposal has an author.")
    return uow.actor.id
