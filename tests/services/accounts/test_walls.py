"""Conflict walls: what they hide, whom they refuse, who may raise and lift them (P3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.services.accounts.conftest import CLIENTS, PEOPLE, WALLS, Agency, every


def days(count: float) -> str:
    return (datetime.now(UTC) + timedelta(days=count)).isoformat().replace("+00:00", "Z")


class Rivals:
    """Two competing clients, `mine` with anna as AM and `theirs` with ben as AD."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.mine = agency.client("对手甲", aliases=["甲方"], industry="对抗业")
        self.theirs = agency.client("对手乙", aliases=["乙方"], industry="保密业", branch="秘密分部")
        self.anna = agency.seat(self.mine, "anna", "AM", **{"from": days(-100)})
        self.ben = agency.seat(self.theirs, "ben", "AD", **{"from": days(-100)})


@pytest.fixture
def rivals(agency: Agency) -> Iterator[Rivals]:
    made = Rivals(agency)
    yield made
    for wall in every(agency.api("admin"), WALLS, state="standing"):
        agency.api("admin").make(f"{WALLS}/{wall['id']}/lift")
    for client, seat in ((made.mine, made.anna), (made.theirs, made.ben)):
        agency.api("admin").post(f"{CLIENTS}/{client}/assignments/{seat['id']}/end")


@pytest.mark.rule("P3")
def test_P3_a_wall_hides_each_client_from_the_others_team(agency: Agency, rivals: Rivals) -> None:
    assert agency.lists("anna", rivals.theirs)
    answer = agency.api("dora").post(
        WALLS,
        {"client_ids": [rivals.mine, rivals.theirs], "reason": "同行竞争", "cooling_off_days": 90},
    )
    wall = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{WALLS}/{wall['id']}"
    assert (wall["client_ids"], wall["reason"], wall["cooling_off_days"], wall["lifted_at"]) == (
        [rivals.mine, rivals.theirs],
        "同行竞争",
        90,
        None,
    )
    assert agency.lists("anna", rivals.mine)
    assert not agency.lists("anna", rivals.theirs)
    assert agency.lists("ben", rivals.theirs)
    assert not agency.lists("ben", rivals.mine)
    for username in ("dora", "admin", "cat"):
        assert agency.lists(username, rivals.mine)
        assert agency.lists(username, rivals.theirs)


def test_lifting_shows_what_was_hidden_at_once(agency: Agency, rivals: Rivals) -> None:
    wall = agency.wall(rivals.mine, rivals.theirs, days=30)
    lifted = agency.api("dora").post(f"{WALLS}/{wall['id']}/lift")
    assert (lifted.status_code, lifted.get_json()["lifted_at"] is not None) == (200, True)
    assert agency.lists("anna", rivals.theirs)
    assert agency.api("dora").post(f"{WALLS}/{wall['id']}/lift").status_code == 409
    assert agency.api("dora").patch(f"{WALLS}/{wall['id']}", {"reason": "x"}).status_code == 409


def test_cooling_off_hides_until_it_is_over(agency: Agency, rivals: Rivals) -> None:
    agency.person("mover")
    agency.seat(rivals.mine, "mover", "AM", **{"from": days(-50), "until": days(-20)})
    wall = agency.wall(rivals.mine, rivals.theirs, days=30)
    assert not agency.lists("mover", rivals.theirs)
    assert agency.lists("mover", rivals.mine)
    path = f"{WALLS}/{wall['id']}"
    assert agency.api("dora").patch(path, {"cooling_off_days": 10}).status_code == 200
    assert agency.lists("mover", rivals.theirs)
    assert agency.api("dora").patch(path, {"cooling_off_days": 21}).status_code == 200
    assert not agency.lists("mover", rivals.theirs)


def test_a_seat_called_off_before_it_began_hides_nothing(agency: Agency, rivals: Rivals) -> None:
    agency.person("almost")
    seat = agency.seat(rivals.mine, "almost", "AM", **{"from": days(1)})
    agency.end(seat)
    agency.wall(rivals.mine, rivals.theirs, days=3650)
    assert agency.lists("almost", rivals.theirs)
    running = agency.world.runtimes["accounts"]
    with running.database.read() as session:
        book = running.book(session, datetime.now(UTC))
    later = datetime.now(UTC) + timedelta(days=2)  # when it would have begun
    assert rivals.theirs not in book.hidden_by_wall(agency.who("almost"), later)


def test_raising_names_whoever_is_on_both_teams(agency: Agency, rivals: Rivals) -> None:
    agency.person("both", name="双面人")
    agency.person("soon", name="未来人")
    agency.person("was", name="过去人")
    agency.seat(rivals.mine, "both", "CAE")
    seat = agency.seat(rivals.theirs, "both", "CAE")
    agency.seat(rivals.mine, "soon", "CAE")
    future = agency.seat(rivals.theirs, "soon", "CAE", **{"from": days(3)})
    agency.seat(rivals.mine, "was", "CAE", **{"from": days(-9), "until": days(-5)})
    agency.seat(rivals.theirs, "was", "AM", **{"from": days(-9), "until": days(-5)})
    body = {"client_ids": [rivals.mine, rivals.theirs], "reason": "x", "cooling_off_days": 0}
    answer = agency.api("dora").post(WALLS, body)
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["field"] == "client_ids"
    assert "双面人" in error["message"]
    assert "未来人" in error["message"]
    assert "过去人" not in error["message"]
    agency.end(seat)
    agency.end(future)
    assert agency.api("dora").post(WALLS, body).status_code == 201


@pytest.mark.rule("P3")
def test_P3_nobody_is_assigned_across_a_wall_and_the_refusal_names_no_client(
    agency: Agency, rivals: Rivals
) -> None:
    agency.wall(rivals.mine, rivals.theirs, days=30)
    team = f"{CLIENTS}/{rivals.mine}/assignments"
    answer = agency.api("anna").post(team, {"person_id": agency.who("ben"), "role": "CAE"})
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "person_id"
    for secret in (rivals.theirs, "对手乙", "乙方", "wall"):
        assert secret not in text
    told = agency.api("dora").post(team, {"person_id": agency.who("ben"), "role": "CAE"})
    assert told.status_code == 422
    assert "对手乙" in told.get_data(as_text=True)
    agency.person("free")
    assert agency.api("anna").post(team, {"person_id": agency.who("free"), "role": "CAE"}).status_code == 201


@pytest.mark.parametrize(
    ("days_after", "status"), [(0, 422), (29, 422), (31, 201)], ids=["now", "cooling off", "cooled off"]
)
def test_nobody_is_assigned_while_cooling_off(
    agency: Agency, rivals: Rivals, days_after: int, status: int
) -> None:
    agency.wall(rivals.mine, rivals.theirs, days=30)
    username = f"cooler{days_after}"
    agency.person(username)
    agency.end(agency.seat(rivals.mine, username, "AM", **{"from": days(-9)}))
    team = f"{CLIENTS}/{rivals.theirs}/assignments"
    body = {"person_id": agency.who(username), "role": "AM", "from": days(days_after)}
    assert agency.api("dora").post(team, body).status_code == status


def test_a_period_is_not_stretched_across_a_wall(agency: Agency, rivals: Rivals) -> None:
    agency.wall(rivals.mine, rivals.theirs, days=0)
    agency.person("stretch")
    first = agency.seat(rivals.mine, "stretch", "AM", **{"until": days(2)})
    agency.seat(rivals.theirs, "stretch", "AM", **{"from": days(2)})
    path = f"{CLIENTS}/{rivals.mine}/assignments/{first['id']}"
    assert agency.api("dora").patch(path, {"until": days(3)}).status_code == 422
    assert agency.api("dora").patch(path, {"until": days(1)}).status_code == 200


def test_only_administrators_and_directors_know_walls(agency: Agency, rivals: Rivals) -> None:
    wall = agency.wall(rivals.mine, rivals.theirs)
    body = {"client_ids": [rivals.mine, agency.ids["云岭乳业"]], "reason": "x"}
    for username in ("anna", "ben", "cat", "lea", "audie"):
        api = agency.api(username)
        assert api.get(WALLS).status_code == 403
        assert api.get(f"{WALLS}/{wall['id']}").status_code == 404
        assert api.post(f"{WALLS}/{wall['id']}/lift").status_code == 404
        path = f"{WALLS}/{wall['id']}"
        assert api.call("PATCH", path, json={"reason": "x"}, headers={"If-Match": "*"}).status_code == 404
        assert api.post(WALLS, body).status_code == 403
    for username in ("dora", "admin"):
        assert wall["id"] in [item["id"] for item in every(agency.api(username), WALLS)]
        assert agency.api(username).get(f"{WALLS}/{wall['id']}").status_code == 200


def test_a_director_on_one_side_does_not_learn_of_the_wall(agency: Agency, rivals: Rivals) -> None:
    agency.person("partial", roles=["director"])
    agency.seat(rivals.mine, "partial", "AD")
    wall = agency.wall(rivals.mine, rivals.theirs)
    api = agency.api("partial")
    assert not agency.lists("partial", rivals.theirs)
    assert wall["id"] not in [item["id"] for item in every(api, WALLS)]
    assert every(api, WALLS, client_id=rivals.mine) == []
    assert api.get(f"{WALLS}/{wall['id']}").status_code == 404
    assert api.post(f"{WALLS}/{wall['id']}/lift").status_code == 404
    body = {"client_ids": [rivals.mine, rivals.theirs], "reason": "x"}
    assert api.post(WALLS, body).status_code == 404
    assert api.post(CLIENTS, {"name": "x", "parent_id": rivals.theirs}).status_code == 404


@pytest.mark.parametrize(
    "bad",
    [
        {"reason": " "},
        {"reason": None},
        {"cooling_off_days": -1},
        {"cooling_off_days": 1.5},
        {"cooling_off_days": 10**9},
        {"client_ids": []},
        {"client_ids": ["x"]},
        {"client_ids": ["x", "x"]},
        {"client_ids": ["x", "y", "z"]},
    ],
)
def test_what_cannot_be_taken_is_refused(agency: Agency, rivals: Rivals, bad: dict[str, Any]) -> None:
    body = {"client_ids": [rivals.mine, rivals.theirs], "reason": "x", "cooling_off_days": 0} | bad
    answer = agency.api("dora").post(WALLS, body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"].startswith(next(iter(bad)))


def test_one_wall_stands_between_two_clients(agency: Agency, rivals: Rivals) -> None:
    wall = agency.wall(rivals.mine, rivals.theirs)
    body = {"client_ids": [rivals.theirs, rivals.mine], "reason": "x", "cooling_off_days": 0}
    assert agency.api("dora").post(WALLS, body).status_code == 409
    agency.api("dora").make(f"{WALLS}/{wall['id']}/lift")
    assert agency.api("dora").post(WALLS, body).status_code == 201


def test_walls_are_audited_and_keep_their_clients(agency: Agency, rivals: Rivals) -> None:
    wall = agency.wall(rivals.mine, rivals.theirs, days=5)
    path = f"{WALLS}/{wall['id']}"
    agency.api("dora").patch(path, {"reason": "y"})
    assert agency.api("dora").patch(path, {"client_ids": ["x", "y"]}).status_code == 422
    agency.api("dora").make(f"{path}/lift")
    assert [action for action, _ in agency.audited(wall["id"])] == [
        "wall.raised",
        "wall.changed",
        "wall.lifted",
    ]


@pytest.mark.rule("P3")
def test_P3_answers_are_byte_equal_whether_or_not_a_hidden_client_exists(
    agency: Agency, rivals: Rivals
) -> None:
    agency.wall(rivals.mine, rivals.theirs, days=30)
    anna = agency.api("anna")
    asked = [
        CLIENTS,
        f"{CLIENTS}?q=对手",
        f"{CLIENTS}?industry=保密业",
        f"{CLIENTS}?branch=秘密分部",
        f"{CLIENTS}/{rivals.mine}",
        f"{CLIENTS}/{rivals.mine}/history",
        f"{CLIENTS}/{rivals.mine}/assignments",
        f"{PEOPLE}/{agency.who('ben')}/assignments",
        f"{PEOPLE}/{agency.who('anna')}/assignments",
        f"{CLIENTS}/{rivals.theirs}/assignments",
    ]

    def answers() -> list[tuple[int, bytes]]:
        got = [anna.get(path) for path in asked]
        return [(a.status_code, b"" if a.status_code == 404 else a.data) for a in got]

    before = answers()
    agency.api("ben").patch(f"{CLIENTS}/{rivals.theirs}", {"name": "对手乙集团", "status": "dormant"})
    agency.seat(rivals.theirs, "ben", "CAE")
    agency.api("ben").make(f"{CLIENTS}/{rivals.theirs}/contacts", {"name": "联系人"})
    assert answers() == before
