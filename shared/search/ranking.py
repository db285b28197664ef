"""How what was found is put in order: BM25F with fixed statistics × freshness × rating.

Nothing here knows the index: the weight of a word comes from a table that ships with the product, the
mean length is a constant. So a score depends on the document, the question and the time alone, and
both engines rank alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

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


class Ranked(NamedTuple):
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
        return "\x1e".join(map(str, self))

    def words(self) -> set[str]:
        """The words of title, names and body."""
        return set(f"{self.title}{self.body}".split(WORD_MARK))

    @classmethod
    def unpack(cls, text: str) -> Ranked:
        """From one string."""
        id_, kind, client, part, reliability, credibility, fresh, until, *rest = text.split("\x1e")
        return cls(id_, kind, client, part, reliability, int(credibility), int(fresh), int(until), *rest)


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


@dataclass(frozen=True, slots=True)
class _Sought:
    """A unit made ready for counting in streams, whose words stand between marks."""

    weight: float
    text: str  # what may stand across the borders of words; empty: whole words only
    words: str
    whole: str

    @classmethod
    def of(cls, unit: Unit) -> _Sought:
        if unit.kind == "word":
            joined = WORD_MARK + WORD_MARK.join(unit.tokens) + WORD_MARK
            return cls(weight(unit), "", joined, f"{WORD_MARK}{unit.whole}{WORD_MARK}" if unit.whole else "")
        return cls(weight(unit), unit.text, f"{WORD_MARK}{unit.text}{WORD_MARK}", "")

    def count(self, words: str, letters: str) -> float:
        if self.text:
            inside = letters.count(self.text)
            # As a word of its own it counts for more than by chance across two words.
            return 0.6 * inside + 0.4 * words.count(self.words) if inside else 0.0
        return words.count(self.words) + (words.count(self.whole) if self.whole else 0)


class Scorer:
    """Scores documents for the terms of a question at a time."""

    def __init__(self, terms: tuple[Term, ...], now: datetime) -> None:
        self._now = now.timestamp()
        self._terms = [(term, [_Sought.of(unit) for unit in term.units], _together(term)) for term in terms]
        self._by_words = all(not sought.text for _, found, _ in self._terms for sought in found)
        self._by_words = self._by_words and not any(together for _, _, together in self._terms)

    def __call__(self, document: Ranked) -> Score:
        """The score of a document, with its factors."""
        streams = [self._stream("title", document.title), self._stream("body", document.body)]
        found: list[tuple[str, float]] = []
        for term, units, together in self._terms:
            of_term = 0.0
            for sought in units:
                frequency = 0.0
                for factor, words, letters in streams:
                    count = sought.count(words, letters)
                    if count:
                        frequency += factor * count
                of_term += sought.weight * frequency / (_SATURATION + frequency)
            if together and any(together in letters for _, _, letters in streams):
                of_term *= 1.25
            if document.client in term.client_ids:
                of_term += 0.5 * RARE if document.kind == "client" else 0.15 * RARE
            found.append((term.typed, of_term))
        text = sum(value for _, value in found)
        freshness, rating = _freshness(document, self._now), rating_of(document)
        return Score(text * freshness * rating, text, freshness, rating, tuple(found))

    def _stream(self, name: str, stream: str) -> tuple[float, str, str]:
        """What an occurrence in a stream counts for (BM25F, by its length), and the stream to count in: as
        words, and across their borders."""
        importance, slope, mean = _LENGTHS[name]
        length = stream.count(WORD_MARK) - 1
        factor = importance / (1 - slope + slope * length / mean)
        letters = "" if self._by_words else stream.replace(WORD_MARK * 2, " ").replace(WORD_MARK, "")
        return factor, stream, letters


def score(document: Ranked, terms: tuple[Term, ...], now: datetime) -> Score:
    """Score one document for the terms of a question."""
    return Scorer(terms, now)(document)


def _together(term: Term) -> str:
    """The units of a term as one text; empty where there is but one."""
    if len(term.units) < 2:
        return ""
    return "".join(unit.text if unit.kind != "word" else "".join(unit.tokens) for unit in term.units)


def freshness_of(document: Ranked, now: datetime) -> float:
    """Between `_STALE` and 1."""
    return _freshness(document, now.timestamp())


def _freshness(document: Ranked, seconds: float) -> float:
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
