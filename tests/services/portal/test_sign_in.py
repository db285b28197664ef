"""Signing in and out: what it gives, what it refuses, and what it does not tell."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from services.portal import commands, domain
from shared import clock
from shared.testing import World
from shared.testing import world as make_world
from tests.services.portal.conftest import (
    COOKIE,
    PASSWORD,
    Browser,
    audited,
    forget_guesses,
    set_password,
)


@pytest.fixture(autouse=True)
def _counting_from_nothing(agency: World) -> None:
    forget_guesses(agency)


def flags(answer: object, name: str) -> set[str]:
    (cookie,) = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith(f"{name}=")]  # type: ignore[attr-defined]
    return {part.strip() for part in cookie.split(";")[1:]}


def test_signing_in_gives_a_session_that_every_service_takes(agency: World) -> None:
    browser = Browser(agency)
    answer = browser.sign_in("anna")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    agency.settle()
    assert browser.reaches("/")
    assert browser.reaches("/accounts/clients")
    assert audited(agency, agency.people["anna"])[-1] == "sign-in"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(agency: World) -> None:
    found = flags(Browser(agency).sign_in("anna"), COOKIE)
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= found
    assert not any(flag.startswith("Domain") for flag in found)


def test_under_tls_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    with make_world(tmp_path, tls=True) as world:
        world.found()
        set_password(world, "admin")
        client = world.client("/")
        over_tls = {"base_url": "https://localhost"}
        page = client.get("/sign-in", **over_tls).get_data(as_text=True)
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        answer = client.post(
            "/sign-in",
            data={"csrf_token": token, "username": "admin", "password": PASSWORD},
            headers={"Referer": "https://localhost/sign-in"},
            **over_tls,
        )
        assert "Secure" in flags(answer, "__Host-acm_session")
        world.settle()
        assert client.get("/", **over_tls).status_code == 200
        # The name without the prefix, which another host could have set, is not looked at.
        fresh = world.client("/")
        fresh.set_cookie(COOKIE, client.get_cookie("__Host-acm_session").value)  # type: ignore[union-attr]
        assert fresh.get("/", **over_tls).status_code == 303


@pytest.mark.parametrize(
    ("username", "password"),
    [("anna", "wrong"), ("nobody-here", PASSWORD), ("audie", PASSWORD), ("", ""), ("anna", "x" * 5000)],
    ids=["wrong", "unknown", "not invited", "empty", "long"],
)
def test_every_failure_says_the_same(agency: World, username: str, password: str) -> None:
    browser = Browser(agency)
    answer = browser.sign_in(username, password)
    assert answer.status_code == 422
    assert browser.cookie == ""
    assert "The username or the password is not right." in answer.get_data(as_text=True)
    assert password not in answer.get_data(as_text=True) or password == ""


def test_an_unknown_name_takes_as_long_as_a_wrong_password(agency: World) -> None:
    known = commands.hash_password(PASSWORD)
    commands.matches(None, "warm up")

    def duration(kept: str | None) -> float:
        begun = time.perf_counter()
        assert not commands.matches(kept, "wrong")
        return time.perf_counter() - begun

    assert min(duration(None) for _ in range(3)) > 0.5 * min(duration(known) for _ in range(3))


def test_who_has_left_is_told_no_more_than_a_stranger(agency: World) -> None:
    gone = agency.person("gone")
    set_password(agency, "gone")
    browser = Browser(agency)
    assert browser.sign_in("gone").status_code == 303
    agency.settle()
    assert browser.reaches("/accounts/clients")
    agency.api("admin").post(f"/accounts/v1/people/{gone}/leave")
    agency.settle()
    assert not browser.reaches("/accounts/clients")
    assert Browser(agency).sign_in("gone").status_code == 422


def test_usernames_are_taken_without_regard_to_case_and_width(agency: World) -> None:
    assert Browser(agency).sign_in(" ＡNNA ").status_code == 303


def test_guessing_an_account_is_stopped_and_forgotten_in_time(agency: World) -> None:
    for number in range(domain.GUESSES_PER_ACCOUNT):
        assert Browser(agency, address=f"192.0.2.{number}").sign_in("anna", "wrong").status_code == 422
    stopped = Browser(agency, address="198.51.100.7").sign_in("anna")
    assert stopped.status_code == 429
    assert int(stopped.headers["Retry-After"]) > 0
    assert "Too many attempts" in stopped.get_data(as_text=True)
    assert Browser(agency).sign_in("dora").status_code == 303
    with time_machine.travel(clock.now() + domain.GUESS_WINDOW + timedelta(seconds=1)):
        assert Browser(agency).sign_in("anna").status_code == 303


def test_an_account_that_does_not_exist_is_stopped_alike(agency: World) -> None:
    for _ in range(domain.GUESSES_PER_ACCOUNT):
        assert Browser(agency).sign_in("no-such", "wrong").status_code == 422
    assert Browser(agency).sign_in("no-such", "wrong").status_code == 429


def test_guessing_many_accounts_from_one_address_is_stopped(
    agency: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "GUESSES_PER_ADDRESS", 5)
    for number in range(5):
        assert Browser(agency).sign_in(f"some{number}", "wrong").status_code == 422
    assert Browser(agency).sign_in("anna").status_code == 429
    assert Browser(agency, address="198.51.100.8").sign_in("anna").status_code == 303


def test_signing_in_rightly_counts_as_no_guess(agency: World) -> None:
    for _ in range(domain.GUESSES_PER_ACCOUNT + 2):
        assert Browser(agency).sign_in("anna").status_code == 303


def test_failures_are_audited_without_the_typed_name(agency: World) -> None:
    Browser(agency).sign_in("my-secret-typed-here", "wrong")
    assert "sign-in.failed" in audited(agency, "unknown")
    with agency.runtimes["portal"].database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT details FROM audit").fetchall()
    assert all("my-secret" not in row[0] for row in rows)


@pytest.mark.parametrize(
    ("wanted", "lands"),
    [
        ("/accounts/clients?q=a", "/accounts/clients?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/sign-out", "/"),
    ],
)
def test_signing_in_leads_only_to_pages_of_this_site(agency: World, wanted: str, lands: str) -> None:
    assert Browser(agency).sign_in("anna", next=wanted).headers["Location"] == lands


def test_a_page_leads_through_signing_in_and_back(agency: World) -> None:
    browser = Browser(agency)
    assert browser.get("/account/tokens").headers["Location"] == "/sign-in?next=%2Faccount%2Ftokens"
    assert browser.sign_in("anna", next="/account/tokens").headers["Location"] == "/account/tokens"
    assert browser.get("/sign-in?next=/account").headers["Location"] == "/account"


def test_forms_from_elsewhere_are_refused(agency: World) -> None:
    browser = Browser(agency)
    fields = {"username": "anna", "password": PASSWORD}
    assert browser.client.post("/sign-in", data=fields).status_code == 400
    assert browser.cookie == ""
    browser.sign_in("anna")
    assert browser.client.post("/account/password", data={"present": PASSWORD}).status_code == 400
    assert browser.client.post("/sign-out", headers={"Origin": "https://evil.example"}).status_code == 400
    assert browser.page("/account")


def test_signing_out_ends_the_session_everywhere(agency: World) -> None:
    browser = Browser(agency)
    browser.sign_in("anna")
    agency.settle()
    token = browser.cookie
    answer = browser.client.post("/sign-out", headers={"Origin": "http://localhost"})
    assert answer.headers["Location"] == "/sign-in"
    assert browser.cookie == ""
    agency.settle()
    for path in ("/", "/accounts/clients", "/intelligence/findings", "/search"):
        elsewhere = agency.client(path)
        elsewhere.set_cookie(COOKIE, token)
        assert elsewhere.get(path).status_code == 303, path


def test_a_session_is_renewed_while_used_and_ends_at_last(agency: World) -> None:
    browser = Browser(agency)
    begun = clock.now()
    browser.sign_in("anna")
    first = browser.cookie
    browser.get("/portal/panels/badge")
    assert browser.cookie == first
    with time_machine.travel(begun + timedelta(hours=7)):
        browser.get("/portal/panels/badge")
        second = browser.cookie
        assert second not in ("", first)
        assert len(agency.api("anna").get("/portal/v1/sessions?limit=200").get_json()["items"]) > 0
    with time_machine.travel(begun + timedelta(hours=13)):
        browser.client.set_cookie(COOKIE, first)
        assert browser.get("/account").status_code == 303
        browser.client.set_cookie(COOKIE, second)
        assert browser.page("/account")
    last = begun + timedelta(hours=7)
    while last < begun + domain.SESSION_LONGEST - timedelta(hours=8):
        last += timedelta(hours=8)
        with time_machine.travel(last):
            browser.page("/account")
    with time_machine.travel(begun + domain.SESSION_LONGEST + timedelta(minutes=1)):
        assert browser.get("/account").status_code == 303


def test_ending_a_renewed_session_ends_all_of_its_tokens(agency: World) -> None:
    browser = Browser(agency)
    browser.sign_in("dora")
    first = browser.cookie
    with time_machine.travel(clock.now() + timedelta(hours=7)):
        browser.page("/account")
        second = browser.cookie
        browser.client.post("/sign-out", headers={"Origin": "http://localhost"})
        for token in (first, second):
            browser.client.set_cookie(COOKIE, token)
            assert browser.get("/account").status_code == 303


def test_the_sign_in_page_shows_demo_people_only_in_the_demo(agency: World, tmp_path: Path) -> None:
    assert "demo agency" not in Browser(agency).page("/sign-in")
    with make_world(tmp_path, demo=True) as world:
        world.found()
        browser = Browser(world)
        assert "demo agency" not in browser.page("/sign-in")
        lina = {"username": "li.na", "name": "李娜", "roles": ["director"], "seats": ["AD"]}
        (tmp_path / "demo-sign-ins.json").write_text(json.dumps([lina | {"password": "pw-of-all"}]))
        page = browser.page("/sign-in")
        assert "李娜" in page
        assert "pw-of-all" in page
        assert "Account Director (AD)" in page


def test_the_language_is_chosen_before_signing_in(agency: World) -> None:
    browser = Browser(agency)
    browser.get("/portal/language/zh?next=/sign-in")
    assert "登录" in browser.page("/sign-in")
