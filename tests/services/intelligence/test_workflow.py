"""Random people try random steps: no finding ever leaves the workflow, and nothing that was said is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from contracts.intelligence import Finding
from services.intelligence.domain import evidence
from shared.uow import history

from .conftest import FINDINGS, Agency

PEOPLE = ["ann", "amy", "adam", "dora", "col", "wally", "leo"]
ALLOWED = {
    (source, step.verb, target)
    for step in evidence.WORKFLOW.transitions
    for source in step.sources
    for target in ([step.target, "submitted"] if step.verb == "resolve" else [step.target])
}
texts = st.text("云岭 abc123", min_size=1, max_size=8).map(str.strip).filter(bool)


class Steps(RuleBasedStateMachine):
    """Every answer agrees with a model of each finding: its state, its text, and who had a hand in it."""

    findings = Bundle("findings")

    agency: Agency  # one world for all runs; every run writes findings of its own

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, dict[str, Any]] = {}

    @rule(target=findings, who=st.sampled_from(PEOPLE), title=texts, draft=st.booleans())
    def capture(self, who: str, title: str, draft: bool) -> Any:
        body = self.agency.facts(title=title, draft=draft, label="TLP:GREEN")
        answer = self.agency.api(who).post(FINDINGS, body)
        works = who in ("ann", "amy", "adam", "dora")
        assert (answer.status_code == 201) == works, answer.get_data(as_text=True)
        if not works:
            return multiple()
        made = answer.get_json()
        self.model[made["id"]] = {"state": made["state"], "title": title, "hands": {who}, "told": [title]}
        return made["id"]

    @rule(finding=findings, who=st.sampled_from(PEOPLE), title=texts)
    def edit(self, finding: str, who: str, title: str) -> None:
        known = self.model[finding]
        answer = self.agency.api(who).call(
            "PATCH", f"{FINDINGS}/{finding}", json={"title": title}, headers={"If-Match": "*"}
        )
        if answer.status_code == 200:
            assert known["state"] == "draft"
            known["title"] = title
            known["told"].append(title)
            known["hands"].add(who)
        else:
            assert answer.status_code in (403, 404, 409)

    @rule(
        finding=findings,
        who=st.sampled_from(PEOPLE),
        verb=st.sampled_from(["submit", "verify", "dispute", "resolve", "retract"]),
        reason=st.sampled_from(["", "因为"]),
    )
    def step(self, finding: str, who: str, verb: str, reason: str) -> None:
        known = self.model[finding]
        answer = self.agency.api(who).post(f"{FINDINGS}/{finding}/{verb}", {"reason": reason})
        if answer.status_code != 200:
            assert answer.status_code in (403, 404, 409, 422)
            return
        state = answer.get_json()["state"]
        assert (known["state"], verb, state) in ALLOWED
        assert who != "wally", "nobody behind the wall"
        if verb in ("verify", "resolve"):
            assert who not in known["hands"], "four-eyes"
        if verb in ("dispute", "resolve", "retract"):
            assert reason
        if verb == "submit":
            known["hands"].add(who)
        known["state"] = state

    @rule(target=findings, finding=findings, who=st.sampled_from(PEOPLE), title=texts)
    def correct(self, finding: str, who: str, title: str) -> Any:
        known = self.model[finding]
        answer = self.agency.api(who).post(f"{FINDINGS}/{finding}/correct", {"title": title})
        if answer.status_code != 200:
            assert answer.status_code in (403, 404, 409, 422)
            return multiple()
        assert known["state"] in evidence.LIVE
        known["state"] = "superseded"
        made = answer.get_json()
        self.model[made["id"]] = {"state": "submitted", "title": title, "hands": {who}, "told": [title]}
        return made["id"]

    @invariant()
    def what_is_stored_is_what_was_said(self) -> None:
        with self.agency.world.runtimes["intelligence"].database.read() as session:
            for finding_id, known in self.model.items():
                events = history(session, finding_id)
                states = [Finding.read(event.state) for event in events]
                assert [event.version for event in events] == list(range(1, len(events) + 1))
                assert states[-1].state == known["state"]
                assert states[-1].title == known["title"]
                assert set(known["told"]) <= {state.title for state in states}, "nothing typed is lost"
                if known["state"] == "superseded":
                    assert states[-1].superseded_by_id in self.model


Steps.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def _one_world(agency: Agency) -> None:
    Steps.agency = agency


class TestWorkflow(Steps.TestCase):  # type: ignore[misc]
    """Found by pytest under a name that says what it shows."""


@pytest.mark.parametrize("state", evidence.STATES)
def test_every_state_is_reached_and_the_last_ones_lead_nowhere(state: str) -> None:
    assert state in evidence.WORKFLOW.states
    leads = bool(evidence.WORKFLOW.verbs(state))
    assert leads == (state not in ("retracted", "superseded"))
