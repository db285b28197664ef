"""What words, filters and orders find, end to end: captured in intelligence, found here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.testing import world as make_world
from tests.services.search.conftest import DOCUMENTS, FINDINGS, Desk, furnish


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with make_world(tmp_path_factory.mktemp("desk")) as world:
        made = furnish(world)
        made.finding("低温奶份额上升", "低温鲜奶的市场份额在华东升至12%。客户經理滿意。", client="云岭乳业")
        made.finding(
            "Campaigns for young families",
            "The brand is running three campaigns about breakfast.",
            client="云岭乳业",
            part="marketing_plan",
            method="interview",
            label="TLP:GREEN",
            collected_at="2026-10-05T01:00:00Z",
        )
        made.finding(
            "渠道价格下调",
            "经销商反映出厂价格下调百分之三，终端没有变化。",
            client="云岭乳业",
            part="dealer",
            method="survey",
            credibility=4,
            collected_at="2026-09-30T15:59:59Z",
        )
        made.finding("份额与价格", "价格战之后份额没有变化。", client="云岭乳业", label="TLP:CLEAR")
        made.finding("草稿里的份额", "还没有提交。", client="云岭乳业", draft=True)
        made.world.settle()
        yield made


@pytest.mark.rule("X1")
def test_a_captured_finding_is_found_by_a_two_character_word(desk: Desk) -> None:
    page = desk.found("份额", kind="finding")
    assert {item["title"] for item in page["items"]} == {"低温奶份额上升", "份额与价格"}
    assert page["total"] == 2
    first = page["items"][0]
    assert first["url"] == f"/intelligence/findings/{first['id']}"
    marked = [h["text"][a:b] for h in first["highlights"] for a, b in h["marks"]]
    assert set(marked) == {"份额"}


def test_the_answer_names_the_moment_up_to_which_it_holds_to_the_second(desk: Desk) -> None:
    assert desk.found("份额")["as_of"].endswith(".000000Z")


@pytest.mark.parametrize(
    ("q", "title"),
    [
        ("campaign", "Campaigns for young families"),  # English inflection
        ("running", "Campaigns for young families"),
        ("客户经理", "低温奶份额上升"),  # written in traditional characters
        ("價格下調", "渠道价格下调"),
        ('"three campaigns"', "Campaigns for young families"),
        ("title:campaigns", "Campaigns for young families"),
        ("part:dealer", "渠道价格下调"),
        ("method:interview", "Campaigns for young families"),
        ("label:TLP:GREEN breakfast", "Campaigns for young families"),
        ("价格 -份额", "渠道价格下调"),
    ],
)
def test_words_phrases_and_fields_find_what_they_mean(desk: Desk, q: str, title: str) -> None:
    assert desk.titles(q, kind="finding") == [title]


def test_a_phrase_wants_its_words_in_their_order(desk: Desk) -> None:
    page = desk.found('"campaigns three"')
    assert page["widened"] or page["total"] == 0


@pytest.mark.parametrize(
    "name", ["云岭乳业", "云岭", "Yunling", "yunling dairy", "client:云岭", "client:Yunling"]
)
def test_any_name_of_a_client_finds_what_belongs_to_it(desk: Desk, name: str) -> None:
    assert "渠道价格下调" in desk.titles(name)


def test_a_source_is_found_and_finds_its_findings(desk: Desk) -> None:
    assert desk.titles("weekly") == ["乳业周刊 Dairy Weekly"]
    assert set(desk.titles("source:weekly", kind="finding")) == set(desk.titles("", kind="finding"))
    by_id = desk.titles("", source_id=desk.ids["乳业周刊 Dairy Weekly"])
    assert set(by_id) == set(desk.titles("", kind="finding"))


def test_dates_are_days_of_the_agency_and_the_last_one_is_included(desk: Desk) -> None:
    # 2026-09-30T15:59:59Z is the last second of 30 September in Shanghai.
    assert desk.titles("", kind="finding", to="2026-09-30") == ["渠道价格下调"]
    assert desk.titles("", kind="finding", **{"from": "2026-10-01", "to": "2026-10-31"}) == [
        "Campaigns for young families"
    ]
    assert desk.titles(
        "", kind="finding", **{"from": "2026-09-30T15:59:59Z", "to": "2026-09-30T15:59:59Z"}
    ) == ["渠道价格下调"]
    assert "渠道价格下调" not in desk.titles("", kind="finding", **{"from": "2026-10-01"})


def test_sorting_by_date_and_paging_give_each_document_once(desk: Desk) -> None:
    newest = desk.titles("", kind="finding", sort="newest")
    assert newest[-1] == "渠道价格下调"
    assert desk.titles("", kind="finding", sort="oldest") == newest[::-1]
    for sort in ("relevance", "newest", "oldest"):
        pages: list[str] = []
        cursor = ""
        while True:
            page = desk.found("份额", sort=sort, limit=1, cursor=cursor)
            pages += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        assert pages == [item["id"] for item in desk.found("份额", sort=sort)["items"]]


def test_a_forged_or_foreign_cursor_is_refused(desk: Desk) -> None:
    cursor = desk.found("", limit=1)["next"]
    for wrong, q in (("abc", ""), (cursor + "x", ""), (cursor, "份额")):
        answer = desk.api("anna").get(DOCUMENTS, query_string={"q": q, "limit": 1, "cursor": wrong})
        assert answer.status_code == 400


def test_facets_count_what_is_found(desk: Desk) -> None:
    facets = desk.found("", kind="finding")["facets"]
    assert facets["method"] == [
        {"value": "intelligence", "count": 2},
        {"value": "interview", "count": 1},
        {"value": "survey", "count": 1},
    ]
    assert facets["client_id"] == [{"value": desk.ids["云岭乳业"], "count": 4}]
    for value in facets["part"]:
        assert desk.found("", kind="finding", part=value["value"])["total"] == value["count"]


def test_an_empty_answer_says_why(desk: Desk) -> None:
    page = desk.found("份额 斑马线")
    assert page["empty"]["reasons"] == [{"code": "no_document_contains", "params": {"term": "斑马线"}}]
    page = desk.found("份额", method="survey")
    assert {"code": "without_filter", "params": {"filter": "method", "value": "survey", "count": 2}} in page[
        "empty"
    ]["reasons"]
    assert desk.found("份额")["empty"] is None


def test_a_slip_of_the_key_is_read_loosely_and_says_so(desk: Desk) -> None:
    page = desk.found("campaing")
    assert [item["title"] for item in page["items"]] == ["Campaigns for young families"]
    assert page["widened"] is True
    assert page["notes"][0]["code"] == "read_as"


def test_the_ranking_explains_itself_only_when_asked(desk: Desk) -> None:
    assert desk.found("份额")["items"][0]["explanation"] is None
    made = desk.found("份额", explain="1")["items"][0]["explanation"]
    assert {"text", "freshness", "rating"} <= set(made)


def test_drafts_retracted_and_superseded_findings_are_not_found(desk: Desk) -> None:
    assert "草稿里的份额" not in desk.titles("草稿")
    made = desk.finding("将要撤回", client="云岭乳业")
    other = desk.finding("将要更正", client="云岭乳业")
    desk.world.settle()
    assert {"将要撤回", "将要更正"} <= set(desk.titles("将要"))
    desk.api("dora").make(f"{FINDINGS}/{made}/retract", {"reason": "误报"})
    desk.api("dora").make(f"{FINDINGS}/{other}/correct", {"title": "已经更正", "reason": "笔误"})
    desk.world.settle()
    assert desk.titles("将要撤回") == []
    assert "将要更正" not in desk.titles("将要更正")
    assert desk.titles("已经更正") == ["已经更正"]


def test_a_disputed_finding_is_found_as_such(desk: Desk) -> None:
    made = desk.finding("有争议的说法", client="云岭乳业")
    desk.api("anna").make(f"{FINDINGS}/{made}/dispute", {"reason": "与调查不符"})
    desk.world.settle()
    (item,) = desk.found("争议的说法")["items"]
    assert item["state"] == "disputed"


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "best"},
        {"kind": "secret"},
        {"from": "yesterday"},
        {"limit": "0"},
        {"label": "TLP:PINK"},
        {"q": "x" * 401},
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_field(desk: Desk, query: dict[str, Any]) -> None:
    answer = desk.api("anna").get(DOCUMENTS, query_string=query)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == next(iter(query))


@pytest.mark.parametrize(
    "q", ['"', "-", "::", "part:", '-"', "title:", "(((", "*", "a" * 400, "客" * 400, "\\", "AND OR NOT"]
)
def test_whatever_is_typed_is_a_question(desk: Desk, q: str) -> None:
    assert desk.api("anna").get(DOCUMENTS, query_string={"q": q}).status_code == 200


def test_suggestions_go_on_as_typed(desk: Desk) -> None:
    assert desk.suggested("云")[0] == "云岭乳业"
    assert desk.suggested("yunl")[0] == "云岭乳业"
    assert desk.suggested("camp") == ["Campaigns for young families"]
    assert desk.suggested("") == []


def test_nobody_signed_in_finds_nothing(desk: Desk) -> None:
    for path in (DOCUMENTS, "/search/v1/suggestions?q=云", "/search/v1/documents.csv"):
        assert desk.world.client(path).get(path).status_code == 401
