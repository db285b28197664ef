"""People and roles: who grants what, the last administrator, leaving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.testing import World
from shared.testing import world as make_world
from shared.uow import history
from tests.services.accounts.conftest import CLIENTS, PEOPLE, Agency, every


def body(username: str, **facts: Any) -> dict[str, Any]:
    return {"username": username, "name": username, "email": f"{username}@agency.example", **facts}


def test_every_field_is_kept_and_there_is_no_password(agency: Agency) -> None:
    wanted = body("wang.wei", name="王伟", roles=["salesperson", "department_manager"], branch="上海")
    answer = agency.api("dora").post(PEOPLE, wanted)
    made = answer.get_json()
    assert answer.status_code == 201
    assert made == wanted | {"id": made["id"], "status": "employed", "version": 1}
    assert agency.api("cat").get(answer.headers["Location"]).get_json() == made
    assert agency.api("dora").post(PEOPLE, body("x1", password="secret")).status_code == 422


@pytest.mark.parametrize("taken", ["cat", "CAT"])
def test_a_username_is_used_once(agency: Agency, taken: str) -> None:
    answer = agency.api("admin").post(PEOPLE, body(taken))
    assert answer.status_code == 409
    assert answer.get_json()["errors"][0]["field"] == "username"


@pytest.mark.parametrize("bad", [{"username": "two words"}, {"email": "nowhere"}, {"roles": ["king"]}])
def test_what_cannot_be_taken_is_refused(agency: Agency, bad: dict[str, Any]) -> None:
    assert agency.api("admin").post(PEOPLE, body("fine") | bad).status_code == 422


def test_only_administrators_and_directors_manage_people(agency: Agency) -> None:
    for username in ("anna", "ben", "cat", "lea", "audie"):
        assert agency.api(username).post(PEOPLE, body("nobody")).status_code == 403
        path = f"{PEOPLE}/{agency.who('cat')}"
        assert agency.api(username).patch(path, {"roles": ["director"]}).status_code == 403
        assert agency.api(username).post(f"{path}/leave").status_code == 403


@pytest.mark.rule("P3")
@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_P3_only_administrators_decide_about_administrators_and_auditors(agency: Agency, role: str) -> None:
    dora, admin = agency.api("dora"), agency.api("admin")
    assert dora.post(PEOPLE, body(f"new.{role}", roles=[role])).status_code == 403
    path = f"{PEOPLE}/{agency.who('cat')}"
    assert dora.patch(path, {"roles": ["sales_clerk", role]}).status_code == 403
    holder = admin.make(PEOPLE, body(f"held.{role}", roles=[role]))
    held = f"{PEOPLE}/{holder['id']}"
    assert dora.patch(held, {"roles": []}).status_code == 403
    assert dora.patch(held, {"email": "mine@agency.example"}).status_code == 403
    assert dora.post(f"{held}/leave").status_code == 403
    assert admin.patch(held, {"roles": []}).status_code == 200


def test_a_role_counts_at_once(agency: Agency) -> None:
    person = agency.person("grown")
    assert agency.api("grown").post(CLIENTS, {"name": "x"}).status_code == 403
    agency.api("admin").patch(f"{PEOPLE}/{person}", {"roles": ["director"]})
    assert agency.api("grown").post(CLIENTS, {"name": "x"}).status_code == 201
    agency.api("admin").patch(f"{PEOPLE}/{person}", {"roles": []})
    assert agency.api("grown").post(CLIENTS, {"name": "x"}).status_code == 403
    assert ("person.changed", {"roles": ["director"], "branch": ""}) in [
        (action, details["after"]) for action, details in agency.audited(person) if "after" in details
    ]


def test_an_agency_is_founded_once(tmp_path: Path) -> None:
    with make_world(tmp_path) as made:
        running = made.runtimes["accounts"]
        for _ in range(2):  # each start of the worker
            running.service.started(running)
        made.settle()
        with running.unit_of_work("admin") as uow:
            assert uow.who.roles == {"administrator"}
            assert [event.type for event in history(uow.session, uow.who.id)] == ["person.joined"]


def test_the_last_administrator_stays(world: World) -> None:
    admin, path = world.api("admin"), f"{PEOPLE}/{world.people['admin']}"
    assert admin.patch(path, {"roles": []}).status_code == 409
    assert admin.post(f"{path}/leave").status_code == 409
    assert admin.patch(path, {"name": "Root", "roles": ["administrator", "director"]}).status_code == 200
    world.person("second", roles=["administrator"])
    assert world.api("second").patch(path, {"roles": []}).status_code == 200
    assert world.api("second").post(f"{PEOPLE}/{world.people['second']}/leave").status_code == 409


def test_whoever_leaves_is_out_at_once_and_on_no_team(agency: Agency) -> None:
    client = agency.ids["云岭乳业"]
    person = agency.person("leaver")
    current = agency.seat(client, "leaver", "CAE")
    future = agency.seat(client, "leaver", "AM", **{"from": "2999-01-01"})
    past = agency.seat(client, "leaver", "AD", **{"from": "2020-01-01", "until": "2021-01-01"})
    leaver = agency.api("leaver")
    assert leaver.get(CLIENTS).status_code == 200
    gone = agency.api("dora").post(f"{PEOPLE}/{person}/leave")
    assert (gone.status_code, gone.get_json()["status"]) == (200, "left")
    assert leaver.get(CLIENTS).status_code == 401
    seats = {seat["id"]: seat for seat in every(agency.api("dora"), f"{PEOPLE}/{person}/assignments")}
    assert seats[past["id"]] == past
    assert seats[current["id"]]["until"] is not None
    states = {
        state: [
            seat["id"] for seat in every(agency.api("dora"), f"{PEOPLE}/{person}/assignments", state=state)
        ]
        for state in ("current", "future", "past", "cancelled")
    }
    assert states == {
        "current": [],
        "future": [],
        "past": sorted([current["id"], past["id"]]),
        "cancelled": [future["id"]],
    }
    assert ("person.left", {}) in agency.audited(person)
    assert agency.api("dora").post(f"{PEOPLE}/{person}/leave").status_code == 409
    assert agency.api("dora").patch(f"{PEOPLE}/{person}", {"name": "x"}).status_code == 409
    assert agency.api("admin").post(PEOPLE, body("leaver")).status_code == 409
    answer = agency.api("admin").post(f"{CLIENTS}/{client}/assignments", {"person_id": person, "role": "AM"})
    assert answer.status_code == 422


def test_people_are_listed_and_narrowed(agency: Agency) -> None:
    cat = agency.api("cat")

    def names(**query: str) -> list[str]:
        return [item["username"] for item in every(cat, PEOPLE, **query)]

    assert {"admin", "dora", "cat"} <= set(names())
    assert names(role="leadership") == ["lea"]
    assert names(q="李娜") == ["anna"]
    assert names(q="DOR") == ["dora"]
    assert names(branch="北京") == ["lea"]
    assert "dora" not in names(status="left")


def test_a_persons_seats_tell_no_hidden_client(agency: Agency) -> None:
    veiled = agency.client("幕后之客", visibility="team")
    seat = agency.seat(veiled, "ben", "AM")
    path = f"{PEOPLE}/{agency.who('ben')}/assignments"
    ids: Callable[[str], list[str]] = lambda who: [item["id"] for item in every(agency.api(who), path)]
    assert seat["id"] in ids("dora")
    assert seat["id"] in ids("ben")
    assert seat["id"] not in ids("cat")
