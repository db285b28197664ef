"""Clients through the API: who may, who must not learn that they exist, and the conventions of HTTP."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import CLIENTS, Agency, every


@pytest.fixture
def veiled(agency: Agency) -> str:
    """A client with `visibility: team`, whose team is anna."""
    client = agency.client("芷萝化妆品", visibility="team", industry="美妆个护", aliases=["芷萝"])
    agency.seat(client, "anna", "AD")
    return client


def test_every_field_is_kept_and_answered(agency: Agency) -> None:
    parent = agency.client("辰远汽车")
    body = {
        "name": " 雷驰新能源 ",
        "english_name": "Leichi EV",
        "aliases": ["雷驰", "Leichi", "雷驰"],
        "industry": "汽车与新能源",
        "parent_id": parent,
        "branch": "北京",
        "visibility": "directory",
        "tier": "B",
        "status": "prospect",
    }
    answer = agency.api("dora").post(CLIENTS, body)
    made = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{CLIENTS}/{made['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["ACM-Token"]
    assert made == body | {
        "name": "雷驰新能源",
        "aliases": ["雷驰", "Leichi"],
        "id": made["id"],
        "version": 1,
    }
    assert agency.api("cat").get(f"{CLIENTS}/{made['id']}").get_json() == made


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x", "visibility": "secret"}, "visibility"),
        ({"name": "x", "tier": "Z"}, "tier"),
        ({"name": "x", "status": "gone"}, "status"),
        ({"name": "x", "aliases": ["y" * 101]}, "aliases.0"),
        ({"name": "x", "nme": 1}, "nme"),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(agency: Agency, body: dict[str, object], field: str) -> None:
    answer = agency.api("admin").post(CLIENTS, body)
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert field in [error["field"] for error in answer.get_json()["errors"]]


@pytest.mark.rule("T11")
def test_T11_an_am_adds_a_client_and_joins_its_team_as_am(agency: Agency) -> None:
    client = agency.api("anna").make(CLIENTS, {"name": "青坞茶业"})
    team = every(agency.api("anna"), f"{CLIENTS}/{client['id']}/assignments")
    assert [(seat["person_id"], seat["role"], seat["until"]) for seat in team] == [
        (agency.who("anna"), "AM", None)
    ]
    assert agency.api("anna").get(f"{CLIENTS}/{client['id']}/contacts").status_code == 200


@pytest.mark.rule("T3")
def test_T3_an_ad_adds_a_client_and_leads_its_team_even_when_only_its_team_may_see_it(agency: Agency) -> None:
    client = agency.api("ben").make(CLIENTS, {"name": "海銘飲品", "visibility": "team"})
    team = every(agency.api("ben"), f"{CLIENTS}/{client['id']}/assignments")
    assert [(seat["person_id"], seat["role"]) for seat in team] == [(agency.who("ben"), "AD")]
    assert not agency.lists("cat", client["id"])


@pytest.mark.rule("T2")
@pytest.mark.parametrize("username", ["cat", "audie", "lea", "cae"])
def test_T2_others_add_no_client(agency: Agency, username: str) -> None:
    if username not in agency.world.people:
        agency.person(username)
        agency.seat(agency.ids["云岭乳业"], username, "CAE")
    assert agency.api(username).post(CLIENTS, {"name": "x"}).status_code == 403


def test_a_director_adds_a_client_without_joining_its_team(agency: Agency) -> None:
    client = agency.api("dora").make(CLIENTS, {"name": "恒屿人寿"})
    assert every(agency.api("dora"), f"{CLIENTS}/{client['id']}/assignments") == []


def test_without_a_token_nothing_is_answered(agency: Agency) -> None:
    for path in (CLIENTS, f"{CLIENTS}/x", "/accounts/v1/people", "/accounts/v1/walls"):
        assert agency.world.client(path).get(path).status_code == 401
    assert agency.world.client(CLIENTS).post(CLIENTS, json={"name": "x"}).status_code == 401


def test_colleagues_list_clients_but_those_kept_to_their_team(agency: Agency, veiled: str) -> None:
    for username in ("anna", "dora", "admin"):
        assert agency.lists(username, veiled)
    for username in ("cat", "lea", "audie", "ben"):
        assert not agency.lists(username, veiled)


def test_an_auditor_alone_lists_no_client(agency: Agency) -> None:
    assert every(agency.api("audie"), CLIENTS) == []


def test_leadership_sees_the_team_only_clients_of_its_branch(agency: Agency) -> None:
    near = agency.client("北京之客", visibility="team", branch="北京")
    far = agency.client("广州之客", visibility="team", branch="广州")
    assert agency.lists("lea", near)
    assert not agency.lists("lea", far)


def test_a_hidden_client_is_404_on_every_path(agency: Agency, veiled: str) -> None:
    cat = agency.api("cat")
    person = agency.who("cat")
    tried = [
        cat.get(f"{CLIENTS}/{veiled}"),
        cat.get(f"{CLIENTS}/{veiled}/history"),
        cat.get(f"{CLIENTS}/{veiled}/contacts"),
        cat.post(f"{CLIENTS}/{veiled}/contacts", {"name": "x"}),
        cat.get(f"{CLIENTS}/{veiled}/contacts/x"),
        cat.get(f"{CLIENTS}/{veiled}/assignments"),
        cat.post(f"{CLIENTS}/{veiled}/assignments", {"person_id": person, "role": "AM"}),
        cat.get(f"{CLIENTS}/{veiled}/assignments/x"),
        cat.call("PATCH", f"{CLIENTS}/{veiled}", json={"tier": "A"}, headers={"If-Match": "*"}),
        cat.call("PATCH", f"{CLIENTS}/{veiled}", json={"tier": "A"}),
        agency.api("ben").post(CLIENTS, {"name": "x", "parent_id": veiled}),
    ]
    assert [answer.status_code for answer in tried] == [404] * len(tried)
    unknown = cat.get(f"{CLIENTS}/{'0' * 36}").get_json()
    hidden = tried[0].get_json()
    assert {**unknown, "instance": ""} == {**hidden, "instance": ""}


def test_lists_filters_and_name_search_show_no_hidden_client(agency: Agency, veiled: str) -> None:
    for query in ({"q": "芷萝"}, {"industry": "美妆个护"}, {"status": "active"}, {}):
        assert veiled not in [item["id"] for item in every(agency.api("cat"), CLIENTS, **query)]
        assert veiled in [item["id"] for item in every(agency.api("anna"), CLIENTS, **query)]


def test_a_name_already_used_by_a_hidden_client_is_taken_like_any_other(agency: Agency, veiled: str) -> None:
    assert agency.lists("anna", veiled)
    agency.api("ben").make(CLIENTS, {"name": "芷萝化妆品", "aliases": ["芷萝"]})


def test_filters_narrow_the_list(agency: Agency) -> None:
    anna = agency.api("dora")

    def names(**query: str) -> list[str]:
        return [item["name"] for item in every(anna, CLIENTS, **query)]

    assert names(q="YUNLING") == ["云岭乳业"]
    assert names(q="helan dairy") == ["禾澜乳业"]
    assert names(q="乳业") == ["云岭乳业", "禾澜乳业"]
    assert names(q="%") == []
    assert names(industry="食品饮料", branch="北京") == ["禾澜乳业"]
    assert names(status="former") == []
    assert anna.get(CLIENTS, query_string={"status": "gone"}).status_code == 422


def test_pages_are_whole_and_cursors_are_our_own(agency: Agency) -> None:
    dora = agency.api("dora")
    ids = [item["id"] for item in every(dora, CLIENTS)]
    assert ids == sorted(set(ids))
    assert len(ids) == len(dora.get(CLIENTS, query_string={"limit": 200}).get_json()["items"])
    assert dora.get(CLIENTS, query_string={"cursor": "WyJ4Il0.forged"}).status_code == 400
    assert dora.get(CLIENTS, query_string={"limit": 0}).status_code == 422


def test_a_change_needs_the_version_that_was_read(agency: Agency) -> None:
    client = agency.client("岚庭电器")
    path, anna = f"{CLIENTS}/{client}", agency.api("dora")
    assert anna.call("PATCH", path, json={"tier": "A"}).status_code == 428
    first = anna.patch(path, {"tier": "A"}, match='"1"')
    assert (first.status_code, first.headers["ETag"], first.get_json()["tier"]) == (200, '"2"', "A")
    assert anna.patch(path, {"tier": "B"}, match='"1"').status_code == 412
    assert anna.get(path).get_json()["tier"] == "A"


def test_who_changes_a_client(agency: Agency) -> None:
    path = f"{CLIENTS}/{agency.ids['云岭乳业']}"
    for username, status in {
        "admin": 200,
        "dora": 200,
        "anna": 200,
        "ben": 403,
        "cat": 403,
        "lea": 403,
    }.items():
        answer = agency.api(username).patch(path, {"tier": "A"})
        assert answer.status_code == status, username


def test_the_same_key_adds_one_client(agency: Agency) -> None:
    key = {"Idempotency-Key": "add-once"}
    dora = agency.api("dora")
    first = dora.post(CLIENTS, {"name": "柏麟资产"}, headers=key)
    again = dora.post(CLIENTS, {"name": "柏麟资产"}, headers=key)
    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    assert first.headers["ACM-Token"] == again.headers["ACM-Token"]
    assert len(every(dora, CLIENTS, q="柏麟资产")) == 1
    assert dora.post(CLIENTS, {"name": "另一个"}, headers=key).status_code == 422


def test_parents_make_no_circle(agency: Agency) -> None:
    top = agency.client("集团")
    middle = agency.client("子公司", parent_id=top)
    bottom = agency.client("孙公司", parent_id=middle)
    dora = agency.api("dora")
    for client, parent in ((top, top), (top, middle), (top, bottom), (middle, bottom)):
        answer = dora.patch(f"{CLIENTS}/{client}", {"parent_id": parent})
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == "parent_id"
    assert dora.patch(f"{CLIENTS}/{bottom}", {"parent_id": top}).status_code == 200
    assert dora.patch(f"{CLIENTS}/{bottom}", {"parent_id": None}).status_code == 200
    assert dora.post(CLIENTS, {"name": "x", "parent_id": "nobody"}).status_code == 404


def test_a_hidden_parent_is_not_told_and_survives_a_change(agency: Agency) -> None:
    parent = agency.client("隐名集团", visibility="team")
    child = agency.client("明名公司", parent_id=parent)
    agency.seat(child, "anna", "AM")
    path = f"{CLIENTS}/{child}"
    assert agency.api("dora").get(path).get_json()["parent_id"] == parent
    assert agency.api("anna").get(path).get_json()["parent_id"] is None
    assert agency.api("anna").patch(path, {"tier": "C"}).get_json()["parent_id"] is None
    assert agency.api("dora").get(path).get_json()["parent_id"] == parent
    listed = {item["id"]: item for item in every(agency.api("anna"), CLIENTS)}
    assert listed[child]["parent_id"] is None
    assert parent not in agency.api("anna").get(f"{path}/history").get_data(as_text=True)
    assert parent in agency.api("dora").get(f"{path}/history").get_data(as_text=True)


@pytest.mark.rule("P3")
def test_P3_history_tells_each_field_before_and_after(agency: Agency) -> None:
    client = agency.client("晶璨生醫", tier="C")
    agency.api("dora").patch(f"{CLIENTS}/{client}", {"tier": "B", "status": "dormant"})
    agency.api("dora").patch(f"{CLIENTS}/{client}", {"tier": "A"})
    entries = every(agency.api("cat"), f"{CLIENTS}/{client}/history", limit=2)
    assert [entry["version"] for entry in entries] == [3, 2, 1]
    assert entries[0]["changes"] == [{"field": "tier", "before": "B", "after": "A"}]
    assert entries[1]["actor_name"] == "周敏"
    assert {c["field"]: (c["before"], c["after"]) for c in entries[1]["changes"]} == {
        "tier": ("C", "B"),
        "status": ("active", "dormant"),
    }


def test_a_history_takes_no_cursor_of_another_list(agency: Agency) -> None:
    foreign = agency.api("dora").get(CLIENTS, query_string={"limit": 1}).get_json()["next"]
    path = f"{CLIENTS}/{agency.ids['云岭乳业']}/history"
    assert agency.api("dora").get(path, query_string={"cursor": foreign}).status_code == 400


def test_what_opens_or_closes_a_client_is_audited(agency: Agency) -> None:
    client = agency.client("审计之客")
    agency.api("dora").patch(f"{CLIENTS}/{client}", {"visibility": "team", "tier": "A"})
    agency.api("dora").patch(f"{CLIENTS}/{client}", {"tier": "B"})
    assert agency.audited(client) == [("client.opened", {"visibility": "team"})]
