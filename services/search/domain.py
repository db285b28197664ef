"""What can be asked of search. Pure values and rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

KINDS = ("client", "finding", "source", "proposal")
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
    "proposal": "/proposals/",
}


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
