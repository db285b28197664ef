"""What the analysis promises: one fold for text and question, in either script, with its way back."""

from __future__ import annotations

import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.search.analysis import analyse, normalise, pinyin, stem

TEXT = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "客戶经理經發髮臺台灣線綫裡裏瞭著藉 aéßﬁIİＡ１…·,'-()（）\n\r\u200b\u0301\u3099かハ한\u1112\u1161"
        ),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("客戶經理", "客户经理"),
        ("銷售部經(jīng)理的職責", "销售部经理的职责"),
        ("銷售部經（jīng）理", "销售部经理"),
        ("產(chǎn)品、業(yè)務、內(nèi)部", "产品、业务、内部"),
        ("北京(Běijīng)市", "北京市"),
        ("綠(lǜ)色", "绿色"),
        ("工業(ye\u0300)", "工业"),
        ("人工智能(AI)投放", "人工智能(ai)投放"),
        ("预算(plan)", "预算(plan)"),
        ("退貨(換貨)", "退货(换货)"),
        ("café (jīng)", "cafe (jing)"),
        ("ＡＢＣ１２３％", "abc123%"),
        ("Ｃafé Straße Ørsted İstanbul", "cafe strasse orsted istanbul"),
        ("ﬁnance №5 ㈱", "finance no5 (株)"),
        ("市场\n份额", "市场份额"),
        ("市场  \r\n  份额", "市场份额"),
        ("市场\n\n份额", "市场\n\n份额"),
        ("mar\u00adket\u200bing", "marketing"),
        ("L’Oréal", "l'oreal"),
        ("瞭解客戶、憑藉、回覆", "了解客户、凭借、回复"),
        ("裡面 裏面 线 線 綫", "里面 里面 线 线 线"),
        ("か\u3099ガ", "がガ"),
    ],
)
def test_folds(typed: str, folded: str) -> None:
    assert normalise(typed).text == folded


@pytest.mark.parametrize(
    ("text", "pairs", "units", "words"),
    [
        ("市场份额", "市场 场份 份额 额", "市 场 份 额", ""),
        ("Running shoes", "run shoe", "run shoe", "run shoe"),
        ("TCL电视", "tcl 电视 视", "tcl 电 视", "tcl"),
        ("e-commerce", "e commerc", "e commerc", "e commerc ecommerc"),
        ("1,200 万", "1200 万", "1200 万", "1200"),
        ("iPhone15", "iphon 15", "iphon 15", "iphon 15 iphone15"),
        ("client's", "client", "client", "client"),
        ("一\n\ntwo", "一 ¶ two", "一 ¶ two", "two"),
        ("，。!?", "", "", ""),
    ],
)
def test_streams(text: str, pairs: str, units: str, words: str) -> None:
    made = analyse(text)
    assert (made.pairs, made.units, made.words) == (pairs, units, words)


@pytest.mark.parametrize(
    ("one", "other"),
    [("campaigns", "campaign"), ("companies", "company"), ("running", "runs"), ("Clients'", "client")],
)
def test_inflections_share_a_stem(one: str, other: str) -> None:
    assert analyse(one).pairs == analyse(other).pairs


def test_other_letters_are_not_stemmed() -> None:
    assert stem("программы") == "программы"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("华禾食品", "huahe"),
        ("华禾食品", "huaheshipin"),
        ("华禾食品", "shipin"),
        ("华禾食品", "hhsp"),
        ("华禾食品", "hua"),
        ("華禾食品", "huahe"),
        ("重庆绿地", "chongqing"),
        ("重庆绿地", "lvdi"),
        ("重庆绿地", "ludi"),
        ("单晓明", "shanxiaoming"),
        ("Nova 新锐传媒", "xinrui"),
    ],
)
def test_pinyin_of_names(name: str, typed: str) -> None:
    assert typed in pinyin(name).split()


def test_pinyin_marks_what_begins_a_name() -> None:
    forms = pinyin("华禾食品").split()
    assert "^huahe" in forms
    assert "^hh" in forms
    assert "^shipin" not in forms


@given(TEXT)
@example("經(jīng)理")
@example("e\u0301a\u0301")
@settings(max_examples=300, deadline=None)
def test_every_character_knows_its_place(text: str) -> None:
    normal = normalise(text)
    end = 0
    for at in range(len(normal.text)):
        start, stop = normal.span(at, at + 1)
        assert 0 <= start < stop <= len(text)
        assert stop >= end
        end = stop
        # What stands there folds to a text that holds the character.
        assert normal.text[at] in normalise(text[start:stop]).text


@given(TEXT)
@settings(max_examples=300, deadline=None)
def test_folding_twice_is_folding_once(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(TEXT)
@example("\u0627\u0653 \u09c7\u09be")
@settings(max_examples=200, deadline=None)
def test_composed_and_decomposed_are_one(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert normalise(unicodedata.normalize("NFD", composed)).text == normalise(composed).text


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_streams_keep_step(text: str) -> None:
    made = analyse(text)
    assert len(made.pairs.split()) == len(made.units.split())


def test_hostile_parentheses_cost_nothing() -> None:
    start = time.perf_counter()
    normalise("客(" + "a" * 50_000)
    normalise("客(" * 5_000)
    normalise("客(" + "zhuang" * 9 + "ā)")
    assert time.perf_counter() - start < 2


def test_chinese_words_are_loaded_only_when_needed() -> None:
    code = (
        "import sys, shared.search.embedded, shared.search.analysis as a; a.analyse('plain words');"
        "sys.exit(any(name in sys.modules for name in ('rjieba', 'pypinyin', 'tantivy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
