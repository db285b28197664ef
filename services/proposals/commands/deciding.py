"""Taking a proposal through its workflow: review, approval, the way to the client, the outcome."""

from __future__ import annotations

from contracts.event import Happening
from contracts.proposals import (
    ProposalAdvanced,
    ProposalApproved,
    ProposalDecided,
    ProposalPresented,
    ProposalReopened,
    ProposalReturned,
    ProposalSent,
    ProposalSubmitted,
    ProposalWithdrawn,
)
from services.proposals import store
from services.proposals.commands.steps import enter, step_of, wait_for_approvals
from services.proposals.commands.writing import next_in_family
from services.proposals.domain import approvals, workflows
from shared.db import new_id
from shared.pages import N_
from shared.problem import Problem, conflict, forbidden, invalid
from shared.uow import UnitOfWork

ANOTHER = N_("Another alternative was accepted.")


def submit(uow: UnitOfWork, row: store.Proposal) -> store.Proposal:
    """Submit for review; a pitch, which must be approved and free of doubtful citations, to its client."""
    step = step_of(uow, row, "submit")
    if row.kind == workflows.PITCH:
        _check_approved(uow, row)
        _check_citations(uow, row, "submit")
    elif not row.sections and not row.table.lines:
        raise invalid({"sections": "Write something first: there is nothing to review."})
    enter(uow, row, step.target)
    wait_for_approvals(uow, row)
    uow.emit(ProposalSubmitted, row)
    return row


def approve(uow: UnitOfWork, row: store.Proposal, *, content_hash: str, note: str = "") -> store.Proposal:
    """Approve exactly the content with this hash (PR1–PR3).

    Refuses with 403 whoever had a hand in it (four-eyes) or whose approval is not asked for, with 409 another
    content than the present one, a second approval by the same person, and one whose turn it is not yet. The
    last approval that is needed moves the proposal on.
    """
    step = step_of(uow, row, "approve")
    if content_hash != row.content_hash:
        raise conflict(
            "This is not the content that you saw: somebody changed it. Read it again.", "content-changed"
        )
    slot = _slot(uow, row)
    if row.kind == workflows.INTERNAL and not note.strip():
        raise invalid({"note": "Say why: the decision on an internal proposal needs its reason."})
    _keep(uow, row, "approved", note, slot)
    if wait_for_approvals(uow, row):
        uow.emit(ProposalApproved, row, _approved(row, slot, note))
        return row
    if step.target != row.state:
        enter(uow, row, step.target)
    if row.kind != workflows.INTERNAL:
        uow.emit(ProposalApproved, row, _approved(row, slot, note))
        return row
    row.outcome_reason = note.strip()
    uow.emit(ProposalApproved, row, _approved(row, slot, note))
    uow.emit(ProposalDecided, row, {"result": row.state, "reason": row.outcome_reason})
    return row


def _approved(row: store.Proposal, slot: approvals.Slot, note: str) -> dict[str, str]:
    return {"content_hash": row.content_hash, "who": slot.who, "reason": note.strip()}


def _slot(uow: UnitOfWork, row: store.Proposal) -> approvals.Slot:
    """The approval that the acting person gives."""
    needed, given = store.needed(row), store.given(uow.session, row)
    if any(approval.person_id == uow.actor_id for approval in given):
        raise conflict("You approved this content already.", "already-approved")
    if not approvals.open_slots(needed, given):
        raise conflict("This content has every approval that it needs.", "already-approved")
    stands_as = store.stands_as(uow.who, row)
    slot = approvals.slot_for(stands_as, needed, given)
    if slot is not None:
        return slot
    if any(later.who in stands_as for later in approvals.open_slots(needed, given)):
        raise conflict("Somebody else's approval comes first.", "not-your-turn")
    raise forbidden("Your approval is not asked for.")


def _keep(
    uow: UnitOfWork, row: store.Proposal, decision: str, note: str, slot: approvals.Slot | None = None
) -> None:
    uow.session.add(
        store.Approval(
            id=new_id(),
            proposal_id=row.id,
            person_id=uow.actor_id,
            who=slot.who if slot else "",
            stage=slot.stage if slot else 0,
            decision=decision,
            note=note.strip(),
            content_hash=row.content_hash,
            at=uow.now,
            voided_at=None,
        )
    )
    uow.audit(f"proposal.{decision}", row.id, content_hash=row.content_hash, who=slot.who if slot else "")


def request_changes(uow: UnitOfWork, row: store.Proposal, *, note: str) -> store.Proposal:
    """Send a proposal back to its authors, with what should change. Approvals given so far are void."""
    step = step_of(uow, row, "request-changes", reason=note)
    for entry in store.approvals_of(uow.session, row):
        entry.voided_at = entry.voided_at or uow.now
    _keep(uow, row, "changes_requested", note)
    enter(uow, row, step.target)
    wait_for_approvals(uow, row)
    uow.emit(ProposalReturned, row, {"reason": note.strip()})
    return row


def send(uow: UnitOfWork, row: store.Proposal) -> store.Proposal:
    """Note that the proposal was sent to the client. Refuses doubtful citations that nobody decided on."""
    return _go_out(uow, row, "send", ProposalSent)


def present(uow: UnitOfWork, row: store.Proposal) -> store.Proposal:
    """Note that the proposal was presented to the client."""
    return _go_out(uow, row, "present", ProposalPresented)


def _go_out(uow: UnitOfWork, row: store.Proposal, verb: str, happening: Happening) -> store.Proposal:
    step = step_of(uow, row, verb)
    if row.kind == workflows.CLIENT and row.state == "approved":
        _check_approved(uow, row)
    _check_citations(uow, row, verb)
    enter(uow, row, step.target)
    wait_for_approvals(uow, row)
    uow.emit(happening, row)
    return row


def outcome(
    uow: UnitOfWork, row: store.Proposal, *, result: str, reason: str = "", content_hash: str = ""
) -> store.Proposal:
    """Note what came of it. An internal one is adopted only by approving exactly what was seen."""
    verb = workflows.RESULTS[row.kind].get(result)
    if verb is None:
        raise invalid({"result": "This cannot come of this kind of proposal."})
    if verb == "approve":
        return approve(uow, row, content_hash=content_hash, note=reason)
    step = step_of(uow, row, verb, reason)
    others = next_in_family(uow, row)
    enter(uow, row, step.target)
    row.outcome_reason = reason.strip()
    if verb == "reject":
        _keep(uow, row, "rejected", reason)
    wait_for_approvals(uow, row)
    told = {"result": result, "reason": reason.strip()}
    uow.emit(ProposalReopened if verb == "renegotiate" else ProposalDecided, row, told)
    if row.state in workflows.WON:
        for other in others:
            _stand_back(uow, other)
    return row


def _stand_back(uow: UnitOfWork, row: store.Proposal) -> None:
    """Another alternative was accepted: this one was declined, or is withdrawn where it had not left yet."""
    declined = any(
        step.verb == "decline" and row.state in step.sources
        for step in workflows.WORKFLOWS[row.kind].transitions
    )
    enter(uow, row, "declined" if declined else "withdrawn")
    row.outcome_reason = ANOTHER
    wait_for_approvals(uow, row)
    uow.emit(
        ProposalDecided if declined else ProposalWithdrawn,
        row,
        {"result": row.state, "reason": row.outcome_reason},
    )


def withdraw(uow: UnitOfWork, row: store.Proposal, *, reason: str = "") -> store.Proposal:
    """Give a proposal up."""
    step = step_of(uow, row, "withdraw", reason)
    enter(uow, row, step.target)
    row.outcome_reason = reason.strip()
    wait_for_approvals(uow, row)
    uow.emit(ProposalWithdrawn, row, {"reason": reason.strip()})
    return row


def advance(uow: UnitOfWork, row: store.Proposal, verb: str) -> store.Proposal:
    """Lead a pitch a step on: brief, plan, create, rehearse or shortlist."""
    step = step_of(uow, row, verb)
    if verb == "brief" and not store.pitch(uow.session, row).brief.strip():
        raise invalid({"brief": "Write down the brief first."})
    enter(uow, row, step.target)
    wait_for_approvals(uow, row)
    uow.emit(ProposalAdvanced, row, {"verb": verb})
    return row


def _check_approved(uow: UnitOfWork, row: store.Proposal) -> None:
    waiting = approvals.open_slots(store.needed(row), store.given(uow.session, row))
    if waiting:
        raise conflict("This content still needs an approval.", "unapproved")


def _check_citations(uow: UnitOfWork, row: store.Proposal, verb: str) -> None:
    if verb in workflows.LEAVES_THE_HOUSE[row.kind] and store.undecided(uow.session, row, uow.now):
        raise Problem(
            409,
            "doubtful-citation",
            "A cited finding no longer stands as it was cited.",
            detail="Decide on each warning first: take the citation out, or keep it with a reason.",
        )
