"""Writing: fields, sections that several people edit at once, budgets, versions, copies, comments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.visiting import errors

from .conftest import PROPOSALS, Agency, kind, money


def test_pr2_a_client_proposal_is_begun(agency: Agency) -> None:
    answer = agency.api("amy").post(
        PROPOSALS,
        {
            "kind": "client",
            "client_id": agency.ids["Yunling"],
            "title": "低温奶上市",
            "due_at": "2026-12-01",
            "sections": [{"heading": "任务", "body": "三个月进入华东", "citations": [agency.finding()]}],
        },
    )
    made = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{PROPOSALS}/{made['id']}"
    assert answer.headers["ETag"] == f'"{made["version"]}"'
    assert answer.headers["ACM-Token"]
    assert made["state"] == "draft"
    assert made["number"].startswith("P20")
    assert made["due_at"].startswith("2026-11-30T16:00")
    assert made["label"] == "TLP:AMBER+STRICT"
    assert made["warnings"] == []
    assert len(made["content_hash"]) == 64
    assert made["sections"][0]["citations"]
    assert made["verbs"] == ["submit", "withdraw"]


def test_numbers_count_by_year(agency: Agency) -> None:
    first, second = agency.write()["number"], agency.write()["number"]
    assert int(second[-4:]) == int(first[-4:]) + 1
    assert first[:6] == second[:6]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("which", ["internal", "client", "pitch", "retainer"])
def test_a_template_gives_the_sections(agency: Agency, which: str, language: str) -> None:
    kind_ = "client" if which == "retainer" else which
    made = agency.write(kind=kind_, language=language, template=which, sections=None)
    assert len(made["sections"]) >= 5
    offered = agency.api("amy").get("/proposals/v1/templates", query_string={"language": language})
    headings = {
        t["id"]: [section["heading"] for section in t["sections"]] for t in offered.get_json()["items"]
    }
    assert [section["heading"] for section in made["sections"]] == headings[which]


def test_a_template_that_there_is_not(agency: Agency) -> None:
    answer = agency.api("amy").post(
        PROPOSALS,
        {"kind": "client", "client_id": agency.ids["Yunling"], "title": "x", "template": "nope"},
    )
    assert "template" in errors(answer)


def test_what_cannot_be_begun(agency: Agency) -> None:
    def answer(by: str = "amy", **facts: Any) -> Any:
        body = {"kind": "client", "client_id": agency.ids["Yunling"], "title": "x", **facts}
        return agency.api(by).post(PROPOSALS, body)

    assert "client_id" in errors(answer(client_id=None)), "only an internal one has no client"
    unknown = errors(answer(client_id="0198d000-0000-7000-8000-000000000000"))
    assert errors(answer("wally")) == unknown, "behind a wall it is as if it were not there"
    assert answer("col").status_code == 403
    assert errors(answer("audie")) == unknown, "an auditor lists no clients"
    assert "kind" in errors(answer(kind="x"))
    assert "recipients" in errors(answer(label="TLP:RED"))
    assert "recipients.0" in errors(answer(recipients=[agency.who("wally")]))
    assert "owner_id" in errors(answer(owner_id=agency.who("wally")))
    assert "title" in errors(answer(title=" "))
    assert answer(probability=101).status_code == 422


def test_a_budget_is_reckoned_to_the_cent(agency: Agency) -> None:
    made = agency.write(
        budget={
            "tax_percent": "6",
            "lines": [
                {"item": "策略", "quantity": "3", "unit_price": money("0.10")},
                {"item": "媒介", "quantity": "1", "unit_price": money("1000.05"), "discount_percent": "12.5"},
            ],
        }
    )
    budget = made["budget"]
    assert budget["gross"] == money("1000.35")
    assert budget["lines"][1]["net"] == money("875.04")
    assert budget["net"] == made["amount"] == money("875.34")
    assert budget["tax"] == money("52.52")
    assert budget["total"] == money("927.86")


@pytest.mark.parametrize(
    "line",
    [
        {"unit_price": {"amount": "1.00", "currency": "EUR"}},
        {"unit_price": "1.00"},
        {"unit_price": {"amount": "1.005", "currency": "CNY"}},
        {"unit_price": {"amount": "NaN", "currency": "CNY"}},
        {"unit_price": {"amount": "-1", "currency": "CNY"}},
        {"unit_price": money("1"), "quantity": "1e30"},
        {"unit_price": money("1"), "discount_percent": "101"},
    ],
)
def test_a_budget_line_that_cannot_be_reckoned(agency: Agency, line: dict[str, Any]) -> None:
    body = {
        "kind": "client",
        "client_id": agency.ids["Yunling"],
        "title": "x",
        "budget": {"lines": [{"item": "x", **line}]},
    }
    assert agency.api("amy").post(PROPOSALS, body).status_code == 422


def test_patching_needs_the_version_that_was_read(agency: Agency) -> None:
    made = agency.write()
    path = f"{PROPOSALS}/{made['id']}"
    assert agency.api("amy").call("PATCH", path, json={"title": "y"}).status_code == 428
    assert agency.patch(made, title="y").status_code == 200
    assert agency.api("amy").patch(path, {"title": "z"}, match=f'"{made["version"]}"').status_code == 412
    assert agency.read(made)["title"] == "y"


# --- several people at once --------------------------------------------------------------------------------


def section_path(made: dict[str, Any], place: int) -> str:
    return f"{PROPOSALS}/{made['id']}/sections/{made['sections'][place]['id']}"


def test_two_people_edit_two_sections_at_once(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "一"}, {"heading": "二"}])
    first = agency.api("amy").patch(section_path(made, 0), {"body": "amy"}, match='"1"')
    second = agency.api("adam").patch(section_path(made, 1), {"body": "adam"}, match='"1"')
    assert (first.status_code, second.status_code) == (200, 200)
    assert [section["body"] for section in agency.read(made)["sections"]] == ["amy", "adam"]


def test_of_two_who_edit_one_section_the_second_is_told(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "一"}])
    first = agency.api("amy").patch(section_path(made, 0), {"body": "amy"}, match='"1"')
    assert first.headers["ETag"] == '"2"'
    assert agency.api("adam").patch(section_path(made, 0), {"body": "adam"}, match='"1"').status_code == 412
    assert agency.api("adam").call("PATCH", section_path(made, 0), json={"body": "x"}).status_code == 428
    assert agency.read(made)["sections"][0]["body"] == "amy"


def test_sections_are_added_and_taken_out(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "一"}])
    added = agency.api("amy").post(f"{PROPOSALS}/{made['id']}/sections", {"heading": "二", "body": "new"})
    assert added.status_code == 201
    assert agency.api("amy").call("DELETE", section_path(made, 0)).status_code == 428
    gone = agency.api("amy").call("DELETE", section_path(made, 0), headers={"If-Match": '"1"'})
    assert [section["heading"] for section in gone.get_json()["sections"]] == ["二"]


def test_a_list_of_sections_keeps_what_is_recognised(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "一", "body": "a"}, {"heading": "二", "body": "b"}])
    ids = [section["id"] for section in made["sections"]]
    patched = agency.patch(
        made,
        sections=[
            {"heading": "二", "body": "b"},
            {"id": ids[0], "heading": "壹", "body": "a"},
            {"heading": "三"},
        ],
    ).get_json()
    assert [section["id"] for section in patched["sections"][:2]] == [ids[1], ids[0]]
    assert [section["version"] for section in patched["sections"]] == [1, 2, 1]


# --- versions ----------------------------------------------------------------------------------------------


def test_versions_tell_what_was_written_and_what_became_of_it(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "任务", "body": "one\ntwo"}])
    agency.done("submit", made, "amy")
    agency.approve(made)
    agency.patch(made, sections=[{"heading": "任务", "body": "one\nTWO"}, {"heading": "新"}])
    found = agency.api("amy").get(f"{PROPOSALS}/{made['id']}/versions").get_json()["items"]
    assert [version["marks"] for version in found] == [[], ["submitted", "approved"]]
    assert [version["is_current"] for version in found] == [True, False]
    old = agency.api("amy").get(f"{PROPOSALS}/{made['id']}/versions/{found[1]['version']}").get_json()
    assert old["sections"][0]["body"] == "one\ntwo"
    assert old["content_hash"] == made["content_hash"]
    changes = agency.api("amy").get(
        f"{PROPOSALS}/{made['id']}/versions/{found[0]['version']}/changes",
        query_string={"since": found[1]["version"]},
    )
    assert [(c["change"], c["heading"]) for c in changes.get_json()["sections"]] == [
        ("changed", "任务"),
        ("added", "新"),
    ]
    assert {"kind": "removed", "text": "two"} in changes.get_json()["sections"][0]["pieces"]


def test_versions_in_the_making_stay_with_the_team(agency: Agency) -> None:
    made = agency.write(label="TLP:GREEN", sections=[{"heading": "h", "body": "first thoughts"}])
    agency.patch(made, sections=[{"heading": "h", "body": "second thoughts"}])
    agency.done("submit", made, "amy")
    path = f"{PROPOSALS}/{made['id']}/versions"
    assert agency.api("col").get(f"{PROPOSALS}/{made['id']}").status_code == 200
    seen = agency.api("col").get(path).get_json()["items"]
    assert len(seen) == 1
    first = agency.api("amy").get(path).get_json()["items"][-1]["version"]
    texts = [agency.api("amy").get(f"{path}/{v}") for v in range(1, first + 1)]
    assert any("first" in answer.get_data(as_text=True) for answer in texts)
    for v in range(1, first + 1):
        assert "first" not in agency.api("col").get(f"{path}/{v}").get_data(as_text=True)


# --- copies ------------------------------------------------------------------------------------------------


def test_alternatives_stand_side_by_side_and_one_is_accepted(agency: Agency) -> None:
    made = agency.approved()
    other = agency.done("alternative", made, "amy", title="低温奶上市（方案乙）")
    third = agency.done("alternative", made, "amy")
    assert {one["family_id"] for one in (made, other, third)} == {made["family_id"]}
    assert (other["alternative"], third["alternative"]) == ("B", "C")
    assert agency.read(made)["alternative"] == "A"
    assert other["state"] == "draft"
    agency.done("submit", other, "amy")
    agency.approve(other)
    agency.done("send", other, "amy")
    agency.done("send", made, "amy")
    assert agency.done("outcome", other, "amy", result="accepted")["state"] == "accepted"
    assert agency.read(made)["state"] == "declined"
    assert agency.read(third)["state"] == "withdrawn"
    assert kind(agency.take("alternative", made, "amy")) == "accepted"


def test_a_duplicate_is_a_proposal_of_its_own(agency: Agency) -> None:
    made = agency.write()
    twin = agency.done("duplicate", made, "amy")
    assert twin["content_hash"] == made["content_hash"]
    assert twin["family_id"] != made["family_id"]
    assert twin["number"] != made["number"]


# --- comments ----------------------------------------------------------------------------------------------


def test_comments_mention_only_people_who_may_read(agency: Agency) -> None:
    made = agency.write()
    path = f"{PROPOSALS}/{made['id']}/comments"
    said = {"body": "@adam 请看", "mentions": [agency.who("adam")], "section_id": made["sections"][0]["id"]}
    answer = agency.api("amy").post(path, said)
    assert answer.status_code == 201
    for hidden in ("wally", "col"):
        refused = agency.api("amy").post(path, {"body": "x", "mentions": [agency.who(hidden)]})
        assert "mentions.0" in errors(refused)
    unknown = agency.api("amy").post(path, {"body": "x", "section_id": "nope"})
    assert unknown.status_code == 404
    one = agency.api("adam").get(path).get_json()["items"][0]
    assert one["mentions"] == [agency.who("adam")]
    resolved = agency.api("adam").post(f"{path}/{one['id']}/resolve")
    assert resolved.get_json()["resolved_by"] == agency.who("adam")
    assert agency.api("adam").post(f"{path}/{one['id']}/resolve").status_code == 409


def test_sending_twice_stores_once(agency: Agency) -> None:
    body = {"kind": "client", "client_id": agency.ids["Yunling"], "title": "twice"}
    headers = {"Idempotency-Key": "prop-1"}
    first = agency.api("amy").call("POST", PROPOSALS, json=body, headers=headers)
    again = agency.api("amy").call("POST", PROPOSALS, json=body, headers=headers)
    assert first.get_json()["id"] == again.get_json()["id"]
