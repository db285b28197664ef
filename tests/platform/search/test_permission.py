"""Nobody finds, or learns of, what they may not see: against an oracle, and by answers that do not move."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.access import LABELS, Scope
from shared.search.port import FACETS, IndexDocument
from shared.search.query import Aliases
from tests.platform.search.conftest import NOW
from tests.platform.search.library import Library

CLIENTS = [f"c{number}" for number in range(6)]
PEOPLE = ["p1", "p2", "p3"]
WORDS = ["市场", "份额", "渠道", "经理", "campaign", "budget", "shoes", "growth", "品牌", "投放"]
CANARY = "金丝雀 canaryword"

SCOPES = st.builds(
    Scope,
    person_id=st.sampled_from(["", *PEOPLE]),
    everything=st.booleans(),
    cleared=st.frozensets(st.sampled_from(CLIENTS), max_size=3),
    hidden=st.frozensets(st.sampled_from(CLIENTS), max_size=2),
    shy=st.frozensets(st.sampled_from(CLIENTS), max_size=2),
    colleague=st.booleans(),
    market=st.booleans(),
    directory=st.booleans(),
    red=st.booleans(),
)


def sees(scope: Scope, document: IndexDocument) -> bool:
    """The rule, in the words of shared.access."""
    if document.deleted:
        return False
    if document.listing and document.client_id is not None and scope.lists(document.client_id):
        return True
    return scope.reads(document.client_id, document.label, document.recipients)


def documents(seed: int, count: int, **given: Any) -> list[IndexDocument]:
    """Random findings and clients."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        client = chance.choice([None, *CLIENTS])
        listing = client is not None and chance.random() < 0.15
        made.append(
            IndexDocument(
                id=f"{seed:04}-{number:04}",
                epoch=1,
                version=1,
                kind="client" if listing else "finding",
                client_id=client,
                label=chance.choice(LABELS),
                recipients=tuple(chance.sample(PEOPLE, chance.choice([0, 0, 1, 2]))),
                listing=listing,
                title=" ".join(chance.sample(WORDS, 2)),
                body=" ".join(chance.choices(WORDS, k=12)),
                names=(chance.choice(["华禾", "北辰", "Nordlys"]),) if listing else (),
                part=chance.choice(["market_status", "competitor"]),
                method=chance.choice(["interview", "survey"]),
                source_id=chance.choice(["s1", "s2"]),
                collected_at=NOW - timedelta(hours=chance.randrange(9000)),
            )
        )
    return made


@pytest.fixture
def crowd(library: Library) -> Library:
    library.put(documents(1, 300))
    for id in [id for id in library.held if id.endswith("7")]:
        library.remove(id)
    return library


def test_the_filter_is_the_rule(crowd: Library) -> None:
    @given(SCOPES, st.sampled_from(["", "份额", "campaign -shoes", "渠道 OR", "title:品牌"]))
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    def check(scope: Scope, query: str) -> None:
        allowed = {id for id, document in crowd.held.items() if sees(scope, document)}
        found = crowd.find(query, scope, size=100)
        assert {hit.id for hit in found.hits} <= allowed
        if query:
            return
        assert found.total == len(allowed)
        for facet, attribute in (
            ("kind", "kind"),
            ("label", "label"),
            ("part", "part"),
            ("client", "client_id"),
        ):
            counted = Counter(getattr(crowd.held[id], attribute) for id in allowed)
            counted.pop(None, None)
            assert dict(found.facets[facet]) == dict(counted)

    check()


def test_matches_are_counted_as_an_oracle_does(crowd: Library) -> None:
    @given(SCOPES, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True))
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    def check(scope: Scope, words: list[str]) -> None:
        expected = {
            id
            for id, document in crowd.held.items()
            if sees(scope, document) and all(w in document.title + document.body for w in words)
        }
        found = crowd.find(" ".join(words), scope, size=100)
        assert found.total == (0 if not expected else len(expected)) or found.widened
        if not found.widened and len(expected) <= 100:
            assert {hit.id for hit in found.hits} == expected

    check()


READER = Scope(
    "p1",
    cleared=frozenset({"c0", "c1"}),
    hidden=frozenset({"c5"}),
    shy=frozenset({"c4"}),
    colleague=True,
    market=True,
    directory=True,
)
QUESTIONS: list[dict[str, Any]] = [
    {"query": ""},
    {"query": "", "sort": "newest", "size": 7},
    {"query": "份额"},
    {"query": "份额 渠道", "explain": True},
    {"query": "campaign", "sort": "oldest"},
    {"query": "title:品牌"},
    {"query": "campaing"},
    {"query": "canarywrod"},
    {"query": "canaryword"},
    {"query": "金丝雀"},
    {"query": "金丝鸟"},
    {"query": "秘禾"},
    {"query": "mihe"},
    {"query": "huahe 份额"},
    {"query": "秘禾 份额"},
    {"query": "client:秘禾"},
    {"query": "client:c5"},
    {"query": "source:secret"},
    {"query": "份额 part:secret_part"},
    {"query": "shose growth", "kinds": ("finding",)},
    {"query": "份额", "client_ids": ("c5",)},
]
TYPED = ["c", "can", "cano", "canary", "金", "金丝", "秘", "mi", "mihe", "市", "camp"]


def answers(library: Library, aliases: Aliases) -> list[str]:
    """Everything that a reader can ask, with every page."""
    said = []
    for question in QUESTIONS:
        found = library.find(scope=READER, aliases=aliases, facets=FACETS, **question)
        said.append(repr(found))
        while found.cursor:
            found = library.find(scope=READER, aliases=aliases, **{**question, "cursor": found.cursor})
            said.append(repr(found))
    return said + [repr(library.suggest(text, READER)) for text in TYPED]


def hidden(seed: int, count: int) -> list[IndexDocument]:
    """Documents that the reader may not see, each in one of the ways, full of words that are asked for."""
    chance = random.Random(seed)
    ways: list[dict[str, Any]] = [
        {"client_id": "c5", "label": "TLP:CLEAR", "recipients": ("p1",)},
        {"client_id": "c5", "label": "TLP:AMBER"},
        {"client_id": "c2", "label": "TLP:AMBER"},
        {"client_id": "c2", "label": "TLP:AMBER+STRICT"},
        {"client_id": "c4", "label": "TLP:GREEN"},
        {"client_id": "c0", "label": "TLP:RED", "recipients": ("p2",)},
        {"client_id": None, "label": "TLP:RED"},
        {
            "client_id": "c5",
            "label": "TLP:GREEN",
            "listing": True,
            "kind": "client",
            "names": ("秘禾", "华禾"),
        },
    ]
    made = []
    for number in range(count):
        way = {"kind": "finding", **ways[number % len(ways)]}
        made.append(
            IndexDocument(
                id=f"hidden-{seed}-{number:04}", epoch=1, version=1,
                title=f"{CANARY} {' '.join(chance.choices(WORDS, k=3))} 秘禾 cano{number % 120}",
                body=" ".join(chance.choices([*WORDS, CANARY, "campaing", "shose"], k=30)),
                part=chance.choice(["market_status", "secret_part"]), method="interview", source_id="secret",
                source_name="secret", collected_at=NOW - timedelta(hours=chance.randrange(9000)), **way,
            )
        )  # fmt: skip
    return made


def test_hidden_documents_change_no_byte_of_any_answer(library: Library) -> None:
    """INV5: the same requests before and after hidden data is added, interleaved with commits and merges."""
    aliases = Aliases([("秘禾", "c5"), ("华禾", "c0")])
    visible = documents(2, 700)
    visible.append(replace(visible[0], id="canopy", client_id=None, label="TLP:CLEAR", title="canopy"))
    half = len(visible) // 2
    library.put(visible[:half])
    library.put(visible[half:])
    before = answers(library, aliases)
    for seed in range(6):
        batch = hidden(seed, 130)
        assert not any(sees(READER, document) for document in batch)
        library.put(batch)
    assert answers(library, aliases) == before
    fresh = library.index.rebuild()
    everything = list(library.held.values())
    random.Random(9).shuffle(everything)
    for start in range(0, len(everything), 211):
        fresh.put(everything[start : start + 211], mark=start + 1)
    library.index.swap(fresh)
    assert answers(library, aliases) == before
    assert "canary" not in "".join(before).replace("canaryword", "").replace("canarywrod", "")


def test_a_near_word_is_found_among_hundreds_of_hidden_ones(library: Library) -> None:
    """An engine that takes only the best of all near words of its index would take hidden ones."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    near = sorted({"campaign"[:at] + letter + "campaign"[at:] for at in range(9) for letter in letters})
    hidden = [
        IndexDocument(id=f"h{n}", epoch=1, version=1, kind="finding", client_id="c5", label="TLP:AMBER",
                      title=f"{word} {word}")
        for n, word in enumerate(near) if word != "campaigne"
    ]  # fmt: skip
    seen = IndexDocument(id="seen", epoch=1, version=1, kind="finding", label="TLP:CLEAR", title="czmpzigne")
    library.put([*hidden, seen])
    found = library.find("campaigne", Scope("p9", market=True))
    assert [hit.id for hit in found.hits] == ["seen"]
    assert found.notes[0].params == {"term": "campaigne", "instead": "czmpzign"}


def test_a_new_wall_needs_no_indexing(library: Library) -> None:
    library.put(documents(3, 50))
    before = Scope("p1", everything=True, market=True)
    after = Scope("p1", everything=True, market=True, hidden=frozenset({"c1"}))
    assert any(library.held[id].client_id == "c1" for id in library.ids("", before, size=100))
    assert not any(library.held[id].client_id == "c1" for id in library.ids("", after, size=100))


def test_a_new_label_counts_at_once(library: Library) -> None:
    library.put([IndexDocument(id="a", epoch=1, version=1, kind="finding", label="TLP:CLEAR", title="word")])
    reader = Scope("p9", market=True)
    assert library.ids("word", reader) == ["a"]
    library.change("a", label="TLP:RED", recipients=("p1",))
    assert library.ids("word", reader) == []
    assert library.ids("word", Scope("p1")) == ["a"]
    assert library.ids("word", Scope("p1", red=False)) == []
