"""The spine as people use it: one captures, a colleague finds, and across the wall nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.browser_here import complaints
from tests.product import Product, wait_until

pytestmark = pytest.mark.browser
NUMBER: Iterator[int] = count(1)
WAYS = [
    pytest.param("zh", 1440, marks=pytest.mark.spine),
    pytest.param("zh", 360),
    pytest.param("en", 1440),
    pytest.param("en", 360, marks=pytest.mark.spine),
]

AUTHOR, COLLEAGUE, WALLED, DIRECTOR, ADMINISTRATOR = "wang.wei", "chen.jing", "liu.yang", "zhou.min", "admin"
CLIENT, ALIAS = "云岭乳业集团", "滇岭乳品厂"


def choose(page: Page, field: str, typed: str) -> None:
    """Type part of a name into the focused look-up of a field; the best is chosen."""
    page.keyboard.type(typed)
    wait_until(
        lambda: typed in page.evaluate(f"document.getElementById('{field}').selectedOptions[0]?.text ?? ''"),
        10,
        f"{typed} is chosen in {field}",
    )


def tab_to(page: Page, field: str) -> None:
    for _ in range(12):
        if page.evaluate("document.activeElement.id") == field:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tab key does not lead to {field}")


def begin(page: Page, address: str) -> None:
    """Open the capture screen and choose client and source, by keyboard alone."""
    page.goto(f"{address}/intelligence/capture")
    page.wait_for_load_state("networkidle")
    if not page.evaluate("document.getElementById('field-client_id').value"):
        choose(page, "field-client_id", "云岭")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        choose(page, "field-source_id", "乳业")


def capture(page: Page, address: str, title: str) -> None:
    """Capture a finding by keyboard alone, from the open page to the notice that it is saved."""
    begin(page, address)
    tab_to(page, "field-title")
    page.keyboard.type(title)
    page.keyboard.press("Alt+3")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("link", name=title).first).to_be_visible()


def results(page: Page, address: str, query: str) -> str:
    page.goto(f"{address}/search?q={quote(query)}")
    return page.locator("main").inner_text()


@pytest.mark.rule("F1")
@pytest.mark.parametrize(("language", "width"), WAYS)
def test_what_one_captures_a_colleague_finds_and_a_walled_person_does_not(
    product: Product, sign_in: SignIn, language: str, width: int
) -> None:
    word = f"隐鹭{next(NUMBER)}号"
    title = f"Distributors were hoarding {word} 囤货"
    author = sign_in(AUTHOR, language=language, width=width)
    capture(author, product.address, title)
    assert complaints(author) == []

    colleague = sign_in(COLLEAGUE, language=language, width=width)
    wait_until(lambda: title in results(colleague, product.address, f"囤货 {word}"), 5, "it is found")
    for query in (f"囤货 {word}", f"distributor hoards {word}", f"{ALIAS} {word}", f"隐鹭 {word}"):
        assert title in results(colleague, product.address, query), query
    assert complaints(colleague) == []
    colleague.get_by_role("link", name=title).first.click()
    expect(colleague.get_by_role("heading", level=1)).to_contain_text(title)
    assert complaints(colleague) == []

    walled = sign_in(WALLED, language=language, width=width)
    for query in (f"囤货 {word}", f"distributor hoards {word}", ALIAS, CLIENT):
        seen = results(walled, product.address, query)
        assert title not in seen
        assert f"{CLIENT}\n" not in seen.replace(query, "")
    assert complaints(walled) == []
    finding = colleague.url
    assert walled.goto(finding).status == 404  # type: ignore[union-attr]
    assert complaints(walled) == []


def test_the_search_box_opens_by_a_key_on_every_page(product: Product, sign_in: SignIn) -> None:
    page = sign_in(COLLEAGUE)
    for path in ("/", "/accounts/clients", "/intelligence/findings", "/search"):
        page.goto(f"{product.address}{path}")
        page.keyboard.press("Control+k")
        expect(page.locator("#acm-search")).to_be_focused()
    page.keyboard.type("云岭")
    expect(page.locator("#acm-suggestions [role=option]").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/search" not in url or "q=" in url)


def test_what_is_typed_survives_a_crash_of_the_browser(product: Product, sign_in: SignIn) -> None:
    page = sign_in(AUTHOR)
    page.goto(f"{product.address}/intelligence/capture")
    page.fill("#field-title", "半句话")
    page.fill("#field-quote", "客户说")
    second = page.context.new_page()  # the same browser after its page was lost without a word
    page.close(run_before_unload=False)
    second.goto(f"{product.address}/intelligence/capture")
    expect(second.locator("#field-title")).to_have_value("半句话")
    expect(second.locator("#field-quote")).to_have_value("客户说")


@pytest.mark.spine
def test_what_is_typed_survives_a_crash_of_the_server(product: Product, sign_in: SignIn) -> None:
    page = sign_in(AUTHOR)
    title = f"停机之时记下的事{next(NUMBER)}"
    begin(page, product.address)
    tab_to(page, "field-title")
    page.keyboard.type(title)
    page.keyboard.press("Alt+3")
    product.kill("all")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#field-title")).to_have_value(title)
    product.start()
    page.goto(f"{product.address}/intelligence/capture")
    expect(page.locator("#field-title")).to_have_value(title)
    page.locator("#field-title").focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_load_state("networkidle")
    wait_until(lambda: title in results(page, product.address, title), 10, "it is stored and found")


PAGES = {
    AUTHOR: [
        "/",
        "/accounts/clients",
        "/accounts/clients/new",
        "/accounts/clients/{client}",
        "/accounts/people",
        "/intelligence/capture",
        "/intelligence/findings",
        "/intelligence/sources",
        "/intelligence/clients/{client}",
        "/search?q=经销商",
        "/search?q=无此一词甲乙丙",
        "/account",
        "/account/sessions",
        "/account/tokens",
        "/account/password",
    ],
    DIRECTOR: ["/accounts/walls", "/accounts/walls/new", "/accounts/people/new"],
    ADMINISTRATOR: ["/", "/audit", "/accounts/v1/docs", "/nothing-here"],
}


@pytest.mark.parametrize(("language", "width", "theme"), [("zh", 1440, "light"), ("en", 360, "dark")])
@pytest.mark.parametrize("who", PAGES)
def test_no_page_keeps_anybody_out(
    product: Product, sign_in: SignIn, who: str, language: str, width: int, theme: str
) -> None:
    page = sign_in(who, language=language, width=width, theme=theme)
    clients = product.client(AUTHOR).get("/accounts/v1/clients?limit=100")["items"]
    client = next(item["id"] for item in clients if item["name"] == CLIENT)
    found = {}
    for path in PAGES[who]:
        page.goto(product.address + path.format(client=client))
        page.wait_for_load_state("networkidle")
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if problems := [*complaints(page), *([("overflow", [str(overflow)])] if overflow > 0 else [])]:
            found[path] = problems
    assert found == {}
