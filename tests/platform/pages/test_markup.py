"""The macros make well-formed, accessible HTML, and escape what people typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from .agency import field_of

VOID = {"meta", "link", "input", "br", "hr", "img"}
LABELLED = {"input", "select", "textarea"}


class Page(HTMLParser):
    """Checks nesting and collects elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.feed(html)
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        assert len(names) == len(set(names)), f"{tag} repeats an attribute: {names}"
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> in {self.open}"

    def values(self, attribute: str) -> list[str]:
        return [value for _tag, attrs, _open in self.elements if (value := attrs.get(attribute))]


@pytest.fixture(
    params=[
        "/notes/list",
        "/notes/list?none=1&sort=-cost&cursor=c",
        "/notes/new",
        "/notes/refuses/404",
        "refused",
    ]
)
def html(request: pytest.FixtureRequest, browser: FlaskClient) -> str:
    if request.param != "refused":
        return browser.get(request.param).text
    page = browser.get("/notes/new").text
    hidden = {name: field_of(page, name) for name in ("csrf_token", "idempotency_key")}
    return browser.post("/notes/new", data=hidden | {"name": "much too long for it"}).text


def test_pages_are_well_formed(html: str) -> None:
    page = Page(html)
    repeated = [name for name, count in Counter(page.values("id")).items() if count > 1]
    assert repeated == []
    assert [tag for tag, _attrs, _open in page.elements].count("h1") == 1
    assert [tag for tag, _attrs, _open in page.elements].count("main") == 1


def test_what_is_referred_to_exists(html: str) -> None:
    page = Page(html)
    ids = set(page.values("id"))
    referred = [
        name
        for attribute in (
            "for",
            "aria-labelledby",
            "aria-describedby",
            "aria-controls",
            "data-dialog",
            "data-chart",
        )
        for value in page.values(attribute)
        for name in value.split()
    ]
    referred += [value[1:] for value in page.values("href") if value.startswith("#")]
    assert set(referred) <= ids


def test_every_control_has_a_name_that_is_read(html: str) -> None:
    page = Page(html)
    labelled = set(page.values("for"))
    for tag, attrs, inside in page.elements:
        if tag in LABELLED and attrs.get("type") != "hidden":
            assert attrs.get("id") in labelled or "label" in inside or attrs.get("aria-label"), (tag, attrs)


def test_every_form_that_posts_carries_its_token(html: str) -> None:
    posts = html.count('method="post"')
    assert html.count('name="csrf_token"') == posts


def test_what_people_typed_is_escaped(browser: FlaskClient) -> None:
    html = browser.get("/notes/list").text
    assert "Ann &lt;Lee&gt;" in html
    assert "<Lee>" not in html
    assert "<dd>&lt;b&gt;</dd>" in html


def test_sorting_turns_round_and_keeps_the_filters(browser: FlaskClient) -> None:
    up = browser.get("/notes/list?kind=survey&sort=cost&cursor=x").text
    assert 'aria-sort="ascending"' in up
    assert 'href="/notes/list?kind=survey&amp;sort=-cost"' in up
    assert 'href="/notes/list?kind=survey&amp;sort=name"' in up
    assert '<option value="survey" selected>' in up
    assert 'aria-sort="descending"' in browser.get("/notes/list?sort=-cost").text
    assert 'href="/notes/list?kind=survey&amp;sort=cost&cursor=c2"' in up.replace("&amp;cursor", "&cursor")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_labels_are_never_translated(browser_of: Callable[..., FlaskClient], language: str) -> None:
    html = browser_of(language=language).get("/notes/list").text
    for label in ("TLP:RED", "TLP:AMBER+STRICT", "TLP:AMBER", "TLP:GREEN", "TLP:CLEAR"):
        assert f'translate="no">{label}</span>' in html


def test_an_unknown_icon_is_refused(app, browser: FlaskClient) -> None:
    with app.test_request_context(), pytest.raises(KeyError):
        app.jinja_env.globals["icon"]("no-such-icon")
