"""In a real browser: a finding is captured by keyboard alone, and what was typed outlives a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from shared.tokens import session_cookie
from tests.browser_here import complaints
from tests.platform.pages.agency import served

from .conftest import FINDINGS, Agency

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(agency: Agency) -> Iterator[str]:
    """The service on a port of its own."""
    with served(agency.world.app("intelligence")) as address:
        yield address


@pytest.fixture
def context(chromium: Browser, site: str, agency: Agency) -> Iterator[BrowserContext]:
    made = chromium.new_context(base_url=site, locale="en-GB", viewport={"width": 1280, "height": 900})
    made.add_cookies([{"name": session_cookie(tls=False), "value": agency.api("ann").token, "url": site}])
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def newest(agency: Agency) -> dict[str, Any]:
    found: dict[str, Any] = (
        agency.api("ann").get(FINDINGS, query_string={"author": "me"}).get_json()["items"][0]
    )
    return found


def test_a_finding_is_captured_by_keyboard_alone(page: Page, agency: Agency) -> None:
    agency.finding("ann", market="西南", title="earlier")  # the client is not chosen yet
    page.goto("/intelligence/capture")
    expect(page.get_by_label("Narrow the list: Client")).to_be_focused()
    keys = page.keyboard
    keys.type("yun")
    expect(page.locator("#field-client_id")).to_have_value(agency.ids["Yunling"])
    keys.press("Tab")
    keys.press("Tab")
    keys.type("week")
    expect(page.locator("#field-source_id")).to_have_value(agency.ids["weekly"])
    for _ in range(3):  # the list, adding a source, the quote
        keys.press("Tab")
    keys.type("“同比增长 12%”")
    keys.press("Tab")
    keys.type("Chilled milk grows 12%")
    keys.press("Alt+4")
    keys.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("Chilled milk grows 12%")
    stored = newest(agency)
    assert (stored["quote"], stored["part"]) == ("“同比增长 12%”", "marketing_plan")
    assert (stored["client_id"], stored["source_id"]) == (agency.ids["Yunling"], agency.ids["weekly"])
    assert page.evaluate("document.activeElement.id") == "field-quote", "the next one begins with its quote"
    expect(page.locator("#field-client_id")).to_have_value(agency.ids["Yunling"])


def test_what_was_typed_outlives_a_closed_tab_and_a_server_that_is_down(
    page: Page, context: BrowserContext, agency: Agency
) -> None:
    page.goto("/intelligence/capture")
    page.fill("#field-quote", "typed before the crash")
    page.close()
    again = context.new_page()
    again.goto("/intelligence/capture")
    expect(again.locator("#field-quote")).to_have_value("typed before the crash")
    again.select_option("#field-client_id", agency.ids["Yunling"])
    again.select_option("#field-source_id", agency.ids["panel"])
    again.fill("#field-title", "kept")
    context.set_offline(True)
    again.locator("#field-title").press("Control+Enter")
    expect(again.locator("[data-form-notice]")).to_contain_text("not saved", ignore_case=True)
    expect(again.locator("#field-title")).to_have_value("kept")
    context.set_offline(False)
    again.locator("#field-title").press("Control+Enter")
    expect(again.locator("#toasts")).to_contain_text("kept")
    assert newest(agency)["quote"] == "typed before the crash"


def test_choosing_a_client_offers_its_findings_as_confirmation(page: Page, agency: Agency) -> None:
    other = agency.finding("ann", title="could confirm")
    agency.finding("ann", market="西南")
    page.goto("/intelligence/capture")
    page.select_option("#field-client_id", agency.ids["Yunling"])
    expect(page.locator(f'input[name=corroborated_by][value="{other["id"]}"]')).to_have_count(1)


@pytest.mark.parametrize(("language", "width"), [("zh", 360), ("en", 360), ("zh", 1440), ("en", 1440)])
def test_axe_finds_nothing_and_nothing_overflows(
    page: Page, site: str, agency: Agency, language: str, width: int
) -> None:
    finding = agency.finding("ann", label="TLP:GREEN")
    page.context.add_cookies([{"name": "acm_lang", "value": language, "url": site}])
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        "/intelligence/capture",
        "/intelligence/findings",
        f"/intelligence/findings/{finding['id']}",
        f"/intelligence/sources/{agency.ids['reprint']}",
        f"/intelligence/clients/{agency.ids['Yunling']}",
    ):
        page.goto(path)
        assert complaints(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
