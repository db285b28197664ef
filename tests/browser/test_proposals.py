"""Proposals as people live with them, in processes of their own: one is written from evidence, approved on a
phone and warned of a fact that fell; another is adopted or rejected; a pitch is lost and debriefed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import SignIn
from tests.browser_here import complaints
from tests.product import Client, Product

pytestmark = pytest.mark.browser
NUMBER: Iterator[int] = count(1)
WAYS = [("zh", 360), ("en", 1440)]
PHONE = 360
AUTHOR, COLLEAGUE, ACCOUNT_DIRECTOR, DIRECTOR = "wang.wei", "chen.jing", "li.na", "zhou.min"
PATIENCE_SECONDS = 15  # beside a browser; tests/flows/test_fallen_finding.py shows the two seconds
PROPOSALS = "/proposals/v1/proposals"
TOO_WIDE = """document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.outerHTML.slice(0, 200))"""


class Person:
    """Somebody at a screen, who knows the product by its fields and buttons, whatever the language."""

    def __init__(self, page: Page, address: str, width: int) -> None:
        self.page, self.address, self.width = page, address, width

    def open(self, path: str) -> None:
        """Open a page that must be there."""
        answer = self.page.goto(f"{self.address}{path}")
        assert answer is not None, path
        assert answer.status == 200, path

    def read(self, path: str) -> str:
        """What a page says, without drawing it."""
        return str(self.page.request.get(f"{self.address}{path}").text())

    def fair(self) -> None:
        """Nothing on this page keeps anybody out, and nothing overflows."""
        assert complaints(self.page) == []
        assert self.page.evaluate(TOO_WIDE) == []

    def confirm(self, verb: str, reason: str = "") -> None:
        """Press a button that asks before it acts, and answer it."""
        self.page.locator(f"[data-dialog={verb}]").click()
        dialog = self.page.locator(f"dialog#{verb}")
        if reason:
            dialog.locator("textarea").fill(reason)
        self._sent(dialog.locator("button[type=submit]"))

    def send(self, form: str, fields: dict[str, str] | None = None, *, button: str = "") -> None:
        """Fill a form, known by where it leads, and send it."""
        found = self.page.locator(f'form[action$="{form}"]').first
        for name, value in (fields or {}).items():
            found.locator(f"[name={name}]").fill(value)
        self._sent(found.locator(button or "button[type=submit]").first)

    def decide(self, decision: str, note: str) -> None:
        """Decide on what is under review, on its page."""
        self.page.locator("[name=note]").fill(note)
        self._sent(self.page.locator(f"[name=decision][value={decision}]"))

    def _sent(self, button: Locator) -> None:
        with self.page.expect_navigation():
            button.click()
        expect(self.page.locator("main")).to_be_visible()
        assert self.page.locator("main [data-form-notice] .alert-danger").count() == 0


@pytest.fixture
def enter(product: Product, sign_in: SignIn) -> Callable[..., Person]:
    def entering(username: str, *, language: str, width: int) -> Person:
        page = sign_in(username, language=language, width=width)
        return Person(page, product.address, width)

    return entering


@pytest.fixture(scope="module")
def author(product: Product) -> Client:
    return product.client(AUTHOR)


def client_named(api: Client, name: str) -> str:
    items = api.get("/accounts/v1/clients?limit=100")["items"]
    return str(next(item["id"] for item in items if item["name"] == name))


def findings(product: Product, author: Client, client_id: str, word: str, many: int) -> list[str]:
    """New findings that search finds by a word."""
    source = author.get("/intelligence/v1/sources?limit=1")["items"][0]["id"]
    body = {"client_id": client_id, "part": "market_status", "source_id": source, "label": "TLP:GREEN"}
    made = []
    for number in range(many):
        _, found, headers = author.call(
            "POST", "/intelligence/v1/findings", body | {"title": f"{word} {number}", "body": "渠道在囤货"}
        )
        made.append(found["id"])
    author.get("/search/v1/documents?q=x", headers={"ACM-Wait-For": headers["ACM-Token"]})
    return made


def begin(person: Person, template: str, title: str, client_id: str = "") -> str:
    """Begin a proposal from a template; answers its id, with the editor open."""
    person.open(f"/proposals/new?client={client_id}")
    person.fair()
    person.page.locator("#field-template").select_option(template)
    person.page.locator("#field-client_id").select_option(client_id)
    person.page.locator("#field-title").fill(title)
    person.page.locator("main form.acm-form button[type=submit]").click()
    person.page.wait_for_url("**/edit")
    return person.page.url.split("/")[-2]


def cite(page: Page, place: int, word: str, finding_ids: list[str]) -> None:
    """Insert findings into a section from search, without leaving the page."""
    form = page.locator("form[data-autosave]").nth(place)
    form.locator("summary").click()
    for finding_id in finding_ids:
        form.locator("input[type=search]").fill("")
        form.locator("input[type=search]").fill(word)
        form.locator(f'[data-pick="{finding_id}"]').click()
        expect(form.locator(f'[name=citations][value="{finding_id}"]')).to_be_checked()


def saved(
    person: Person, api: Client, proposal_id: str, holds: Callable[[list[dict[str, Any]]], bool]
) -> None:
    """Wait until what somebody typed is stored, without their having pressed anything."""
    deadline = time.monotonic() + 15
    while not holds(api.get(f"{PROPOSALS}/{proposal_id}")["sections"]):
        told = person.page.locator("[data-saved]").all_inner_texts()
        assert time.monotonic() < deadline, f"what was typed is not saved; the page says {told}"
        time.sleep(0.2)


@pytest.mark.rule("PR2")
@pytest.mark.parametrize(("language", "width"), WAYS)
def test_pr2_from_a_template_to_a_warning_on_the_directors_board(
    product: Product, author: Client, enter: Callable[..., Person], language: str, width: int
) -> None:
    yunling = client_named(author, "云岭乳业集团")
    word = f"鹭汀{next(NUMBER)}号"
    cited = findings(product, author, yunling, word, 4)
    [other] = findings(product, author, yunling, f"旁观{word}", 1)

    # The account manager writes it from a template, with four findings from search.
    amy = enter(AUTHOR, language=language, width=width)
    title = f"{word} 上市方案"
    proposal_id = begin(amy, f"client:client:{language}", title, yunling)
    editor = amy.page.url
    cite(amy.page, 1, word, cited)
    body = amy.page.locator("form[data-autosave]").nth(0).locator("[name=body]")
    body.fill("目标\n渠道\n节奏")
    saved(
        amy, author, proposal_id, lambda s: s[1]["citations"] == cited and s[0]["body"] == "目标\n渠道\n节奏"
    )
    assert amy.page.url == editor
    amy.fair()

    # A colleague edits the same section at once: nobody overwrites anybody.
    ann = enter(COLLEAGUE, language=language, width=width)
    ann.open(f"/proposals/{proposal_id}/edit")
    amy.open(f"/proposals/{proposal_id}/edit")
    ann.page.locator("form[data-autosave]").nth(0).locator("[name=body]").fill("目标：东区\n渠道\n节奏")
    saved(ann, author, proposal_id, lambda s: s[0]["body"].startswith("目标：东区"))
    section = amy.page.locator("form[data-autosave]").nth(0)
    section.locator("[name=body]").fill("目标\n渠道\n节奏：三个月")
    expect(section.locator("[data-saved]")).not_to_be_empty()
    section.locator("button[type=submit]").click()
    merged = amy.page.locator("#merged [name=body]")
    expect(merged).to_have_value("目标：东区\n渠道\n节奏：三个月")
    amy.fair()
    amy.send(f"/sections/{section_of(author, proposal_id, 0)}")
    saved(amy, author, proposal_id, lambda s: s[0]["body"] == "目标：东区\n渠道\n节奏：三个月")

    amy.open(f"/proposals/{proposal_id}")
    amy.fair()
    amy.confirm("do-submit")

    # The account director finds it on the first screen of a phone, and approves.
    adam = enter(ACCOUNT_DIRECTOR, language=language, width=PHONE)
    adam.open("/")
    adam.page.locator(f'main a[href="/proposals/{proposal_id}"]').first.click()
    adam.page.locator(f'a[href="/proposals/{proposal_id}/review"]').click()
    expect(adam.page.locator("[name=decision][value=approve]")).to_be_visible()
    adam.fair()
    adam.decide("approve", "同意")
    assert author.get(f"{PROPOSALS}/{proposal_id}")["state"] == "approved"

    # A cited finding is retracted: exactly who cites it warns, at once, wherever the director looks.
    twin = author.make(PROPOSALS, draft(yunling, f"{word} 草稿", cited[0]))["id"]
    bystander = author.make(PROPOSALS, draft(yunling, f"{word} 旁观", other))["id"]
    dora = enter(DIRECTOR, language=language, width=width)
    board, report = views = [f"/proposals/{view}?client_id={yunling}" for view in ("board", "report")]
    dora.open(board)
    assert warned_on_board(dora.page, word) == set()
    amy.open(f"/intelligence/findings/{cited[0]}")
    amy.confirm("retract", "数据有误")
    retracted = time.monotonic()
    while not all(f'data-warned="{one}"' in dora.read(view) for one in (proposal_id, twin) for view in views):
        assert time.monotonic() < retracted + PATIENCE_SECONDS, "board and report do not show it"
    dora.open(board)
    assert warned_on_board(dora.page, word) == {proposal_id, twin}
    dora.fair()
    dora.open(report)
    assert warned_in_report(dora.page, word) == {proposal_id, twin}
    dora.fair()
    ann.open(f"/proposals/{bystander}")
    assert ann.page.locator("main .alert-warning").count() == 0
    amy.open(f"/proposals/{proposal_id}")
    expect(amy.page.locator("main .alert-warning")).to_contain_text(f"{word} 0")
    amy.fair()
    amy.page.locator("[data-dialog=do-send]").click()
    amy.page.locator("dialog#do-send button[type=submit]").click()
    expect(amy.page.locator("main .alert-danger")).to_be_visible()
    amy.open(f"/proposals/{proposal_id}")
    amy.send("/citations", {"reason": "口径不同，结论不变"})
    amy.confirm("do-send")
    assert author.get(f"{PROPOSALS}/{proposal_id}")["state"] == "sent"


def section_of(author: Client, proposal_id: str, place: int) -> str:
    return str(author.get(f"{PROPOSALS}/{proposal_id}")["sections"][place]["id"])


def draft(client_id: str, title: str, finding_id: str) -> dict[str, Any]:
    section = {"heading": "依据", "body": "…", "citations": [finding_id]}
    return {"kind": "client", "client_id": client_id, "title": title, "sections": [section]}


def warned_on_board(page: Page, word: str) -> set[str]:
    """The proposals whose card carries a warning."""
    cards = page.locator("article", has_text=word).filter(has=page.locator("[data-warned]"))
    return {str(card.locator("a").first.get_attribute("href")).split("/")[-1] for card in cards.all()}


def warned_in_report(page: Page, word: str) -> set[str]:
    links = page.locator("#warned th a", has_text=word)
    return {str(link.get_attribute("href")).split("/")[-1] for link in links.all()}


@pytest.mark.rule("PR1")
@pytest.mark.parametrize(("language", "width"), WAYS)
def test_pr1_an_internal_one_is_adopted_or_rejected_with_its_reason(
    author: Client, enter: Callable[..., Person], language: str, width: int
) -> None:
    amy = enter(AUTHOR, language=language, width=width)
    dora = enter(DIRECTOR, language=language, width=PHONE)
    for decision, state, reason in (
        ("approve", "adopted", "试行一个季度"),
        ("reject", "rejected", "先看利用率"),
    ):
        title = f"内部事{next(NUMBER)}号"
        proposal_id = begin(amy, f"internal:internal:{language}", title)
        amy.open(f"/proposals/{proposal_id}")
        amy.confirm("do-submit")
        dora.open(f"/proposals/{proposal_id}/review")
        dora.page.locator(f"[name=decision][value={decision}]").click()
        expect(dora.page.locator(".acm-error")).to_be_visible()  # no decision without its reason
        assert author.get(f"{PROPOSALS}/{proposal_id}")["state"] == "in_review"
        dora.fair()
        dora.decide(decision, reason)
        amy.open(f"/proposals/{proposal_id}")
        assert reason in amy.page.locator("main").inner_text()
        amy.fair()
        assert author.get(f"{PROPOSALS}/{proposal_id}")["state"] == state
        dora.open("/proposals/board?kind=internal")
        column = dora.page.locator(f"[data-column={state}]")
        expect(column.locator(f'a[href="/proposals/{proposal_id}"]')).to_be_visible()


@pytest.mark.rule("PR3")
@pytest.mark.parametrize(("language", "width"), WAYS)
def test_pr3_a_pitch_is_lost_and_debriefed(
    author: Client, enter: Callable[..., Person], language: str, width: int
) -> None:
    qingwu = client_named(author, "青坞茶业")
    rival = f"北岸{next(NUMBER)}号"
    amy = enter(AUTHOR, language=language, width=width)
    ann = enter(COLLEAGUE, language=language, width=width)
    adam = enter(ACCOUNT_DIRECTOR, language=language, width=PHONE)
    proposal_id = begin(amy, f"pitch:pitch:{language}", f"{rival} 比稿", qingwu)
    record, room = f"/proposals/{proposal_id}", f"/proposals/{proposal_id}/pitch"

    # The account director overrides the conflict with a reason, and decides to go.
    adam.open(room)
    adam.fair()
    adam.send("/pitch/override", {"reason": "品类不同，客户知情"})
    worth = {"probability": "40", "expected_margin": "300000", "expected_cost": "60000", "reason": "值得"}
    adam.send("/pitch/judge", worth, button="[value=go]")

    amy.open(room)
    amy.send("/pitch/brief", {"brief": "新品上市", "competitors": f"{rival}\n山海广告"})
    amy.send("/pitch/ask", {"text": "预算含税吗？"})
    amy.send("/pitch/answer", {"answer": "含税"})
    amy.send("/pitch/spend", {"hours": "6", "hour_rate": "300", "expenses": "120"})
    amy.confirm("lock")
    amy.fair()
    amy.send("/do/brief")
    for verb in ("do-plan", "do-create", "do-rehearse"):
        amy.open(record)
        amy.confirm(verb)
    for person, points in ((amy, 8), (ann, 4), (adam, 7)):
        person.open(room)
        form = person.page.locator('form[action$="/pitch/score"]')
        for box in form.locator("[name^=points-]").all():
            box.fill(str(points))
        person.send("/pitch/score")
    amy.open(room)
    assert amy.page.locator("#scores .acm-badge-orange").count() > 0  # four points apart: they discuss it
    amy.fair()

    adam.open(f"{record}/review")
    adam.decide("approve", "可以提交")
    for verb, reason in (("do-submit", ""), ("do-present", ""), ("do-shortlist", ""), ("do-lose", "价格高")):
        amy.open(record)
        amy.confirm(verb, reason)
    assert author.get(f"{PROPOSALS}/{proposal_id}")["state"] == "lost"
    amy.open(room)
    amy.send("/pitch/debrief", {"theirs": "策略最好，价格偏高", "ours": "报价应分级", "winner": rival})
    amy.fair()
    assert author.get(f"{PROPOSALS}/{proposal_id}")["state"] == "debriefed"

    # The director sees against whom it was lost.
    dora = enter(DIRECTOR, language=language, width=width)
    dora.open(f"/proposals/report?kind=pitch&client_id={qingwu}")
    row = dora.page.locator("#win-by-competitor tr", has_text=rival)
    assert row.locator("td").all_inner_texts()[:2] == ["0", "1"]
    dora.fair()
    row.locator("a").click()
    expect(dora.page.locator(f'main a[href="/proposals/{proposal_id}"]').first).to_be_visible()
