"""Chinese and English: which one, complete, and dates, numbers and money as each writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import marshmallow as ma
import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

import shared
from shared.pages import (
    gettext,
    in_language,
    lazy_gettext,
    local_path,
    missing_translations,
    ngettext,
    translate,
)


def test_all_that_the_platform_says_has_its_chinese() -> None:
    assert missing_translations(Path(shared.__file__).parent) == []


def test_what_lacks_its_chinese_is_found_wherever_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "commands.py").write_text(
        "_('Said in code')\n"
        "ngettext('%(num)d one', '%(num)d many', 2)\n"
        "invalid({'name': 'Said of a field', **more})\n"
        "raise Problem(409, 'kind', 'Said as a title', detail='Said as a detail')\n"
        "raise forbidden('Said when refused' if x else 'Or so')\n"
        "f(N_('Placeholder %(a)s'))\n"
        "_('Cancel')\n"
    )
    (tmp_path / "page.html").write_text("{{ _('Said on a page') }}{% trans %}Said in a block{% endtrans %}")
    po = tmp_path / "locale" / "zh" / "LC_MESSAGES" / "messages.po"
    po.parent.mkdir(parents=True)
    po.write_text('msgid "Placeholder %(a)s"\nmsgstr "占位 %(b)s"\n')
    found = "\n".join(missing_translations(tmp_path))
    for text in (
        "Said in code",
        "%(num)d one",
        "Said of a field",
        "Said as a title",
        "Said as a detail",
        "Said when refused",
        "Or so",
        "Said on a page",
        "Said in a block",
    ):
        assert f"{text!r} has no Chinese" in found
    assert "'Placeholder %(a)s' has other placeholders" in found
    assert "Cancel" not in found


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [
        ("en", "zh-CN", "en"),
        ("zh", "en", "zh-CN"),
        ("fr", "en-GB,en;q=0.8", "en"),
        ("", "zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("", "fr", "zh-CN"),
        ("", "", "zh-CN"),
    ],
)
def test_the_cookie_then_the_browser_then_chinese(
    app: Flask, cookie: str, accepted: str, expected: str
) -> None:
    client = app.test_client()
    client.set_cookie("who", "ann")
    if cookie:
        client.set_cookie("acm_lang", cookie)
    html = client.get("/notes/list", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{expected}"' in html
    assert ("便签" in html) == (expected == "zh-CN")


def test_choosing_a_language_comes_back_to_the_page(browser: FlaskClient) -> None:
    page = browser.get("/notes/list?q=a%26b&kind=survey").text
    assert 'href="/notes/language/zh?next=/notes/list%3Fq%3Da%2526b%26kind%3Dsurvey"' in page
    answer = browser.get("/notes/language/zh?next=/notes/list%3Fq%3Da%2526b%26kind%3Dsurvey")
    assert answer.headers["Location"] == "/notes/list?q=a%26b&kind=survey"
    assert 'lang="zh-CN"' in browser.get("/notes/list").text
    assert browser.get("/notes/language/fr").status_code == 404


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "evil.example",
        "",
        "///evil.example",
        "/ok\r\nSet-Cookie: a=b",
    ],
)
def test_no_link_leads_elsewhere(browser: FlaskClient, target: str) -> None:
    for kind in ("language/zh", "theme/dark"):
        answer = browser.get(f"/notes/{kind}", query_string={"next": target})
        assert answer.status_code == 303
        assert answer.headers["Location"] == "/"
    assert local_path(target, "/otherwise") == "/otherwise"


def test_the_theme_is_painted_by_the_server(browser: FlaskClient) -> None:
    browser.get("/notes/theme/dark")
    assert 'data-theme="dark" data-bs-theme="dark"' in browser.get("/notes/list").text


def test_messages_fill_their_values_and_count(app: Flask) -> None:
    late = lazy_gettext("New note")
    with app.test_request_context(headers={"Accept-Language": "zh"}):
        assert gettext("The note “%(name)s” was saved.", name="茶") == "便签“茶”已保存。"
        assert ngettext("%(num)d note", "%(num)d notes", 2) == "2 张便签"
        assert str(late) == "新便签"
        assert translate("Nobody translated this, 50 % of it") == "Nobody translated this, 50 % of it"
        with in_language("en"):
            assert ngettext("%(num)d note", "%(num)d notes", 2) == "2 notes"
            assert str(late) == "New note"
    assert translate("Sign in first.") == "请先登录。"  # also where no service is running


@pytest.mark.parametrize(
    ("expression", "chinese", "english"),
    [
        ("day|date", "2026年11月24日", "24 Nov 2026"),
        ("'2026-11-24'|date", "2026年11月24日", "24 Nov 2026"),
        ("instant|date", "2026年11月25日", "25 Nov 2026"),
        ("instant|datetime", "2026年11月25日 04:15", "25 Nov 2026 04:15"),
        ("'2026-11-24T20:15:09Z'|datetime('medium')", "2026年11月25日 04:15:09", "25 Nov 2026 04:15:09"),
        ("instant|time", "04:15", "04:15"),
        ("none|datetime", "–", "–"),
        ("1234567.891|number", "1,234,567.891", "1,234,567.891"),
        ("'11194.03'|number(2)", "11,194.03", "11,194.03"),
        ("0.1875|percent(2)", "18.75%", "18.75%"),
        ("{'amount': '1234.50', 'currency': 'CNY'}|money", "¥1,234.50", "CN¥1,234.50"),
        ("amount|money('HKD')", "HK$9.90", "HK$9.90"),
        ("amount|money", "¥9.90", "CN¥9.90"),
        ("'sales_clerk'|term('role')", "销售内勤", "Sales clerk"),
        ("'unheard_of'|term('role')", "unheard_of", "unheard_of"),
    ],
)
def test_values_by_locale(app: Flask, expression: str, chinese: str, english: str) -> None:
    values = {
        "day": date(2026, 11, 24),
        "instant": datetime(2026, 11, 24, 20, 15, 9, tzinfo=UTC),
        "amount": Decimal("9.9"),
    }
    for language, expected in (("zh", chinese), ("en", english)):
        with app.test_request_context(headers={"Accept-Language": language}):
            assert render_template_string("{{ " + expression + " }}", **values) == expected


@pytest.mark.parametrize(
    ("rule", "value", "chinese"),
    [
        (ma.fields.String(required=True), ma.missing, "此项必填。"),
        (ma.fields.String(validate=ma.validate.Length(1, 3)), "abcd", "长度应在 1 至 3 个字符之间。"),
        (ma.fields.String(validate=ma.validate.Length(max=3)), "abcd", "最多 3 个字符。"),
        (ma.fields.String(validate=ma.validate.Length(min=3)), "a", "至少 3 个字符。"),
        (ma.fields.String(validate=ma.validate.OneOf(["a", "b"])), "c", "应为下列之一：a, b。"),
        (ma.fields.Integer(validate=ma.validate.Range(1, 6)), 7, "应在 1 至 6 之间。"),
        (ma.fields.Integer(validate=ma.validate.Range(min=1)), 0, "不得小于 1。"),
    ],
)
def test_what_marshmallow_says_has_its_chinese(rule: ma.fields.Field, value: object, chinese: str) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        rule.deserialize(value)
    with in_language("zh"):
        assert translate(refused.value.messages[0]) == chinese
    with in_language("en"):
        assert translate(refused.value.messages[0]) == refused.value.messages[0]
