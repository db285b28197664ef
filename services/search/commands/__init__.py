"""Every write of search: documents in the inbox's transaction, the index after them, the trail of exports."""

from __future__ import annotations

from services.search.commands.documents import drop, keep, withhold
from services.search.commands.exporting import note_export
from services.search.commands.indexing import (
    after_restore,
    index_agrees,
    index_document,
    index_problem,
    index_some,
    wish_for_rebuild,
)

__all__ = [
    "after_restore",
    "drop",
    "index_agrees",
    "index_document",
    "index_problem",
    "index_some",
    "keep",
    "note_export",
    "wish_for_rebuild",
    "withhold",
]
