"""Search and rebuild at scale, beside the engine's own way with the same documents."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources

from shared.search.port import IndexDocument

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
PARTS = ("market_status", "competitor", "dealer", "end_user", "product", "marketing_plan")
LABELS = ("TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER", "TLP:AMBER+STRICT")
CLIENTS = [f"client-{number:04}" for number in range(1_000)]
_BODY = {"zh": 120, "en": 80}  # words


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


def documents(count: int, seed: int = 1) -> Iterator[IndexDocument]:
    """Findings of a thousand clients, half Chinese and half English, of about 700 bytes."""
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
