"""Search's rows, its index, and the answers from both."""

from __future__ import annotations

from services.search.store.answers import Hit, Page, Shelf, Suggestion, as_of, everything, find, suggest
from services.search.store.asking import QuestionArgs, SearchArgs, asked, question_of
from services.search.store.index import (
    holds,
    index_of,
    let_go_of_writer,
    prepare,
    rebuild_progress,
    writer_of,
)
from services.search.store.rows import Base, Document, DocumentSequence, Rebuilds, Retouch
from shared.search.port import Note

__all__ = [
    "Base",
    "Document",
    "DocumentSequence",
    "Hit",
    "Note",
    "Page",
    "QuestionArgs",
    "Rebuilds",
    "Retouch",
    "SearchArgs",
    "Shelf",
    "Suggestion",
    "as_of",
    "asked",
    "everything",
    "find",
    "holds",
    "index_of",
    "let_go_of_writer",
    "prepare",
    "question_of",
    "rebuild_progress",
    "suggest",
    "writer_of",
]
