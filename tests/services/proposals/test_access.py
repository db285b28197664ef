"""Who sees and does what, from both sides; what may not be seen is like what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import PROPOSALS, Agency

EVERYBODY = ("ann", "amy", "adam", "wally", "rita", "dora", "dan", "col", "audie", "admin")
TEAM = {"ann", "amy", "adam"}
DIRECTORS = {"dora", "dan"}
COLLEAGUES = {"rita", "col"}


def readers(agency: Agency, proposal: dict[str, Any]) -> set[str]:
    """Who reads it; the list must agree with the record for everybody."""
    found = set()
    for username in EVERYBODY:
        one = agency.api(username).get(f"{PROPOSALS}/{proposal['id']}").status_code
        assert one in (200, 404)
        listed = agency.api(username).get(PROPOSALS, query_string={"limit": 200}).get_json()["items"]
        assert (one == 200) == any(item["id"] == proposal["id"] for item in listed), username
        if one == 200:
            found.add(username)
    return found


@pytest.mark.parametrize("label", ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT"])
def test_in_the_making_it_is_the_teams_and_then_goes_by_its_label(agency: Agency, label: str) -> None:
    made = agency.write(label=label)
    assert readers(agency, made) == TEAM | DIRECTORS
    agency.done("submit", made, "amy")
    open_label = label in ("TLP:CLEAR", "TLP:GREEN")
    assert readers(agency, made) == TEAM | DIRECTORS | (COLLEAGUES if open_label else set())


def test_red_is_for_those_named(agency: Agency) -> None:
    made = agency.write(label="TLP:RED", recipients=[agency.who("adam"), agency.who("col")])
    assert readers(agency, made) == {"amy", "adam"}, "its author, and who is named and on the team"
    agency.done("submit", made, "amy")
    assert readers(agency, made) == {"adam", "col"}


def test_an_internal_one_is_its_authors_and_the_directors_until_it_is_submitted(agency: Agency) -> None:
    made = agency.write("col", kind="internal", client_id=None)
    assert readers(agency, made) == {"col"} | DIRECTORS
    agency.done("submit", made, "col")
    # Like a finding of no client: everybody employed whose role reads content, and administrators.
    assert readers(agency, made) == set(EVERYBODY) - {"audie"}


def test_behind_the_wall_nothing_tells(agency: Agency) -> None:
    made = agency.write(title="canary", label="TLP:CLEAR")
    agency.done("submit", made, "amy")
    api = agency.api("wally")
    missing = api.get(f"{PROPOSALS}/0198d000-0000-7000-8000-000000000000").get_json()
    for path in ("", "/approvals", "/versions", "/comments"):
        answer = api.get(f"{PROPOSALS}/{made['id']}{path}")
        assert answer.status_code == 404
        assert answer.get_json() | {"instance": ""} == missing | {"instance": ""}
    for query in ({}, {"client_id": agency.ids["Yunling"]}, {"q": "canary"}, {"state": "in_review"}):
        assert "canary" not in api.get(PROPOSALS, query_string=query).get_data(as_text=True)
    for verb in ("submit", "send", "withdraw", "duplicate", "alternative"):
        assert agency.take(verb, made, "wally").status_code == 404


def test_reading_is_not_writing(agency: Agency) -> None:
    made = agency.write(label="TLP:GREEN")
    agency.done("submit", made, "amy")
    section = f"{PROPOSALS}/{made['id']}/sections/{made['sections'][0]['id']}"
    api = agency.api("col")
    assert api.patch(f"{PROPOSALS}/{made['id']}", {"title": "x"}).status_code == 403
    assert api.patch(section, {"body": "x"}, match='"1"').status_code == 403
    assert api.post(f"{PROPOSALS}/{made['id']}/sections", {"heading": "x"}).status_code == 403
    for verb in ("withdraw", "duplicate"):
        assert agency.take(verb, made, "col").status_code == 403
    assert agency.take("outcome", made, "col", result="accepted").status_code == 403
    assert (
        agency.api("col").post(f"{PROPOSALS}/{made['id']}/comments", {"body": "可以问吗"}).status_code == 201
    )


def test_a_red_one_that_is_read_is_noted(agency: Agency) -> None:
    made = agency.write(label="TLP:RED", recipients=[agency.who("amy"), agency.who("adam")])
    agency.read(made, "adam")
    listed = agency.api("audie").get("/proposals/v1/audit", query_string={"limit": 200}).get_json()["items"]
    assert ("proposal.read", made["id"], agency.who("adam")) in [
        (entry["action"], entry["subject"], entry["actor"]) for entry in listed
    ]


def test_an_approval_is_audited(agency: Agency) -> None:
    made = agency.approved()
    listed = agency.api("audie").get("/proposals/v1/audit", query_string={"limit": 200}).get_json()["items"]
    assert ("proposal.approved", made["id"]) in [(entry["action"], entry["subject"]) for entry in listed]
