"""What a change of a cited finding does to whoever cites it, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from contracts.proposals import CitationDecided, ProposalWarned
from services.proposals import store
from services.proposals.domain import workflows
from shared import access
from shared.db import new_id
from shared.problem import conflict, invalid
from shared.uow import UnitOfWork


class Shown(Protocol):
    """A proposal that was shown."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def label(self) -> str:
        """Its TLP label."""


def note_reads(open_uow: Callable[[], UnitOfWork], shown: Iterable[Shown]) -> None:
    """Enter in the audit trail that somebody was shown TLP:RED proposals: this alone makes a read write."""
    for one in shown:
        if one.label == access.RED:
            open_uow().audit("proposal.read", one.id, label=access.RED)


def keep_finding(uow: UnitOfWork, facts: Mapping[str, Any]) -> None:
    """Keep the newest state of a finding."""
    row = uow.session.get(store.Finding, facts["id"]) or store.Finding(id=facts["id"])
    for name, value in facts.items():
        setattr(row, name, value)
    uow.session.add(row)
    uow.session.flush()


def drop_finding(uow: UnitOfWork, finding_id: str) -> None:
    """Intelligence was restored without this finding: who cites it cites something retracted."""
    row = uow.session.get(store.Finding, finding_id)
    if row is None:
        return
    if store.is_cited(uow.session, finding_id):
        row.state = "retracted"
    else:
        uow.session.delete(row)
    uow.session.flush()


def warn_citing_proposals(uow: UnitOfWork, *, finding_id: str, reason: str) -> None:
    """Tell exactly the proposals that cite a finding and did not leave the house yet."""
    for row in store.citing(uow.session, finding_id):
        uow.emit(ProposalWarned, row, {"finding_id": finding_id, "reason": reason})


def decide_citation(uow: UnitOfWork, row: store.Proposal, *, finding_id: str, reason: str) -> store.Proposal:
    """Keep a citation in spite of what speaks against it now, with a reason; a new fall warns again.

    An empty `finding_id` decides on the citations that the acting person may not see: only a director may.
    """
    uow.require("proposal.change", row.subject())
    if not workflows.warns(row.kind, row.state):
        raise conflict("There is nothing to decide here: it has left the house, or is closed.", "wrong-state")
    if not reason.strip():
        raise invalid({"reason": "Say why: this step needs a reason."})
    warned = store.undecided(uow.session, row, uow.now)
    seen = store.visible_findings(uow.session, uow.actor, [one.finding_id for one in warned])
    if not finding_id:
        uow.require("proposal.override", row.subject())
    chosen = [
        one
        for one in warned
        if (one.finding_id == finding_id and finding_id in seen)
        or (not finding_id and one.finding_id not in seen)
    ]
    if not chosen:
        raise invalid({"finding_id": "Nothing speaks against this citation."})
    for one in dict.fromkeys(one.finding_id for one in chosen):
        decision = store.Decision(
            id=new_id(),
            proposal_id=row.id,
            finding_id=one,
            reasons=sorted(warn.reason for warn in chosen if warn.finding_id == one),
            note=reason.strip(),
            person_id=uow.actor_id,
            at=uow.now,
        )
        row.decisions.append(decision)
        uow.emit(CitationDecided, row, {"finding_id": one, "reason": reason.strip()})
    return row
