"""Random people drive random verbs: no state, approval or version outside the workflow is ever reached."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from contracts.proposals import Proposal
from services.proposals import store
from services.proposals.domain import workflows
from shared.uow import history

from .conftest import PROPOSALS, Agency, money

PEOPLE = ["ann", "amy", "adam", "dora", "dan", "col", "wally"]
VERBS = [
    "submit", "request-changes", "send", "present", "outcome", "withdraw", "decide", "brief", "plan",
    "create", "rehearse", "shortlist", "debrief",
]  # fmt: skip
RESULTS = sorted({result for results in workflows.RESULTS.values() for result in results})
MOVES = {
    kind: {(source, step.target) for step in workflow.transitions for source in step.sources}
    | set(workflows.EDITABLE[kind].items())
    for kind, workflow in workflows.WORKFLOWS.items()
}
BUDGETS = [None, "1000.00", "600000.00"]


class Steps(RuleBasedStateMachine):
    """Every answer agrees with a model: the state, who had a hand in the content, who approved it."""

    proposals = Bundle("proposals")

    agency: Agency  # one world for all runs; every run writes proposals of its own

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, dict[str, Any]] = {}

    @rule(
        target=proposals,
        who=st.sampled_from(PEOPLE),
        kind=st.sampled_from(workflows.KINDS),
        amount=st.sampled_from(BUDGETS),
    )
    def begin(self, who: str, kind: str, amount: str | None) -> Any:
        body: dict[str, Any] = {"kind": kind, "title": "t", "label": "TLP:GREEN"}
        body["sections"] = [{"heading": "h", "body": "b"}]
        if kind != "internal":
            body["client_id"] = self.agency.ids["Yunling"]
        if amount:
            body["budget"] = {"lines": [{"item": "x", "unit_price": money(amount)}]}
        answer = self.agency.api(who).post(PROPOSALS, body)
        works = kind == "internal" or who in ("ann", "amy", "adam", "dora", "dan")
        assert (answer.status_code == 201) == works, answer.get_data(as_text=True)
        if not works:
            return multiple()
        made = answer.get_json()
        if kind == "pitch":
            self.agency.api(who).patch(f"{PROPOSALS}/{made['id']}/pitch", {"brief": "b"})
        self.model[made["id"]] = {
            "kind": kind,
            "state": made["state"],
            "hash": made["content_hash"],
            "hands": {who},
            "approved": set(),
        }
        return made["id"]

    @rule(proposal=proposals, who=st.sampled_from(PEOPLE), title=st.sampled_from(["t", "u", "v"]))
    def edit(self, proposal: str, who: str, title: str) -> None:
        known = self.model[proposal]
        answer = self.agency.api(who).call(
            "PATCH", f"{PROPOSALS}/{proposal}", json={"title": title}, headers={"If-Match": "*"}
        )
        if answer.status_code != 200:
            assert answer.status_code in (403, 404, 409)
            return
        assert known["state"] in workflows.EDITABLE[known["kind"]]
        seen = answer.get_json()
        if seen["content_hash"] == known["hash"]:
            assert seen["state"] == known["state"]
            return
        assert seen["state"] == workflows.EDITABLE[known["kind"]][known["state"]]
        known |= {"hash": seen["content_hash"], "state": seen["state"], "approved": set()}
        known["hands"].add(who)

    @rule(proposal=proposals, who=st.sampled_from(PEOPLE), honest=st.booleans())
    def approve(self, proposal: str, who: str, honest: bool) -> None:
        known = self.model[proposal]
        body = {"content_hash": known["hash"] if honest else "0" * 64, "note": "n"}
        answer = self.agency.api(who).post(f"{PROPOSALS}/{proposal}/approve", body)
        if answer.status_code != 200:
            assert answer.status_code in (403, 404, 409)
            return
        assert honest
        assert known["state"] == workflows.UNDER_REVIEW[known["kind"]]
        assert who not in known["hands"], "four-eyes"
        assert who not in known["approved"], "one person, one approval"
        assert who in ("adam", "amy", "dora", "dan")
        known["approved"].add(who)
        known["state"] = answer.get_json()["state"]

    @rule(
        proposal=proposals,
        who=st.sampled_from(PEOPLE),
        verb=st.sampled_from(VERBS),
        result=st.sampled_from(RESULTS),
        reason=st.sampled_from(["", "因为"]),
        decision=st.sampled_from(["go", "no_go"]),
    )
    def step(self, proposal: str, who: str, verb: str, result: str, reason: str, decision: str) -> None:
        known = self.model[proposal]
        bodies: dict[str, dict[str, Any]] = {
            "outcome": {"result": result, "reason": reason},
            "request-changes": {"note": reason},
            "withdraw": {"reason": reason},
            "debrief": {"ours": reason, "theirs": reason},
            "decide": {
                "decision": decision,
                "probability": 40,
                "expected_margin": money("10"),
                "expected_cost": money("1"),
                "reason": reason,
            },
        }
        answer = self.agency.api(who).post(f"{PROPOSALS}/{proposal}/{verb}", bodies.get(verb, {}))
        if answer.status_code != 200:
            assert answer.status_code in (403, 404, 409, 422), answer.get_data(as_text=True)
            return
        state = answer.get_json()["state"]
        assert (known["state"], state) in MOVES[known["kind"]]
        assert who != "wally" or known["kind"] == "internal", "nobody behind the wall"
        if state == "rejected" or verb == "request-changes":
            assert who not in known["hands"]
            assert reason
        if verb == "request-changes":
            known["approved"] = set()
        if verb == "submit" and known["kind"] == "pitch":
            assert known["approved"], "nothing goes out unapproved"
        assert state not in ("approved", "adopted"), "only approving approves"
        known["state"] = state

    @rule(proposal=proposals, who=st.sampled_from(PEOPLE), alternative=st.booleans())
    def copy(self, proposal: str, who: str, alternative: bool) -> None:
        verb = "alternative" if alternative else "duplicate"
        answer = self.agency.api(who).post(f"{PROPOSALS}/{proposal}/{verb}", {})
        if answer.status_code != 201:
            assert answer.status_code in (403, 404, 409)
            return
        made = answer.get_json()
        assert made["state"] == workflows.initial(made["kind"])
        assert self.agency.trail(made, who) == []

    @invariant()
    def the_history_keeps_to_the_workflow(self) -> None:
        with self.agency.world.runtimes["proposals"].database.read() as session:
            for proposal_id, known in self.model.items():
                events = history(session, proposal_id)
                states = [Proposal.read(event.state) for event in events]
                assert [event.version for event in events] == list(range(1, len(events) + 1))
                assert states[-1].content_hash == known["hash"]
                allowed = MOVES[known["kind"]] | {("", workflows.initial(known["kind"]))}
                allowed |= {("sent", "declined"), ("presented", "declined")}  # another was accepted
                before = ""
                for said in states:
                    assert said.state == before or (before, said.state) in allowed
                    before = said.state
                assert before == known["state"]
                row = session.get(store.Proposal, proposal_id)
                assert row is not None
                held = {one.person_id for one in store.given(session, row)}
                assert held == {self.agency.who(name) for name in known["approved"]}


Steps.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def _one_world(agency: Agency) -> None:
    Steps.agency = agency


class TestWorkflow(Steps.TestCase):  # type: ignore[misc]
    """Found by pytest under a name that says what it shows."""
