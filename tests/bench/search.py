"""Search and rebuild at scale, beside the engine's own way with the same documents.

The bare index holds title and text (Elasticsearch cuts them itself) and the same fields to filter by. The
bare query asks for the same words under the same permission filter, with the total, 20 hits ranked by the
engine and, on Elasticsearch, its highlights; ours adds facets, a ranking of 200 candidates and what the words
may mean (names, pinyin). Both run in turns, in one thread.
"""

from __future__ import annotations

import bisect
import itertools
import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import tantivy
from elasticsearch import Elasticsearch, helpers

from shared.access import Scope
from shared.search import analysis
from shared.search.elastic import ElasticIndex, _query
from shared.search.embedded import EmbeddedIndex
from shared.search.permission import visible
from shared.search.port import KEYWORDS, Find, IndexDocument, SearchIndex, Text
from shared.testing import fresh_search
from tests.bench import shares

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
PARTS = ("market_status", "competitor", "dealer", "end_user", "product", "marketing_plan")
LABELS = ("TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER", "TLP:AMBER+STRICT")
CLIENTS = [f"client-{number:04}" for number in range(1_000)]
READERS = {
    "of a team": Scope("p", cleared=frozenset(CLIENTS[:50]), colleague=True, market=True, directory=True),
    "director": Scope("d", everything=True, colleague=True, market=True, directory=True),
}
QUESTIONS = (
    "市场", "中国", "企业", "market", "company club", "问题", "品牌", "中国 发展", "album", "时间 工作",
    "music album", "数据",
)  # fmt: skip
BATCH, ROUNDS = 1_000, 7
Figures = dict[str, float]


Profiles = dict[str, shares.Shares]


def measure(documents: int) -> tuple[Figures, Profiles]:
    """Find: p50 in ms, ours and bare, by engine and reader. Rebuild: documents a second, ours and bare. And
    where the time of our finds goes in this process (waiting for a server is JSON's and its client's).

    Elasticsearch is measured where ACM_ELASTICSEARCH_URL names one.
    """
    made = list(corpus(documents))
    with tempfile.TemporaryDirectory() as home:
        figures, profile = _tantivy(made, Path(home))
    profiles = {"tantivy find": profile}
    if os.environ.get("ACM_ELASTICSEARCH_URL"):
        more, profiles["elasticsearch find"] = _elasticsearch(made)
        figures |= more
    return figures, profiles


# --- documents ---------------------------------------------------------------------------------------------


class _Words:
    """Words of one script, as often as the product's table of weights says that texts hold them."""

    def __init__(self, chinese: bool) -> None:
        table = resources.files("shared.search").joinpath("idf.txt").read_text(encoding="utf-8")
        lines = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
        pairs = [(word, math.exp(-float(weight))) for weight, words in lines for word in words.split(" ")]
        kept = [(word, often) for word, often in pairs if word.isascii() != chinese]
        self._words = [word for word, _ in kept]
        self._sums = list(itertools.accumulate(often for _, often in kept))

    def some(self, chance: random.Random, count: int) -> list[str]:
        top = self._sums[-1]
        return [self._words[bisect.bisect(self._sums, chance.random() * top)] for _ in range(count)]


def corpus(count: int, seed: int = 1) -> Iterator[IndexDocument]:
    """Findings of a thousand clients, half Chinese and half English, of about 700 bytes with their fields."""
    chance = random.Random(seed)
    chinese, english = _Words(chinese=True), _Words(chinese=False)
    for number in range(count):
        zh = number % 2 == 0
        words = chinese if zh else english
        between = "" if zh else " "
        sentences = [between.join(words.some(chance, 12)) for _ in range(chance.randint(4, 12 if zh else 8))]
        yield IndexDocument(
            id=f"{number:08x}-0000-7000-8000-{number:012x}",
            epoch=1,
            version=number + 1,
            kind="finding",
            client_id=chance.choice(CLIENTS),
            label=chance.choice(LABELS),
            title=between.join(words.some(chance, 6)),
            body=("，" if zh else ". ").join(sentences),
            part=chance.choice(PARTS),
            method=chance.choice(("intelligence", "interview", "survey")),
            source_id=f"source-{chance.randrange(200):03}",
            source_name=f"Source {chance.randrange(200)}",
            reliability=chance.choice("ABCDE"),
            credibility=chance.randint(1, 6),
            collected_at=NOW - timedelta(minutes=chance.randrange(2_000_000)),
        )


# --- what is measured --------------------------------------------------------------------------------------


def _rebuild(index: SearchIndex, made: Sequence[IndexDocument]) -> float:
    """Documents a second into an index that takes the place of another one."""
    started = time.perf_counter()
    fresh = index.rebuild()
    for at in range(0, len(made), BATCH):
        fresh.put(made[at : at + BATCH], mark=at + BATCH)
    fresh.census()
    index.swap(fresh)
    return len(made) / (time.perf_counter() - started)


def _compare(
    engine: str, index: SearchIndex, made: Sequence[IndexDocument], bare: Callable[[str, Scope], Any]
) -> tuple[Figures, shares.Shares]:
    kept = {document.id: Text(document.title, document.body) for document in made}

    def ours(question: str, scope: Scope) -> Any:
        return index.find(Find(query=question), scope, NOW, texts=lambda ids: _texts(kept, ids))

    figures: Figures = {}
    for name, scope in READERS.items():
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        for _, question in itertools.product(range(ROUNDS + 1), QUESTIONS):
            for who, ask in (("bare", bare), ("ours", ours)):
                started = time.perf_counter()
                ask(question, scope)
                times[who].append((time.perf_counter() - started) * 1000)
        for who, spent in times.items():
            warm = spent[len(QUESTIONS) :]
            figures[f"{engine} find, {name}, {who} p50 ms"] = statistics.median(warm)
    return figures, shares.of(lambda: [ours(question, scope) for question in QUESTIONS])


def _texts(kept: Mapping[str, Text], ids: Sequence[str]) -> dict[str, Text]:
    return {id: kept[id] for id in ids}


# --- tantivy -----------------------------------------------------------------------------------------------


def _tantivy(made: Sequence[IndexDocument], home: Path) -> tuple[Figures, shares.Shares]:
    figures: Figures = {}
    bare = _BareTantivy(home / "bare")
    started = time.perf_counter()
    bare.load(made)
    figures["tantivy load, bare documents/s"] = len(made) / (time.perf_counter() - started)
    index = EmbeddedIndex(home / "ours", writes=True)
    index.mark()
    figures["tantivy rebuild, ours documents/s"] = _rebuild(index, made)
    found, profile = _compare("tantivy", index, made, bare.ask)
    index.close()
    return figures | found, profile


class _BareTantivy:
    """Two text fields over the same tokens, ranked by BM25, and the fields of the permission filter."""

    def __init__(self, folder: Path) -> None:
        builder = tantivy.SchemaBuilder()
        for name in KEYWORDS:
            builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
        for name in ("title", "body"):
            builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
        folder.mkdir()
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema, str(folder))

    def load(self, made: Iterable[IndexDocument]) -> None:
        writer = self._index.writer(15_000_000, 1)
        for number, document in enumerate(made):
            entry = tantivy.Document()
            for name, values in _keywords(document).items():
                for value in values:
                    entry.add_text(name, value)
            entry.add_text("title", analysis.analyse(document.title).pairs)
            entry.add_text("body", analysis.analyse(document.body).pairs)
            writer.add_document(entry)
            if number % (10 * BATCH) == 0:
                writer.commit()
        writer.commit()
        self._index.reload()

    def ask(self, question: str, scope: Scope) -> Any:
        make, schema, occur = tantivy.Query, self._schema, tantivy.Occur
        clauses = [(occur.Must, make.const_score_query(self._filter(scope), 0.0))]
        for token in analysis.analyse(question).pairs.split():
            if len(token) > 1:  # not the last character of a run
                ways = [
                    (occur.Should, make.boost_query(make.term_query(schema, "title", token), 3.0)),
                    (occur.Should, make.term_query(schema, "body", token)),
                ]
                clauses.append((occur.Must, make.boolean_query(ways)))
        return self._index.searcher().search(make.boolean_query(clauses), limit=20, count=True)

    def _filter(self, scope: Scope) -> Any:
        make, schema, occur = tantivy.Query, self._schema, tantivy.Occur
        if scope.everything:
            red = make.term_query(schema, "label", "TLP:RED")
            return make.boolean_query([(occur.Must, make.all_query()), (occur.MustNot, red)])
        ways = [
            make.term_set_query(schema, "client", sorted(scope.cleared)),
            make.term_set_query(schema, "label", ["TLP:CLEAR", "TLP:GREEN"]),
        ]
        return make.boolean_query([(occur.Should, way) for way in ways])


def _keywords(document: IndexDocument) -> Mapping[str, Sequence[str]]:
    return {
        "id": (document.id,), "kind": (document.kind,), "client": (document.client_id or "-",),
        "part": (document.part,), "method": (document.method,), "label": (document.label,),
        "source": (document.source_id,), "recipient": document.recipients, "alive": ("yes",),
    }  # fmt: skip


# --- Elasticsearch -----------------------------------------------------------------------------------------


def _elasticsearch(made: Sequence[IndexDocument]) -> tuple[Figures, shares.Shares]:
    figures: Figures = {}
    with fresh_search() as url, Elasticsearch(os.environ["ACM_ELASTICSEARCH_URL"], request_timeout=60) as es:
        bare = f"{url.rpartition('/')[2]}-bare"
        try:
            started = time.perf_counter()
            _load_bare(es, bare, made)
            figures["elasticsearch load, bare documents/s"] = len(made) / (time.perf_counter() - started)
            index = ElasticIndex(url, writes=True)
            index.prepare()
            figures["elasticsearch rebuild, ours documents/s"] = _rebuild(index, made)
            ask_bare = partial(_ask_bare, es, bare)
            found, profile = _compare("elasticsearch", index, made, ask_bare)
        finally:
            es.options(ignore_status=404).indices.delete(index=bare)
    return figures | found, profile


def _load_bare(es: Elasticsearch, name: str, made: Sequence[IndexDocument]) -> None:
    fields: dict[str, Any] = {field: {"type": "keyword"} for field in KEYWORDS}
    texts = ("title", "body", "names", "source_name")
    fields |= {field: {"type": "text", "analyzer": "cjk"} for field in texts}
    fields["collected_at"] = {"type": "date"}
    es.indices.create(
        index=name,
        mappings={"properties": fields},
        settings={"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"},
    )
    actions = (
        {
            "_index": name, "_id": document.id, **_keywords(document), "title": document.title,
            "body": document.body, "names": document.names, "source_name": document.source_name,
            "collected_at": document.collected_at,
        }
        for document in made
    )  # fmt: skip
    helpers.bulk(es, actions, chunk_size=BATCH)
    es.indices.refresh(index=name)


def _ask_bare(es: Elasticsearch, name: str, question: str, scope: Scope) -> Any:
    words = {
        "query": question, "fields": ["title^3", "body", "names", "source_name"], "type": "cross_fields",
        "operator": "and",
    }  # fmt: skip
    return es.search(
        index=name,
        size=20,
        query={"bool": {"must": [{"multi_match": words}], "filter": [_query(visible(scope))]}},
        highlight={"fields": {"title": {}, "body": {}}},
        track_total_hits=True,
    )
