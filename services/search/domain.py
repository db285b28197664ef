"""What can be asked of search, and how what was found leaves as a spreadsheet. Pure values and rules."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

KINDS = ("client", "finding", "source")
PARTS = (
    "company_basics", "business_philosophy", "market_status", "marketing_plan", "competitor", "dealer",
    "end_user", "product",
)  # fmt: skip
METHODS = ("intelligence", "interview", "survey")
SORTS = ("relevance", "newest", "oldest")
QUERY_LENGTH = 400
EXPORT_LIMIT = 10_000
_PAGES = {
    "client": "/accounts/clients/",
    "finding": "/intelligence/findings/",
    "source": "/intelligence/sources/",
}
_CONTROLS = ("\t", "\r", "\n")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Question:
    """A search as it is asked: the query language in `q`, and filters beside it. Empty means any.

    `since` and `before` bound `collected_at`; `before` itself is excluded.
    """

    q: str = ""
    kind: str = ""
    client_id: str = ""
    part: str = ""
    method: str = ""
    label: str = ""
    source_id: str = ""
    since: datetime | None = None
    before: datetime | None = None
    sort: str = "relevance"


def page_of(kind: str, key: str) -> str:
    """The path of a record's page."""
    return _PAGES[kind] + quote(key, safe="")


# --- spreadsheets ------------------------------------------------------------------------------------------


def cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_CONTROLS) or text.lstrip().startswith(_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180), each cell escaped."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()
