"""The dossier (I1–I4) in two times, its principles (C1–C5), and the norms' golden values for freshness."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intelligence.domain import evidence, freshness, principles
from services.intelligence.domain.freshness import Life, decay
from shared.clock import now, rfc3339

from .conftest import Agency


@pytest.mark.parametrize(
    ("days", "life", "score"),
    [(20, Life(365, 3), 62), (28, Life(365, 3), 58), (31, Life(365, 3), 56), (20, Life(30, 3.8), 10)],
)
def test_the_golden_values_of_freshness(days: float, life: Life, score: int) -> None:
    assert round(decay(days, life)) == score


@given(st.floats(-10, 2000), st.floats(-10, 2000), st.sampled_from(list(freshness.LIVES.values())))
def test_freshness_only_falls_between_100_and_0(one: float, other: float, life: Life) -> None:
    young, old = sorted((one, other))
    assert 0 <= decay(old, life) <= decay(young, life) <= 100
    assert decay(life.days, life) == 0


@pytest.mark.parametrize("part", evidence.PARTS)
def test_a_fact_is_stale_just_after_its_usable_age(part: str) -> None:
    life, at = freshness.LIVES[part], now()
    assert freshness.score(part, at - life.usable() + timedelta(hours=1), at) > freshness.STALE_BELOW
    assert freshness.score(part, at - life.usable() - timedelta(hours=1), at) < freshness.STALE_BELOW


def judged(**facts: Any) -> principles.Judged:
    plain: dict[str, Any] = {
        "finding_id": "f",
        "part": "company_basics",
        "state": "submitted",
        "credibility": 2,
        "reliability": "B",
        "repeats": False,
        "freshness": 80.0,
        "label": "TLP:AMBER+STRICT",
        "confidential": True,
    }
    return principles.Judged(**plain | facts)


def scores(*findings: principles.Judged) -> dict[str, float | None]:
    return {one.id: one.score for one in principles.judge(findings)}


def test_c1_truthfulness_is_credibility_halved_in_dispute() -> None:
    assert scores(judged(credibility=1), judged(credibility=3))["C1"] == 80
    assert scores(judged(credibility=1, state="disputed"))["C1"] == 50
    assert principles.truthfulness([judged(credibility=5)]).lowered_by[0].reason == "doubtful"


def test_c2_accuracy_is_reliability_less_where_the_original_is_not_legible() -> None:
    assert scores(judged(reliability="A"))["C2"] == 100
    assert scores(judged(reliability="A", repeats=True))["C2"] == 80


def test_c3_timeliness_is_freshness() -> None:
    assert scores(judged(freshness=40.0), judged(freshness=0.0))["C3"] == 20
    assert [it.reason for it in principles.timeliness([judged(freshness=0.0)]).lowered_by] == ["expired"]


def test_c4_completeness_counts_the_four_parts() -> None:
    assert scores()["C4"] == 0
    assert scores(judged(), judged(), judged(part="market_status"), judged(part="dealer"))["C4"] == 50
    assert scores(judged(state="disputed"))["C4"] == 0
    assert scores(*(judged(part=part) for part in evidence.DOSSIER_PARTS))["C4"] == 100


def test_c5_confidentiality_asks_only_what_was_told_in_confidence() -> None:
    assert scores(judged(label="TLP:GREEN", confidential=False))["C5"] is None
    assert scores(judged(), judged(label="TLP:CLEAR"))["C5"] == 50


@given(
    st.lists(st.builds(judged, credibility=st.integers(1, 6), reliability=st.sampled_from([*"ABCDEF", None])))
)
def test_f_and_6_are_unknown_and_never_averaged(findings: list[principles.Judged]) -> None:
    known = [it for it in findings if it.credibility != 6]
    assert scores(*findings)["C1"] == scores(*known)["C1"]
    assert principles.truthfulness(findings).unjudged == len(findings) - len(known)
    sourced = [it for it in findings if it.reliability not in ("F", None)]
    assert scores(*findings)["C2"] == scores(*sourced)["C2"]
    for one in principles.judge(findings):
        assert one.score is None or 0 <= one.score <= 100


# --- through the API ---------------------------------------------------------------------------------------


def dossier(agency: Agency, by: str, client: str, **query: Any) -> dict[str, Any]:
    answer = agency.api(by).get(f"/intelligence/v1/clients/{agency.ids[client]}/dossier", query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return dict(answer.get_json())


def titles(found: dict[str, Any]) -> set[str]:
    return {finding["title"] for part in found["parts"] for finding in part["findings"]}


@pytest.fixture(scope="module")
def quiet(agency: Agency) -> Agency:
    """A client about which nothing is known yet."""
    agency.client("Quiet")
    agency.seat("Quiet", "ann", "CAE")
    agency.seat("Quiet", "amy", "AM")
    return agency


def test_i1_i4_the_four_parts_are_always_there_and_a_colleague_sees_only_what_is_open(quiet: Agency) -> None:
    about = {"client_id": quiet.ids["Quiet"]}
    for part in evidence.DOSSIER_PARTS:
        quiet.finding(**about, part=part, title=f"on {part}")
    quiet.finding(**about, part="company_basics", title="open", label="TLP:CLEAR", credibility=2)
    quiet.finding(**about, part="company_basics", title="unfinished", draft=True)
    gone = quiet.finding(**about, title="gone")
    quiet.take("retract", gone, "ann", reason="wrong")
    team, colleague = dossier(quiet, "amy", "Quiet"), dossier(quiet, "col", "Quiet")
    assert [part["part"] for part in colleague["parts"]] == list(evidence.DOSSIER_PARTS)
    assert titles(team) == {"open", *(f"on {part}" for part in evidence.DOSSIER_PARTS)}
    assert titles(colleague) == {"open"}
    score = {one["id"]: one["score"] for one in team["principles"]}
    assert (score["C1"], score["C4"]) == (80, 100)
    hidden_from = {one["id"]: one["score"] for one in colleague["principles"]}
    assert hidden_from["C4"] == 25, "only what the reader may see counts"


def test_a_late_correction_changes_the_day_but_not_what_was_known_on_it(quiet: Agency) -> None:
    about = {"client_id": quiet.ids["Quiet"], "part": "dealer"}
    old = quiet.finding(**about, title="120 dealers", valid_from="2026-01-01", valid_until="2026-06-30")
    then = rfc3339(now())
    quiet.take("correct", old, "amy", title="102 dealers")
    on = {"valid_at": "2026-03-01"}
    assert "102 dealers" in titles(dossier(quiet, "ann", "Quiet", **on))
    assert "120 dealers" not in titles(dossier(quiet, "ann", "Quiet", **on))
    assert "120 dealers" in titles(dossier(quiet, "ann", "Quiet", **on, known_at=then))
    assert "102 dealers" not in titles(dossier(quiet, "ann", "Quiet", **on, known_at=then))
    assert not {"120 dealers", "102 dealers"} & titles(dossier(quiet, "ann", "Quiet", valid_at="2026-07-01"))


def test_an_ended_valid_time_is_warned_of_and_counts_as_stale(quiet: Agency) -> None:
    ended = quiet.finding(client_id=quiet.ids["Quiet"], part="product", valid_until="2020-01-01")
    assert [warning["reason"] for warning in ended["warnings"]] == ["expired"]
    found = dossier(quiet, "ann", "Quiet")
    (timely,) = [one for one in found["principles"] if one["id"] == "C3"]
    assert {"reason": "expired", "finding_id": ended["id"], "part": None} in timely["lowered_by"]
