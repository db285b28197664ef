"""Approved beyond doubt: four-eyes, the hash, the trail; the bypasses that peers suffered, over the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.services.visiting import errors

from .conftest import PROPOSALS, Agency, Browser, kind, money


def large(amount: str, discount: str = "0") -> dict[str, Any]:
    line = {"item": "媒介", "unit_price": money(amount), "discount_percent": discount}
    return {"lines": [line], "tax_percent": "6"}


def in_review(agency: Agency, by: str = "amy", **facts: Any) -> dict[str, Any]:
    return agency.done("submit", agency.write(by, **facts), by)


def test_pr2_from_draft_to_accepted(agency: Agency) -> None:
    made = in_review(agency)
    assert (made["state"], made["waiting_for"]) == ("in_review", ["AD"])
    approved = agency.approve(made).get_json()
    assert (approved["state"], approved["waiting_for"]) == ("approved", [])
    assert agency.done("present", made, "amy")["state"] == "presented"
    assert agency.done("send", made, "amy")["state"] == "sent"
    assert "reason" in errors(agency.take("outcome", made, "amy", result="renegotiating"))
    again = agency.done("outcome", made, "amy", result="renegotiating", reason="价格")
    assert again["state"] == "renegotiating"
    accepted = agency.done("outcome", made, "amy", result="accepted", reason="签了")
    assert (accepted["state"], accepted["result"], accepted["verbs"]) == ("accepted", "accepted", [])
    assert accepted["closed_at"]


def test_pr1_an_internal_proposal_is_adopted_with_its_reason(agency: Agency) -> None:
    made = in_review(agency, "col", kind="internal", client_id=None, title="工时制度")
    assert made["waiting_for"] == ["director"]
    content_hash = agency.read(made, "dora")["content_hash"]
    assert "note" in errors(agency.take("approve", made, "dora", content_hash=content_hash))
    adopted = agency.done("approve", made, "dora", content_hash=content_hash, note="试行三个月")
    assert (adopted["state"], adopted["outcome_reason"]) == ("adopted", "试行三个月")


def test_pr1_or_rejected_with_its_reason(agency: Agency) -> None:
    made = in_review(agency, "col", kind="internal", client_id=None)
    assert agency.take("outcome", made, "col", result="rejected", reason="x").status_code == 403
    assert "reason" in errors(agency.take("outcome", made, "dora", result="rejected"))
    assert agency.done("outcome", made, "dora", result="rejected", reason="太贵")["state"] == "rejected"
    assert agency.trail(made, "dora")[-1]["decision"] == "rejected"


def test_adopting_by_the_outcome_binds_to_what_was_seen(agency: Agency) -> None:
    made = in_review(agency, "col", kind="internal", client_id=None)
    unseen = agency.take("outcome", made, "dora", result="adopted", reason="x")
    assert kind(unseen) == "content-changed"
    seen = {"result": "adopted", "reason": "好", "content_hash": made["content_hash"]}
    assert agency.done("outcome", made, "dora", **seen)["state"] == "adopted"


def test_nobody_approves_their_own(agency: Agency) -> None:
    made = in_review(agency, "adam")
    assert agency.approve(made, "adam").status_code == 403
    assert agency.approve(made, "dora").status_code == 200, "a director stands in"


def test_nobody_approves_what_they_had_a_hand_in(agency: Agency) -> None:
    made = agency.write("amy")
    agency.patch(made, "adam", title="改过")
    agency.done("submit", made, "amy")
    assert agency.approve(made, "adam").status_code == 403


def test_an_edit_after_approval_returns_to_draft_and_voids_it(agency: Agency) -> None:
    made = agency.approved()
    patched = agency.patch(made, title="另一个题目").get_json()
    assert (patched["state"], patched["waiting_for"]) == ("draft", [])
    assert kind(agency.take("send", made, "amy")) == "wrong-state"
    (entry,) = agency.trail(made)
    assert (entry["decision"], entry["content_hash"]) == ("approved", made["content_hash"])
    assert entry["voided_at"]
    back = agency.patch(made, title=made["title"]).get_json()
    assert back["content_hash"] == made["content_hash"]
    agency.done("submit", made, "amy")
    assert agency.read(made)["waiting_for"] == ["AD"], "even the same content is approved anew"


@pytest.mark.parametrize("path", ["section", "added", "removed", "budget", "label", "valid_until"])
def test_every_path_to_the_content_voids_the_approval(agency: Agency, path: str) -> None:
    made = agency.approved()
    api, base = agency.api("amy"), f"{PROPOSALS}/{made['id']}/sections"
    section = f"{base}/{made['sections'][0]['id']}"
    if path == "section":
        assert api.patch(section, {"body": "geändert"}, match='"1"').status_code == 200
    elif path == "added":
        assert api.post(base, {"heading": "neu"}).status_code == 201
    elif path == "removed":
        assert api.call("DELETE", section, headers={"If-Match": '"1"'}).status_code == 200
    else:
        facts = {"budget": large("1.00"), "label": "TLP:AMBER", "valid_until": "2027-01-01"}
        assert agency.patch(made, **{path: facts[path]}).status_code == 200
    assert agency.read(made)["state"] == "draft"
    assert agency.trail(made)[0]["voided_at"]


def test_what_is_no_content_voids_nothing(agency: Agency) -> None:
    made = agency.approved()
    facts = {"due_at": "2027-01-01", "probability": 60, "owner_id": agency.who("ann")}
    patched = agency.patch(made, **facts).get_json()
    assert (patched["state"], patched["probability"]) == ("approved", 60)
    assert agency.done("send", made, "amy")["state"] == "sent"


def test_an_edit_that_changes_nothing_voids_nothing(agency: Agency) -> None:
    made = agency.approved()
    same = agency.patch(made, title=made["title"], sections=made["sections"]).get_json()
    assert (same["state"], same["version"]) == ("approved", made["version"])


def test_a_duplicate_or_alternative_of_an_approved_one_is_not_approved(agency: Agency) -> None:
    made = agency.approved()
    for verb in ("duplicate", "alternative"):
        twin = agency.done(verb, made, "amy")
        assert (twin["state"], agency.trail(twin)) == ("draft", [])
        assert kind(agency.take("send", twin, "amy")) == "wrong-state"


def test_approving_what_was_not_seen(agency: Agency) -> None:
    made = in_review(agency)
    for content_hash in ("0" * 64, "x"):
        refused = agency.take("approve", made, "adam", content_hash=content_hash)
        assert (refused.status_code, kind(refused)) == (409, "content-changed")
    assert "content_hash" in errors(agency.take("approve", made, "adam"))
    assert agency.read(made)["state"] == "in_review"
    assert agency.trail(made) == []


def test_a_stale_tab(agency: Agency) -> None:
    made = in_review(agency)
    agency.patch(made, title="heimlich")
    agency.done("submit", made, "amy")
    stale = agency.take("approve", made, "adam", content_hash=made["content_hash"])
    assert (stale.status_code, kind(stale)) == (409, "content-changed")
    old = agency.api("adam").post(
        f"{PROPOSALS}/{made['id']}/approve",
        {"content_hash": agency.read(made)["content_hash"]},
        headers={"If-Match": f'"{made["version"]}"'},
    )
    assert old.status_code == 412


def test_approving_twice(agency: Agency) -> None:
    made = in_review(agency, budget=large("600000.00"))
    assert made["waiting_for"] == ["AD", "director"]
    half = agency.approve(made, "adam").get_json()
    assert (half["state"], half["waiting_for"]) == ("in_review", ["director"])
    assert kind(agency.approve(made, "adam")) == "already-approved"
    assert agency.approve(made, "dora").get_json()["state"] == "approved"
    assert agency.approve(made, "dan").status_code == 409


def test_one_person_gives_one_approval(agency: Agency) -> None:
    made = in_review(agency, budget=large("600000.00"))
    assert agency.approve(made, "dora").get_json()["waiting_for"] == ["director"], "stood in for the AD"
    assert agency.approve(made, "dora").status_code == 409
    assert agency.approve(made, "dan").get_json()["state"] == "approved"


def test_a_deep_discount_is_approved_in_parallel(agency: Agency) -> None:
    made = in_review(agency, budget=large("1000.00", "10.01"))
    assert made["waiting_for"] == ["AD", "director"]
    assert agency.approve(made, "dora").get_json()["waiting_for"] == ["AD"]
    assert agency.approve(made, "adam").get_json()["state"] == "approved"


def test_who_may_not_approve(agency: Agency) -> None:
    made = in_review(agency, label="TLP:GREEN")
    assert agency.approve(made, "ann").status_code == 403
    assert agency.approve(made, "col").status_code == 403
    answer = agency.take("approve", made, "wally", content_hash=made["content_hash"])
    assert answer.status_code == 404


def test_changes_are_requested_with_a_note(agency: Agency) -> None:
    made = in_review(agency, budget=large("600000.00"))
    agency.approve(made, "adam")
    assert agency.take("request-changes", made, "dora").status_code == 422
    assert agency.take("request-changes", made, "amy", note="x").status_code == 403
    back = agency.done("request-changes", made, "dora", note="预算太高")
    assert back["state"] == "draft"
    trail = agency.trail(made)
    assert [entry["decision"] for entry in trail] == ["approved", "changes_requested"]
    assert trail[0]["voided_at"]
    assert agency.done("submit", made, "amy")["waiting_for"] == ["AD", "director"]


def test_what_was_sent_stays_as_it_is(agency: Agency) -> None:
    made = agency.approved()
    agency.done("send", made, "amy")
    assert kind(agency.patch(made, title="x")) == "immutable"
    section = f"{PROPOSALS}/{made['id']}/sections/{made['sections'][0]['id']}"
    assert agency.api("amy").patch(section, {"body": "x"}, match='"1"').status_code == 409
    assert agency.patch(made, probability=70).status_code == 200
    agency.done("outcome", made, "amy", result="renegotiating", reason="r")
    assert agency.patch(made, title="neu").get_json()["state"] == "draft"


def test_steps_out_of_order_are_refused(agency: Agency) -> None:
    made = agency.write()
    for verb, body in {
        "send": {},
        "present": {},
        "outcome": {"result": "accepted"},
        "approve": {"content_hash": made["content_hash"]},
        "brief": {},
        "debrief": {"ours": "x", "theirs": "y"},
        "decide": {
            "decision": "go",
            "probability": 1,
            "expected_margin": money("1"),
            "expected_cost": money("1"),
            "reason": "x",
        },
    }.items():
        who = "adam" if verb == "approve" else "amy"
        assert agency.take(verb, made, who, **body).status_code == 409, verb
    assert "result" in errors(agency.take("outcome", made, "amy", result="won"))
    empty = agency.write(sections=[])
    assert "sections" in errors(agency.take("submit", empty, "amy"))


def test_the_rules_and_workflows_are_told(agency: Agency) -> None:
    rules = agency.api("col").get("/proposals/v1/approval-rules").get_json()["items"]
    assert {rule["who"] for rule in rules} == {"AD", "director"}
    found = agency.api("col").get("/proposals/v1/workflows").get_json()["items"]
    assert [one["kind"] for one in found] == ["internal", "client", "pitch"]


# --- thresholds that directors set --------------------------------------------------------------------------

RULES = "/proposals/v1/approval-rules"


@pytest.fixture
def threshold(agency: Agency) -> Iterator[str]:
    """The address of the rule on large amounts, which holds again as before when the test is over."""
    path = f"{RULES}/large-amount"
    yield path
    agency.api("dora").patch(path, {"amount_from": money("500000")})


def whom(agency: Agency, made: dict[str, Any]) -> list[str]:
    needed = agency.api("amy").get(f"{PROPOSALS}/{made['id']}/approvals").get_json()["needed"]
    return [slot["who"] for slot in needed]


@pytest.mark.rule("P3")
def test_p3_directors_set_from_which_amount_they_are_asked(agency: Agency, threshold: str) -> None:
    budget = {"lines": [{"item": "x", "unit_price": money("200000")}], "tax_percent": "6"}
    under_review, draft = agency.write(budget=budget), agency.write(budget=budget)
    agency.done("submit", under_review, "amy")
    for who in ("ann", "amy", "adam", "wally", "col", "audie", "admin"):
        refused = agency.api(who).patch(threshold, {"amount_from": money("1")})
        assert refused.status_code == 403, who
    changed = agency.api("dora").patch(threshold, {"amount_from": money("150000")})
    assert (changed.status_code, changed.get_json()["amount_from"]) == (200, money("150000.00"))
    listed = {one["id"]: one for one in agency.api("col").get(RULES).get_json()["items"]}
    assert listed["large-amount"]["amount_from"] == money("150000.00")

    assert whom(agency, draft) == ["AD", "director"], "what is written now is under the new rule"
    assert whom(agency, under_review) == ["AD"], "what is under review keeps the rule that it went there with"
    assert agency.approve(under_review).status_code == 200
    assert agency.read(under_review)["state"] == "approved"
    agency.done("submit", draft, "amy")
    assert agency.approve(draft).status_code == 200
    assert agency.read(draft)["state"] == "in_review"
    agency.api("dora").patch(threshold, {"amount_from": money("900000")})
    assert agency.read(draft)["waiting_for"] == ["director"], "raising it later does not wave it through"
    assert agency.approve(draft, "dora").status_code == 200
    assert agency.read(draft)["state"] == "approved"
    assert whom(agency, draft) == ["AD", "director"], "its record still says what it needed"


def test_a_threshold_is_refused_as_any_other_field(agency: Agency, threshold: str) -> None:
    dora = agency.api("dora")
    seen = dora.get(threshold)
    assert dora.call("PATCH", threshold, json={"amount_from": money("1")}).status_code == 428
    changed = dora.patch(threshold, {"amount_from": money("1")})
    assert changed.headers["ETag"] != seen.headers["ETag"]
    assert dora.patch(threshold, {"amount_from": money("2")}, match=seen.headers["ETag"]).status_code == 412
    assert "discount_over" in errors(dora.patch(threshold, {"discount_over": "5"}))
    assert "amount_from" in errors(dora.patch(threshold, {"amount_from": money("-1")}))
    assert "discount_over" in errors(dora.patch(f"{RULES}/deep-discount", {"discount_over": "101"}))
    assert dora.call("PATCH", f"{RULES}/no-such", json={}, headers={"If-Match": "*"}).status_code == 404
    assert "amount_from" in errors(dora.patch(f"{RULES}/client-lead", {"amount_from": money("1")}))


def test_a_change_of_a_rule_is_audited(agency: Agency, threshold: str) -> None:
    agency.api("dora").patch(threshold, {"amount_from": money("123456.78")})
    agency.world.settle()
    entries = agency.api("audie").get("/proposals/v1/audit?limit=200").get_json()["items"]
    told = [one for one in entries if one["action"] == "rule.changed"]
    expected = {"threshold": "amount_from", "before": "500000", "after": "123456.78"}
    assert any(one["details"].items() >= expected.items() for one in told), told


@pytest.mark.parametrize("language", ["zh", "en"])
def test_rules_are_read_by_all_and_set_by_directors_on_their_page(
    agency: Agency, threshold: str, language: str
) -> None:
    page, dora = "/proposals/rules", Browser(agency, "dora", language=language)
    assert 'name="value"' not in Browser(agency, "amy", language=language).page(page)
    sent = {"rule_id": "large-amount", "value": "12,x", "version": version_of(dora.page(page))}
    refused = dora.send(page, sent)
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.get_data(as_text=True)
    assert dora.send(page, sent | {"value": "250,000"}).status_code == 303
    assert "250,000.00" in dora.page(page)
    assert dora.send(page, sent | {"value": "1"}).status_code == 412, "a stale tab"
    forged = {"rule_id": "large-amount", "value": "1", "version": version_of(dora.page(page))}
    assert Browser(agency, "amy").send("/proposals/new", forged, to=page).status_code == 403
    assert agency.api("amy").get(threshold).get_json()["amount_from"] == money("250000.00")


def version_of(page: str) -> str:
    """The version in the form of the rule on large amounts."""
    form = page[page.index('value="large-amount"') :]
    found = re.search(r'name="version" value="([^"]+)"', form)
    assert found is not None
    return found[1]
