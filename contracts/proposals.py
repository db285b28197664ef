"""What proposals publishes: internal, client and pitch proposals, and what a pitch has besides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from contracts.event import HAPPENINGS, Shape, happening

TOPIC = "proposals"
RESTRICTED_TOPIC = "proposals.restricted"
RED = "TLP:RED"


@dataclass(frozen=True, kw_only=True)
class Proposal(Shape):
    """A proposal as it is written now.

    `kind`: internal, client or pitch; each has its own states. `sections`: id, heading, body, citations (ids
    of findings) and version of each. `budget`: lines, tax_percent and currency, and what they come to.
    `amount`: its total without tax, a decimal string in the agency's currency. `content_hash`: what
    approvals bind to. `waiting_for`: who must still approve (AM, AD, director). `family_id`: shared by
    alternatives of one proposal.
    """

    TOPIC = TOPIC
    NAME = "proposal"

    id: str
    number: str = ""
    kind: str = ""
    client_id: str | None = None
    title: str = ""
    language: str = ""
    label: str = "TLP:AMBER+STRICT"
    recipients: list[str] = field(default_factory=list)
    state: str = "draft"
    state_since: str = ""
    author_id: str = ""
    owner_id: str = ""
    contributor_ids: list[str] = field(default_factory=list)
    due_at: str | None = None
    valid_until: str | None = None
    sections: list[dict[str, Any]] = field(default_factory=list)
    budget: dict[str, Any] = field(default_factory=dict)
    amount: str = "0.00"
    probability: int | None = None
    content_hash: str = ""
    waiting_for: list[str] = field(default_factory=list)
    family_id: str = ""
    alternative: str = ""
    result: str = ""
    outcome_reason: str = ""
    decisions: list[dict[str, Any]] = field(default_factory=list)
    version: int = 0

    def parts(self) -> tuple[Shape, ...]:
        """Of a TLP:RED proposal: that there is one; and, on the topic that only search reads, what it
        says.
        """
        if self.label != RED:
            return (self,)
        told = replace(self, title="", sections=[], budget={}, amount="0.00", outcome_reason="", decisions=[])
        return told, RestrictedProposal(**self.to_dict())


@dataclass(frozen=True, kw_only=True)
class RestrictedProposal(Proposal):
    """All of a TLP:RED proposal."""

    TOPIC = RESTRICTED_TOPIC
    NAME = "restricted_proposal"


@dataclass(frozen=True, kw_only=True)
class Pitch(Shape):
    """What a pitch has besides its proposal: brief, questions, rivals, scores, costs, decision, debrief.

    `criteria`: id, name and weight (they sum to 100). `scores` are told once three scorers gave theirs.
    """

    TOPIC = TOPIC
    NAME = "pitch"

    id: str
    proposal_id: str = ""
    client_id: str | None = None
    label: str = "TLP:AMBER+STRICT"
    recipients: list[str] = field(default_factory=list)
    brief: str = ""
    incumbent: bool = False
    competitors: list[str] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    criteria: list[dict[str, Any]] = field(default_factory=list)
    weights_locked_at: str | None = None
    scores: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    go_no_go: dict[str, Any] = field(default_factory=dict)
    override: dict[str, Any] = field(default_factory=dict)
    winner: str = ""
    debrief: dict[str, Any] = field(default_factory=dict)
    version: int = 0

    def parts(self) -> tuple[Shape, ...]:
        """Of a TLP:RED proposal's pitch only that there is one; the whole travels apart."""
        if self.label != RED:
            return (self,)
        told = Pitch(
            id=self.id,
            proposal_id=self.proposal_id,
            client_id=self.client_id,
            label=self.label,
            recipients=self.recipients,
            version=self.version,
        )
        return told, RestrictedPitch(**self.to_dict())


@dataclass(frozen=True, kw_only=True)
class RestrictedPitch(Pitch):
    """All of a TLP:RED proposal's pitch."""

    TOPIC = RESTRICTED_TOPIC
    NAME = "restricted_pitch"


ProposalDrafted = happening(Proposal, "drafted", "a proposal was begun")
ProposalEdited = happening(
    Proposal, "edited", "a proposal's content was changed; approvals given before are void"
)
ProposalPlanned = happening(
    Proposal, "planned", "its owner, due date or probability was changed, not its content"
)
ProposalSubmitted = happening(
    Proposal, "submitted", "a proposal was submitted: for review, or a pitch to its client"
)
ProposalApproved = happening(Proposal, "approved", "somebody entitled approved exactly this content")
ProposalReturned = happening(Proposal, "returned", "a reviewer asked for changes")
ProposalPresented = happening(Proposal, "presented", "a proposal was presented to the client")
ProposalSent = happening(Proposal, "sent", "a proposal was sent to the client")
ProposalDecided = happening(Proposal, "decided", "a proposal came to its outcome")
ProposalReopened = happening(Proposal, "reopened", "the client wants to renegotiate")
ProposalWithdrawn = happening(Proposal, "withdrawn", "the agency withdrew a proposal")
ProposalAdvanced = happening(Proposal, "advanced", "a pitch went a step on")
ProposalCommented = happening(Proposal, "commented", "somebody commented on a proposal")
ProposalWarned = happening(Proposal, "warned", "a finding that it cites no longer stands as it was cited")
CitationDecided = happening(
    Proposal, "citation_decided", "somebody decided to keep a citation in spite of a warning"
)
PitchOpened = happening(Pitch, "opened", "an invitation to pitch was taken up")
PitchChanged = happening(Pitch, "changed", "a pitch's brief, rivals or criteria were changed")
PitchJudged = happening(Pitch, "judged", "the agency decided whether to take part")
PitchConflictOverridden = happening(
    Pitch, "conflict_overridden", "an account director overrode a conflict of interest"
)
PitchAsked = happening(Pitch, "asked", "a clarifying question on the brief was asked or answered")
PitchWeighted = happening(Pitch, "weighted", "the weights of the criteria were locked")
PitchScored = happening(Pitch, "scored", "a scorer gave points")
PitchSpent = happening(Pitch, "spent", "hours or expenses were recorded")
PitchDebriefed = happening(Pitch, "debriefed", "the result was talked through in both directions")
_OPEN = [known for known in HAPPENINGS.values() if known.shape in (Proposal, Pitch)]
for _known in _OPEN:
    _shape = RestrictedProposal if _known.shape is Proposal else RestrictedPitch
    happening(_shape, _known.name, f"TLP:RED: {_known.meaning}")
