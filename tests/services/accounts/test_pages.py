"""Screens: they do what the API does, by the same rules, and tell no hidden client."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from shared.pages import missing_translations
from tests.services.accounts.conftest import CLIENTS, PEOPLE, WALLS, Agency, Browser, every

CLIENT_FORM = {"visibility": "directory", "status": "active", "tier": "", "parent_id": ""}


def id_in(location: str) -> str:
    return location.split("#")[0].rsplit("/", 1)[-1]


def test_every_message_has_its_chinese() -> None:
    assert missing_translations(Path("services/accounts")) == []


def test_F1_a_client_is_added_shown_and_edited_on_screen(agency: Agency) -> None:
    dora = Browser(agency, "dora")
    typed = CLIENT_FORM | {
        "name": "屏幕之客",
        "english_name": "Screen Client",
        "aliases": "屏客\r\n SC \r\n\r\n屏客",
        "industry": "食品饮料",
        "branch": "上海",
        "tier": "A",
    }
    client = id_in(dora.sent("/accounts/clients/new", typed))
    kept = agency.api("dora").get(f"{CLIENTS}/{client}").get_json()
    assert kept["aliases"] == ["屏客", "SC"]
    page = dora.page(f"/accounts/clients/{client}")
    for shown in (
        "屏幕之客",
        "Screen Client",
        "屏客、SC",
        "食品饮料",
        "Tier A",
        f"/intelligence/panels/client/{client}",
    ):
        assert shown in page
    edit = f"/accounts/clients/{client}/edit"
    assert 'value="Screen Client"' in dora.page(edit)
    dora.sent(edit, typed | {"tier": "B", "version": "1"})
    history = dora.page(f"/accounts/clients/{client}")
    assert re.search(r"<del>A</del>.*<ins>B</ins>", history)
    assert "Changed" in dora.page(f"/accounts/clients/{client}/history")


def test_a_form_that_fails_keeps_what_was_typed(agency: Agency) -> None:
    answer = Browser(agency, "dora").send(
        "/accounts/clients/new", CLIENT_FORM | {"name": "", "industry": "保留业"}
    )
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'value="保留业"' in text
    assert 'href="#field-name"' in text


def test_a_form_older_than_the_record_is_refused(agency: Agency) -> None:
    client = agency.client("旧表单")
    dora = Browser(agency, "dora")
    answer = dora.send(f"/accounts/clients/{client}/edit", CLIENT_FORM | {"name": "x", "version": "0"})
    assert answer.status_code == 412
    assert agency.api("dora").get(f"{CLIENTS}/{client}").get_json()["name"] == "旧表单"


def test_a_second_client_of_the_same_name_is_asked_about_once(agency: Agency) -> None:
    agency.client("重名之客", aliases=["重客"])
    dora = Browser(agency, "dora")
    typed = CLIENT_FORM | {"name": "重客"}
    answer = dora.send("/accounts/clients/new", typed)
    assert answer.status_code == 422
    assert "重名之客" in answer.get_data(as_text=True)
    dora.sent("/accounts/clients/new", typed | {"same_name": "accepted"})


def test_the_question_about_names_tells_no_hidden_client(agency: Agency) -> None:
    agency.client("隐藏之名", visibility="team")
    assert (
        Browser(agency, "dora").send("/accounts/clients/new", CLIENT_FORM | {"name": "隐藏之名"}).status_code
        == 422
    )
    Browser(agency, "ben").sent("/accounts/clients/new", CLIENT_FORM | {"name": "隐藏之名"})


def test_editing_without_seeing_the_parent_does_not_take_it_away(agency: Agency) -> None:
    parent = agency.client("看不见的上级", visibility="team")
    child = agency.client("看得见的下级", parent_id=parent)
    agency.seat(child, "anna", "AM")
    anna = Browser(agency, "anna")
    assert "看不见的上级" not in anna.page(f"/accounts/clients/{child}")
    assert "看不见的上级" not in anna.page(f"/accounts/clients/{child}/edit")
    anna.sent(f"/accounts/clients/{child}/edit", CLIENT_FORM | {"name": "改名下级"})
    assert agency.api("dora").get(f"{CLIENTS}/{child}").get_json()["parent_id"] == parent


def test_the_list_keeps_filters_and_order_in_the_url(agency: Agency) -> None:
    agency.client("过滤甲", industry="过滤业", tier="A")
    agency.client("过滤乙", industry="过滤业", tier="C")
    cat = Browser(agency, "cat")

    def names(query: str) -> list[str]:
        return re.findall(
            r'<th scope="row"><a href="[^"]+">([^<]+)</a>', cat.page(f"/accounts/clients?{query}")
        )

    assert names("industry=过滤业&sort=tier") == ["过滤甲", "过滤乙"]
    assert names("industry=过滤业&sort=-tier") == ["过滤乙", "过滤甲"]
    assert names("q=过滤&tier=C") == ["过滤乙"]
    assert "No client fits" in cat.page("/accounts/clients?q=没有这样的客户")


def test_my_clients_and_those_that_nobody_leads(agency: Agency) -> None:
    led = agency.client("有总监之客")
    agency.seat(led, "anna", "AD")
    bare = agency.client("无总监之客")
    agency.seat(bare, "anna", "AM")
    anna = Browser(agency, "anna")
    assert led in anna.page("/accounts/clients?team=mine")
    assert led not in anna.page("/accounts/clients?team=no_ad")
    assert bare in anna.page("/accounts/clients?team=no_ad")


@pytest.mark.rule("T2")
def test_T2_T11_T3_a_team_is_kept_on_screen(agency: Agency) -> None:
    client = agency.client("团队屏幕")
    page = f"/accounts/clients/{client}"
    dora = Browser(agency, "dora")
    typed = {"person_id": agency.who("cat"), "role": "CAE", "from": "2999-01-01", "until": "2999-02-01"}
    dora.sent(f"{page}/team/new", typed)
    (seat,) = every(agency.api("dora"), f"{CLIENTS}/{client}/assignments")
    assert (seat["role"], seat["from"]) == ("CAE", "2998-12-31T16:00:00.000000Z")
    answer = dora.send(f"{page}/team/new", typed)
    assert answer.status_code == 409
    assert 'value="2999-02-01"' in answer.get_data(as_text=True)
    edit = f"{page}/team/{seat['id']}/edit"
    assert 'value="2999-02-01"' in dora.page(edit)
    dora.sent(edit, {"from": "2999-01-01", "until": "", "version": "1"})
    (seat,) = every(agency.api("dora"), f"{CLIENTS}/{client}/assignments")
    assert seat["until"] is None
    dora.sent(page, {"version": "2"}, to=f"{page}/team/{seat['id']}/end")
    assert "Called off" in dora.page(page)


def test_a_day_that_is_left_alone_keeps_its_hour(agency: Agency) -> None:
    client = agency.client("时刻之客")
    seat = agency.seat(client, "cat", "AM")
    dora = Browser(agency, "dora")
    edit = f"/accounts/clients/{client}/team/{seat['id']}/edit"
    day = re.search(r'name="from" value="([^"]+)"', dora.page(edit))
    assert day is not None
    dora.sent(edit, {"from": day[1], "until": "2999-01-01", "version": "1"})
    (kept,) = every(agency.api("dora"), f"{CLIENTS}/{client}/assignments")
    assert kept["from"] == seat["from"]


def test_contacts_are_kept_and_hidden_on_screen(agency: Agency) -> None:
    client = agency.ids["云岭乳业"]
    page = f"/accounts/clients/{client}"
    anna = Browser(agency, "anna")
    anna.sent(f"{page}/contacts/new", {"name": "联系人甲", "email": "a@client.example", "phone": "1"})
    assert "联系人甲" in anna.page(page)
    assert "联系人甲" not in Browser(agency, "cat").page(page)
    assert Browser(agency, "cat").get(f"{page}/contacts/new").status_code == 403
    (contact,) = every(agency.api("anna"), f"{CLIENTS}/{client}/contacts", limit=200)[-1:]
    edit = f"{page}/contacts/{contact['id']}/edit"
    anna.sent(edit, {"name": "联系人乙", "email": "", "version": "1"})
    anna.sent(page, {"version": "2"}, to=f"{page}/contacts/{contact['id']}/remove")
    assert "联系人乙" not in anna.page(page)


def test_people_are_added_invited_edited_and_leave_on_screen(agency: Agency) -> None:
    dora = Browser(agency, "dora")
    assert 'value="administrator"' not in dora.page("/accounts/people/new")
    assert 'value="administrator"' in Browser(agency, "admin").page("/accounts/people/new")
    typed = {"username": "screen.person", "name": "屏幕人", "email": "s@agency.example", "branch": "上海"}
    person = id_in(dora.sent("/accounts/people/new", typed | {"roles": ["finance", "salesperson"]}))
    page = f"/accounts/people/{person}"
    assert f'href="/invite/{person}"' in dora.page(page)
    assert agency.api("dora").get(f"{PEOPLE}/{person}").get_json()["roles"] == ["finance", "salesperson"]
    again = dora.send("/accounts/people/new", typed)
    assert again.status_code == 409
    assert "field-username-error" in again.get_data(as_text=True)
    dora.sent(f"{page}/edit", typed | {"name": "改名人", "version": "1"})
    dora.sent(page, {"version": "2"}, to=f"{page}/leave")
    assert "Left" in dora.page(page)
    assert f"/invite/{person}" not in dora.page(page)
    assert "改名人" not in dora.page("/accounts/people?q=screen.person")
    assert "改名人" in dora.page("/accounts/people?q=screen.person&status=left")
    assert Browser(agency, "cat").get("/accounts/people/new").status_code == 403


def test_a_persons_page_shows_the_clients_that_the_reader_may_list(agency: Agency) -> None:
    veiled = agency.client("人员页隐藏客", visibility="team")
    agency.seat(veiled, "ben", "AM")
    page = f"/accounts/people/{agency.who('ben')}"
    assert "人员页隐藏客" in Browser(agency, "dora").page(page)
    assert "人员页隐藏客" not in Browser(agency, "cat").page(page)


@pytest.mark.rule("P3")
def test_P3_walls_are_raised_and_lifted_on_screen(agency: Agency) -> None:
    one, other = agency.client("墙内甲"), agency.client("墙内乙")
    dora = Browser(agency, "dora")
    typed = {"one_id": one, "client_ids": other, "reason": "竞争", "cooling_off_days": "30"}
    answer = dora.send("/accounts/walls/new", typed | {"cooling_off_days": "soon"})
    assert answer.status_code == 422
    dora.sent("/accounts/walls/new", typed)
    (wall,) = every(agency.api("dora"), WALLS, client_id=one)
    assert wall["cooling_off_days"] == 30
    assert "墙内乙" in dora.page(f"/accounts/clients/{one}")
    assert "墙内乙" not in Browser(agency, "cat").page(f"/accounts/clients/{one}")
    dora.sent(
        f"/accounts/walls/{wall['id']}/edit", {"reason": "更新", "cooling_off_days": "5", "version": "1"}
    )
    assert "更新" in dora.page("/accounts/walls")
    dora.sent("/accounts/walls", {"version": "2"}, to=f"/accounts/walls/{wall['id']}/lift")
    assert wall["id"] not in dora.page("/accounts/walls")
    assert "Lifted on" in dora.page("/accounts/walls?state=lifted")
    for path in ("/accounts/walls", "/accounts/walls/new"):
        assert Browser(agency, "cat").get(path).status_code == 403


def test_people_on_both_teams_are_named_on_the_form(agency: Agency) -> None:
    one, other = agency.client("双方甲"), agency.client("双方乙")
    agency.seat(one, "cat", "CAE")
    agency.seat(other, "cat", "CAE")
    typed = {"one_id": one, "client_ids": other, "reason": "竞争", "cooling_off_days": "0"}
    answer = Browser(agency, "dora").send("/accounts/walls/new", typed)
    assert answer.status_code == 422
    assert "cat" in answer.get_data(as_text=True)


def paths_about(client: str) -> list[str]:
    page = f"/accounts/clients/{client}"
    return [page, f"{page}/edit", f"{page}/history", f"{page}/team/new", f"{page}/contacts/new"]


def test_a_hidden_client_is_404_on_every_screen_and_in_no_list(agency: Agency) -> None:
    mine, secret = agency.client("明面之客"), agency.client("绝密之客", industry="绝密业", branch="绝密部")
    mover, holder = agency.person("mover"), agency.person("holder")
    agency.seat(mine, "mover", "AD")
    agency.seat(secret, "holder", "AD")
    agency.wall(mine, secret, days=30)
    reader = Browser(agency, "mover")
    for path in paths_about(secret):
        assert reader.get(path).status_code == 404
    shown = [
        "/accounts/clients",
        "/accounts/clients?q=绝密",
        "/accounts/clients?industry=绝密业",
        f"/accounts/clients/{mine}",
        f"/accounts/clients/{mine}/edit",
        "/accounts/clients/new",
        f"/accounts/people/{holder}",
        f"/accounts/people/{mover}",
        "/accounts/people",
        "/accounts/panels/home",
        "/accounts/pick/clients?q=绝",
        "/accounts/pick/clients",
    ]
    for path in shown:
        text = reader.page(path).replace("?q=绝密", "").replace('value="绝密"', "")
        for told in (secret, "绝密之客", "绝密部"):
            assert told not in text, path
        assert "绝密业" not in text.replace("industry=绝密业", ""), path


def test_pickers_answer_json_and_options(agency: Agency) -> None:
    cat = Browser(agency, "cat")
    found: dict[str, Any] = cat.get("/accounts/pick/clients?q=yunling").get_json()
    assert [item["name"] for item in found["items"]] == ["云岭乳业"]
    people = cat.get("/accounts/pick/people?q=李").get_json()
    assert [item["username"] for item in people["items"]] == ["anna"]
    options = cat.get("/accounts/pick/clients?q=yunling", headers={"HX-Request": "true"}).get_data(
        as_text=True
    )
    assert f'<option value="{agency.ids["云岭乳业"]}">' in options
    assert agency.world.client("/accounts/x").get("/accounts/pick/people").status_code == 303


def test_the_home_panel_says_what_needs_me(agency: Agency) -> None:
    agency.person("homer", name="家明")
    client = agency.client("首页之客")
    agency.seat(client, "homer", "AM", until="2999-01-01")
    helped = agency.seat(client, "cat", "CAE")
    reader = Browser(agency, "homer")
    panel = reader.page("/accounts/panels/home")
    assert "<html" not in panel
    assert "Clients without an account director" in panel
    assert "Seats that end within 30 days" not in panel
    soon = agency.soon(20)
    path = f"{CLIENTS}/{client}/assignments/{helped['id']}"
    agency.api("admin").patch(path, {"until": soon})
    agency.seat(client, "ben", "AD")
    panel = reader.page("/accounts/panels/home")
    assert "Clients without an account director" not in panel
    assert "Seats that end within 30 days" in panel
    assert "My clients" in panel
    agency.person("idle")
    assert "nothing here waits for you" in Browser(agency, "idle").page("/accounts/panels/home")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_screen_is_there_in_both_languages(agency: Agency, language: str) -> None:
    client = agency.ids["云岭乳业"]
    dora = Browser(agency, "dora", language=language)
    for path in (
        "/accounts/clients",
        *paths_about(client),
        "/accounts/clients/new",
        "/accounts/people",
        f"/accounts/people/{agency.who('anna')}",
        f"/accounts/people/{agency.who('anna')}/edit",
        "/accounts/people/new",
        "/accounts/walls",
        "/accounts/walls/new",
    ):
        page = dora.page(path)
        assert f'<html lang="{"en" if language == "en" else "zh-CN"}"' in page
        assert "<h1" in page
    visibility = {"en": "Listed for all colleagues", "zh": "所有同事可见"}[language]
    assert visibility in dora.page("/accounts/clients/new")
    assert ("客户团队" in dora.page(f"/accounts/clients/{client}")) == (language == "zh")
