"""What was found as a spreadsheet: readable in Excel, harmless, translated, audited."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from shared.spreadsheet import cell
from shared.tables import AuditRow
from shared.testing import world as make_world
from tests.services.search.conftest import EXPORT, Desk, furnish


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with make_world(tmp_path_factory.mktemp("desk")) as world:
        made = furnish(world)
        made.finding("=HYPERLINK(1)", '第一行，含"引号"\n第二行', client="云岭乳业", part="dealer")
        for n in range(205):
            made.finding(f"份额 {n:03}", client="云岭乳业")
        made.world.settle()
        yield made


def _rows(desk: Desk, language: str = "zh", **query: str) -> list[list[str]]:
    answer = desk.api("anna").get(EXPORT, query_string=query, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert 'filename="acm-search-20' in answer.headers["Content-Disposition"]
    text = answer.get_data()
    assert text.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))


def test_everything_found_is_exported_in_its_order_over_many_short_reads(desk: Desk) -> None:
    rows = _rows(desk, q="份额", kind="finding", sort="oldest")
    assert len(rows) == 1 + 205
    assert len({row[1] for row in rows}) == 206
    assert [row[1] for row in rows[1:101]] == desk.titles("份额", kind="finding", sort="oldest", limit=100)


def test_formulas_are_taken_for_text_and_lines_stay_in_their_cell(desk: Desk) -> None:
    header, row = _rows(desk, part="dealer")
    assert row[1] == "'=HYPERLINK(1)"
    assert row[header.index("正文")] == '第一行，含"引号"\n第二行'


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", " =1", "\t=1", "＝1", "\r1"])
def test_no_cell_begins_a_formula(text: str) -> None:
    assert cell(text).startswith("'")


def test_columns_speak_the_readers_language(desk: Desk) -> None:
    assert _rows(desk, part="dealer")[0][:3] == ["类型", "标题", "客户"]
    header, row = _rows(desk, language="en", part="dealer")
    assert header[:3] == ["Kind", "Title", "Client"]
    assert row[0] == "Finding"
    assert row[header.index("Collected")] == "2026-11-01 16:00"  # Shanghai


@pytest.mark.rule("C5")
def test_an_export_is_audited_without_its_words(desk: Desk) -> None:
    _rows(desk, q="份额", part="market_status")
    with desk.world.runtimes["search"].database.read() as session:
        entry = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(1)).one()
    assert entry.action == "search.exported"
    assert entry.actor == desk.world.people["anna"]
    assert entry.details == {"part": "market_status", "total": 205, "worded": True}
