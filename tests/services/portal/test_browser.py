"""A person's way in, in a real browser: invited, signed in, at home; in both languages, widths and themes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from shared.gateway import dispatcher
from shared.testing import World
from shared.testing import world as make_world
from tests.browser_here import complaints
from tests.platform.pages.agency import served
from tests.services.portal.conftest import OTHER, PASSWORD, set_password

pytestmark = pytest.mark.browser
DEMO = [
    {"username": "li.na", "name": "李娜", "roles": [], "seats": ["AD", "AM"], "password": PASSWORD},
    {"username": "zhou.min", "name": "周敏", "roles": ["director"], "seats": [], "password": PASSWORD},
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("browser"), demo=True) as made:
        made.found()
        made.person("zhou.min", roles=["director"], name="周敏")
        made.person("li.na", name="李娜")
        made.person("new.one", name="新同事")
        set_password(made, "zhou.min")
        set_password(made, "admin")
        (made.settings.home / "demo-sign-ins.json").write_text(json.dumps(DEMO))
        yield made


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[str]:
    with served(dispatcher({name: world.app(name) for name in world.runtimes}, root="portal")) as address:
        yield address


def open_page(chromium: Browser, site: str, language: str, *, theme: str, width: int) -> Page:
    context = chromium.new_context(
        base_url=site, locale=language, color_scheme=theme, viewport={"width": width, "height": 740}
    )
    return context.new_page()


def sound(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert complaints(page) == [], path
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


@pytest.mark.parametrize(("language", "theme", "width"), [("zh-CN", "light", 360), ("en-GB", "dark", 1440)])
def test_every_screen_is_sound(
    chromium: Browser, site: str, world: World, language: str, theme: Any, width: int
) -> None:
    page = open_page(chromium, site, language, theme=theme, width=width)
    sound(page, "/sign-in")
    sound(page, "/welcome/nothing")
    page.goto("/sign-in")
    page.locator("#field-username").fill("admin")
    page.locator("#field-password").fill(PASSWORD)
    page.locator("#field-password").press("Enter")
    page.wait_for_url(f"{site}/")
    world.settle()
    someone = world.people["li.na"]
    for path in (
        "/", "/account", "/account/password", "/account/sessions", "/account/tokens", "/settings", "/audit",
        f"/invite/{someone}",
    ):  # fmt: skip
        sound(page, path)
    page.context.close()


def test_from_an_invitation_to_the_first_screen_with_the_keyboard(
    chromium: Browser, site: str, world: World
) -> None:
    director = open_page(chromium, site, "en-GB", theme="light", width=1440)
    director.goto("/sign-in?next=/account")
    director.get_by_role("button", name=re.compile("Sign in.*周敏")).click()
    director.wait_for_url("**/account")
    director.goto(f"/invite/{world.people['new.one']}")
    director.get_by_role("button", name="Make a link").click()
    link = director.get_by_label("One-time link").input_value()
    assert complaints(director) == []

    invited = open_page(chromium, site, "en-GB", theme="light", width=360)
    sound(invited, link)
    invited.get_by_label("Password").first.focus()
    invited.keyboard.type(OTHER)
    invited.get_by_role("button", name=re.compile("Show.*Password")).press("Enter")
    expect(invited.locator("#field-password")).to_have_attribute("type", "text")
    invited.locator("#field-password").press("Enter")
    invited.wait_for_url(f"{site}/")
    expect(invited.get_by_role("heading", level=1)).to_contain_text("新同事")
    expect(invited.get_by_role("status")).to_contain_text("you are signed in")
    world.settle()
    invited.reload()
    expect(invited.locator("#home-accounts")).not_to_contain_text("Loading")
    invited.goto(link)
    expect(invited.get_by_text("This link no longer works").last).to_be_visible()
    for page in (director, invited):
        page.context.close()


def test_a_password_that_is_refused_is_typed_again_where_the_focus_is_led(
    chromium: Browser, site: str
) -> None:
    page = open_page(chromium, site, "en-GB", theme="dark", width=360)
    page.goto("/sign-in")
    page.locator("#field-username").fill("zhou.min")
    page.locator("#field-password").fill("wrong")
    page.locator("#field-password").press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator("#field-username")).to_have_value("zhou.min")
    expect(page.locator("#field-password")).to_have_value("")
    assert complaints(page) == []
    page.context.close()


def test_home_stands_while_other_services_are_down(chromium: Browser, site: str) -> None:
    page = open_page(chromium, site, "en-GB", theme="light", width=1440)
    page.context.route("**/intelligence/**", lambda route: route.abort())
    page.goto("/sign-in")
    # The panel has failed before a later script of the page is even there.
    held: list[Route] = []
    page.context.route("**/tabler.min.js", lambda route: held.append(route))
    page.on("requestfailed", lambda request: [held.pop().continue_() for _ in list(held)])
    page.get_by_role("button", name=re.compile("Sign in.*周敏")).click()
    expect(page.locator("#home-intelligence")).to_contain_text("Not available right now.")
    expect(page.get_by_role("link", name="Capture").first).to_be_visible()
    page.context.close()
