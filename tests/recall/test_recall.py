"""How much of what answers a question is found: measured on a labelled set, and printed.

The questions were judged by reading the documents. Some cannot be answered by any words that they share with
the text; they stay in the set, so that the figure means something.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.search.port import IndexDocument
from shared.search.query import Aliases
from tests.platform.search.conftest import ADAPTERS, NOW
from tests.platform.search.library import DIRECTOR, Library

HERE = Path(__file__).parent
LEAST = 0.95
DEPTH = 20


def _lines(name: str) -> Iterator[list[str]]:
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield [cell.strip() for cell in line.split(" | ")]


def _document(cells: list[str]) -> IndexDocument:
    if cells[1] == "client":
        id, _, title, names = cells
        return IndexDocument(
            id=id, epoch=1, version=1, kind="client", client_id=id, label="TLP:GREEN", listing=True,
            title=title, names=tuple(name.strip() for name in names.split(",")),
        )  # fmt: skip
    id, client, part, label, age, title, body = cells
    return IndexDocument(
        id=id, epoch=1, version=1, kind="finding", client_id=None if client == "-" else client, part=part,
        label=label, collected_at=NOW - timedelta(days=int(age)), title=title, body=body, reliability="B",
        credibility=2,
    )  # fmt: skip


DOCUMENTS = [_document(cells) for cells in _lines("corpus.txt")]
QUESTIONS = {question: frozenset(ids.split()) for question, ids in _lines("questions.txt")}
ALIASES = Aliases(
    (name, doc.id) for doc in DOCUMENTS if doc.kind == "client" for name in (doc.title, *doc.names)
)


@pytest.fixture(scope="module", params=sorted(ADAPTERS))
def shelves(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    index = ADAPTERS[request.param](tmp_path_factory.mktemp("recall") / "index")
    library = Library(index, NOW)
    library.put(DOCUMENTS)
    yield library
    index.close()


def test_the_set_is_what_it_claims() -> None:
    ids = {document.id for document in DOCUMENTS}
    assert len(ids) == len(DOCUMENTS) >= 150
    assert len(QUESTIONS) >= 60
    assert all(answers and answers <= ids for answers in QUESTIONS.values())
    chinese = [question for question in QUESTIONS if any("\u4e00" <= char <= "\u9fff" for char in question)]
    assert len(chinese) * 2 >= len(QUESTIONS)


def test_recall(shelves: Library) -> None:
    recalls: list[float] = []
    first: list[float] = []
    missed: list[str] = []
    for question, answers in QUESTIONS.items():
        ids = [hit.id for hit in shelves.find(question, DIRECTOR, size=DEPTH, aliases=ALIASES).hits]
        recalls.append(len(answers & set(ids)) / len(answers))
        first.append(max((1 / (rank + 1) for rank, id in enumerate(ids) if id in answers), default=0.0))
        if answers - set(ids):
            missed.append(f"{question}: {' '.join(sorted(answers - set(ids)))}")
    recall, rank = sum(recalls) / len(recalls), sum(first) / len(first)
    print(f"\nrecall@{DEPTH} {recall:.3f}, mean reciprocal rank {rank:.3f}, {len(QUESTIONS)} questions")
    print("\n".join(["missed:", *missed]) if missed else "nothing missed")
    assert recall >= LEAST
    assert rank >= 0.8
