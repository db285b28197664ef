"""What a pitch has besides its proposal: brief, questions, rivals, go or no-go, scores, costs, debrief
(PR3).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.proposals import (
    PitchAsked,
    PitchChanged,
    PitchConflictOverridden,
    PitchDebriefed,
    PitchJudged,
    PitchScored,
    PitchSpent,
    PitchWeighted,
    ProposalAdvanced,
    ProposalDecided,
)
from services.proposals import store
from services.proposals.commands.steps import enter, step_of, wait_for_approvals
from services.proposals.domain import pitching, workflows
from services.proposals.domain.budget import cents, plain
from shared import clock
from shared.db import new_id
from shared.pages import N_
from shared.problem import Problem, conflict, invalid, missing
from shared.uow import UnitOfWork

WEIGHTS = {
    "none": N_("Name at least one criterion."),
    "repeated": N_("Two criteria have the same name."),
    "not_positive": N_("A weight is more than nothing."),
    "sum": N_("The weights must sum to 100."),
}


def change_pitch(uow: UnitOfWork, row: store.Proposal, **facts: Any) -> store.Pitch:
    """Change a pitch's brief, rivals or criteria. Locked weights stay as they are: 409."""
    uow.require("proposal.change", row.subject())
    _check_open(row)
    pitch = store.pitch(uow.session, row)
    if "criteria" in facts:
        if pitch.weights_locked_at is not None:
            raise conflict("The weights are locked: they were fixed before the scores.", "weights-locked")
        fault = pitching.weights_error(facts["criteria"])
        if fault:
            raise invalid({"criteria": WEIGHTS[fault]})
        pitch.criteria = [
            {"id": new_id(), "name": one["name"], "weight": one["weight"]} for one in facts["criteria"]
        ]
    for name in ("brief", "incumbent"):
        if name in facts:
            setattr(pitch, name, facts[name])
    if "competitors" in facts:
        pitch.competitors = list(dict.fromkeys(facts["competitors"]))
    uow.emit(PitchChanged, pitch)
    return pitch


def judge(
    uow: UnitOfWork,
    row: store.Proposal,
    *,
    decision: str,
    probability: int,
    expected_margin: Decimal,
    expected_cost: Decimal,
    reason: str,
) -> store.Proposal:
    """Decide whether to take part: go or no-go, with the win probability and a written reason.

    Taking an invitation in spite of a conflict of interest that the decider may know of needs an override
    (409).
    """
    step = step_of(uow, row, "go" if decision == "go" else "no-go", reason)
    pitch = store.pitch(uow.session, row)
    if decision == "go":
        _check_conflicts(uow, row, pitch)
    pitch.go_no_go = {
        "decision": decision,
        "probability": probability,
        "expected_margin": str(cents(expected_margin)),
        "expected_cost": str(cents(expected_cost)),
        "reason": reason.strip(),
        "person_id": uow.actor_id,
        "at": clock.rfc3339(uow.now),
    }
    uow.emit(PitchJudged, pitch, {"decision": decision, "reason": reason.strip()})
    row.probability = probability
    enter(uow, row, step.target)
    row.outcome_reason = reason.strip() if decision == "no_go" else ""
    happening = ProposalDecided if decision == "no_go" else ProposalAdvanced
    uow.emit(happening, row, {"result": decision, "reason": reason.strip()})
    return row


def _check_conflicts(uow: UnitOfWork, row: store.Proposal, pitch: store.Pitch) -> None:
    found = store.conflicts(uow.who, row.client_id or "")
    overridden = set(pitch.override.get("client_ids", ()))
    if any(conflict_.client_id not in overridden for conflict_ in found):
        raise Problem(
            409,
            "conflict-of-interest",
            "Another client stands against this invitation.",
            detail="An account director or a director must override it with a reason, or the answer is no.",
        )


def override_conflict(uow: UnitOfWork, row: store.Proposal, *, reason: str) -> store.Pitch:
    """Override the conflicts of interest that are known now, with an account director's reason."""
    uow.require("proposal.override", row.subject())
    pitch = store.pitch(uow.session, row)
    if not reason.strip():
        raise invalid({"reason": "Say why: this step needs a reason."})
    found = store.conflicts(uow.who, row.client_id or "")
    if not found:
        raise conflict("No conflict of interest is known.", "wrong-state")
    pitch.override = {
        "client_ids": sorted(one.client_id for one in found),
        "reason": reason.strip(),
        "person_id": uow.actor_id,
        "at": clock.rfc3339(uow.now),
    }
    uow.audit("proposal.conflict_overridden", row.id, client_ids=pitch.override["client_ids"])
    uow.emit(PitchConflictOverridden, pitch, {"reason": reason.strip()})
    return pitch


def ask(uow: UnitOfWork, row: store.Proposal, *, text: str) -> store.Pitch:
    """Note a clarifying question on the brief."""
    uow.require("proposal.change", row.subject())
    _check_open(row)
    pitch = store.pitch(uow.session, row)
    question = {
        "id": new_id(),
        "text": text,
        "person_id": uow.actor_id,
        "at": clock.rfc3339(uow.now),
        "answer": "",
        "answered_at": None,
    }
    pitch.questions = [*pitch.questions, question]
    uow.emit(PitchAsked, pitch, {"question_id": question["id"]})
    return pitch


def answer_question(uow: UnitOfWork, row: store.Proposal, *, question_id: str, answer: str) -> store.Pitch:
    """Note what the client answered."""
    uow.require("proposal.change", row.subject())
    _check_open(row)
    pitch = store.pitch(uow.session, row)
    if all(question["id"] != question_id for question in pitch.questions):
        raise missing("question")
    answered = {"answer": answer, "answered_at": clock.rfc3339(uow.now)}
    pitch.questions = [
        question | answered if question["id"] == question_id else question for question in pitch.questions
    ]
    uow.emit(PitchAsked, pitch, {"question_id": question_id})
    return pitch


def lock_weights(uow: UnitOfWork, row: store.Proposal) -> store.Pitch:
    """Lock the weights, before anybody scores: what counts is fixed before it is known how it comes out."""
    uow.require("proposal.change", row.subject())
    _check_open(row)
    pitch = store.pitch(uow.session, row)
    if pitch.weights_locked_at is not None:
        raise conflict("The weights are locked already.", "weights-locked")
    pitch.weights_locked_at = uow.now
    uow.emit(PitchWeighted, pitch)
    return pitch


def score(uow: UnitOfWork, row: store.Proposal, *, points: Mapping[str, int]) -> store.Pitch:
    """Give points to every criterion. Own points may be given anew until the scores are open."""
    uow.require("proposal.discuss", row.subject())
    _check_open(row)
    pitch = store.pitch(uow.session, row)
    if pitch.weights_locked_at is None:
        raise conflict("Lock the weights first: nobody scores against weights that may move.", "weights-open")
    wanted = {criterion["id"] for criterion in pitch.criteria}
    if set(points) != wanted:
        raise invalid({"points": "Give points to every criterion, and to no other."})
    others = [one for one in pitch.scores if one["scorer_id"] != uow.actor_id]
    scored_before = len(others) < len(pitch.scores)
    if scored_before and len(pitch.scores) >= pitching.SCORERS_NEEDED:
        raise conflict("The scores are open: what was given stays.", "scores-open")
    mine = {"scorer_id": uow.actor_id, "points": dict(points), "at": clock.rfc3339(uow.now)}
    pitch.scores = [*others, mine]
    uow.emit(PitchScored, pitch, {"scorer_id": uow.actor_id})
    return pitch


def spend(
    uow: UnitOfWork,
    row: store.Proposal,
    *,
    on: date,
    hours: Decimal,
    hour_rate: Decimal,
    expenses: Decimal,
    note: str = "",
) -> store.Pitch:
    """Record what somebody spent on a pitch, won or lost: hours at their rate, and expenses."""
    uow.require("proposal.discuss", row.subject())
    pitch = store.pitch(uow.session, row)
    entry = {
        "id": new_id(),
        "person_id": uow.actor_id,
        "on": on.isoformat(),
        "hours": plain(hours),
        "hour_rate": str(cents(hour_rate)),
        "expenses": str(cents(expenses)),
        "note": note,
    }
    pitch.costs = [*pitch.costs, entry]
    pitch.cost_cents = int(pitching.cost(pitch.costs) * 100)
    uow.emit(PitchSpent, pitch, {"entry_id": entry["id"]})
    return pitch


def debrief(
    uow: UnitOfWork, row: store.Proposal, *, ours: str, theirs: str, winner: str = ""
) -> store.Proposal:
    """Keep the debrief in both directions: what the client said of us, and we of the pitch."""
    step = step_of(uow, row, "debrief")
    errors = {
        name: "Say what was learnt, win or lose."
        for name, text in (("ours", ours), ("theirs", theirs))
        if not text.strip()
    }
    if errors:
        raise invalid(errors)
    pitch = store.pitch(uow.session, row)
    pitch.debrief = {
        "ours": ours.strip(),
        "theirs": theirs.strip(),
        "result": row.state,
        "person_id": uow.actor_id,
        "at": clock.rfc3339(uow.now),
    }
    pitch.winner = winner.strip()
    uow.emit(PitchDebriefed, pitch)
    enter(uow, row, step.target)
    wait_for_approvals(uow, row)
    uow.emit(ProposalAdvanced, row, {"verb": "debrief"})
    return row


def _check_open(row: store.Proposal) -> None:
    if not workflows.is_open(row.state):
        raise conflict("This pitch is closed.", "wrong-state")
