"""What a question finds, in which order, with which marks, and what is said when it finds nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from shared.access import Scope
from shared.search.port import IndexDocument, QueryError
from shared.search.query import Aliases
from tests.platform.search.conftest import NOW
from tests.platform.search.library import DIRECTOR, Library, finding
from tests.platform.search.test_query import GARBAGE

ALIASES = Aliases([("华禾食品有限公司", "c1"), ("禾子", "c1"), ("Huahe Foods", "c1"), ("北辰汽车", "c2")])
ARTICLE = "銷售部經(jīng)理對回款率負責。產(chǎn)品的市場份額在２０２５年增長了百分之十二。"


@pytest.fixture
def filled(library: Library) -> Library:
    client = IndexDocument(
        id="c1", epoch=1, version=1, kind="client", client_id="c1", label="TLP:GREEN", listing=True,
        title="华禾食品有限公司", names=("禾子", "Huahe Foods"),
    )  # fmt: skip
    chinese = finding(
        "zh", title="市场份额", body="华东渠道下沉，经理认为消费者更年轻。", part="market_status",
        method="interview", source_id="s1", source_name="食品行业周刊", collected_at=NOW - timedelta(days=9),
    )  # fmt: skip
    traditional = finding(
        "hant", title="季度觀察", body=ARTICLE, part="market_status", method="intelligence",
        source_id="s2", source_name="Trade Weekly", collected_at=NOW - timedelta(days=40),
    )  # fmt: skip
    english = finding(
        "en", client_id="c2", title="Campaigns for running shoes", label="TLP:GREEN", part="marketing_plan",
        body="Nordlys' e-commerce campaigns beat L'Oréal in Düsseldorf. Budget: 1,200,000 EUR.",
        method="survey", collected_at=NOW - timedelta(days=400),
    )  # fmt: skip
    mixed = finding(
        "mixed", client_id=None, title="TCL电视 price war", body="5G手机 and the A股 market",
        label="TLP:CLEAR", collected_at=NOW - timedelta(days=100),
    )  # fmt: skip
    library.put([client, chinese, traditional, english, mixed])
    return library


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("市场份额", ["zh", "hant"]),
        ("市場份額", ["zh", "hant"]),
        ("份额", ["zh", "hant"]),
        ("经理", ["hant", "zh"]),
        ("經理", ["hant", "zh"]),
        ("产品", ["hant"]),
        ("2025", ["hant"]),
        ("茶", []),
        ("campaign", ["en"]),
        ("running shoe", ["en"]),
        ("ecommerce", ["en"]),
        ("e-commerce", ["en"]),
        ("loreal", ["en"]),
        ("dusseldorf", ["en"]),
        ("düsseldorf", ["en"]),
        ("1200000", ["en"]),
        ("tcl电视", ["mixed"]),
        ("电视 TCL", ["mixed"]),
        ('"TCL电视"', ["mixed"]),
        ('"电视 TCL"', []),
        ("5g", ["mixed"]),
        ('"A股"', ["mixed"]),
        ('"running shoes"', ["en"]),
        ('"shoes running"', []),
        ("份额 -华东", ["hant"]),
        ('份额 -"百分之十二"', ["zh"]),
        ("title:市场", ["zh"]),
        ("-title:市场 part:market_status", ["hant"]),
        ("part:market_status method:interview", ["zh"]),
        ("method:interview method:survey", ["zh", "en"]),
        ("source:s2", ["hant"]),
        ("source:trade", ["hant"]),
        ('source:"食品行业"', ["zh"]),
        ("label:green", ["en", "c1"]),
        ("label:TLP:AMBER", ["zh", "hant"]),
        ("huahe", ["c1", "zh", "hant"]),
        ("huaheshipin", ["c1", "zh", "hant"]),
        ("hhsp", ["c1", "zh", "hant"]),
        ("huahe 回款", ["hant"]),
        ("shipin", ["c1"]),
    ],
)
def test_finds(filled: Library, query: str, ids: list[str]) -> None:
    found = filled.find(query)
    assert not found.widened
    assert sorted(hit.id for hit in found.hits) == sorted(ids)
    assert found.total == len(ids)


def test_a_name_of_a_client_finds_what_belongs_to_it(filled: Library) -> None:
    assert filled.ids("禾子") == ["c1"]
    assert set(filled.ids("禾子", aliases=ALIASES)) == {"c1", "zh", "hant"}
    assert filled.ids("禾子 回款率", aliases=ALIASES) == ["hant"]
    assert filled.ids("huahe foods 回款率", aliases=ALIASES) == ["hant"]
    assert set(filled.ids("client:禾子", aliases=ALIASES)) == {"c1", "zh", "hant"}
    assert filled.ids("禾子", aliases=ALIASES)[0] == "c1"


def test_a_looser_reading_only_of_nothing_and_said(filled: Library) -> None:
    found = filled.find("campaing shoes")
    assert [hit.id for hit in found.hits] == ["en"]
    assert found.widened
    assert [(note.code, dict(note.params)) for note in found.notes] == [
        ("read_as", {"term": "campaing", "instead": "campaign"})
    ]
    assert found.hits[0].highlights[0].marks == ((0, 9), (22, 27))
    loosely = filled.find("市场分额")
    assert loosely.widened
    assert [note.code for note in loosely.notes] == ["read_loosely"]
    assert "zh" in [hit.id for hit in loosely.hits]
    assert not filled.find("份额").widened


def test_marks_are_of_the_original_characters(filled: Library) -> None:
    (hit,) = filled.find("回款率 产品 增长").hits
    marked = [part.text[a:b] for part in hit.highlights for a, b in part.marks]
    assert marked == ["回款率", "產(chǎn)品", "增長"]
    (hit,) = filled.find("loreal dusseldorf ecommerce").hits
    marked = [part.text[a:b] for part in hit.highlights for a, b in part.marks]
    assert marked == ["e-commerce", "L'Oréal", "Düsseldorf"]
    (hit,) = filled.find('"tcl电视"').hits
    assert [part.text[a:b] for part in hit.highlights for a, b in part.marks] == ["TCL电视"]


def test_fragments_of_a_long_text_hold_their_marks(library: Library) -> None:
    body = (
        "无关的句子在这里。" * 300
        + "关键的份额数字是百分之九。"
        + "Other filler sentences follow here. " * 100
    )
    library.put([finding("long", title="报告", body=body)])
    (part,) = library.find("份额").hits[0].highlights
    assert part.field == "body"
    assert len(part.text) <= 220
    assert [part.text[a:b] for a, b in part.marks] == ["份额"]
    assert part.text in body


def test_facets_count_what_was_found(filled: Library) -> None:
    found = filled.find("part:market_status")
    assert found.facets == {
        "kind": (("finding", 2),),
        "client": (("c1", 2),),
        "part": (("market_status", 2),),
        "method": (("intelligence", 1), ("interview", 1)),
        "label": (("TLP:AMBER", 2),),
        "source": (("s1", 1), ("s2", 1)),
    }
    assert filled.find("xyzzy").facets["kind"] == ()


def test_filters_apply_together(filled: Library) -> None:
    assert set(filled.ids(kinds=("finding",), client_ids=("c1", "c2"))) == {"zh", "hant", "en"}
    assert filled.ids("份额", methods=("interview",)) == ["zh"]
    assert filled.ids(labels=("TLP:CLEAR",)) == ["mixed"]
    assert filled.ids(sources=("Trade Weekly",)) == ["hant"]
    assert filled.ids(parts=("market_status",), client_ids=("c2",)) == []
    assert filled.ids(collected_from=NOW - timedelta(days=40), collected_to=NOW - timedelta(days=9)) == [
        "hant"
    ]
    assert filled.ids(collected_from=NOW - timedelta(days=9)) == ["zh"]


def test_sorts_by_date(filled: Library) -> None:
    assert filled.ids("kind:finding", sort="newest") == ["zh", "hant", "mixed", "en"]
    assert filled.ids("kind:finding", sort="oldest") == ["en", "mixed", "hant", "zh"]


def test_better_matches_come_first(library: Library) -> None:
    day = NOW - timedelta(days=5)
    library.put(
        [
            finding("body", title="其他", body="关于市场份额的说明", collected_at=day),
            finding("title", title="市场份额", body="说明", collected_at=day),
            finding("apart", title="其他", body="市场很大，份额不高", collected_at=day),
            finding("old", title="市场份额", body="说明", collected_at=NOW - timedelta(days=900)),
            finding(
                "doubtful", title="市场份额", body="说明", reliability="E", credibility=5, collected_at=day
            ),
            finding("good", title="市场份额", body="说明", reliability="A", credibility=1, collected_at=day),
            finding(
                "unknown", title="市场份额", body="说明", reliability="F", credibility=6, collected_at=day
            ),
        ]
    )
    ids = library.ids("市场份额")
    assert ids.index("good") < ids.index("title") < ids.index("doubtful")
    assert ids.index("title") < ids.index("body") < ids.index("apart")
    assert ids.index("title") < ids.index("old")
    scores = {hit.id: hit.score for hit in library.find("市场份额").hits}
    assert scores["unknown"] == scores["title"] > scores["doubtful"]


def test_equal_scores_are_ordered_by_id(library: Library) -> None:
    library.put([finding(id, title="word", collected_at=NOW) for id in ("b", "d", "a", "c")])
    assert library.ids("word") == ["a", "b", "c", "d"]


def test_the_explanation_multiplies_to_the_score(filled: Library) -> None:
    for hit in filled.find("份额", explain=True).hits:
        assert hit.explanation is not None
        made = hit.explanation
        assert hit.score == pytest.approx(made["text"] * made["freshness"] * made["rating"], abs=1e-5)  # type: ignore[operator]
    assert filled.find("份额").hits[0].explanation is None


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
@pytest.mark.parametrize("count", [9, 450])
def test_pages_show_everything_once(library: Library, sort: str, count: int) -> None:
    moments = [NOW - timedelta(hours=number % 37) for number in range(count)]
    library.put([finding(f"f{n:03}", title="word", collected_at=moment) for n, moment in enumerate(moments)])
    seen: list[str] = []
    cursor = ""
    pages = 0
    while True:
        page = library.find("word", sort=sort, size=44, cursor=cursor)
        assert page.total == count
        assert page.now == NOW
        seen += [hit.id for hit in page.hits]
        cursor, pages = page.cursor, pages + 1
        if not cursor:
            break
        library.now = NOW + timedelta(days=pages)  # the pages keep the moment of the first
    assert sorted(seen) == sorted(library.held)
    if sort != "relevance":
        order = [library.held[id].collected_at for id in seen]
        assert order == sorted(order, reverse=sort == "newest")


def test_beyond_the_best_the_order_goes_on_by_date(library: Library) -> None:
    library.put(
        [finding(f"f{n:03}", title="word", collected_at=NOW - timedelta(days=n)) for n in range(300)]
        + [
            finding(
                "deep",
                title="word word",
                reliability="A",
                credibility=1,
                collected_at=NOW - timedelta(days=350),
            )
        ]
    )
    first = library.find("word", size=100)
    second = library.find("word", size=100, cursor=first.cursor)
    third = library.find("word", size=100, cursor=second.cursor)
    assert [hit.id for hit in third.hits] == [f"f{n:03}" for n in range(200, 300)]


@pytest.mark.parametrize("cursor", ["x", "bm9uc2Vuc2U=", "W10=", "客", "W251bGwsIiIsMCxudWxsXQ==", "=" * 50])
def test_a_forged_cursor_is_refused(filled: Library, cursor: str) -> None:
    with pytest.raises(QueryError, match="cursor_invalid"):
        filled.find("份额", cursor=cursor)


def test_a_cursor_belongs_to_its_question(filled: Library) -> None:
    cursor = filled.find("份额", size=1).cursor
    assert cursor
    with pytest.raises(QueryError, match="cursor_invalid"):
        filled.find("渠道", size=1, cursor=cursor)


def test_wrong_questions_name_what_is_wrong(filled: Library) -> None:
    with pytest.raises(QueryError, match="sort_unknown"):
        filled.find(sort="random")
    with pytest.raises(QueryError, match="facet_unknown"):
        filled.find(facets=("recipient",))
    with pytest.raises(QueryError, match="size_invalid"):
        filled.find(size=0)


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("份额 鲸鱼座", [("no_document_contains", {"term": "鲸鱼座"})]),
        (
            "份额 part:competitor",
            [("without_filter", {"filter": "part", "value": "competitor", "count": 2})],
        ),
        ("渠道 回款率", [("terms_never_together", {"terms": "渠道 回款率"})]),
        (
            "份额 client:无此客户",
            [
                ("client_unknown", {"value": "无此客户"}),
                ("without_filter", {"filter": "client", "value": "无此客户", "count": 2}),
            ],
        ),
        (
            "shoes -campaign",
            [("without_filter", {"filter": "-", "value": "campaign", "count": 1})],
        ),
    ],
)
def test_an_empty_answer_says_why(filled: Library, query: str, notes: list[object]) -> None:
    found = filled.find(query)
    assert found.total == 0
    assert [(note.code, dict(note.params)) for note in found.notes] == notes


def test_who_may_read_nothing_is_told_so(filled: Library) -> None:
    assert [note.code for note in filled.find("份额", Scope("nobody")).notes] == ["nothing_readable"]


def test_hits_that_the_service_no_longer_gives_are_left_out(filled: Library) -> None:
    del filled.held["zh"]
    held = dict(filled.held)
    filled.texts = lambda ids: {  # type: ignore[method-assign]
        id: Library.texts(filled, [id])[id] for id in ids if id in held
    }
    assert filled.ids("份额") == ["hant"]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("华", ["c1"]),
        ("华禾", ["c1"]),
        ("hua", ["c1"]),
        ("huahes", ["c1"]),
        ("hhs", ["c1"]),
        ("camp", ["en"]),
        ("running sh", ["en"]),
        ("shoes cam", ["en"]),
        ("市", ["zh"]),
        ("市场", ["zh"]),
        ("TCL电", ["mixed"]),
        ("", []),
        ("zzz", []),
        ("  !", []),
    ],
)
def test_suggests(filled: Library, typed: str, ids: list[str]) -> None:
    assert [suggestion.id for suggestion in filled.suggest(typed)] == ids


@given(GARBAGE)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_typed_is_answered(filled: Library, text: str) -> None:
    assert filled.find(text, aliases=ALIASES).total >= 0
    assert len(filled.suggest(text)) <= 8
    assert (
        filled.find(text, DIRECTOR, sort="oldest", collected_to=datetime(2026, 1, 1, tzinfo=UTC)).total >= 0
    )
