"""In a real browser: nothing typed is lost, the keyboard reaches everything, axe finds nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser_here import complaints

from .agency import make_app, served

pytestmark = pytest.mark.browser


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def context_of(chromium: Browser, site: str) -> Iterator[Callable[..., BrowserContext]]:
    made = []

    def make(
        person: str = "ann", language: str = "en", theme: str = "light", width: int = 1280
    ) -> BrowserContext:
        context = chromium.new_context(viewport={"width": width, "height": 800}, base_url=site)
        cookies = {"who": person, "acm_lang": language, "acm_theme": theme}
        context.add_cookies([{"name": name, "value": value, "url": site} for name, value in cookies.items()])
        # The portal's, which is not here: without it this app would answer with a session cookie of its own.
        context.route("**/portal/panels/badge", lambda route: route.fulfill(status=204))
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(context_of: Callable[..., BrowserContext]) -> Page:
    return context_of().new_page()


def act_as(page: Page, person: str) -> None:
    page.context.add_cookies([{"name": "who", "value": person, "url": page.url.split("/notes")[0]}])


def stored(app: Flask) -> list[dict[str, list[str]]]:
    return list(app.extensions["notes"].stored.values())


@pytest.mark.parametrize(
    ("language", "theme", "width"),
    [("zh", "light", 1920), ("en", "dark", 1280), ("en", "light", 360), ("zh", "dark", 360)],
)
def test_axe_finds_nothing_and_nothing_overflows(
    context_of: Callable[..., BrowserContext], site: str, language: str, theme: str, width: int
) -> None:
    page = context_of(language=language, theme=theme, width=width).new_page()
    refused: list[str] = []
    page.on(
        "console",
        lambda message: refused.append(message.text) if "Content Security" in message.text else None,
    )
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.on("request", lambda sent: refused.append(sent.url) if not sent.url.startswith(site) else None)
    for path in ("/notes/list", "/notes/list?none=1", "/notes/new", "/notes/refuses/404"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert complaints(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    assert refused == []


@pytest.mark.parametrize(("theme", "width"), [("dark", 1280), ("light", 360)])
def test_axe_finds_nothing_in_what_opens(
    context_of: Callable[..., BrowserContext], theme: str, width: int
) -> None:
    page = context_of(theme=theme, width=width).new_page()
    page.goto("/notes/new")
    page.get_by_label("Name").fill("much too long")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    assert complaints(page) == []
    page.goto("/notes/list")
    page.keyboard.press("/")
    page.keyboard.type("tea")
    expect(page.locator("#acm-suggestions")).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert complaints(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Account of").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert complaints(page) == []
    page.keyboard.press("Escape")
    page.locator("[data-dialog=end]").click()
    assert complaints(page) == []
    page.keyboard.press("Escape")
    if width < 992:
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("dialog", name="Menu")).to_be_focused()
        assert complaints(page) == []
    act_as(page, "nobody")
    page.goto("/notes/refuses/404")
    assert complaints(page) == []


def test_charts_panels_and_alpine_work_under_the_policy(page: Page) -> None:
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security" in said.text else None)
    page.goto("/notes/list")
    expect(page.locator("#costs canvas")).to_be_visible()
    page.locator("#costs").hover()
    page.wait_for_function(  # until the tooltip, whose box is not among the axis' texts, is drawn too
        "echarts.getInstanceByDom(document.getElementById('costs')).getZr().storage.getDisplayList(true)"
        ".some(shape => shape.type === 'text' && /^[ab]\\n/.test(shape.style.text) || "
        "shape.parent?.style?.text?.includes('\\n'))"
    )
    expect(page.locator("#panel-here")).to_have_text("The other service’s panel")
    expect(page.locator("#panel-missing")).to_have_text("Not available right now.")
    page.click("#alpine")
    expect(page.locator("#alpine-text")).to_be_visible()
    assert refused == []


def test_auto_follows_the_system_and_a_choice_is_painted_at_once(
    context_of: Callable[..., BrowserContext],
) -> None:
    page = context_of(theme="auto").new_page()
    page.emulate_media(color_scheme="dark")
    page.goto("/notes/new")
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("link", name="Dark", exact=True).click()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")


def test_on_a_phone_the_menu_opens_and_gives_the_focus_back(
    context_of: Callable[..., BrowserContext],
) -> None:
    page = context_of(width=360).new_page()
    page.goto("/notes/list")
    expect(page.get_by_role("link", name="Clients")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Clients")).to_be_visible()
    expect(page.get_by_role("dialog", name="Menu")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Clients")).to_be_hidden()
    expect(page.get_by_role("button", name="Menu")).to_be_focused()


# --- the keyboard ------------------------------------------------------------------------------------------


def test_slash_and_control_k_search_from_anywhere(page: Page) -> None:
    page.goto("/notes/list")
    search = page.get_by_role("combobox", name="Search everywhere")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()
    page.keyboard.type("tea/x")
    expect(search).to_have_value("tea/x")
    expect(search).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    option = page.locator("#acm-suggestions").get_by_role("option").nth(1)
    expect(option).to_have_attribute("aria-selected", "true")
    expect(search).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "none")
    page.keyboard.press("Enter")
    page.wait_for_url("**/notes/list?n=1")


def test_a_slash_in_a_field_is_a_slash(page: Page) -> None:
    page.goto("/notes/new")
    page.get_by_label("Text", exact=True).press_sequentially("1/2")
    expect(page.get_by_label("Text", exact=True)).to_have_value("1/2")


def test_when_search_is_down_the_box_still_sends(app: Flask, page: Page) -> None:
    app.extensions["notes"].suggests = False
    page.goto("/notes/list")
    page.keyboard.press("/")
    with page.expect_response("**/search/suggest?q=tea"):
        page.keyboard.type("tea")
    expect(page.locator("#acm-suggestions")).to_be_hidden()
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=tea")


def test_control_enter_saves_and_the_skip_link_skips(app: Flask, page: Page) -> None:
    page.goto("/notes/new")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_label("Name").fill("tea")
    page.get_by_label("Text", exact=True).focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/notes/list")
    expect(page.get_by_text("The note “tea” was saved.")).to_be_visible()
    assert [fields["name"] for fields in stored(app)] == [["tea"]]


def test_a_dialog_asks_and_escape_leaves_everything(app: Flask, page: Page) -> None:
    page.goto("/notes/list")
    page.get_by_role("main").get_by_role("button", name="Remove").last.click()
    expect(page.get_by_role("dialog", name="Remove it?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert stored(app) == []


# --- nothing typed is lost ---------------------------------------------------------------------------------


def fill(page: Page, name: str = "tea", *, scripts: bool = True) -> None:
    page.goto("/notes/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Text", exact=True).fill("first\nsecond")
    page.get_by_label("Day").fill("2026-11-24")
    page.get_by_label("Kind").select_option("b")
    page.get_by_label("TLP:CLEAR").check()
    page.get_by_label("Dealers").check()
    page.get_by_label("Person 3").check()
    page.get_by_label("Urgent").check()
    if scripts:
        page.get_by_label("Narrow the list: Client").press_sequentially("Hoi")
        page.get_by_label("Client", exact=True).select_option("c7")
    page.get_by_label("Password").fill("s3cret")


def expect_filled(page: Page, name: str = "tea", *, scripts: bool = True) -> None:
    expect(page.get_by_label("Name")).to_have_value(name)
    expect(page.get_by_label("Text", exact=True)).to_have_value("first\nsecond")
    expect(page.get_by_label("Day")).to_have_value("2026-11-24")
    expect(page.get_by_label("Kind")).to_have_value("b")
    expect(page.get_by_label("TLP:CLEAR")).to_be_checked()
    expect(page.get_by_label("Dealers")).to_be_checked()
    expect(page.get_by_label("Person 3")).to_be_checked()
    expect(page.get_by_label("Urgent")).to_be_checked()
    if scripts:
        expect(page.get_by_label("Client", exact=True)).to_have_value("c7")


def test_what_was_typed_is_back_after_the_page_died(page: Page) -> None:
    fill(page)
    another = page.context.new_page()
    page.close(run_before_unload=False)
    another.goto("/notes/new")
    expect_filled(another)
    expect(another.get_by_label("Password")).to_have_value("")
    expect(another.get_by_text("is restored here")).to_be_visible()
    assert "s3cret" not in another.evaluate("JSON.stringify(localStorage)")
    another.get_by_role("button", name="Discard it").click()
    expect(another.get_by_label("Name")).to_have_value("")
    another.reload()
    expect(another.get_by_label("Name")).to_have_value("")
    expect(another.get_by_text("is restored here")).to_have_count(0)


def test_another_person_on_the_browser_sees_none_of_it(page: Page) -> None:
    fill(page)
    act_as(page, "bo")
    page.goto("/notes/new")
    expect(page.get_by_label("Name")).to_have_value("")
    act_as(page, "ann")
    page.goto("/notes/new")
    expect_filled(page)


def test_while_the_server_is_down_the_form_waits_and_is_stored_once(chromium: Browser) -> None:
    app = make_app()
    with served(app) as url:
        port = int(url.rpartition(":")[2])
        context = chromium.new_context(base_url=url)
        context.add_cookies(
            [{"name": "who", "value": "ann", "url": url}, {"name": "acm_lang", "value": "en", "url": url}]
        )
        page = context.new_page()
        fill(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet. Everything you typed is kept")
    expect(page.get_by_role("alert")).to_be_focused()
    expect_filled(page)
    assert stored(app) == []
    with served(app, port):
        page.get_by_role("button", name="Send again").click()
        page.wait_for_url("**/notes/list")
        assert [fields["body"][0].split() for fields in stored(app)] == [["first", "second"]]
        page.goto("/notes/new")
        expect(page.get_by_label("Name")).to_have_value("")
    context.close()


def test_a_lost_answer_keeps_the_text_and_sending_again_stores_nothing_twice(app: Flask, page: Page) -> None:
    notes = app.extensions["notes"]
    notes.fails_after_storing = True
    fill(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet")
    expect_filled(page)
    page.reload()  # as after a crash: the same text and the same key
    expect_filled(page)
    notes.fails_after_storing = False
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/notes/list")
    assert len(stored(app)) == 1


def test_discarding_a_draft_takes_a_new_key(app: Flask, page: Page) -> None:
    app.extensions["notes"].fails_after_storing = True
    fill(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet")
    app.extensions["notes"].fails_after_storing = False
    page.reload()
    page.get_by_role("button", name="Discard it").click()
    page.get_by_label("Name").fill("other")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/notes/list")
    assert len(stored(app)) == 2


def test_a_refused_form_stays_with_its_text_and_takes_the_focus(app: Flask, page: Page) -> None:
    fill(page, name="much too long")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect_filled(page, name="much too long")
    expect(page.get_by_text("is restored here")).to_have_count(0)
    page.get_by_role("link", name="At most ten characters, not 13.").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("tea")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/notes/list")
    assert len(stored(app)) == 1


def test_a_conflict_is_said_beside_the_text(page: Page) -> None:
    fill(page, name="taken")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("This does not fit the present state")
    expect_filled(page, name="taken")


def test_an_old_form_token_is_renewed_without_a_word(app: Flask, page: Page) -> None:
    fill(page)
    page.context.clear_cookies(name="acm_notes")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/notes/list")
    assert len(stored(app)) == 1


def test_what_one_person_typed_is_not_sent_in_anothers_name(app: Flask, page: Page) -> None:
    fill(page)
    act_as(page, "bo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("was not sent from here")
    assert stored(app) == []


def test_who_was_signed_out_is_told_and_loses_nothing(app: Flask, page: Page) -> None:
    fill(page)
    act_as(page, "nobody")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("You are no longer signed in")
    expect_filled(page)
    act_as(page, "ann")
    page.get_by_role("button", name="Send again").click()
    page.wait_for_url("**/notes/list")
    assert len(stored(app)) == 1


def test_pressing_twice_sends_once(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    refused: list[str] = []  # for its old token: the page fetches a new one and sends it again by itself
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 400 else None)
    fill(page)
    page.get_by_role("button", name="Save").dblclick()
    page.wait_for_url("**/notes/list")
    fill(page)
    # In one call: between two the page may be leaving, and a second call would find no page to run in.
    page.evaluate("form => { form.requestSubmit(); form.requestSubmit(); }", page.query_selector(".acm-form"))
    page.wait_for_url("**/notes/list")
    assert len(sent) - len(refused) == 2


def test_a_record_that_moved_on_is_said(page: Page) -> None:
    fill(page)
    kept = page.evaluate("JSON.stringify(localStorage)")
    (key,) = json.loads(kept)
    page.evaluate(
        "key => { const draft = JSON.parse(localStorage[key]); draft.fields.version = ['2']; "
        "localStorage[key] = JSON.stringify(draft); }",
        key,
    )
    page.reload()
    expect(page.get_by_text("Meanwhile somebody changed the record")).to_be_visible()
    expect(page.locator("[name=version]")).to_have_value("3")


def test_without_scripts_the_form_still_works(chromium: Browser, app: Flask, site: str) -> None:
    context = chromium.new_context(base_url=site, java_script_enabled=False)
    context.add_cookies(
        [{"name": "who", "value": "ann", "url": site}, {"name": "acm_lang", "value": "en", "url": site}]
    )
    page = context.new_page()
    fill(page, name="much too long", scripts=False)
    page.get_by_role("button", name="Save").click()
    expect_filled(page, name="much too long", scripts=False)
    page.get_by_label("Name").fill("tea")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/notes/list")
    expect(page.get_by_text("was saved")).to_be_visible()
    assert len(stored(app)) == 1
    context.close()
