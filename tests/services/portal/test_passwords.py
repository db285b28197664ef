"""What a password must be, invitations and resets, and changing one's own."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from services.portal import commands, domain
from shared import clock
from shared.pages import missing_translations
from shared.testing import World
from shared.testing import world as make_world
from tests.services.portal.conftest import (
    OTHER,
    PASSWORD,
    Browser,
    audited,
    forget_guesses,
    kept,
    set_password,
)


@pytest.fixture(autouse=True)
def _counting_from_nothing(agency: World) -> None:
    forget_guesses(agency)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("elevenchars", "short"),
        ("twelve chars", ""),
        ("春眠不觉晓，处处闻啼鸟，夜来风雨声", ""),
        ("x" * 64 + " and so on to the very end, " + "y" * 36, ""),
        ("the quick fox " * 10, "long"),
        ("Password2026!", "common"),
        ("iloveyoudragon", "common"),
        ("123456789012", "common"),
        ("abcabcabcabc", "common"),
        ("qwertyuiop[]", "common"),
        ("my li.na sentence", "own"),
        ("这是李娜的密码但是很长很长", "own"),
    ],
)
def test_password_rules(password: str, fault: str) -> None:
    assert domain.password_fault(password, ["li.na", "李娜"]) == fault


def test_only_an_argon2id_hash_is_kept(agency: World) -> None:
    made = commands.hash_password(PASSWORD)
    assert made.startswith("$argon2id$")
    assert commands.matches(made, PASSWORD)
    assert not commands.matches(made, PASSWORD + " ")
    assert PASSWORD not in kept(agency)


def link_in(page: str) -> str:
    found = re.search(r'value="http://localhost(/welcome/[^"]+)"', page)
    assert found is not None
    return found[1]


def invite(world: World, username: str, *, by: str = "admin") -> str:
    """Make a link on screen; answers its path."""
    browser = Browser(world)
    browser.sign_in(by)
    answer = browser.send(f"/invite/{world.people[username]}", {})
    assert answer.status_code == 200
    return link_in(answer.get_data(as_text=True))


def test_an_invited_person_sets_a_password_and_is_signed_in(agency: World) -> None:
    agency.person("nina", name="新人")
    path = invite(agency, "nina", by="dora")
    browser = Browser(agency)
    assert "新人" in browser.page(path)
    assert browser.page(path)  # looking uses nothing up
    refused = browser.send(path, {"password": "short"})
    assert refused.status_code == 422
    assert browser.send(path, {"password": PASSWORD}).headers["Location"] == "/"
    agency.settle()
    assert browser.reaches("/accounts/clients")
    # once
    assert browser.get(path).status_code == 404
    again = Browser(agency)
    again.page("/sign-in")
    assert again.send("/sign-in", {"password": OTHER}, to=path).status_code == 404
    assert Browser(agency).sign_in("nina").status_code == 303
    assert {"link.invitation", "password.set"} <= set(audited(agency, agency.people["nina"]))


def test_a_link_is_over_after_seven_days_or_when_replaced_or_closed(agency: World) -> None:
    agency.person("late")
    first = invite(agency, "late")
    second = invite(agency, "late")
    assert Browser(agency).get(first).status_code == 404
    with time_machine.travel(clock.now() + timedelta(days=6, hours=23)):
        assert Browser(agency).get(second).status_code == 200
    with time_machine.travel(clock.now() + timedelta(days=7, minutes=1)):
        assert Browser(agency).get(second).status_code == 404
    browser = Browser(agency)
    browser.sign_in("admin")
    browser.send(f"/invite/{agency.people['late']}", {}, to=f"/invite/{agency.people['late']}/close")
    assert Browser(agency).get(second).status_code == 404


def test_a_link_of_somebody_who_left_does_nothing(agency: World) -> None:
    agency.person("early")
    path = invite(agency, "early")
    agency.api("admin").post(f"/accounts/v1/people/{agency.people['early']}/leave")
    agency.settle()
    assert Browser(agency).get(path).status_code == 404
    assert (
        agency.api("admin").post("/portal/v1/links", {"person_id": agency.people["early"]}).status_code == 409
    )


def test_the_link_is_kept_as_a_digest_only(agency: World) -> None:
    agency.person("dig")
    answer = agency.api("admin").post(
        "/portal/v1/links", {"person_id": agency.people["dig"]}, headers={"Idempotency-Key": "dig"}
    )
    secret = answer.get_json()["path"].removeprefix("/welcome/")
    again = agency.api("admin").post(
        "/portal/v1/links", {"person_id": agency.people["dig"]}, headers={"Idempotency-Key": "dig"}
    )
    assert again.get_json() == answer.get_json()
    assert secret not in kept(agency)


def test_who_may_make_links(agency: World) -> None:
    agency.person("inv")
    anna, dora, admin = (agency.api(name) for name in ("anna", "dora", "admin"))

    def status(api: Any, username: str) -> int:
        return int(api.post("/portal/v1/links", {"person_id": agency.people[username]}).status_code)

    assert status(anna, "inv") == 403
    assert status(dora, "inv") == 201
    # With the link one could act as that person: resets and auditors' invitations are the administrators'.
    set_password(agency, "inv")
    assert status(dora, "inv") == 403
    assert status(dora, "audie") == 403
    assert status(admin, "inv") == 201
    assert status(admin, "audie") == 201
    assert admin.post("/portal/v1/links", {"person_id": "unknown"}).status_code == 404
    browser = Browser(agency)
    browser.sign_in("anna")
    assert browser.get(f"/invite/{agency.people['inv']}").status_code == 403
    assert anna.get(f"/portal/v1/links?person_id={agency.people['inv']}").status_code == 403


def test_a_reset_ends_everything_at_once(agency: World) -> None:
    agency.person("rita")
    set_password(agency, "rita")
    browser = Browser(agency)
    browser.sign_in("rita")
    api = agency.api("rita")
    agency.settle()
    assert browser.reaches("/accounts/clients")
    path = invite(agency, "rita")
    agency.settle()
    assert not browser.reaches("/accounts/clients")
    assert api.get("/accounts/v1/clients").status_code == 401
    assert Browser(agency).sign_in("rita").status_code == 422
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1)):
        assert Browser(agency).get(path).status_code == 404
    assert Browser(agency).send(path, {"password": OTHER}).status_code == 303
    assert Browser(agency).sign_in("rita", OTHER).status_code == 303


def test_changing_the_password_ends_other_sessions(agency: World) -> None:
    agency.person("chan")
    set_password(agency, "chan")
    here, there = Browser(agency), Browser(agency)
    here.sign_in("chan")
    there.sign_in("chan")
    agency.settle()
    wrong = here.send("/account/password", {"present": "not it", "password": OTHER})
    assert wrong.status_code == 422
    assert "This is not your present password." in wrong.get_data(as_text=True)
    weak = here.send("/account/password", {"present": PASSWORD, "password": "password1234"})
    assert weak.status_code == 422
    done = here.send("/account/password", {"present": PASSWORD, "password": OTHER})
    assert done.status_code == 303
    agency.settle()
    assert here.reaches("/accounts/clients")
    assert not there.reaches("/accounts/clients")
    assert Browser(agency).sign_in("chan").status_code == 422
    assert Browser(agency).sign_in("chan", OTHER).status_code == 303


def test_the_present_password_cannot_be_guessed_from_within(agency: World) -> None:
    agency.person("gus")
    set_password(agency, "gus")
    body = {"present": "wrong", "password": OTHER}
    api = agency.api("gus")
    for _ in range(domain.GUESSES_PER_ACCOUNT):
        assert api.post("/portal/v1/me/password", body).status_code == 422
    assert api.post("/portal/v1/me/password", body).status_code == 429
    assert api.post("/portal/v1/me/password", body | {"present": PASSWORD}).status_code == 429


def test_the_first_password_leaves_its_file_when_changed(tmp_path: Path) -> None:
    with make_world(tmp_path, demo=False) as world:
        world.found()
        first = "made-up-at-the-start"
        with world.runtimes["portal"].unit_of_work() as uow:
            commands.set_first_password(
                uow, person_id=world.people["admin"], password_hash=commands.hash_password(first)
            )
        kept = tmp_path / "admin-password"
        kept.write_text(first)
        browser = Browser(world)
        assert browser.sign_in("admin", first).headers["Location"] == "/account/password?next=%2F"
        assert "first password" in browser.page("/")
        assert "Add a person" in browser.page("/")
        world.settle()
        assert kept.exists()
        answer = browser.send("/account/password?next=/", {"present": first, "password": OTHER})
        assert answer.headers["Location"] == "/"
        assert not kept.exists()
        assert "first password" not in browser.page("/")
        assert Browser(world).sign_in("admin", OTHER).headers["Location"] == "/"


def test_every_message_has_its_chinese() -> None:
    assert missing_translations(Path("services/portal")) == []
