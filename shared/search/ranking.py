"""How what was found is put in order: BM25F with fixed statistics × freshness × rating.

Nothing here knows the index: the weight of a word comes from a table that ships with the product, the
mean length is a constant. So a score depends on the document, the question and the time alone, and
both engines rank alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import datetime

from shared.freshness import LIFETIMES, decay
from shared.search.analysis import WORD_MARK
from shared.search.query import Term, Unit
from shared.search.weights import RARE, weight_of

DAY = 86400.0
_SATURATION = 1.2
_LENGTHS = {
    "title": (3.0, 0.5, 10.0),
    "body": (1.0, 0.6, 250.0),
}  # weight, how much length counts, mean length
RELIABILITY = {"A": 1.0, "B": 0.95, "C": 0.88, "D": 0.78, "E": 0.66}
CREDIBILITY = {1: 1.0, 2: 0.95, 3: 0.88, 4: 0.78, 5: 0.66}
UNKNOWN = 0.88
"""F, 6 and no rating: not known is neither good nor bad, so it stands in the middle."""
LIFETIME = (365.0, 3.0)
_STALE = 0.4
"""What is left of the score of a fact past its lifetime: old, but still what was asked for."""
_TIMELESS = ("client", "source", "person")


@dataclass(frozen=True, slots=True)
class Ranked:
    """What ranking knows of a document; kept in the index as one string."""

    id: str
    kind: str
    client: str
    part: str
    reliability: str
    credibility: int
    fresh_from: int  # seconds since 1970; 0: not known
    valid_until: int  # likewise; 0: no end
    name: str  # the title as written
    title: str  # ranked stream of title and names
    body: str

    def pack(self) -> str:
        """As one string."""
        return "\x1e".join(str(getattr(self, field.name)) for field in fields(self))

    def words(self) -> set[str]:
        """The words of title, names and body."""
        return set(f"{self.title}{self.body}".split(WORD_MARK))

    @classmethod
    def unpack(cls, text: str) -> Ranked:
        """From one string."""
        id_, kind, client, part, reliability, credibility, fresh, until, name, title, body = text.split(
            "\x1e"
        )
        return cls(
            id_, kind, client, part, reliability, int(credibility), int(fresh), int(until), name, title, body
        )


@dataclass(frozen=True, slots=True)
class Score:
    """A score with its factors: `value` = text × freshness × rating."""

    value: float
    text: float
    freshness: float
    rating: float
    terms: tuple[tuple[str, float], ...]


def weight(unit: Unit) -> float:
    """What finding a unit is worth: a rare word more than a common one."""
    if unit.kind == "han":
        return weight_of(unit.text)
    return max(map(weight_of, unit.tokens), default=RARE)


class _Stream:
    """A ranked stream, to count in: as words, and across their borders."""

    def __init__(self, name: str, stream: str) -> None:
        self.weight, self.slope, self.mean = _LENGTHS[name]
        self.words = stream
        self.letters = stream.replace(WORD_MARK * 2, " ").replace(WORD_MARK, "")
        self.length = stream.count(WORD_MARK) - 1

    def count(self, unit: Unit) -> float:
        if unit.kind == "word":
            together = self.words.count(WORD_MARK + WORD_MARK.join(unit.tokens) + WORD_MARK)
            whole = self.words.count(WORD_MARK + unit.whole + WORD_MARK) if unit.whole else 0
            return together + whole
        inside = self.letters.count(unit.text)
        # As a word of its own it counts for more than by chance across two words.
        return 0.6 * inside + 0.4 * self.words.count(WORD_MARK + unit.text + WORD_MARK) if inside else 0.0

    def frequency(self, unit: Unit) -> float:
        """The weighted, length-normalised frequency (BM25F)."""
        return self.weight * self.count(unit) / (1 - self.slope + self.slope * self.length / self.mean)


def score(document: Ranked, terms: tuple[Term, ...], now: datetime) -> Score:
    """Score one document for the terms of a question."""
    title, body = _Stream("title", document.title), _Stream("body", document.body)
    found: list[tuple[str, float]] = []
    for term in terms:
        of_term = 0.0
        for unit in term.units:
            frequency = title.frequency(unit) + body.frequency(unit)
            of_term += weight(unit) * frequency / (_SATURATION + frequency)
        if len(term.units) > 1 and (_together(term) in title.letters or _together(term) in body.letters):
            of_term *= 1.25
        if document.client in term.client_ids:
            of_term += 0.5 * RARE if document.kind == "client" else 0.15 * RARE
        found.append((term.typed, of_term))
    text = sum(value for _, value in found)
    freshness, rating = freshness_of(document, now), rating_of(document)
    return Score(text * freshness * rating, text, freshness, rating, tuple(found))


def _together(term: Term) -> str:
    return "".join(unit.text if unit.kind != "word" else "".join(unit.tokens) for unit in term.units)


def freshness_of(document: Ranked, now: datetime) -> float:
    """Between `_STALE` and 1."""
    seconds = now.timestamp()
    if document.kind in _TIMELESS:
        return 1.0
    if document.valid_until and document.valid_until <= seconds:
        return _STALE
    if not document.fresh_from:
        return (1 + _STALE) / 2
    lifetime, delta = LIFETIMES.get(document.part, LIFETIME)
    fresh = decay(1.0, (seconds - document.fresh_from) / DAY, lifetime, delta)
    return _STALE + (1 - _STALE) * fresh


def rating_of(document: Ranked) -> float:
    """The geometric mean of the source's reliability and the finding's credibility: two axes, neither of
    which hides the other; unknown (F, 6) is neutral."""
    if document.kind in _TIMELESS:
        return 1.0
    reliability = RELIABILITY.get(document.reliability, UNKNOWN)
    return math.sqrt(reliability * CREDIBILITY.get(document.credibility, UNKNOWN))
