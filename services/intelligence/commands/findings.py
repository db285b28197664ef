"""Writing findings, and taking them through their workflow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from contracts.event import Happening
from contracts.intelligence import (
    FindingChanged,
    FindingDisputed,
    FindingDrafted,
    FindingResolved,
    FindingRetracted,
    FindingSubmitted,
    FindingSuperseded,
    FindingVerified,
)
from services.intelligence import store
from services.intelligence.commands.clients import UNKNOWN, check_client
from services.intelligence.domain import evidence
from shared import access
from shared.db import new_id
from shared.pages import N_
from shared.problem import conflict, forbidden, invalid
from shared.uow import UnitOfWork
from shared.workflow import Transition

UNKNOWN_PERSON = N_("This person is unknown, or may not be named here.")
NOT_STANDING = N_("Only a finding that stands can confirm another.")
UNEARNED = N_(
    "1 means confirmed: it needs two independent origins among the source and what corroborates it."
)
FAULTS = {
    "not_one": N_("Name exactly one: a client, a market or a territory."),
    "unnamed": N_("TLP:RED needs the people who may read it."),
    "backwards": N_("This lies before the beginning."),
    "future": N_("This lies in the future."),
}
ABOUT = ("client_id", "market", "territory_id")
DEFAULTS: dict[str, Any] = {
    "client_id": None,
    "market": "",
    "territory_id": None,
    "body": "",
    "method": "intelligence",
    "corroborated_by": [],
    "credibility": evidence.UNKNOWN_CREDIBILITY,
    "label": access.STRICT,
    "recipients": [],
    "quote": "",
    "locator": "",
    "valid_from": None,
    "valid_until": None,
    "collected_at": None,
}


class Shown(Protocol):
    """A finding that was shown."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def label(self) -> str:
        """Its TLP label."""


_HAPPENED: dict[str, Happening] = {
    "submit": FindingSubmitted,
    "verify": FindingVerified,
    "dispute": FindingDisputed,
    "resolve": FindingResolved,
    "retract": FindingRetracted,
}


def capture(uow: UnitOfWork, *, draft: bool = False, **facts: Any) -> store.Finding:
    """Record a finding (X1–X3), submitted at once unless it is kept as a draft."""
    facts = DEFAULTS | facts
    check_client(uow, facts["client_id"], "finding.capture")
    facts["collected_at"] = facts["collected_at"] or uow.now
    _check(uow, facts)
    finding = _new(uow, facts)
    finding.state = evidence.DRAFT if draft else evidence.SUBMITTED
    uow.emit(FindingDrafted if draft else FindingSubmitted, finding)
    return finding


def change_draft(uow: UnitOfWork, finding: store.Finding, **facts: Any) -> store.Finding:
    """Change a draft. What was submitted is evidence and never changes: 409 says to correct it."""
    uow.require(_change_action(finding), finding.subject())
    if finding.state != evidence.DRAFT:
        raise conflict(
            "What was submitted is evidence and stays as it is; correct it with a new finding instead.",
            "immutable",
        )
    _keep_about(finding, facts)
    before = _facts_of(finding)
    _check(uow, before | facts, known=before)
    _take(finding, facts)
    _contributes(uow, finding)
    uow.emit(FindingChanged, finding)
    return finding


def advance(uow: UnitOfWork, finding: store.Finding, verb: str, *, reason: str = "") -> store.Finding:
    """Take a finding a step through its workflow: submit, verify, dispute, resolve or retract.

    Refuses with 403 who may not (four-eyes among the rules), with 409 a step out of order, with 422 a missing
    reason, and the submission or verification of a credibility 1 that is not earned.
    """
    step = _step(uow, finding, verb, reason)
    if verb == "submit":
        facts = _facts_of(finding)
        _check(uow, facts, known=facts | {"recipients": []})  # who was named may have left, or be walled now
        _contributes(uow, finding)
    if verb == "verify":
        _check_still_earned(uow, finding)
        finding.verified_at = finding.fresh_since = uow.now
    finding.state = evidence.resolved_state(finding.verified_at) if verb == "resolve" else step.target
    uow.emit(_HAPPENED[verb], finding, {"reason": reason.strip()} if reason.strip() else {})
    return finding


def correct(uow: UnitOfWork, finding: store.Finding, *, reason: str = "", **facts: Any) -> store.Finding:
    """Put a new finding in the place of one; both stay readable and name each other. Answers the new one."""
    step = _step(uow, finding, "correct", reason)
    _keep_about(finding, facts)
    before = _facts_of(finding)
    if all(before[name] == value for name, value in facts.items()):
        raise invalid({"title": "Nothing differs from the finding that this is to correct."})
    if finding.id in facts.get("corroborated_by", ()):
        raise invalid({"corroborated_by": "What is corrected cannot confirm its correction."})
    _check(uow, before | facts, known=before)
    correction = _new(uow, before | facts)
    correction.state = evidence.SUBMITTED
    correction.supersedes_id = finding.id
    why = {"reason": reason.strip()} if reason.strip() else {}
    uow.emit(FindingSubmitted, correction, why)
    finding.superseded_by_id = correction.id
    finding.state = step.target
    uow.emit(FindingSuperseded, finding, why)
    return correction


def note_reads(open_uow: Callable[[], UnitOfWork], shown: Iterable[Shown]) -> None:
    """Enter in the audit trail that somebody was shown TLP:RED findings: this alone makes a read write."""
    for finding in shown:
        if finding.label == access.RED:
            open_uow().audit("finding.read", finding.id, label=access.RED)


# --- parts of the above ------------------------------------------------------------------------------------


def _step(uow: UnitOfWork, finding: store.Finding, verb: str, reason: str) -> Transition:
    step = next(step for step in evidence.WORKFLOW.transitions if step.verb == verb)
    # A rule for drafts asks nothing of labels that were meant for readers of the submitted finding.
    action = (
        "finding.change" if step.action == "draft.change" and finding.state != evidence.DRAFT else step.action
    )
    uow.require(action, finding.subject())
    return evidence.WORKFLOW.step(finding.state, verb, reason)


def _change_action(finding: store.Finding) -> str:
    return "draft.change" if finding.state == evidence.DRAFT else "finding.change"


def _keep_about(finding: store.Finding, facts: Mapping[str, Any]) -> None:
    moved = [
        name for name in ABOUT if name in facts and (facts[name] or None) != (getattr(finding, name) or None)
    ]
    if moved:
        raise invalid({moved[0]: "A finding stays with its client or market; write a new one."})


def _check(uow: UnitOfWork, facts: Mapping[str, Any], *, known: Mapping[str, Any] | None = None) -> None:
    """Refuse what cannot be stored, all fields at once. `known`: what was accepted of it before."""
    errors = {field: FAULTS[fault] for field, fault in evidence.errors_of(facts, uow.now).items()}
    before = known or {"source_id": None, "corroborated_by": [], "recipients": []}
    if facts["source_id"] != before["source_id"]:
        errors |= _source_errors(uow, facts["source_id"])
    errors |= _corroboration_errors(uow, facts, set(before["corroborated_by"]))
    errors |= _recipient_errors(uow, facts, set(before["recipients"]))
    if not errors and not _is_earned(uow, facts):
        errors["credibility"] = UNEARNED
    if errors:
        raise invalid(errors)


def _source_errors(uow: UnitOfWork, source_id: str) -> dict[str, str]:
    found = store.visible_sources(uow.session, uow.actor, [source_id])
    return {} if found else {"source_id": UNKNOWN}


def _corroboration_errors(uow: UnitOfWork, facts: Mapping[str, Any], accepted: set[str]) -> dict[str, str]:
    found = store.visible_findings(uow.session, uow.actor, facts["corroborated_by"])
    errors = {}
    for place, other in enumerate(facts["corroborated_by"]):
        if other in accepted:
            continue
        if other not in found:
            errors[f"corroborated_by.{place}"] = UNKNOWN
        elif found[other].state not in evidence.LIVE:
            errors[f"corroborated_by.{place}"] = NOT_STANDING
    return errors


def _recipient_errors(uow: UnitOfWork, facts: Mapping[str, Any], accepted: set[str]) -> dict[str, str]:
    """Named readers are employed and not behind a wall; who is not is told like somebody unknown."""
    if uow.actor is None:
        return {}
    book, client_id = uow.actor.book, facts["client_id"]
    errors = {}
    for place, person_id in enumerate(facts["recipients"]):
        if person_id in accepted or person_id == uow.actor_id:
            continue
        if book.person(person_id) is None or client_id in book.hidden_by_wall(person_id, uow.now):
            errors[f"recipients.{place}"] = UNKNOWN_PERSON
    return errors


def _is_earned(uow: UnitOfWork, facts: Mapping[str, Any]) -> bool:
    if facts["credibility"] != evidence.CONFIRMED:
        return True
    standing = store.visible_findings(uow.session, None, facts["corroborated_by"])
    behind = [facts["source_id"], *(f.source_id for f in standing.values() if f.state in evidence.LIVE)]
    return evidence.is_earned(facts["credibility"], behind, store.origins(uow.session, behind))


def _check_still_earned(uow: UnitOfWork, finding: store.Finding) -> None:
    if uow.actor is not None and not store.is_earned(uow.session, uow.actor, finding):
        raise invalid(
            {"credibility": "Fewer than two independent origins still confirm this; correct it first."}
        )


def _new(uow: UnitOfWork, facts: Mapping[str, Any]) -> store.Finding:
    if uow.actor is None:
        raise forbidden("A finding has an author.")
    finding = store.Finding(
        id=new_id(),
        version=0,
        recorded_at=uow.now,
        author_id=uow.actor_id,
        contributor_ids=[uow.actor_id],
        verified_at=None,
        supersedes_id=None,
        superseded_by_id=None,
    )
    _take(finding, facts)
    return finding


def _take(finding: store.Finding, facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        setattr(finding, name, value)
    finding.fresh_since = finding.verified_at or finding.collected_at


def _contributes(uow: UnitOfWork, finding: store.Finding) -> None:
    if uow.actor_id not in finding.contributor_ids:
        finding.contributor_ids = [*finding.contributor_ids, uow.actor_id]


def _facts_of(finding: store.Finding) -> dict[str, Any]:
    """What may be said of a finding, as it says it now."""
    names = (*DEFAULTS, "part", "title", "source_id")
    return {name: getattr(finding, name) for name in names}
