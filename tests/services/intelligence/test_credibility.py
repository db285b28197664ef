"""Credibility 1 is earned by independent origins, and does not silently outlive them (C1, C2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.intelligence.domain import evidence
from tests.services.visiting import errors

from .conftest import FINDINGS, SOURCES, Agency

NAMES = [f"s{number}" for number in range(8)]
chains = st.fixed_dictionaries({name: st.none() | st.sampled_from(NAMES) for name in NAMES})


@given(chains, st.sampled_from(NAMES))
def test_every_chain_ends_in_one_root_even_a_circle(origins: dict[str, str | None], start: str) -> None:
    root = evidence.root(start, origins)
    following = origins[start]
    if following is not None:
        assert evidence.root(following, origins) == root, "a source and what it repeats are one origin"
    assert evidence.root(root, origins) == root


@given(chains, st.lists(st.sampled_from(NAMES), max_size=5), st.sampled_from(NAMES))
def test_repeating_a_source_never_adds_an_origin(
    origins: dict[str, str | None], sources: list[str], repeated: str
) -> None:
    before = evidence.independent_origins([repeated, *sources], origins)
    with_copy = origins | {"copy": repeated}
    assert evidence.independent_origins(["copy", repeated, *sources], with_copy) == before
    assert 1 <= len(before) <= len({repeated, *sources})


@given(chains)
def test_links_that_close_no_circle_keep_chains_open(wished: dict[str, str | None]) -> None:
    origins: dict[str, str | None] = dict.fromkeys(NAMES)
    for source, origin in wished.items():
        if not evidence.closes_circle(source, origin, origins):
            origins[source] = origin
    for source in NAMES:
        assert origins[evidence.root(source, origins)] is None


def test_c1_credibility_1_needs_two_independent_origins(agency: Agency) -> None:
    weekly = agency.finding(source_id=agency.ids["weekly"])
    api = agency.api("ann")
    alone = agency.facts(source_id=agency.ids["weekly"], credibility=1)
    assert set(errors(api.post(FINDINGS, alone))) == {"credibility"}
    assert errors(api.post(FINDINGS, alone | {"corroborated_by": [weekly["id"]]})), "the same source"
    syndicated = alone | {"source_id": agency.ids["reprint"], "corroborated_by": [weekly["id"]]}
    assert errors(api.post(FINDINGS, syndicated)), "a reprint is no second origin"
    assert errors(api.post(FINDINGS, syndicated | {"draft": True})), "no way around through a draft"
    independent = agency.facts(credibility=1, corroborated_by=[weekly["id"]])
    assert api.post(FINDINGS, independent).status_code == 201
    draft = agency.finding(draft=True)
    assert errors(api.patch(f"{FINDINGS}/{draft['id']}", {"credibility": 1}))
    submitted = agency.finding()
    assert errors(agency.take("correct", submitted, "ann", credibility=1))


def test_only_what_stands_confirms(agency: Agency) -> None:
    other = agency.finding(source_id=agency.ids["weekly"])
    draft = agency.finding(source_id=agency.ids["weekly"], draft=True)
    agency.take("retract", other, "ann", reason="wrong")
    for one in (other, draft):
        body = agency.facts(credibility=1, corroborated_by=[one["id"]])
        assert set(errors(agency.api("ann").post(FINDINGS, body))) == {"corroborated_by.0"}


def test_a_confirmation_that_falls_is_warned_of(agency: Agency) -> None:
    other = agency.finding(source_id=agency.ids["weekly"])
    confirmed = agency.finding(credibility=1, corroborated_by=[other["id"]], label="TLP:GREEN")
    assert confirmed["warnings"] == []
    agency.take("dispute", other, "amy", reason="doubt")
    assert agency.read(confirmed, "amy").get_json()["warnings"] == [
        {"reason": "disputed", "finding_id": other["id"]}
    ]
    agency.take("retract", other, "ann", reason="wrong")
    assert agency.read(confirmed, "amy").get_json()["warnings"] == [
        {"reason": "retracted", "finding_id": other["id"]},
        {"reason": "unearned", "finding_id": None},
    ]
    assert agency.read(confirmed, "col").get_json()["warnings"] == [], (
        "it says nothing of what col cannot see"
    )
    assert set(errors(agency.take("verify", confirmed, "amy"))) == {"credibility"}


def test_a_source_found_to_repeat_another_takes_the_confirmation_away(agency: Agency) -> None:
    apart = agency.source("apart")
    other = agency.finding(source_id=apart)
    confirmed = agency.finding(credibility=1, corroborated_by=[other["id"]])
    agency.api("ann").patch(f"{SOURCES}/{apart}", {"origin_id": agency.ids["panel"]})
    assert [w["reason"] for w in agency.read(confirmed, "ann").get_json()["warnings"]] == ["unearned"]
