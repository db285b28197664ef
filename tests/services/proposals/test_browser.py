"""In a real browser: sections save themselves and outlive a lost connection, findings are taken in from
search, an approval on a phone, cards that go only where the workflow leads; axe finds nothing, nothing
overflows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from shared.tokens import session_cookie
from tests.browser_here import complaints
from tests.platform.pages.agency import served

from .conftest import PROPOSALS, Agency, money, people, small_world

pytestmark = pytest.mark.browser
SignIn = Callable[..., Page]


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with small_world(tmp_path_factory.mktemp("agency"), "search") as world:
        yield people(world)


@pytest.fixture(scope="module")
def site(agency: Agency) -> Iterator[str]:
    """The services behind one origin."""

    def gateway(environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        return agency.world.client(path).application(environ, start_response)

    with served(gateway) as address:
        yield address


@pytest.fixture
def sign_in(chromium: Browser, site: str, agency: Agency) -> Iterator[SignIn]:
    contexts: list[BrowserContext] = []

    def enter(username: str, *, width: int = 1440, language: str = "en", theme: str = "light") -> Page:
        context = chromium.new_context(base_url=site, viewport={"width": width, "height": 900})
        contexts.append(context)
        context.add_cookies(
            [
                {"name": session_cookie(tls=False), "value": agency.api(username).token, "url": site},
                {"name": "acm_lang", "value": language, "url": site},
                {"name": "acm_theme", "value": theme, "url": site},
            ]
        )
        return context.new_page()

    yield enter
    for context in contexts:
        context.close()


def bodies(agency: Agency, made: dict[str, Any]) -> list[str]:
    return [section["body"] for section in agency.read(made)["sections"]]


def test_what_is_shown_as_saved_is_saved_and_what_is_not_is_kept(agency: Agency, sign_in: SignIn) -> None:
    made = agency.write(sections=[{"heading": "一", "body": ""}, {"heading": "二", "body": ""}])
    amy, adam = sign_in("amy"), sign_in("adam")
    for page in (amy, adam):
        page.goto(f"/proposals/{made['id']}/edit")
    amy.get_by_label("Text").nth(0).fill("amy")
    adam.get_by_label("Text").nth(1).fill("adam")
    for page in (amy, adam):
        expect(page.locator("[data-saved]").filter(has_text="Saved at")).to_have_count(1)
    assert bodies(agency, made) == ["amy", "adam"]
    amy.context.set_offline(True)
    amy.get_by_label("Text").nth(0).fill("amy, typed while the connection was lost")
    expect(amy.locator("[data-saved]").nth(0)).to_contain_text("Not saved yet")
    assert bodies(agency, made)[0] == "amy"
    amy.close()
    again = amy.context.new_page()
    again.context.set_offline(False)
    again.goto(f"/proposals/{made['id']}/edit")
    expect(again.get_by_label("Text").nth(0)).to_have_value("amy, typed while the connection was lost")
    again.get_by_label("Text").nth(0).press("End")
    again.keyboard.type("!")
    expect(again.locator("[data-saved]").nth(0)).to_contain_text("Saved at")
    assert bodies(agency, made)[0] == "amy, typed while the connection was lost!"


def test_a_token_that_was_replaced_while_the_page_was_open_is_renewed(
    agency: Agency, sign_in: SignIn
) -> None:
    made = agency.write(sections=[{"heading": "一", "body": ""}])
    page = sign_in("amy")
    page.goto(f"/proposals/{made['id']}/edit")
    kept = [one for one in page.context.cookies() if one["name"] == session_cookie(tls=False)]
    page.context.clear_cookies()
    page.context.add_cookies(kept)  # type: ignore[arg-type]
    page.get_by_label("Text").fill("typed meanwhile")
    expect(page.locator("[data-saved]")).to_contain_text("Saved at")
    assert bodies(agency, made) == ["typed meanwhile"]


def test_two_in_one_section_merge(agency: Agency, sign_in: SignIn) -> None:
    made = agency.write(sections=[{"heading": "一", "body": "one\ntwo\nthree"}])
    amy, adam = sign_in("amy"), sign_in("adam")
    for page in (amy, adam):
        page.goto(f"/proposals/{made['id']}/edit")
    adam.get_by_label("Text").fill("ONE\ntwo\nthree")
    expect(adam.locator("[data-saved]")).to_contain_text("Saved at")
    amy.get_by_label("Text").fill("one\ntwo\nTHREE")
    expect(amy.locator("[data-saved]")).to_contain_text("Somebody else changed this section")
    amy.locator(".acm-section button[type=submit]").click()
    expect(amy.get_by_role("heading", name="Merge “一”")).to_be_visible()
    expect(amy.get_by_label("Text")).to_have_value("ONE\ntwo\nTHREE")
    assert complaints(amy) == []
    amy.locator(".acm-section button[type=submit]").click()
    expect(amy.locator("#toasts")).to_contain_text("saved")
    assert bodies(agency, made) == ["ONE\ntwo\nTHREE"]


def test_a_finding_is_taken_in_from_search_without_leaving(agency: Agency, sign_in: SignIn) -> None:
    finding = agency.finding(title="低温奶增长 12%")
    made = agency.write(sections=[{"heading": "一", "body": ""}])
    page = sign_in("amy")
    page.goto(f"/proposals/{made['id']}/edit")
    page.get_by_text("Insert a finding").click()
    page.get_by_label("Search findings").fill("低温奶")
    page.get_by_role("button", name="低温奶增长 12%").click()
    expect(page.locator("[data-saved]")).to_contain_text("Saved at")
    assert agency.read(made)["sections"][0]["citations"] == [finding]
    assert page.url.endswith("/edit")


def test_an_account_director_approves_on_a_phone(agency: Agency, sign_in: SignIn) -> None:
    made = agency.write()
    agency.done("submit", made, "amy")
    page = sign_in("adam", width=360)
    page.goto("/proposals/panels/home")
    page.goto(f"/proposals/{made['id']}")
    page.get_by_role("link", name="Review").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#toasts")).to_contain_text("You approved exactly what you read.")
    assert agency.read(made)["state"] == "approved"


def test_a_card_goes_only_where_the_workflow_leads(agency: Agency, sign_in: SignIn) -> None:
    made = agency.approved(title="auf dem Brett")
    page = sign_in("amy")
    page.goto("/proposals/board?kind=client")
    card = page.locator("article", has_text="auf dem Brett")
    card.drag_to(page.locator("[data-column=accepted]"))
    assert "/proposals/board" in page.url
    card.drag_to(page.locator("[data-column=sent]"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Mark as sent").click()
    expect(page.locator("#toasts")).to_contain_text("Sent")
    assert agency.read(made)["state"] == "sent"


@pytest.fixture(scope="module")
def furnished(agency: Agency) -> dict[str, str]:
    """One of each: with warnings, comments, approvals, a pitch with open scores."""
    finding = agency.finding(title="份额下降")
    budget = {
        "lines": [{"item": "媒介", "unit_price": money("1000.00"), "discount_percent": "5"}],
        "tax_percent": "6",
    }
    made = agency.approved(
        sections=[{"heading": "洞察", "body": "一\n二", "citations": [finding]}],
        budget=budget,
        due_at="2026-11-20",
    )
    agency.patch(made, sections=[{"heading": "洞察", "body": "一\n三", "citations": [finding]}])
    agency.done("submit", made, "amy")
    agency.api("ann").post(
        f"{PROPOSALS}/{made['id']}/comments", {"body": "@amy ok?", "mentions": [agency.who("amy")]}
    )
    agency.take_finding("retract", finding, "amy", reason="x")
    pitch = agency.write("rita", kind="pitch", client_id=agency.ids["Qingwu"], title="比稿")
    room = f"{PROPOSALS}/{pitch['id']}/pitch"
    agency.api("rita").patch(room, {"brief": "b", "competitors": ["山海"]})
    agency.api("rita").post(f"{room}/lock-weights")
    criteria = agency.api("rita").get(room).get_json()["criteria"]
    for who, points in {"rita": 8, "adam": 4, "dora": 7}.items():
        agency.api(who).post(f"{room}/scores", {"points": {one["id"]: points for one in criteria}})
    agency.api("rita").post(f"{room}/costs", {"on": "2026-11-20", "hours": "2", "hour_rate": money("300")})
    lost = agency.approved()
    agency.done("send", lost, "amy")
    agency.done("outcome", lost, "amy", result="declined", reason="价格")
    draft = agency.write(sections=[{"heading": "一", "body": "x", "citations": [agency.finding()]}])
    agency.world.settle()
    return {"made": made["id"], "pitch": pitch["id"], "draft": draft["id"]}


@pytest.mark.parametrize(
    ("language", "width", "theme"),
    [("zh", 360, "light"), ("en", 360, "dark"), ("zh", 1440, "dark"), ("en", 1440, "light")],
)
def test_axe_finds_nothing_and_nothing_overflows(
    agency: Agency, sign_in: SignIn, furnished: dict[str, str], language: str, width: int, theme: str
) -> None:
    page = sign_in("dora", width=width, language=language, theme=theme)
    found: dict[str, Any] = {}
    for path in (
        "/proposals/",
        "/proposals/board",
        "/proposals/board?lane=client",
        "/proposals/calendar?month=2026-11",
        "/proposals/report",
        "/proposals/rules",
        "/proposals/new",
        f"/proposals/{furnished['made']}",
        f"/proposals/{furnished['made']}/review",
        f"/proposals/{furnished['made']}/versions",
        f"/proposals/{furnished['draft']}/edit",
        f"/proposals/{furnished['draft']}/facts",
        f"/proposals/{furnished['draft']}/budget",
        f"/proposals/{furnished['pitch']}/pitch",
    ):
        page.goto(path)
        if told := complaints(page):
            found[path] = told
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found[f"{path} overflows"] = wide
    assert found == {}
