"""Fragments of what was found, with the places that were asked for marked on the original text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.search import analysis
from shared.search.port import Highlight, Text
from shared.search.query import Term, Unit

FRAGMENT = 160
"""About how many characters a fragment has."""
_MOST_FRAGMENTS = 2
_SENTENCE_END = re.compile(r"[。！？!?；;\n]|\.\s")


def highlights(text: Text, terms: tuple[Term, ...]) -> tuple[Highlight, ...]:
    """The title and names where they match, whole; of the body the fragments that match best."""
    found = [Highlight("title", text.title, marks) for marks in [marks_of(text.title, terms)] if marks]
    found += [
        Highlight("names", name, marks)
        for name in text.names
        for marks in [marks_of(name, terms, pinyin=True)]
        if marks
    ]
    found += [
        Highlight("body", text.body[start:end], tuple((a - start, b - start) for a, b in marks))
        for start, end, marks in _fragments(text.body, marks_of(text.body, terms))
    ]
    return tuple(found)


def marks_of(text: str, terms: tuple[Term, ...], *, pinyin: bool = False) -> tuple[tuple[int, int], ...]:
    """Where the terms stand in a text, in its own characters, in order and without overlap."""
    if not text or not terms:
        return ()
    normal = analysis.normalise(text)
    spans = sorted(normal.span(*span) for span in set(_found(normal.text, terms)))
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)


def _found(folded: str, terms: tuple[Term, ...]) -> Iterator[tuple[int, int]]:
    spelled = any(unit.kind == "word" for term in terms for unit in term.units)
    tokens = analysis.tokens(folded) if spelled else ()
    words = [(token, analysis.word(token.text)) for token in tokens if not token.han]
    pieces = [piece for token, forms in words for piece in _pieces(token, forms)]
    for term in terms:
        if term.phrase and len(term.units) > 1:
            yield from _phrase(folded, term)
            continue
        for unit in term.units:
            if unit.kind == "word":
                yield from _word(unit, words, pieces)
            else:
                yield from _run(unit.text, folded)


_Piece = tuple[str, int, int]


def _pieces(token: analysis.Token, forms: analysis.Word) -> list[_Piece]:
    at = token.start
    return [
        (stem, at + start, at + end) for stem, (start, end) in zip(forms.stems, forms.places, strict=True)
    ]


def _run(text: str, folded: str) -> Iterator[tuple[int, int]]:
    at = folded.find(text)
    while at >= 0:
        yield at, at + len(text)
        at = folded.find(text, at + 1)


def _word(
    unit: Unit, words: list[tuple[analysis.Token, analysis.Word]], pieces: list[_Piece]
) -> Iterator[tuple[int, int]]:
    simple = unit.tokens[0] if len(unit.tokens) == 1 else ""
    for token, forms in words:
        if (unit.whole and unit.whole in (forms.whole, *forms.stems)) or (simple and simple == forms.whole):
            yield token.start, token.end
    yield from _sequence(unit.tokens, pieces)


def _sequence(wanted: tuple[str, ...], pieces: list[_Piece]) -> Iterator[tuple[int, int]]:
    if len(wanted) == 1:
        yield from ((start, end) for stem, start, end in pieces if stem == wanted[0])
        return
    for at in range(len(pieces) - len(wanted) + 1):
        if wanted and all(pieces[at + n][0] == token for n, token in enumerate(wanted)):
            yield pieces[at][1], pieces[at + len(wanted) - 1][2]


def _phrase(folded: str, term: Term) -> Iterator[tuple[int, int]]:
    """The places of a phrase: its units one after another, with nothing but signs between them."""
    atoms = [
        atom
        for token in analysis.tokens(folded)
        for atom in (
            [(char, token.start + n, token.start + n + 1) for n, char in enumerate(token.text)]
            if token.han
            else _pieces(token, analysis.word(token.text))
        )
    ]
    yield from _sequence(phrase_tokens(term), atoms)


def phrase_tokens(term: Term) -> tuple[str, ...]:
    """A phrase as it stands in a stream of units."""
    return tuple(
        token for unit in term.units for token in (unit.tokens if unit.kind == "word" else tuple(unit.text))
    )


def _fragments(
    text: str, marks: tuple[tuple[int, int], ...]
) -> Iterator[tuple[int, int, tuple[tuple[int, int], ...]]]:
    """The windows that hold most marks, in the order of the text."""
    windows: list[tuple[int, int, tuple[tuple[int, int], ...]]] = []
    rest = list(marks)
    while rest and len(windows) < _MOST_FRAGMENTS:
        best = max(
            range(len(rest)),
            key=lambda n: (sum(rest[n][0] <= a < rest[n][0] + FRAGMENT - 40 for a, _ in rest), -n),
        )
        start, end = _window(text, *rest[best])
        inside = tuple(mark for mark in marks if start <= mark[0] and mark[1] <= end)
        windows.append((start, end, inside))
        rest = [mark for mark in rest if mark[1] <= start or end <= mark[0]]
    kept: list[tuple[int, int, tuple[tuple[int, int], ...]]] = []
    for window in sorted(windows):
        if kept and window[0] < kept[-1][1]:
            continue
        kept.append(window)
    yield from kept


def _window(text: str, start: int, end: int) -> tuple[int, int]:
    """A fragment around a mark, from the beginning of its sentence where that is near."""
    first = max(0, start - 40)
    for found in _SENTENCE_END.finditer(text, first, start):
        first = found.end()
    if first and not _SENTENCE_END.match(text[first - 1 : first + 1]):
        space = re.search(r"\s", text[first:start])
        first += space.end() if space and text[first : first + 1].isascii() else 0
    while first < start and text[first].isspace():
        first += 1
    last = min(len(text), max(end, first + FRAGMENT))
    while last < len(text) and last > end and _inside_word(text, last) and last > first + FRAGMENT - 20:
        last -= 1
    return first, last


def _inside_word(text: str, at: int) -> bool:
    return text[at - 1].isascii() and text[at - 1].isalnum() and text[at].isascii() and text[at].isalnum()
