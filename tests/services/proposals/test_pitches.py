"""PR3: a pitch from its invitation to the debrief; conflicts, locked weights, three scorers, costs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.visiting import errors

from .conftest import PROPOSALS, Agency, kind, money

GO = {
    "decision": "go",
    "probability": 40,
    "expected_margin": money("1000000.00"),
    "expected_cost": money("204461.00"),
    "reason": "我们懂这个品类",
}


def invited(agency: Agency, client: str = "Qingwu", by: str = "rita", **facts: Any) -> dict[str, Any]:
    return agency.write(by, kind="pitch", client_id=agency.ids[client], title="年度创意比稿", **facts)


def pitch(agency: Agency, made: dict[str, Any], by: str = "rita") -> dict[str, Any]:
    found: dict[str, Any] = agency.api(by).get(f"{PROPOSALS}/{made['id']}/pitch").get_json()
    return found


def beside(agency: Agency, path: str, made: dict[str, Any], by: str = "rita", **body: Any) -> Any:
    return agency.api(by).post(f"{PROPOSALS}/{made['id']}/pitch/{path}", body)


def patch_pitch(agency: Agency, made: dict[str, Any], by: str = "rita", **body: Any) -> Any:
    return agency.api(by).patch(f"{PROPOSALS}/{made['id']}/pitch", body)


def rehearsed(agency: Agency) -> dict[str, Any]:
    made = invited(agency)
    agency.done("decide", made, "rita", **GO)
    assert patch_pitch(agency, made, brief="让年轻人喝茶").status_code == 200
    for verb in ("brief", "plan", "create", "rehearse"):
        agency.done(verb, made, "rita")
    return agency.read(made, "rita")


def test_pr3_to_a_lost_result_with_its_debrief(agency: Agency) -> None:
    made = rehearsed(agency)
    assert (made["state"], made["waiting_for"], made["probability"]) == ("rehearsal", ["AD"], 40)
    assert kind(agency.take("submit", made, "rita")) == "unapproved"
    approved = agency.approve(made, "adam").get_json()
    assert (approved["state"], approved["waiting_for"]) == ("rehearsal", [])
    states = [agency.done(verb, made, "rita")["state"] for verb in ("submit", "present", "shortlist")]
    assert states == ["submitted", "presented", "shortlisted"]
    assert "reason" in errors(agency.take("outcome", made, "rita", result="lost"))
    lost = agency.done("outcome", made, "rita", result="lost", reason="价格高出一成")
    assert (lost["state"], lost["result"]) == ("lost", "lost")
    assert set(errors(agency.take("debrief", made, "rita"))) == {"ours", "theirs"}
    body = {"ours": "策略先行", "theirs": "报价偏高", "winner": "山海广告"}
    done = agency.done("debrief", made, "rita", **body)
    assert (done["state"], done["result"]) == ("debriefed", "lost")
    kept = pitch(agency, made)
    assert (kept["debrief"]["theirs"], kept["winner"]) == ("报价偏高", "山海广告")


def test_an_edit_of_a_rehearsed_pitch_voids_its_approval(agency: Agency) -> None:
    made = rehearsed(agency)
    agency.approve(made, "adam")
    patched = agency.patch(made, "rita", title="neu").get_json()
    assert (patched["state"], patched["waiting_for"]) == ("rehearsal", ["AD"])
    assert kind(agency.take("submit", made, "rita")) == "unapproved"
    assert agency.approve(made, "rita").status_code == 403
    agency.approve(made, "adam")
    agency.done("submit", made, "rita")
    assert kind(agency.patch(made, "rita", title="later")) == "immutable"


def test_no_go_needs_a_written_reason_and_ends_it(agency: Agency) -> None:
    made = invited(agency)
    assert "reason" in errors(agency.take("decide", made, "rita", **GO | {"reason": " "}))
    assert agency.take("decide", made, "col", **GO).status_code == 404
    ended = agency.done("decide", made, "rita", **GO | {"decision": "no_go"})
    assert (ended["state"], ended["verbs"], ended["outcome_reason"]) == ("no_go", [], GO["reason"])


def test_go_or_no_go_is_advised(agency: Agency) -> None:
    made = invited(agency)
    agency.done("decide", made, "rita", **GO)
    advice = pitch(agency, made)["advice"]
    assert advice == {"expected_gain": money("400000.00"), "expected_cost": money("204461.00"), "pays": True}


def test_the_brief_is_written_down_before_it_is_taken(agency: Agency) -> None:
    made = invited(agency)
    agency.done("decide", made, "rita", **GO)
    assert "brief" in errors(agency.take("brief", made, "rita"))


# --- conflicts of interest ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rival(agency: Agency) -> str:
    """A tea client whom no wall hides, and another one of the same name."""
    agency.client("Songshan", industry="Tea")
    agency.seat("Songshan", "rita", "AM")
    agency.seat("Songshan", "adam", "AD")
    agency.world.settle()
    return agency.ids["Songshan"]


def test_a_conflict_stops_the_invitation_until_an_account_director_overrides(
    agency: Agency, rival: str
) -> None:
    made = invited(agency, "Songshan")
    found = agency.api("rita").get(f"{PROPOSALS}/{made['id']}/pitch/conflicts").get_json()["items"]
    assert found == [{"client_id": agency.ids["Qingwu"], "why": "industry"}]
    assert kind(agency.take("decide", made, "rita", **GO)) == "conflict-of-interest"
    assert agency.done("decide", invited(agency, "Songshan"), "rita", **GO | {"decision": "no_go"})
    assert beside(agency, "override-conflict", made, reason="x").status_code == 403
    assert "reason" in errors(beside(agency, "override-conflict", made, "adam", reason=""))
    answer = beside(agency, "override-conflict", made, "adam", reason="不同子品类，客户已书面同意")
    assert answer.get_json()["override"]["client_ids"] == [agency.ids["Qingwu"]]
    assert agency.done("decide", made, "rita", **GO)["state"] == "go"


def test_a_conflict_check_says_nothing_of_hidden_clients(agency: Agency) -> None:
    made = invited(agency, "Yunling", "amy")
    for username, known in {"amy": False, "adam": False, "dora": True}.items():
        found = agency.api(username).get(f"{PROPOSALS}/{made['id']}/pitch/conflicts").get_json()["items"]
        assert any(one["client_id"] == agency.ids["Helan"] for one in found) == known, username
    beside(agency, "override-conflict", made, "dora", reason="wall stands")
    assert pitch(agency, made, "dora")["override"]["client_ids"] == [agency.ids["Helan"]]
    assert pitch(agency, made, "amy")["override"]["client_ids"] == []


# --- scoring -----------------------------------------------------------------------------------------------


def test_weights_are_locked_before_anybody_scores_and_scores_open_together(
    agency: Agency, rival: str
) -> None:
    made = invited(agency)
    criteria = [{"name": "strategy", "weight": 60}, {"name": "team", "weight": 40}]
    assert "criteria" in errors(patch_pitch(agency, made, criteria=criteria[:1]))
    found = patch_pitch(agency, made, criteria=criteria).get_json()["criteria"]
    points = {one["id"]: 8 for one in found}
    assert kind(beside(agency, "scores", made, points=points)) == "weights-open"
    assert beside(agency, "lock-weights", made).status_code == 200
    assert kind(beside(agency, "lock-weights", made)) == "weights-locked"
    assert kind(patch_pitch(agency, made, criteria=criteria)) == "weights-locked"
    assert "points" in errors(beside(agency, "scores", made, points={found[0]["id"]: 8}))
    assert beside(agency, "scores", made, points=points | {found[0]["id"]: 11}).status_code == 422
    beside(agency, "scores", made, points=points)
    beside(agency, "scores", made, "adam", points={found[0]["id"]: 4, found[1]["id"]: 7})
    closed = pitch(agency, made)
    assert (closed["scoring"]["scorers"], closed["scoring"]["is_open"]) == (2, False)
    assert closed["scoring"]["criteria"] == []
    assert closed["my_points"] == points
    assert beside(agency, "scores", made, points=points | {found[1]["id"]: 9}).status_code == 200
    opened = beside(agency, "scores", made, "dora", points=points).get_json()["scoring"]
    assert (opened["scorers"], opened["is_open"], opened["total"]) == (3, True, "7.20")
    assert [(one["spread"], one["discuss"]) for one in opened["criteria"]] == [(4, True), (2, False)]
    assert kind(beside(agency, "scores", made, points=points)) == "scores-open"


# --- what stands beside ------------------------------------------------------------------------------------


def test_questions_rivals_and_costs_are_kept(agency: Agency) -> None:
    made = invited(agency)
    asked = beside(agency, "questions", made, text="预算含媒介吗？").get_json()["questions"][0]
    beside(agency, f"questions/{asked['id']}/answer", made, answer="不含")
    assert beside(agency, "questions/nope/answer", made, answer="x").status_code == 404
    assert patch_pitch(agency, made, competitors=["山海广告", "山海广告", "北岸"]).status_code == 200
    spent = {
        "on": "2026-11-20",
        "hours": "7.5",
        "hour_rate": money("333.33"),
        "expenses": money("1200.10"),
    }
    beside(agency, "costs", made, **spent)
    kept = pitch(agency, made)
    assert kept["questions"][0]["answer"] == "不含"
    assert kept["competitors"] == ["山海广告", "北岸"]
    assert kept["cost"] == money("3700.08")
    found = agency.api("rita").get(PROPOSALS, query_string={"competitor": "北岸"}).get_json()["items"]
    assert [one["id"] for one in found] == [made["id"]]


def test_only_pitches_have_a_pitch(agency: Agency) -> None:
    made = agency.write()
    assert agency.api("amy").get(f"{PROPOSALS}/{made['id']}/pitch").status_code == 404
