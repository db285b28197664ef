"""An index with what the search service keeps beside it: the documents themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.access import Scope
from shared.search.port import Find, Found, IndexDocument, SearchIndex, Suggestion, Text
from shared.search.query import Aliases

DIRECTOR = Scope("director", everything=True, colleague=True, market=True, directory=True)


def finding(id: str, **fields: Any) -> IndexDocument:
    """A finding that a director may see."""
    given = {"epoch": 1, "version": 1, "kind": "finding", "client_id": "c1", "label": "TLP:AMBER", **fields}
    return IndexDocument(id=id, **given)


class Library:
    """Puts and finds."""

    def __init__(self, index: SearchIndex, now: datetime) -> None:
        self.index = index
        self.now = now
        self.held: dict[str, IndexDocument] = {}
        self._mark = 0

    def put(self, documents: Iterable[IndexDocument]) -> None:
        """Keep and index documents."""
        documents = list(documents)
        self.held |= {document.id: document for document in documents}
        self._mark += 1
        self.index.put(documents, mark=self._mark)

    def remove(self, id: str) -> None:
        """Leave a tombstone."""
        old = self.held[id]
        self.put([IndexDocument(id=id, epoch=old.epoch, version=old.version + 1, deleted=True)])

    def change(self, id: str, **fields: Any) -> None:
        """Put the next version."""
        self.put([replace(self.held[id], version=self.held[id].version + 1, **fields)])

    def find(
        self, query: str = "", scope: Scope = DIRECTOR, *, aliases: Aliases | None = None, **question: Any
    ) -> Found:
        """Ask."""
        asked = Find(query=query, **question)
        return self.index.find(asked, scope, self.now, texts=self.texts, aliases=aliases)

    def ids(self, query: str = "", scope: Scope = DIRECTOR, **question: Any) -> list[str]:
        """The ids of the first page."""
        return [hit.id for hit in self.find(query, scope, **question).hits]

    def suggest(self, text: str, scope: Scope = DIRECTOR) -> tuple[Suggestion, ...]:
        """Ask for suggestions."""
        return self.index.suggest(text, scope)

    def texts(self, ids: Sequence[str]) -> Mapping[str, Text]:
        """What the service loads for hits."""
        documents = (self.held[id] for id in ids)
        return {doc.id: Text(doc.title, doc.body, doc.names) for doc in documents}
