"""The query language: what is understood, and that nothing typed is ever an accident."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access import Scope
from shared.search.port import QueryError
from shared.search.query import MOST_CHARACTERS, Aliases, Filter, parse
from tests.platform.search.library import DIRECTOR

NAMES = Aliases(
    [
        ("华禾食品有限公司", "c1"),
        ("华禾", "c1"),
        ("Nova Foods", "c2"),
        ("北辰", "c3"),
        ("X", "c4"),
        ("Starcoast Hotels", "c5"),
        ("Blue Whale Bank", "c6"),
        ("Global Foods", "c7"),
    ]
)


def terms(text: str) -> list[tuple[str, ...]]:
    return [tuple(unit.text for unit in term.units) for term in parse(text, DIRECTOR).terms]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("市场份额 增长", [("市场", "份额"), ("增长",)]),
        ("客户经理", [("客户", "经理")]),
        ("市場份額", [("市场", "份额")]),
        ('"running shoes"', [("running", "shoes")]),
        ("“市场份额”", [("市场份额",)]),
        ("「市場份額」", [("市场份额",)]),
        ("茶", [("茶",)]),
        ("新客户", [("新", "客户")]),
        ("广告的效果", [("广告", "效果")]),
        ("the market", [("market",)]),
        ("the", [("the",)]),
        ("http://a.example/x", [("http", "a.example", "x")]),
        ("ratio 3:1", [("ratio",), ("3", "1")]),
        ("foo:bar", [("foo", "bar")]),
        ('5" screen', [("5",), ("screen",)]),
        ("- ，。!", []),
        ("", []),
    ],
)
def test_words_and_phrases(text: str, found: list[tuple[str, ...]]) -> None:
    assert terms(text) == found


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("part:market_status", [Filter("part", "market_status")]),
        ("Part:MARKET_STATUS", [Filter("part", "market_status")]),
        ("label:TLP:AMBER+STRICT", [Filter("label", "TLP:AMBER+STRICT")]),
        ("label:amber", [Filter("label", "TLP:AMBER")]),
        ("label:tlp:green", [Filter("label", "TLP:GREEN")]),
        ("标签：tlp：red", [Filter("label", "TLP:RED")]),
        ('source:"Trade Weekly"', [Filter("source", "Trade Weekly")]),
        ("-method:survey", [Filter("method", "survey", True)]),
        ("客户:华禾", [Filter("client", "华禾")]),
        ("kind:finding kind:source", [Filter("kind", "finding"), Filter("kind", "source")]),
        ("part:", []),
    ],
)
def test_filters(text: str, filters: list[Filter]) -> None:
    assert list(parse(text, DIRECTOR).filters) == filters


def test_what_must_not_be_there() -> None:
    query = parse('广告 -传闻 -"price war" －调查 title:报告 -title:draft', DIRECTOR)
    assert [term.typed for term in query.without] == ["传闻", "price war", "调查"]
    assert [term.typed for term in query.title] == ["报告"]
    assert [term.typed for term in query.without_title] == ["draft"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("华禾 份额", [("华禾", ("c1",)), ("份额", ())]),
        ("华禾市场份额", [("华禾", ("c1",)), ("市场份额", ())]),
        ("华禾食品有限公司", [("华禾食品有限公司", ("c1",))]),
        ("華禾", [("华禾", ("c1",))]),
        ("nova foods campaign", [("nova foods", ("c2",)), ("campaign", ())]),
        ("starcoast breakfast", [("starcoast", ("c5",)), ("breakfast", ())]),
        ("blue whale", [("blue whale", ("c6",))]),
        ("global", [("global", ())]),
        ('"华禾"', [("华禾", ())]),
        ("x", [("x", ())]),
    ],
)
def test_names_of_clients(text: str, found: list[tuple[str, tuple[str, ...]]]) -> None:
    query = parse(text, DIRECTOR, NAMES)
    assert [(term.folded, term.client_ids) for term in query.terms] == found


def test_names_of_hidden_clients_are_words() -> None:
    walled = Scope("p", everything=True, directory=True, hidden=frozenset({"c1"}))
    assert parse("华禾", walled, NAMES).terms[0].client_ids == ()
    assert NAMES.named("华禾", walled) == ()
    assert NAMES.named("华禾", DIRECTOR) == ("c1",)


def test_too_long_a_question_says_so() -> None:
    with pytest.raises(QueryError) as refused:
        parse("客" * (MOST_CHARACTERS + 1), DIRECTOR)
    assert refused.value.code == "query_too_long"
    assert refused.value.params == {"most": MOST_CHARACTERS}
    with pytest.raises(QueryError) as refused:
        parse("label:amber " * 40, DIRECTOR)
    assert refused.value.code == "too_many_terms"


GARBAGE = st.text(
    st.one_of(
        st.characters(), st.sampled_from('客户经理的 "“”「」:：-－()[]{}*?~^\\/+&|!labetipr\x00\x1e\x1f\n¶')
    ),
    max_size=80,
)


@given(GARBAGE)
@settings(max_examples=500, deadline=None)
def test_anything_typed_is_a_question(text: str) -> None:
    query = parse(text, DIRECTOR, NAMES)
    for term in query.terms:
        assert term.units
        assert all(token and " " not in token for unit in term.units for token in unit.tokens)
