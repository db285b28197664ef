"""How much of what answers a question is found: measured on a labelled set, and printed.

The questions were judged by reading the documents. Some cannot be answered by any words that they share with
the text; they stay in the set, so that the figure means something.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.access import Scope
from shared.search.port import SORTS, IndexDocument
from shared.search.query import Aliases
from tests.platform.search.adapters import NAMES, Adapter, Elastic, Embedded, elasticsearch_url
from tests.platform.search.conftest import NOW
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


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Library]]:
    """The documents in every adapter, in another order each."""
    adapters: dict[str, Adapter] = {"embedded": Embedded()}
    if elasticsearch_url():
        adapters["elastic"] = Elastic(elasticsearch_url())
    home = tmp_path_factory.mktemp("recall")
    made = {name: Library(adapter.open(home / name), NOW) for name, adapter in adapters.items()}
    for seed, library in enumerate(made.values()):
        shuffled = random.Random(seed).sample(DOCUMENTS, len(DOCUMENTS))
        library.put(shuffled[: len(shuffled) // 2])
        library.put(shuffled[len(shuffled) // 2 :])
    yield made
    for name, library in made.items():
        library.index.close()
        adapters[name].lose(home / name)


@pytest.fixture(params=NAMES)
def shelves(request: pytest.FixtureRequest, libraries: dict[str, Library]) -> Library:
    return libraries[request.param]


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


CLIENTS = sorted(doc.id for doc in DOCUMENTS if doc.kind == "client")
SCOPES = {
    "a director": DIRECTOR,
    "a team": Scope("p1", cleared=frozenset(CLIENTS[:3]), colleague=True, market=True, directory=True),
    "behind a wall": Scope(
        "p2", cleared=frozenset(CLIENTS[3:5]), hidden=frozenset(CLIENTS[:2]), shy=frozenset(CLIENTS[2:3]),
        colleague=True, market=True, directory=True,
    ),
    "an auditor": Scope("p3"),
}  # fmt: skip
BESIDE = (
    "",
    "campaing budgte",
    "title:市场",
    "part:dealer",
    "label:amber",
    "-campaign",
    "client:" + CLIENTS[0],
)


@pytest.mark.skipif(len(NAMES) < 2, reason="ACM_ELASTICSEARCH_URL names no server")
@pytest.mark.parametrize("whose", SCOPES)
def test_both_adapters_answer_alike(libraries: dict[str, Library], whose: str) -> None:
    """The same matches, counts, facets, order, scores, marks and explanations, page by page."""
    for question in (*QUESTIONS, *BESIDE):
        for sort in SORTS:
            one, other = (_pages(library, question, SCOPES[whose], sort) for library in libraries.values())
            assert one == other, (question, sort)
    for question in QUESTIONS:
        for typed in (question[:1], question[:3], question):
            one, other = (library.suggest(typed, SCOPES[whose]) for library in libraries.values())
            assert one == other, typed


def _pages(library: Library, question: str, scope: Scope, sort: str) -> list[str]:
    pages: list[str] = []
    cursor = ""
    while not pages or cursor:
        found = library.find(
            question, scope, sort=sort, size=50, cursor=cursor, aliases=ALIASES, explain=True
        )
        pages.append(repr(found))
        cursor = found.cursor
    return pages
