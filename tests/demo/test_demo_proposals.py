"""The demo agency proposes: forty proposals, in every state of every kind, in both languages."""

from __future__ import annotations

from datetime import date

from demo import load
from services.proposals.domain import workflows


def test_forty_proposals_in_all_states_of_all_kinds() -> None:
    proposals = load.load(date(2026, 11, 25)).proposals
    assert len(proposals) >= 40
    states = {kind: {p.state for p in proposals if p.body["kind"] == kind} for kind in workflows.KINDS}
    assert set().union(*states.values()) == set(workflows.BOARD)
    for kind, found in states.items():
        assert found <= set(workflows.states(kind))
    assert {p.body["language"] for p in proposals} == {"zh", "en"}
    assert any(p.alternative_of for p in proposals)


def test_they_cite_findings_of_their_own_client() -> None:
    demo = load.load(date(2026, 11, 25))
    clients = {finding.slug: finding.body["client_id"] for finding in demo.findings}
    cited = [
        (proposal.body["client_id"], clients[slug])
        for proposal in demo.proposals
        for section in proposal.body["sections"]
        for slug in section["citations"]
    ]
    assert len(cited) > 40
    assert all(own == of for own, of in cited)
