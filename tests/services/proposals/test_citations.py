"""Living citations: who may cite and see them, what a fallen finding warns of, what blocks and who
decides.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.intelligence import FindingVerified
from services.intelligence import store as intelligence
from services.proposals import store
from shared import archive
from tests.services.visiting import errors

from .conftest import PROPOSALS, Agency, kind, people, small_world


def citing(agency: Agency, *finding_ids: str, by: str = "amy", **facts: Any) -> dict[str, Any]:
    sections = [{"heading": "我们知道什么", "body": "…", "citations": list(finding_ids)}]
    return agency.write(by, sections=sections, **facts)


def cites(proposal: dict[str, Any]) -> list[str]:
    return [one for section in proposal["sections"] for one in section["citations"]]


def warned(proposal: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["finding_id"], one["reason"]) for one in proposal["warnings"]]


def approve(agency: Agency, made: dict[str, Any]) -> None:
    agency.done("submit", made, "amy")
    assert agency.approve(made).status_code == 200


def test_only_what_stands_and_may_be_seen_is_cited(agency: Agency) -> None:
    red = agency.finding(label="TLP:RED", recipients=[agency.who("amy")])
    draft = agency.finding(draft=True)
    retracted = agency.finding()
    agency.take_finding("retract", retracted, "amy", reason="x")
    assert cites(citing(agency, red)) == [red]
    for finding_id in (draft, retracted):
        body = {"kind": "client", "client_id": agency.ids["Yunling"], "title": "x"}
        body["sections"] = [{"heading": "h", "citations": [finding_id]}]
        assert "sections.0.citations.0" in errors(agency.api("amy").post(PROPOSALS, body))
    body["sections"] = [{"heading": "h", "citations": [red]}]
    hidden = errors(agency.api("adam").post(PROPOSALS, body))
    body["sections"] = [{"heading": "h", "citations": ["0198d000-0000-7000-8000-000000000000"]}]
    assert errors(agency.api("adam").post(PROPOSALS, body)) == hidden


def test_a_citation_is_shown_only_to_who_may_see_the_finding(agency: Agency) -> None:
    red = agency.finding(label="TLP:RED", recipients=[agency.who("amy")])
    open_ = agency.finding(label="TLP:GREEN")
    made = citing(agency, red, open_, label="TLP:GREEN")
    assert cites(agency.read(made, "adam")) == [open_]
    agency.done("submit", made, "amy")
    assert cites(agency.read(made, "col")) == [open_]
    version = agency.api("adam").get(f"{PROPOSALS}/{made['id']}/versions").get_json()["items"][0]["version"]
    assert red not in agency.api("adam").get(f"{PROPOSALS}/{made['id']}/versions/{version}").get_data(
        as_text=True
    )


def test_an_editor_does_not_take_away_what_they_cannot_see(agency: Agency) -> None:
    red = agency.finding(label="TLP:RED", recipients=[agency.who("amy")])
    made = citing(agency, red)
    seen = agency.read(made, "adam")
    assert agency.patch(made, "adam", sections=seen["sections"], title="neu").status_code == 200
    section = f"{PROPOSALS}/{made['id']}/sections/{made['sections'][0]['id']}"
    changed = {"body": "x", "citations": []}
    assert agency.api("adam").patch(section, changed, match='"1"').status_code == 200
    assert cites(agency.read(made, "amy")) == [red]


def test_a_retracted_finding_warns_exactly_the_drafts_that_cite_it(agency: Agency) -> None:
    finding, other = agency.finding(), agency.finding()
    drafts = [citing(agency, finding), citing(agency, finding, other)]
    bystander = citing(agency, other)
    sent = citing(agency, finding)
    approve(agency, sent)
    agency.done("send", sent, "amy")
    versions = {p["id"]: agency.read(p)["version"] for p in (*drafts, bystander, sent)}
    agency.take_finding("retract", finding, "amy", reason="数据有误")
    for one in drafts:
        seen = agency.read(one)
        assert warned(seen) == [(finding, "retracted")]
        assert seen["version"] == versions[one["id"]] + 1, "its history tells of it"
    assert agency.read(bystander)["version"] == versions[bystander["id"]]
    assert warned(agency.read(bystander)) == warned(agency.read(sent)) == []
    assert [one["reason"] for one in agency.read(sent)["notes"]] == ["retracted"]
    assert agency.read(sent)["version"] == versions[sent["id"]], "what was sent stays as it was"


@pytest.mark.parametrize("fall", ["disputed", "superseded", "relabelled", "expired"])
def test_what_else_warns(agency: Agency, fall: str) -> None:
    facts: dict[str, Any] = {"label": "TLP:GREEN"}
    if fall == "expired":
        facts["valid_until"] = "2024-01-01"
    finding = agency.finding(**facts)
    made = citing(agency, finding)
    if fall == "disputed":
        agency.take_finding("dispute", finding, "adam", reason="x")
    elif fall == "superseded":
        agency.take_finding("correct", finding, "adam", title="份额 31%", reason="x")
    elif fall == "relabelled":
        agency.take_finding("correct", finding, "adam", label="TLP:AMBER", reason="x")
    reason = "superseded" if fall == "relabelled" else fall
    assert warned(agency.read(made)) == [(finding, reason)]


def test_the_report_tells_of_exactly_the_open_ones_with_a_warning(agency: Agency) -> None:
    """F4: the report equals a slow look at every proposal, for each reader."""
    falls = {
        "dispute": {"reason": "x"},
        "retract": {"reason": "x"},
        "correct": {"title": "新", "reason": "x"},
    }
    made, late = {}, {}
    for verb in falls:
        finding = agency.finding(label="TLP:GREEN")
        made[verb], late[verb] = citing(agency, finding), citing(agency, finding)
        if verb != "correct":
            approve(agency, late[verb])
            agency.done("send", late[verb], "amy")
        agency.take_finding(verb, finding, "adam" if verb == "dispute" else "amy", **falls[verb])
    red = agency.finding(label="TLP:RED", recipients=[agency.who("amy")])
    hidden = citing(agency, red)
    approve(agency, hidden)
    agency.take_finding("retract", red, "amy", reason="x")
    citing(agency, agency.finding(valid_until="2024-01-01"))
    decided = citing(agency, agency.finding(valid_until="2024-01-01"))
    agency.done("keep-citation", decided, "amy", finding_id=cites(decided)[0], reason="x")
    for who in ("dora", "amy", "adam", "col", "wally"):
        listed = agency.api(who).get(PROPOSALS, query_string={"limit": 200}).get_json()["items"]
        told = agency.api(who).get("/proposals/v1/report").get_json()["warned"]
        expected = {one["id"]: one["warnings"] for one in listed if one["warnings"]}
        assert {one["id"]: one["warnings"] for one in told} == expected
        assert [one["state_since"] for one in told] == sorted(one["state_since"] for one in told)
    told_to_dora = {one["id"] for one in agency.api("dora").get("/proposals/v1/report").get_json()["warned"]}
    assert {made["dispute"]["id"], made["retract"]["id"], made["correct"]["id"], hidden["id"]} <= told_to_dora
    assert not {decided["id"], late["dispute"]["id"], late["retract"]["id"]} & told_to_dora


def test_a_label_that_was_raised_in_place_warns_whoever_cites_the_finding(agency: Agency) -> None:
    """Today a label is raised by a correction; should an event ever raise it in place, drafts are warned."""
    finding = agency.finding(label="TLP:GREEN")
    made, sent = citing(agency, finding), citing(agency, finding)
    approve(agency, sent)
    agency.done("send", sent, "amy")
    for label, expected in (("TLP:CLEAR", []), ("TLP:AMBER", [(finding, "relabelled")])):
        with agency.world.runtimes["intelligence"].unit_of_work() as uow:
            row = uow.session.get_one(intelligence.Finding, finding)
            row.label = label
            uow.emit(FindingVerified, row)
        agency.world.settle()
        assert warned(agency.read(made)) == expected
    assert kind_of_notes(agency.read(sent)) == ["relabelled"]


def kind_of_notes(proposal: dict[str, Any]) -> list[str]:
    return [one["reason"] for one in proposal["notes"]]


def test_a_finding_expires_on_the_day_after_its_last(agency: Agency) -> None:
    today = datetime.now(UTC).date()
    for last, expected in ((today, []), (today - timedelta(days=1), ["expired"])):
        finding = agency.finding(valid_until=last.isoformat())
        found = warned(agency.read(citing(agency, finding)))
        assert [reason for _, reason in found] == expected


def test_a_settled_dispute_warns_no_more(agency: Agency) -> None:
    finding = agency.finding()
    made = citing(agency, finding)
    agency.take_finding("dispute", finding, "adam", reason="x")
    assert warned(agency.read(made))
    agency.take_finding("resolve", finding, "adam", reason="y")
    assert warned(agency.read(made)) == []


@pytest.mark.parametrize("verb", ["send", "present"])
def test_a_warning_blocks_the_way_out_until_somebody_decides(agency: Agency, verb: str) -> None:
    finding = agency.finding()
    made = citing(agency, finding)
    approve(agency, made)
    agency.take_finding("dispute", finding, "adam", reason="x")
    assert kind(agency.take(verb, made, "amy")) == "doubtful-citation"
    assert "reason" in errors(agency.take("keep-citation", made, "amy", finding_id=finding))
    kept = agency.done("keep-citation", made, "amy", finding_id=finding, reason="口径不同，仍成立")
    assert (kept["warnings"], kept["state"]) == ([], "approved"), "the approval still binds"
    agency.take_finding("retract", finding, "amy", reason="y")
    assert warned(agency.read(made)) == [(finding, "retracted")], "a new fall warns again"
    assert kind(agency.take(verb, made, "amy")) == "doubtful-citation"
    agency.done("keep-citation", made, "amy", finding_id=finding, reason="z")
    assert agency.done(verb, made, "amy")["notes"] == []


def test_taking_the_citation_out_is_a_decision_too(agency: Agency) -> None:
    finding = agency.finding()
    made = citing(agency, finding)
    approve(agency, made)
    agency.take_finding("retract", finding, "amy", reason="x")
    patched = agency.patch(made, sections=[{"heading": "我们知道什么", "body": "…"}]).get_json()
    assert (patched["warnings"], patched["state"]) == ([], "draft")


def test_a_copy_of_what_fell_has_fallen(agency: Agency) -> None:
    finding = agency.finding()
    made = citing(agency, finding)
    agency.take_finding("retract", finding, "amy", reason="x")
    agency.done("keep-citation", made, "amy", finding_id=finding, reason="x")
    twin = agency.done("duplicate", made, "amy")
    assert warned(agency.read(twin)) == [(finding, "retracted")]


def test_a_hidden_finding_blocks_without_telling_which(agency: Agency) -> None:
    red = agency.finding(label="TLP:RED", recipients=[agency.who("amy")], title="canary")
    made = citing(agency, red)
    approve(agency, made)
    agency.take_finding("retract", red, "amy", reason="x")
    seen = agency.api("adam").get(f"{PROPOSALS}/{made['id']}")
    assert warned(seen.get_json()) == [("", "hidden")]
    assert red not in seen.get_data(as_text=True)
    assert kind(agency.take("send", made, "adam")) == "doubtful-citation"
    assert agency.take("keep-citation", made, "ann", reason="x").status_code == 403
    assert agency.done("keep-citation", made, "adam", reason="x")["warnings"] == []
    assert agency.done("send", made, "adam")["state"] == "sent"


def test_order_and_repetition_change_nothing(agency: Agency) -> None:
    """INV3: a warning is told once, whatever the deliveries."""
    api = agency.api("amy")
    body = {
        "client_id": agency.ids["Yunling"],
        "part": "market_status",
        "title": "x",
        "source_id": agency.ids["panel"],
    }
    finding = api.make("/intelligence/v1/findings", body)
    agency.world.settle(chaos=3)
    made = citing(agency, finding["id"])
    api.make(f"/intelligence/v1/findings/{finding['id']}/dispute", {"reason": "x"})
    api.make(f"/intelligence/v1/findings/{finding['id']}/retract", {"reason": "y"})
    agency.world.settle(chaos=4)
    seen = agency.read(made)
    assert warned(seen) == [(finding["id"], "retracted")]
    assert seen["version"] == made["version"] + 2


def test_what_a_restored_intelligence_lost_is_retracted_where_it_is_cited_and_else_gone(
    tmp_path: Path,
) -> None:
    with small_world(tmp_path / "home") as world:
        agency = people(world)
        file = tmp_path / "acm.backup"
        archive.backup(world.services, world.settings, file, lambda said: None)
        cited, other = agency.finding(title="cited"), agency.finding(title="other")
        made = citing(agency, cited)
        sources = [service for service in world.services if service.name == "intelligence"]
        with world.stopped(), archive.opened(file) as held:
            archive.restore(sources, world.settings, held, lambda said: None)
        world.settle()
        assert [reason for _, reason in warned(agency.read(made))] == ["retracted"]
        with world.runtimes["proposals"].database.read() as session:
            assert session.get(store.Finding, cited) is not None
            assert session.get(store.Finding, other) is None
