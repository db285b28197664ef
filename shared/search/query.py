"""The query language: words, "phrases", -not, and `field:value`.

    华禾 "市场份额" -传闻 part:market_status label:TLP:AMBER+STRICT client:华禾 title:报告

All terms must hold. Values of one field are alternatives; `title:` takes words, which must all stand
in the title. A field written with `-` must not hold. Chinese names of fields and Chinese punctuation
are understood. Whatever is typed is a question: what is not understood as syntax is taken as words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shared.access import LABELS, Scope
from shared.search import analysis
from shared.search.port import QueryError
from shared.search.weights import RARE, weight_of

MOST_CHARACTERS = 1000
MOST_TERMS = 32
FIELDS = {
    "title": "title", "标题": "title", "標題": "title",
    "kind": "kind", "类型": "kind", "類型": "kind",
    "part": "part", "部分": "part",
    "method": "method", "方法": "method",
    "label": "label", "标签": "label", "標籤": "label", "tlp": "label",
    "client": "client", "客户": "client", "客戶": "client",
    "source": "source", "来源": "source", "來源": "source",
}  # fmt: skip
_QUOTES = str.maketrans("“”„‟«»「」『』＂", '"' * 11)
_CHUNK = re.compile(
    rf'(?P<minus>[-－])?(?:(?P<field>{"|".join(FIELDS)})[:：])?(?:"(?P<phrase>[^"]*)"|(?P<words>[^\s"]+))',
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest thing that must be found: a word of Han, one Han character, or a word of letters or
    digits.

    `tokens`: what the index holds for it one after another (bigrams, the character, stems). `whole`:
    the form of a compound written as one word. `letters`: as typed, folded but not stemmed (for
    pinyin)."""

    kind: str  # "han", "char", "word"
    text: str
    tokens: tuple[str, ...]
    whole: str = ""
    letters: str = ""
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """What was typed as one word or phrase. `client_ids`: clients of which it is a name, which then satisfy
    it.

    `phrase`: its units stand one after another, and are never read loosely.
    """

    typed: str
    folded: str
    units: tuple[Unit, ...]
    phrase: bool = False
    client_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """One `field:value`."""

    field: str
    value: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked: terms that must hold, terms that must not, terms of the title, filters."""

    terms: tuple[Term, ...] = ()
    without: tuple[Term, ...] = ()
    title: tuple[Term, ...] = ()
    without_title: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()

    @property
    def scored(self) -> tuple[Term, ...]:
        """The terms that rank what is found."""
        return self.terms + self.title


class Aliases:
    """Names of clients, to expand a question with. May hold every client: a name expands only to clients
    that the asking scope lists, so that nothing is learnt about others."""

    def __init__(self, names: Iterable[tuple[str, str]] = ()) -> None:
        """Take pairs of a name (or alias) and a client id."""
        self._clients: dict[tuple[str, ...], set[str]] = {}
        self._longest: dict[str, int] = {}
        for name, client_id in names:
            atoms = list(_atoms(analysis.normalise(name).text))
            for length in _lengths(atoms):
                key = tuple(atom.text for atom in atoms[:length])
                self._clients.setdefault(key, set()).add(client_id)
                self._longest[key[0]] = max(self._longest.get(key[0], 0), length)

    def at(self, atoms: list[_Atom], start: int, scope: Scope) -> tuple[int, tuple[str, ...]]:
        """The longest name that begins at an atom: how many atoms, and whose it is (0 and nobody: none)."""
        longest = self._longest.get(atoms[start].text, 0)
        for length in range(min(longest, len(atoms) - start), 0, -1):
            ids = self._clients.get(tuple(atom.text for atom in atoms[start : start + length]), ())
            visible = tuple(sorted(client_id for client_id in ids if scope.lists(client_id)))
            if visible:
                return length, visible
        return 0, ()

    def named(self, value: str, scope: Scope) -> tuple[str, ...]:
        """The clients of which some name holds what was typed after `client:`."""
        wanted = tuple(atom.text for atom in _atoms(analysis.normalise(value).text))
        if not wanted:
            return ()
        found = {
            client_id
            for key, ids in self._clients.items()
            if _holds(key, wanted)
            for client_id in ids
            if scope.lists(client_id)
        }
        return tuple(sorted(found))


def _lengths(atoms: list[_Atom]) -> Iterator[int]:
    """How much of a name stands for it: all of it; of a name in letters also its beginning, where that is
    two words or one that is no common word (`Starcoast` of Starcoast Hotels, but not `Global` of
    Global Foods)."""
    if len("".join(atom.text for atom in atoms)) > 1:
        yield len(atoms)
    for length in range(1, len(atoms)):
        if any(atom.han for atom in atoms):
            return
        if length > 1 or (len(atoms[0].text) > 3 and weight_of(atoms[0].text) >= RARE):
            yield length


def _holds(key: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return any(key[at : at + len(wanted)] == wanted for at in range(len(key) - len(wanted) + 1))


@dataclass(frozen=True, slots=True)
class _Atom:
    """A Han character or a stem, with where it stands in the folded text of a chunk."""

    text: str
    chunk: int
    start: int
    end: int
    han: bool


def _atoms(folded: str, chunk: int = 0) -> Iterator[_Atom]:
    for token in analysis.tokens(folded):
        if token.han:
            for at, char in enumerate(token.text, token.start):
                yield _Atom(char, chunk, at, at + 1, True)
        else:
            for piece in analysis.word(token.text).stems:
                yield _Atom(piece, chunk, token.start, token.end, False)


def parse(text: str, scope: Scope, aliases: Aliases | None = None) -> Query:
    """Read a question. Raises QueryError when it is too long."""
    if len(text) > MOST_CHARACTERS:
        raise QueryError("query_too_long", most=MOST_CHARACTERS)
    plain: list[str] = []
    query = Query()
    for found in _CHUNK.finditer(text.translate(_QUOTES)):
        field = FIELDS.get((found["field"] or "").lower(), "")
        negative = bool(found["minus"])
        phrase = found["phrase"] is not None
        value = found["phrase"] if phrase else found["words"]
        if not field and not negative and not phrase:
            plain.append(value)
            continue
        query = _with(query, field, value, negative, phrase)
    query = replace(query, terms=(*_terms(plain, scope, aliases or Aliases()), *query.terms))
    if len(query.terms) + len(query.without) + len(query.title) + len(query.filters) > MOST_TERMS:
        raise QueryError("too_many_terms", most=MOST_TERMS)
    return _without_stops(query)


def _with(query: Query, field: str, value: str, negative: bool, phrase: bool) -> Query:
    if field and field != "title":
        if not value.strip():
            return query
        kept = Filter(field, _value(field, value.strip()), negative)
        return replace(query, filters=(*query.filters, kept))
    term = term_of(value, phrase=phrase or negative)
    if not term.units:
        return query
    room = ("without_title" if negative else "title") if field else ("without" if negative else "terms")
    return replace(query, **{room: (*getattr(query, room), term)})


def _value(field: str, value: str) -> str:
    """Values as the index holds them: labels whole (`amber` is TLP:AMBER), the others in lower case."""
    if field == "label":
        upper = analysis.normalise(value).text.upper().replace(" ", "")
        return next((label for label in LABELS if upper in (label, label[4:])), upper)
    if field in ("kind", "part", "method"):
        return value.casefold()
    return value


def _terms(plain: list[str], scope: Scope, aliases: Aliases) -> Iterator[Term]:
    """The words outside quotes, names of clients taken out of them, over spaces and within runs of Han."""
    chunks = [analysis.normalise(text).text for text in plain]
    atoms = [atom for number, chunk in enumerate(chunks) for atom in _atoms(chunk, number)]
    at = 0
    rest: list[_Atom] = []
    while at < len(atoms):
        length, client_ids = aliases.at(atoms, at, scope)
        if not length:
            rest.append(atoms[at])
            at += 1
            continue
        yield from _plain_terms(rest, chunks)
        rest = []
        name = atoms[at : at + length]
        folded = " ".join(_parts(name, chunks))
        yield replace(term_of(folded, phrase=True), client_ids=client_ids)
        at += length
    yield from _plain_terms(rest, chunks)


def _plain_terms(atoms: list[_Atom], chunks: list[str]) -> Iterator[Term]:
    for text in _parts(atoms, chunks):
        term = term_of(text)
        if term.units:
            yield term


def _parts(atoms: list[_Atom], chunks: list[str]) -> list[str]:
    """The texts of neighbouring atoms, by chunk."""
    spans: dict[int, tuple[int, int]] = {}
    for atom in atoms:
        start, end = spans.get(atom.chunk, (atom.start, atom.end))
        spans[atom.chunk] = min(start, atom.start), max(end, atom.end)
    return [chunks[chunk][start:end] for chunk, (start, end) in spans.items()]


def term_of(typed: str, *, phrase: bool = False) -> Term:
    """One word or phrase with the units that it is found by."""
    folded = analysis.normalise(typed).text
    units = tuple(
        unit
        for token in analysis.tokens(folded)
        for unit in (
            (_han(token.text) if not phrase else [_run(token.text)]) if token.han else [_word(token.text)]
        )
    )
    return Term(typed.strip(), folded, units, phrase)


def _word(text: str) -> Unit:
    forms = analysis.word(text)
    letters = re.sub("['-]", "", text) if re.fullmatch("[a-z'-]+", text) else ""
    stop = text in analysis.STOPS
    return Unit("word", text, forms.stems, forms.whole, letters, stop)


def _run(text: str) -> Unit:
    if len(text) == 1:
        return Unit("char", text, (text,), stop=text in analysis.HAN_STOPS)
    return Unit("han", text, tuple(map("".join, itertools.pairwise(text))))


def _han(run: str) -> Iterator[Unit]:
    """The words of a run. Single characters next to each other are one word: so are invented names cut."""
    singles = ""
    for word in [*analysis.cut(run), ""]:
        if len(word) == 1 and word not in analysis.HAN_STOPS:
            singles += word
            continue
        if singles:
            yield _run(singles)
            singles = ""
        if len(word) == 1:
            yield _run(word)
        elif word:
            yield from map(_run, _shorter(word))


def _shorter(word: str) -> list[str]:
    """The words that a long word consists of, where they tile it; else the word."""
    if len(word) < 4:
        return [word]
    inner = {part for part in analysis.cut_for_search(word) if 1 < len(part) < len(word)}
    tiles: list[str] = []
    at = 0
    while at < len(word):
        tile = next((word[at:end] for end in range(at + 2, len(word) + 1) if word[at:end] in inner), "")
        if not tile:
            return [word]
        tiles.append(tile)
        at += len(tile)
    return tiles


def _without_stops(query: Query) -> Query:
    """Leave out words that carry nothing, unless nothing else was asked for."""
    units = [unit for term in query.terms for unit in term.units]
    if all(unit.stop for unit in units):
        return query
    kept = (
        term
        if term.phrase or term.client_ids
        else replace(term, units=tuple(u for u in term.units if not u.stop))
        for term in query.terms
    )
    return replace(query, terms=tuple(term for term in kept if term.units))
