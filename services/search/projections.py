"""Pure folds: what others publish → the one document that stands for it in search.

A document that is not searched (a draft, a retracted or superseded finding) keeps nothing but its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from contracts.accounts import Client
from contracts.intelligence import Finding, Source
from contracts.proposals import Proposal

CLIENT, FINDING, SOURCE, PROPOSAL = "client", "finding", "source", "proposal"
SEARCHED_STATES = ("submitted", "verified", "disputed")
SEARCHED_PROPOSALS = (
    "in_review", "approved", "sent", "presented", "renegotiating", "accepted", "declined", "adopted",
    "rejected", "rehearsal", "submitted", "shortlisted", "won", "lost", "debriefed",
)  # fmt: skip
GREEN, AMBER, STRICT, CLEAR = "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:CLEAR"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is kept of a document: its text, what it is found and filtered by, and who may see it."""

    kind: str
    id: str
    deleted: bool = False
    client_id: str | None = None
    label: str = ""
    recipients: list[str] = field(default_factory=list)
    title: str = ""
    body: str = ""
    names: list[str] = field(default_factory=list)
    part: str = ""
    method: str = ""
    source_id: str = ""
    reliability: str = ""
    credibility: int | None = None
    valid_from: str = ""
    valid_until: str = ""
    collected_at: datetime | None = None
    verified_at: datetime | None = None
    state: str = ""
    owner: str = ""


def of_client(client: Client) -> Facts:
    """A client's directory entry: the GREEN that every colleague reads whom nothing hides the client from."""
    return Facts(
        kind=CLIENT,
        id=client.id,
        client_id=client.id,
        label=GREEN,
        title=client.name,
        body=client.industry,
        names=[name for name in (client.english_name, *client.aliases) if name],
        state=client.status,
    )


def of_source(source: Source) -> Facts:
    """A source: public without a client, else seen like the client's AMBER."""
    return Facts(
        kind=SOURCE,
        id=source.id,
        client_id=source.client_id,
        label=AMBER if source.client_id else CLEAR,
        title=source.name,
        body=source.url,
        reliability=source.reliability,
    )


def of_finding(finding: Finding) -> Facts:
    """A finding once it was submitted; in any other state only its key."""
    if finding.state not in SEARCHED_STATES:
        return Facts(kind=FINDING, id=finding.id, deleted=True)
    return Facts(
        kind=FINDING,
        id=finding.id,
        client_id=finding.client_id,
        label=finding.label,
        recipients=sorted(finding.recipients),
        title=finding.title,
        body="\n".join(text for text in (finding.body, finding.quote, finding.market) if text),
        part=finding.part,
        method=finding.method,
        source_id=finding.source_id or "",
        credibility=finding.credibility,
        valid_from=finding.valid_from or "",
        valid_until=finding.valid_until or "",
        collected_at=_instant(finding.collected_at),
        verified_at=_instant(finding.verified_at),
        state=finding.state,
        owner=finding.author_id,
    )


def of_proposal(proposal: Proposal) -> Facts:
    """A proposal once it was submitted; in the making, or given up, only its key. What it cites is not
    told.
    """
    if proposal.state not in SEARCHED_PROPOSALS:
        return Facts(kind=PROPOSAL, id=proposal.id, deleted=True)
    texts = [text for one in proposal.sections for text in (one["heading"], one["body"]) if text]
    return Facts(
        kind=PROPOSAL,
        id=proposal.id,
        client_id=proposal.client_id,
        label=proposal.label,
        recipients=sorted(proposal.recipients),
        title=proposal.title,
        body="\n".join(texts),
        names=[proposal.number],
        valid_until=proposal.valid_until or "",
        collected_at=_instant(proposal.state_since),
        state=proposal.state,
        owner=proposal.owner_id,
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def may_name_source(*, finding_client: str | None, label: str, source_client: str | None) -> bool:
    """Whether everybody who reads a finding may also read its source, so that the source's name finds it.

    A client's source is seen like its AMBER: a GREEN or RED finding has readers who must not learn of it.
    """
    return source_client is None or (source_client == finding_client and label in (AMBER, STRICT))
