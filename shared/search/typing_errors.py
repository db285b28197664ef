"""A looser reading of a term that nothing visible holds: slips of the key in words, other Han characters.

Candidates are the words of documents that the reader may see, so that no correction tells of others: of the
newest of them that hold something near.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

from shared.search.analysis import HAN
from shared.search.port import CANDIDATES, AllOf, AnyOf, Condition, Engine, Is, Near, Note, Phrase
from shared.search.query import Term, Unit
from shared.search.ranking import Ranked

_MOST_CORRECTIONS = 5


@dataclass(frozen=True, slots=True)
class Loose:
    """A term read loosely: what must hold, and the term by which to score and mark."""

    term: Term
    condition: Condition
    note: Note


def loosened(engine: Engine, base: Condition, term: Term) -> Loose | None:
    """The looser reading of a term, or None where there is none. A phrase is meant as it is written."""
    if term.phrase:
        return None
    if any(unit.kind == "word" for unit in term.units):
        return _corrected(engine, base, term)
    return _by_characters(term)


def _by_characters(term: Term) -> Loose | None:
    """Most of the characters, wherever they stand."""
    chars = tuple(dict.fromkeys("".join(unit.text for unit in term.units)))
    if len(chars) < 2:
        return None
    least = len(chars) if len(chars) == 2 else math.ceil(0.6 * len(chars))
    units = tuple(Unit("char", char, (char,)) for char in chars)
    condition = AnyOf(tuple(Is("text_units", (char,)) for char in chars), least)
    return Loose(replace(term, units=units), condition, Note("read_loosely", {"term": term.typed}))


def _corrected(engine: Engine, base: Condition, term: Term) -> Loose | None:
    """The words that are one slip away (two, in a long word), each for the one that was typed."""
    units: list[Unit] = []
    conditions: list[Condition] = []
    instead: list[str] = []
    for unit in term.units:
        held = _held(unit)
        if unit.kind != "word" or engine.read(AllOf((base, held))).total:
            units.append(unit)
            conditions.append(held)
            instead.append(unit.text)
            continue
        words = _corrections(engine, base, unit)
        if not words:
            return None
        units.extend(Unit("word", word, (word,)) for word in words)
        conditions.append(Is("text_words", tuple(words)))
        instead.append(words[0])
    note = Note("read_as", {"term": term.typed, "instead": " ".join(instead)})
    return Loose(replace(term, units=tuple(units)), AllOf(tuple(conditions)), note)


def _held(unit: Unit) -> Condition:
    if unit.kind == "char":
        return Is("text_units", unit.tokens)
    if unit.kind == "han":
        return Phrase("text_pairs", unit.tokens) if len(unit.tokens) > 1 else Is("text_pairs", unit.tokens)
    return Is("text_words", (unit.whole or unit.tokens[0],))


def _corrections(engine: Engine, base: Condition, unit: Unit) -> list[str]:
    """The nearest stems, by what was typed and by its stem: a slip may hide or make an ending."""
    stem = unit.tokens[0] if len(unit.tokens) == 1 else unit.whole
    typed = tuple(dict.fromkeys((stem, unit.letters or stem)))
    if len(typed[-1]) < 4 or not typed[-1].isalpha():
        return []
    slips = 1 if len(typed[-1]) < 7 else 2
    near = AnyOf(tuple(Near("text_words", form, slips) for form in typed))
    documents = [Ranked.unpack(stored) for _, stored in engine.read(AllOf((base, near)), CANDIDATES).rows]
    held = Counter(word for document in documents for word in document.words() if _is_word(word))
    away = {word: min(distance(form, word, slips) for form in typed) for word in held}
    found = sorted((away[word], -count, word) for word, count in held.items() if away[word] <= slips)
    # The first letter itself is seldom the slip.
    alike = [word for _, _, word in found if word[0] == typed[0][0]]
    return (alike or [word for _, _, word in found])[:_MOST_CORRECTIONS]


def _is_word(word: str) -> bool:
    return len(word) > 2 and word.isalpha() and not HAN.search(word)


def distance(one: str, other: str, most: int) -> int:
    """How many slips (a letter more, less, other, or two swapped) lie between two words; over `most`: `most`
    + 1."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]
