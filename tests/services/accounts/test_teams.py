"""Account teams: seats by period (T2 CAE, T11 AM, T3 AD)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.services.accounts.conftest import CLIENTS, PEOPLE, Agency, every


def days(count: float) -> str:
    return (datetime.now(UTC) + timedelta(days=count)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def team(agency: Agency) -> str:
    return f"{CLIENTS}/{agency.client('团队之客')}/assignments"


@pytest.mark.rule("T2")
@pytest.mark.rule("T11")
@pytest.mark.rule("T3")
@pytest.mark.parametrize("role", ["CAE", "AM", "AD"])
def test_T2_T11_T3_a_seat_clears_its_holder_until_it_ends(agency: Agency, team: str, role: str) -> None:
    answer = agency.api("dora").post(team, {"person_id": agency.who("cat"), "role": role})
    seat = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{team}/{seat['id']}"
    assert (seat["role"], seat["until"], seat["version"]) == (role, None, 1)
    contacts = team.replace("assignments", "contacts")
    assert agency.api("cat").get(contacts).status_code == 200
    ended = agency.api("dora").post(f"{team}/{seat['id']}/end")
    assert ended.status_code == 200
    assert ended.get_json()["until"] is not None
    assert agency.api("cat").get(contacts).status_code == 403
    assert agency.api("dora").post(f"{team}/{seat['id']}/end").status_code == 409


def test_a_date_is_its_start_in_the_agencys_zone(agency: Agency, team: str) -> None:
    period = {"from": "2026-03-01", "until": "2026-04-01"}
    body = {"person_id": agency.who("cat"), "role": "AM", **period}
    seat = agency.api("dora").make(team, body)
    assert seat["from"] == "2026-02-28T16:00:00.000000Z"
    assert seat["until"] == "2026-03-31T16:00:00.000000Z"


def test_a_seat_holds_in_its_period_only(agency: Agency, team: str) -> None:
    contacts = team.replace("assignments", "contacts")
    for start, end, status in ((days(-9), days(-1), 403), (days(1), None, 403), (days(-1), days(0.5), 200)):
        body = {"person_id": agency.who("cat"), "role": "AD", "from": start, "until": end}
        agency.api("dora").make(team, body)
        assert agency.api("cat").get(contacts).status_code == status


@pytest.mark.parametrize("until", ["2026-01-01", "2025-12-31", "2025-12-31T15:59:59Z"])
def test_the_end_comes_after_the_start(agency: Agency, team: str, until: str) -> None:
    body = {"person_id": agency.who("cat"), "role": "AM", "from": "2026-01-01", "until": until}
    answer = agency.api("dora").post(team, body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "until"


@pytest.mark.parametrize(
    "bad", [{"role": "CEO"}, {"person_id": "nobody"}, {"from": "soon"}, {"from": "2026-01-01T00:00:00"}]
)
def test_what_cannot_be_taken_is_refused(agency: Agency, team: str, bad: dict[str, str]) -> None:
    body = {"person_id": agency.who("cat"), "role": "AM"} | bad
    answer = agency.api("dora").post(team, body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == next(iter(bad))


def test_the_same_seat_is_not_taken_twice_at_one_time(agency: Agency, team: str) -> None:
    dora, cat = agency.api("dora"), agency.who("cat")

    def take(start: str, end: str | None, role: str = "AM") -> int:
        body = {"person_id": cat, "role": role, "from": start, "until": end or ""}
        return int(dora.post(team, body).status_code)

    assert take("2026-01-01", "2026-02-01") == 201
    assert take("2026-01-31", "2026-03-01") == 409
    assert take("2026-01-31", None) == 409
    assert take("2026-01-31", "2026-03-01", "CAE") == 201
    assert take("2026-02-01", "2026-03-01") == 201
    assert take("2025-01-01", "2026-01-01") == 201
    body = {"person_id": agency.who("anna"), "role": "AM", "from": "2026-01-01", "until": "2026-02-01"}
    assert dora.post(team, body).status_code == 201


def test_a_future_seat_is_called_off_and_then_free_again(agency: Agency, team: str) -> None:
    dora = agency.api("dora")
    body = {"person_id": agency.who("cat"), "role": "AM", "from": days(5)}
    seat = dora.make(team, body)
    assert [item["id"] for item in every(dora, team, state="future")] == [seat["id"]]
    assert dora.post(f"{team}/{seat['id']}/end").status_code == 200
    assert every(dora, team, state="future") == []
    assert [item["id"] for item in every(dora, team, state="cancelled")] == [seat["id"]]
    dora.make(team, body)


def test_the_period_changes_with_if_match(agency: Agency, team: str) -> None:
    dora = agency.api("dora")
    seat = dora.make(team, {"person_id": agency.who("cat"), "role": "AM", "from": days(2)})
    path = f"{team}/{seat['id']}"
    assert dora.call("PATCH", path, json={"until": days(9)}).status_code == 428
    until = days(9)
    changed = dora.patch(path, {"until": until}).get_json()
    assert (changed["from"], changed["until"][:19]) == (seat["from"], until[:19])
    assert dora.patch(path, {"until": days(1)}).status_code == 422
    assert dora.patch(path, {"until": None}).get_json()["until"] is None
    assert dora.patch(path, {"until": days(8)}, match='"1"').status_code == 412
    assert dora.post(f"{path}/end", headers={"If-Match": '"1"'}).status_code == 412


def test_a_period_is_not_stretched_over_another_of_the_same_seat(agency: Agency, team: str) -> None:
    dora, cat = agency.api("dora"), agency.who("cat")
    first = dora.make(team, {"person_id": cat, "role": "AM", "from": days(1), "until": days(5)})
    dora.make(team, {"person_id": cat, "role": "AM", "from": days(5), "until": days(9)})
    assert dora.patch(f"{team}/{first['id']}", {"until": days(6)}).status_code == 409
    assert dora.patch(f"{team}/{first['id']}", {"until": days(4)}).status_code == 200


@pytest.mark.rule("P3")
def test_P3_only_administrators_and_directors_correct_what_has_passed(agency: Agency, team: str) -> None:
    # Cooling-off counts from it: whoever is to cool off must not shorten their own past.
    agency.api("dora").make(team, {"person_id": agency.who("anna"), "role": "AD", "from": days(-9)})
    seat = agency.api("dora").make(team, {"person_id": agency.who("cat"), "role": "AM", "from": days(-9)})
    path = f"{team}/{seat['id']}"
    for change in ({"until": days(-5)}, {"from": days(-2)}, {"from": days(2)}):
        assert agency.api("anna").patch(path, change).status_code == 403
    assert agency.api("anna").patch(path, {"until": days(3)}).status_code == 200
    assert agency.api("dora").patch(path, {"until": days(-5)}).status_code == 200


def test_who_manages_a_team(agency: Agency) -> None:
    team = f"{CLIENTS}/{agency.ids['云岭乳业']}/assignments"
    agency.person("helper")
    for username, status in {
        "admin": 201,
        "dora": 201,
        "anna": 201,
        "ben": 403,
        "cat": 403,
        "lea": 403,
    }.items():
        api = agency.api(username)
        answer = api.post(team, {"person_id": agency.who("helper"), "role": "CAE"})
        assert answer.status_code == status, username
        if status == 201:
            assert api.post(f"{team}/{answer.get_json()['id']}/end").status_code == 200
    assert agency.api("cat").get(team).status_code == 200


def test_a_cae_does_not_manage_the_team(agency: Agency, team: str) -> None:
    agency.api("dora").make(team, {"person_id": agency.who("cat"), "role": "CAE"})
    answer = agency.api("cat").post(team, {"person_id": agency.who("cat"), "role": "AM"})
    assert answer.status_code == 403


def test_a_seat_of_another_client_is_not_found_here(agency: Agency, team: str) -> None:
    seat = agency.api("dora").make(team, {"person_id": agency.who("cat"), "role": "AM"})
    elsewhere = f"{CLIENTS}/{agency.ids['云岭乳业']}/assignments/{seat['id']}"
    assert agency.api("dora").get(elsewhere).status_code == 404
    assert agency.api("dora").post(f"{elsewhere}/end").status_code == 404


def test_seats_are_audited(agency: Agency, team: str) -> None:
    seat = agency.api("dora").make(team, {"person_id": agency.who("cat"), "role": "AM", "from": days(-1)})
    agency.api("dora").patch(f"{team}/{seat['id']}", {"until": days(3)})
    agency.api("dora").post(f"{team}/{seat['id']}/end")
    assert [action for action, _ in agency.audited(seat["id"])] == [
        "assignment.started",
        "assignment.changed",
        "assignment.ended",
    ]
    assert agency.api("dora").get(f"{PEOPLE}/{agency.who('cat')}").status_code == 200
