"""Findings through the API: what can be stored, workflow, drafts, corrections, history (X1, M4, R1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.clock import instant, now, rfc3339
from tests.services.visiting import errors, every

from .conftest import FINDINGS, Agency


def test_x1_a_finding_is_stored_as_submitted_with_its_evidence(agency: Agency) -> None:
    body = agency.facts(
        body="四个季度微降",
        quote="“30.6%”",
        locator="p. 14",
        valid_from="2026-01-01",
        valid_until="2026-12-31",
    )
    answer = agency.api("ann").post(FINDINGS, body)
    assert answer.status_code == 201
    stored = answer.get_json()
    assert answer.headers["Location"] == f"{FINDINGS}/{stored['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["ACM-Token"].startswith("intelligence:")
    assert {name: stored[name] for name in body} == body
    assert stored["state"] == "submitted"
    assert stored["label"] == "TLP:AMBER+STRICT"
    assert stored["credibility"] == 6
    assert stored["author_id"] == agency.who("ann")
    assert stored["collected_at"] == stored["recorded_at"]
    assert agency.read(stored, "amy").get_json() | {"freshness": 0} == stored | {"freshness": 0}


def test_r1_m4_a_market_or_territory_stands_in_place_of_a_client(agency: Agency) -> None:
    market = agency.finding(market="西南乳品", part="dealer")
    assert market["client_id"] is None
    assert agency.read(market, "col").status_code == 200
    territory = agency.finding(client_id=None, territory_id="0192aaaa-0000-7000-8000-000000000001")
    assert agency.read(territory, "wally").status_code == 200
    assert agency.read(market, "audie").status_code == 404


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"source_id": None}, "source_id"),
        ({"title": " "}, "title"),
        ({"part": "gossip"}, "part"),
        ({"label": "TLP:PINK"}, "label"),
        ({"credibility": 0}, "credibility"),
        ({"credibility": "2"}, "credibility"),
        ({"market": "西南", "client_id": "both"}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"label": "TLP:RED"}, "recipients"),
        ({"valid_from": "2026-02-01", "valid_until": "2026-01-31"}, "valid_until"),
        ({"collected_at": rfc3339(now() + timedelta(days=2))}, "collected_at"),
        ({"state": "verified"}, "state"),
    ],
)
def test_what_cannot_be_stored_is_named_by_its_field(
    agency: Agency, facts: dict[str, Any], field: str
) -> None:
    body = agency.facts(**facts)
    if facts.get("client_id") == "both":
        body["client_id"] = agency.ids["Yunling"]
    for draft in (False, True):
        assert field in errors(agency.api("ann").post(FINDINGS, body | {"draft": draft}))


def test_a_value_without_a_source_cannot_be_stored_not_even_as_a_draft(agency: Agency) -> None:
    body = agency.facts(draft=True)
    del body["source_id"]
    assert set(errors(agency.api("ann").post(FINDINGS, body))) == {"source_id"}


def test_a_repeated_request_stores_once(agency: Agency) -> None:
    body = agency.facts(title="once")
    twice = [
        agency.api("ann").post(FINDINGS, body, headers={"Idempotency-Key": "capture-1"}) for _ in range(2)
    ]
    assert twice[0].get_json() == twice[1].get_json()
    assert [f["title"] for f in every(agency.api("ann"), FINDINGS)].count("once") == 1
    other = agency.api("ann").post(FINDINGS, body | {"title": "x"}, headers={"Idempotency-Key": "capture-1"})
    assert other.status_code == 422


# --- the workflow's two sides ------------------------------------------------------------------------------


def test_whoever_wrote_or_submitted_it_may_not_verify_it(agency: Agency) -> None:
    draft = agency.finding("amy", draft=True)
    assert agency.take("submit", draft, "adam").get_json()["state"] == "submitted"
    assert agency.take("verify", draft, "amy").status_code == 403, "its author"
    assert agency.take("verify", draft, "adam").status_code == 403, "who submitted it"
    assert agency.take("verify", draft, "ann").status_code == 403, "a CAE judges nothing"
    verified = agency.take("verify", draft, "dora").get_json()
    assert verified["state"] == "verified"
    assert verified["verified_at"] is not None


def test_whoever_changed_a_draft_may_not_verify_it(agency: Agency) -> None:
    draft = agency.finding("ann", draft=True)
    agency.api("amy").patch(f"{FINDINGS}/{draft['id']}", {"body": "by amy"})
    agency.take("submit", draft, "ann")
    assert agency.take("verify", draft, "amy").status_code == 403
    assert agency.take("verify", draft, "adam").status_code == 200


def test_verifying_renews_freshness(agency: Agency) -> None:
    old = agency.finding(collected_at=rfc3339(now() - timedelta(days=200)))
    assert old["freshness"] < 30
    assert agency.take("verify", old, "amy").get_json()["freshness"] == 100


@pytest.mark.parametrize("verified", [False, True])
def test_a_settled_dispute_returns_it_to_where_it_was(agency: Agency, verified: bool) -> None:
    finding = agency.finding(label="TLP:GREEN")
    if verified:
        agency.take("verify", finding, "amy")
    assert errors(agency.take("dispute", finding, "col")).keys() == {"reason"}
    assert agency.take("dispute", finding, "col", reason="两数不合").get_json()["state"] == "disputed"
    assert agency.take("resolve", finding, "col", reason="mine").status_code == 403
    assert agency.take("resolve", finding, "ann", reason="I wrote it").status_code == 403
    settled = agency.take("resolve", finding, "adam", reason="年报为准").get_json()
    assert settled["state"] == ("verified" if verified else "submitted")
    assert [entry["reason"] for entry in agency.history(finding, "ann")][-2:] == ["两数不合", "年报为准"]


def test_its_author_or_a_judge_retracts_it_with_a_reason(agency: Agency) -> None:
    finding = agency.finding(label="TLP:GREEN")
    assert agency.take("retract", finding, "col", reason="no").status_code == 403
    assert errors(agency.take("retract", finding, "ann")).keys() == {"reason"}
    assert agency.take("retract", finding, "ann", reason="wrong page").get_json()["state"] == "retracted"
    assert agency.read(finding, "amy").get_json()["state"] == "retracted"
    assert agency.take("verify", finding, "amy").status_code == 409


def test_leadership_judges_its_own_branch_only(agency: Agency) -> None:
    finding = agency.finding(label="TLP:GREEN")
    assert agency.take("verify", finding, "leo").status_code == 403, "reads GREEN, but leads another branch"
    assert agency.take("verify", finding, "lea").status_code == 200


def test_a_verb_honours_if_match(agency: Agency) -> None:
    finding = agency.finding()
    path = f"{FINDINGS}/{finding['id']}/verify"
    assert agency.api("amy").post(path, headers={"If-Match": '"7"'}).status_code == 412
    assert agency.api("amy").post(path, headers={"If-Match": '"1"'}).status_code == 200


# --- drafts ------------------------------------------------------------------------------------------------


def test_a_draft_is_seen_by_its_author_and_the_clients_team_only(agency: Agency) -> None:
    draft = agency.finding("ann", draft=True, label="TLP:CLEAR", title="draft only")
    for reader, sees in {"ann": 1, "amy": 1, "adam": 1, "dora": 0, "lea": 0, "col": 0, "wally": 0}.items():
        assert agency.read(draft, reader).status_code == (200 if sees else 404), reader
        listed = {f["id"] for f in every(agency.api(reader), FINDINGS)}
        assert (draft["id"] in listed) == bool(sees), reader
        assert agency.api(reader).get(f"{FINDINGS}/{draft['id']}/history").status_code == (
            200 if sees else 404
        )
    market = agency.finding("ann", market="西南", draft=True)
    assert agency.read(market, "ann").status_code == 200
    assert agency.read(market, "amy").status_code == 404


def test_a_red_draft_can_be_finished_by_its_author_though_only_others_are_named(agency: Agency) -> None:
    draft = agency.finding("ann", draft=True, label="TLP:RED", recipients=[agency.who("amy")])
    assert agency.read(draft, "ann").status_code == 200
    assert agency.read(draft, "adam").status_code == 404
    assert agency.take("submit", draft, "ann").status_code == 200
    assert agency.read(draft, "ann").status_code == 404
    assert agency.read(draft, "amy").status_code == 200


def test_what_a_draft_said_stays_with_those_who_may_see_drafts(agency: Agency) -> None:
    draft = agency.finding("ann", draft=True, title="secret name", label="TLP:GREEN")
    path = f"{FINDINGS}/{draft['id']}"
    before = now()
    agency.api("ann").patch(path, {"title": "clean"})
    agency.take("submit", draft, "ann")
    assert [entry["happening"] for entry in agency.history(draft, "amy")] == [
        "drafted",
        "changed",
        "submitted",
    ]
    (only,) = agency.history(draft, "col")
    assert only["happening"] == "submitted"
    assert "secret name" not in str(only)
    assert agency.read(draft, "amy", known_at=rfc3339(before)).get_json()["title"] == "secret name"
    assert agency.read(draft, "col", known_at=rfc3339(before)).status_code == 404


def test_only_a_draft_is_patched_and_nothing_typed_is_lost(agency: Agency) -> None:
    draft = agency.finding("ann", draft=True, body="第一稿")
    path = f"{FINDINGS}/{draft['id']}"
    assert agency.api("ann").call("PATCH", path, json={"body": "x"}).status_code == 428
    assert agency.api("ann").patch(path, {"body": "x"}, match='"9"').status_code == 412
    changed = agency.api("ann").patch(path, {"quote": "“引文”"}).get_json()
    assert (changed["body"], changed["quote"], changed["version"]) == ("第一稿", "“引文”", 2)
    assert errors(agency.api("ann").patch(path, {"client_id": None, "market": "m"}))
    agency.take("submit", draft, "ann")
    refused = agency.api("ann").patch(path, {"body": "later"})
    assert refused.status_code == 409
    assert refused.get_json()["type"] == "urn:acm:problem:immutable"
    assert agency.api("col").patch(path, {"body": "x"}, match='"3"').status_code == 404
    assert agency.read(draft, "ann").get_json()["body"] == "第一稿"


def test_who_reads_but_does_not_work_on_the_client_gets_403(agency: Agency) -> None:
    finding = agency.finding(label="TLP:GREEN")
    assert agency.api("col").patch(f"{FINDINGS}/{finding['id']}", {"body": "x"}).status_code == 403
    assert agency.take("correct", finding, "col", title="x").status_code == 403
    assert agency.api("col").post(FINDINGS, agency.facts()).status_code == 403


# --- corrections -------------------------------------------------------------------------------------------


def test_a_correction_supersedes_and_keeps_what_was_there(agency: Agency) -> None:
    old = agency.finding(title="30.6%", body="kept", quote="kept too", credibility=2)
    agency.take("verify", old, "amy")
    answer = agency.take("correct", old, "adam", title="30.1%", reason="misread")
    assert answer.status_code == 200
    new = answer.get_json()
    assert answer.headers["Location"] == f"{FINDINGS}/{new['id']}"
    assert new["id"] != old["id"]
    assert (new["state"], new["verified_at"], new["supersedes_id"]) == ("submitted", None, old["id"])
    assert (new["title"], new["body"], new["quote"], new["credibility"]) == ("30.1%", "kept", "kept too", 2)
    assert new["author_id"] == agency.who("adam")
    left = agency.read(old, "ann").get_json()
    assert (left["state"], left["superseded_by_id"], left["title"]) == ("superseded", new["id"], "30.6%")
    assert agency.history(old, "ann")[-1]["reason"] == "misread"
    assert agency.take("correct", old, "ann", title="again").status_code == 409
    assert agency.take("verify", new, "adam").status_code == 403, "who corrected it"


def test_a_correction_changes_something_and_stays_with_its_client(agency: Agency) -> None:
    old = agency.finding(title="same")
    assert errors(agency.take("correct", old, "ann", title="same"))
    assert errors(agency.take("correct", old, "ann", client_id=agency.ids["Secret"])).keys() == {"client_id"}
    assert errors(agency.take("correct", old, "ann", corroborated_by=[old["id"]], credibility=1))
    assert agency.read(old, "ann").get_json()["version"] == 1


def test_a_label_changes_by_correction_only_and_links_show_as_far_as_the_reader_sees(agency: Agency) -> None:
    old = agency.finding(label="TLP:GREEN")
    new = agency.take(
        "correct", old, "amy", label="TLP:RED", recipients=[agency.who("amy"), agency.who("ann")]
    ).get_json()
    assert agency.read(old, "ann").get_json()["superseded_by_id"] == new["id"]
    assert agency.read(old, "adam").get_json()["superseded_by_id"] is None
    assert new["id"] not in str(agency.history(old, "adam"))


# --- history -----------------------------------------------------------------------------------------------


def test_the_history_tells_each_field_who_when_and_from_what_to_what(agency: Agency) -> None:
    draft = agency.finding("ann", draft=True, title="one", body="b")
    agency.api("amy").patch(f"{FINDINGS}/{draft['id']}", {"title": "two"})
    agency.take("submit", draft, "ann")
    entries = agency.history(draft, "ann")
    assert [entry["version"] for entry in entries] == [1, 2, 3]
    assert entries[1]["actor_id"] == agency.who("amy")
    assert entries[1]["actor_name"] == "amy"
    assert entries[1]["changes"] == [{"field": "title", "old": "one", "new": "two"}]
    assert entries[2]["changes"] == [{"field": "state", "old": "draft", "new": "submitted"}]
    assert instant(entries[0]["at"]) <= instant(entries[1]["at"]) <= instant(entries[2]["at"])
    told: dict[str, Any] = {}
    for entry in entries:
        told |= {change["field"]: change["new"] for change in entry["changes"]}
    current = agency.read(draft, "ann").get_json()
    assert {name: current[name] for name in told} == told


def test_known_at_reads_what_was_known_then(agency: Agency) -> None:
    finding = agency.finding()
    before = rfc3339(now())
    agency.take("verify", finding, "amy")
    assert agency.read(finding, "ann", known_at=before).get_json()["state"] == "submitted"
    assert agency.read(finding, "ann").get_json()["state"] == "verified"
    assert agency.read(finding, "ann", known_at="2020-01-01").status_code == 404


# --- lists -------------------------------------------------------------------------------------------------


def test_a_list_is_filtered_and_keeps_its_pages_under_inserts(agency: Agency) -> None:
    wanted = [agency.finding(part="product", method="survey", title=f"p{n}")["id"] for n in range(5)]
    first = agency.api("ann").get(FINDINGS, query_string={"part": "product", "limit": 2}).get_json()
    agency.finding(part="product", title="later")
    second = agency.api("ann").get(
        FINDINGS, query_string={"part": "product", "limit": 2, "cursor": first["next"]}
    )
    assert [f["id"] for f in first["items"] + second.get_json()["items"]] == wanted[:0:-1]
    mine = every(agency.api("amy"), FINDINGS, author="me")
    assert {f["author_id"] for f in mine} <= {agency.who("amy")}
    by_method = every(agency.api("ann"), FINDINGS, method="survey", client_id=agency.ids["Yunling"])
    assert {f["id"] for f in by_method} == set(wanted)
    assert every(agency.api("ann"), FINDINGS, client_id="unknown") == []
    assert agency.api("ann").get(FINDINGS, query_string={"cursor": "forged"}).status_code == 400


def test_a_client_that_has_not_arrived_is_pending_for_its_team_only(agency: Agency) -> None:
    world = agency.world
    ann, dora = agency.api("ann"), agency.api("dora")  # now: a first token lets everything arrive
    client = agency.api("admin").make("/accounts/v1/clients", {"name": "Late"})["id"]
    agency.ids["Late"] = client
    made = agency.api("admin").make(
        f"/accounts/v1/clients/{client}/assignments",
        {"person_id": agency.who("ann"), "role": "AM", "from": "2020-01-01"},
    )
    assert made["id"]
    world.publish()
    for consumer in world.consumers("intelligence"):
        if consumer.name.endswith(".access"):  # seats travel apart, and may come first
            while consumer.step():
                pass
    pending = ann.post(FINDINGS, agency.facts(client_id=client))
    assert pending.status_code == 201
    assert pending.get_json()["client_pending"] is True
    assert errors(dora.post(FINDINGS, agency.facts(client_id=client))).keys() == {"client_id"}
    world.settle()
    assert agency.read(pending.get_json(), "ann").get_json()["client_pending"] is False
