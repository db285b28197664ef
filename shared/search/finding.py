"""How a question is answered over any engine: permission, matching, ranking, widening, explaining, paging."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from shared.access import Scope
from shared.search import analysis
from shared.search.documents import order_from
from shared.search.highlight import highlights, phrase_tokens
from shared.search.permission import visible
from shared.search.port import (
    CANDIDATES,
    FACETS,
    NO_CLIENT,
    SORTS,
    AllOf,
    AnyOf,
    Begins,
    Between,
    Condition,
    Engine,
    Find,
    Found,
    Hit,
    Is,
    Not,
    Note,
    Phrase,
    QueryError,
    Read,
    Suggestion,
    Text,
    Texts,
)
from shared.search.query import Aliases, Filter, Query, Term, Unit, parse, term_of
from shared.search.ranking import Ranked, Scorer, score
from shared.search.typing_errors import loosened

MOST_HITS = 100
_Room = Literal["text", "title"]


# --- conditions --------------------------------------------------------------------------------------------


def unit_condition(unit: Unit, room: _Room = "text") -> Condition:
    """A document holds a unit: a word of Han as its bigrams one after another, a word by its stem."""
    if unit.kind == "char":
        return Is(f"{room}_units", unit.tokens)
    if unit.kind == "han":
        return _adjacent(f"{room}_pairs", unit.tokens)
    ways: list[Condition] = [
        Is(f"{room}_words", unit.tokens) if len(unit.tokens) == 1 else Phrase(f"{room}_units", unit.tokens)
    ]
    if unit.whole:
        ways.append(Is(f"{room}_words", (unit.whole,)))
    if unit.letters:
        ways.append(Is("pinyin", (unit.letters,)))
    return ways[0] if len(ways) == 1 else AnyOf(tuple(ways))


def _adjacent(field: str, tokens: tuple[str, ...]) -> Condition:
    return Is(field, tokens) if len(tokens) == 1 else Phrase(field, tokens)


def term_condition(term: Term, room: _Room = "text") -> Condition:
    """A document holds a term, or belongs to a client of whom it is a name."""
    if term.phrase and len(term.units) > 1:
        held: Condition = Phrase(f"{room}_units", phrase_tokens(term))
    else:
        held = AllOf(tuple(unit_condition(unit, room) for unit in term.units))
    return AnyOf((held, Is("client", term.client_ids))) if term.client_ids else held


@dataclass(frozen=True, slots=True)
class _Group:
    """A filter: its field and what was asked for, to say so when nothing is found."""

    field: str
    value: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class _Plan:
    """A question made ready: `base` is what the reader may see; `terms` stand by what must hold for each."""

    query: Query
    base: Condition
    groups: tuple[_Group, ...]
    terms: tuple[tuple[Term, Condition], ...]
    notes: tuple[Note, ...] = ()
    widened: bool = False

    def condition(self, *, leaving_out: _Group | None = None) -> Condition:
        groups = (group.condition for group in self.groups if group is not leaving_out)
        return AllOf((self.base, *groups, *(condition for _, condition in self.terms)))

    @property
    def scored(self) -> tuple[Term, ...]:
        return tuple(term for term, _ in self.terms)


def _plan(engine: Engine, question: Find, scope: Scope, aliases: Aliases | None) -> _Plan:
    known = aliases or Aliases()
    query = parse(question.query, scope, known)
    base = visible(scope)
    query = replace(query, terms=tuple(_with_clients_by_pinyin(engine, base, term) for term in query.terms))
    notes: list[Note] = []
    groups = [*_asked_groups(question), *_typed_groups(query, known, scope)]
    notes.extend(
        Note("client_unknown", {"value": item.value})
        for item in query.filters
        if item.field == "client"
        and not known.named(item.value, scope)
        and not engine.read(AllOf((base, Is("client", (item.value,))))).total
    )
    terms = [(term, term_condition(term)) for term in query.terms]
    terms += [(term, term_condition(term, "title")) for term in query.title]
    return _Plan(query, base, tuple(groups), tuple(terms), tuple(notes))


def _with_clients_by_pinyin(engine: Engine, base: Condition, term: Term) -> Term:
    """A word that is the pinyin of a client's name stands for the client, as the name itself does."""
    if term.client_ids or len(term.units) != 1 or len(term.units[0].letters) < 3:
        return term
    wanted = AllOf((base, Is("kind", ("client",)), Is("pinyin", ("^" + term.units[0].letters,))))
    ids = {Ranked.unpack(stored).client for _, stored in engine.read(wanted, 20).rows}
    return replace(term, client_ids=tuple(sorted(ids - {NO_CLIENT})))


def _asked_groups(question: Find) -> Iterator[_Group]:
    for field, values in (
        ("kind", question.kinds),
        ("client", question.client_ids),
        ("part", question.parts),
        ("method", question.methods),
        ("label", question.labels),
    ):
        if values:
            yield _Group(field, ", ".join(values), Is(field, values))
    if question.sources:
        ways = tuple(map(_source, question.sources))
        yield _Group("source", ", ".join(question.sources), AnyOf(ways))
    if question.collected_from or question.collected_to:
        low = order_from(question.collected_from) if question.collected_from else None
        high = order_from(question.collected_to) if question.collected_to else None
        period = f"{_day(question.collected_from)}–{_day(question.collected_to)}"
        yield _Group("collected", period, Between(low, high))


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else ""


def _typed_groups(query: Query, aliases: Aliases, scope: Scope) -> Iterator[_Group]:
    fields = dict.fromkeys(item.field for item in query.filters if not item.negative)
    for field in fields:
        items = [item for item in query.filters if item.field == field and not item.negative]
        ways = tuple(_filter_condition(item, aliases, scope) for item in items)
        yield _Group(field, ", ".join(item.value for item in items), AnyOf(ways))
    for item in query.filters:
        if item.negative:
            condition = Not(_filter_condition(item, aliases, scope))
            yield _Group("-" + item.field, item.value, condition)
    for term in query.without:
        yield _Group("-", term.typed, Not(term_condition(term)))
    for term in query.without_title:
        yield _Group("-title", term.typed, Not(term_condition(term, "title")))


def _filter_condition(item: Filter, aliases: Aliases, scope: Scope) -> Condition:
    if item.field == "source":
        return _source(item.value)
    if item.field != "client":
        return Is(item.field, (item.value,))
    return Is("client", (item.value, *aliases.named(item.value, scope)))


def _source(value: str) -> Condition:
    """A source by its id or by words of its name."""
    tokens = phrase_tokens(term_of(value, phrase=True))
    by_id = Is("source", (value,))
    return AnyOf((by_id, _adjacent("source_units", tokens))) if tokens else by_id


# --- finding -----------------------------------------------------------------------------------------------


def find(
    engine: Engine, question: Find, scope: Scope, now: datetime, *, texts: Texts, aliases: Aliases | None
) -> Found:
    """Answer a question. See `SearchIndex.find`."""
    _check(question)
    page = _Page.read(question, now)
    plan = _plan(engine, question, scope, aliases)
    first = _first_read(engine, question, plan, page)
    if not first.total:
        wider = _widened(engine, plan)
        if wider.widened:
            plan, first = wider, _first_read(engine, question, wider, page)
        else:
            plan = replace(plan, notes=(*plan.notes, *_why(engine, plan)))
    hits, cursor = _hits(engine, question, plan, page, first)
    shown = texts([document.id for document, _ in hits]) if hits else {}
    return Found(
        total=first.total,
        hits=tuple(
            _hit(document, value, shown, plan.scored, page.now, question.explain)
            for document, value in hits
            if document.id in shown
        ),
        facets={field: _named(first.facets.get(field, ())) for field in question.facets},
        widened=plan.widened,
        notes=plan.notes,
        cursor=cursor,
        now=page.now,
    )


def _check(question: Find) -> None:
    if question.sort not in SORTS:
        raise QueryError("sort_unknown", value=str(question.sort))
    for facet in question.facets:
        if facet not in FACETS:
            raise QueryError("facet_unknown", value=facet)
    if not 1 <= question.size <= MOST_HITS:
        raise QueryError("size_invalid", least=1, most=MOST_HITS)


def _named(counts: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple((value, count) for value, count in counts if value != NO_CLIENT)


_Scored = tuple[Ranked, float]


def _by_relevance(question: Find, plan: _Plan) -> bool:
    return question.sort == "relevance" and bool(plan.terms)


def _first_read(engine: Engine, question: Find, plan: _Plan, page: _Page) -> Read:
    """The total, the facets, and what the first pages show: of a list by relevance the candidates, those
    before others that hold everything in the title, then together, then something of it in the title."""
    if _by_relevance(question, plan):
        return engine.read(
            plan.condition(), CANDIDATES, tiers=tuple(_tiers(plan.scored)), facets=question.facets
        )
    size = question.size if page.after is None else 0
    oldest_first = question.sort == "oldest"
    return engine.read(plan.condition(), size, oldest_first=oldest_first, facets=question.facets)


def _hits(engine: Engine, question: Find, plan: _Plan, page: _Page, first: Read) -> tuple[list[_Scored], str]:
    if not _by_relevance(question, plan):
        place = first
        if page.after is not None:
            oldest_first = question.sort == "oldest"
            beyond = Between(page.after + 1, None) if oldest_first else Between(None, page.after)
            condition = AllOf((plan.condition(), beyond))
            place = engine.read(condition, question.size, oldest_first=oldest_first)
        return _by_date(place, plan, page)
    ranked = _ranked(first, plan, page.now)
    if page.after is None:
        rows = ranked[page.offset : page.offset + question.size]
        offset = page.offset + len(rows)
        if offset < len(ranked):
            return rows, page.next(offset=offset)
        if first.total <= len(ranked):
            return rows, ""
        if rows:
            return rows, page.next(after=2**63 - 1)
        page = replace(page, after=2**63 - 1)
    # Beyond the candidates the list goes on by date; what stood among them does not come again.
    chosen = Not(Is("id", tuple(document.id for document, _ in ranked)))
    rest = AllOf((plan.condition(), chosen, Between(None, page.after)))
    return _by_date(engine.read(rest, question.size), plan, page)


def _by_date(read: Read, plan: _Plan, page: _Page) -> tuple[list[_Scored], str]:
    documents = [Ranked.unpack(stored) for _, stored in read.rows]
    scored = _scored(documents, plan, page.now)
    return scored, page.next(after=read.rows[-1][0]) if read.total > len(scored) else ""


def _tiers(terms: tuple[Term, ...]) -> Iterator[Condition]:
    in_title = [term_condition(replace(term, client_ids=()), "title") for term in terms]
    yield AllOf(tuple(in_title))
    together = [
        Phrase("text_units", phrase_tokens(term)) for term in terms if len(term.units) > 1 and not term.phrase
    ]
    if together:
        yield AllOf(tuple(together))
    yield AnyOf(tuple(in_title))


def _ranked(read: Read, plan: _Plan, now: datetime) -> list[_Scored]:
    documents = [Ranked.unpack(stored) for _, stored in read.rows]
    return sorted(_scored(documents, plan, now), key=lambda pair: (-pair[1], pair[0].id))


def _scored(documents: Iterable[Ranked], plan: _Plan, now: datetime) -> list[_Scored]:
    scorer = Scorer(plan.scored, now)
    return [(document, round(scorer(document).value, 6)) for document in documents]


def _hit(
    document: Ranked,
    value: float,
    shown: Mapping[str, Text],
    terms: tuple[Term, ...],
    now: datetime,
    explain: bool,
) -> Hit:
    text = shown[document.id]
    explanation = None
    if explain:
        made = score(document, terms, now)
        explanation = {
            "text": round(made.text, 6),
            "freshness": round(made.freshness, 6),
            "rating": round(made.rating, 6),
            "terms": [{"term": term, "value": round(part, 6)} for term, part in made.terms],
        }
    return Hit(document.id, value, highlights(text, terms), explanation)


# --- when nothing is found ---------------------------------------------------------------------------------


def _widened(engine: Engine, plan: _Plan) -> _Plan:
    """A looser reading of the terms that nothing visible holds; the plan itself when that finds nothing."""
    terms: list[tuple[Term, Condition]] = []
    notes: list[Note] = []
    for term, condition in plan.terms:
        if engine.read(AllOf((plan.base, condition))).total:
            terms.append((term, condition))
            continue
        loose = loosened(engine, plan.base, term)
        if loose is None:
            return plan
        terms.append((loose.term, loose.condition))
        notes.append(loose.note)
    if not notes:
        return plan
    wider = replace(plan, terms=tuple(terms), notes=(*plan.notes, *notes), widened=True)
    return wider if engine.read(wider.condition()).total else plan


def _why(engine: Engine, plan: _Plan) -> Iterator[Note]:
    """What an empty answer is due to, from what the reader may see alone."""
    if not engine.read(plan.base).total:
        yield Note("nothing_readable")
        return
    missing = [term for term, condition in plan.terms if not engine.read(AllOf((plan.base, condition))).total]
    for term in missing:
        yield Note("no_document_contains", {"term": term.typed})
    if missing:
        return
    for group in plan.groups:
        count = engine.read(plan.condition(leaving_out=group)).total
        if count:
            yield Note("without_filter", {"filter": group.field, "value": group.value, "count": count})
    together = AllOf((plan.base, *(condition for _, condition in plan.terms)))
    if len(plan.terms) > 1 and not engine.read(together).total:
        yield Note("terms_never_together", {"terms": " ".join(term.typed for term, _ in plan.terms)})


# --- suggestions -------------------------------------------------------------------------------------------


def suggest(engine: Engine, text: str, scope: Scope, limit: int) -> tuple[Suggestion, ...]:
    """See `SearchIndex.suggest`."""
    folded = analysis.normalise(text[:200]).text
    typed = list(analysis.tokens(folded))
    if not typed:
        return ()
    base = visible(scope)
    conditions: list[Condition] = []
    unfinished = typed[-1] if not typed[-1].han and typed[-1].end == len(folded) else None
    for token in typed:
        if token is not unfinished:
            conditions.extend(
                unit_condition(unit, "title") for unit in term_of(token.text, phrase=True).units
            )
    if unfinished is not None:
        conditions.append(Begins("starts", unfinished.text))
    # Clients first; several records may have one name.
    found = engine.read(AllOf((base, *conditions)), 5 * limit, tiers=(Is("kind", ("client",)),))
    documents = [Ranked.unpack(stored) for _, stored in found.rows]
    begins = {doc.id: analysis.normalise(doc.name).text.startswith(folded.strip()) for doc in documents}
    documents.sort(key=lambda doc: (doc.kind != "client", not begins[doc.id]))
    distinct = {(doc.name, doc.client if doc.kind == "client" else ""): doc for doc in reversed(documents)}
    kept = [
        doc
        for doc in documents
        if distinct.get((doc.name, doc.client if doc.kind == "client" else "")) is doc
    ]
    return tuple(
        Suggestion(doc.id, doc.kind, None if doc.client == NO_CLIENT else doc.client, doc.name)
        for doc in kept[:limit]
    )


# --- pages -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a page begins. `after`: the order key that was last; `now` is the moment of the first page."""

    now: datetime
    question: str
    offset: int = 0
    after: int | None = None

    @classmethod
    def read(cls, question: Find, now: datetime) -> _Page:
        mine = _mark_of(question)
        if not question.cursor:
            return cls(now, mine)
        try:
            at, asked, offset, after = json.loads(base64.urlsafe_b64decode(question.cursor.encode()))
            moment = datetime.fromtimestamp(int(at) / 1_000_000, UTC)
            offset = int(offset)
            after = None if after is None else int(after)
        except (ValueError, TypeError, binascii.Error, OverflowError, OSError, RecursionError) as wrong:
            raise QueryError("cursor_invalid") from wrong
        if asked != mine or not 0 <= offset <= CANDIDATES or not 0 <= (after or 0) < 2**63:
            raise QueryError("cursor_invalid")
        return cls(moment, mine, offset, after)

    def next(self, *, offset: int = 0, after: int | None = None) -> str:
        at = int(self.now.timestamp() * 1_000_000)
        return base64.urlsafe_b64encode(json.dumps([at, self.question, offset, after]).encode()).decode()


def _mark_of(question: Find) -> str:
    asked = repr(replace(question, cursor="", size=1, facets=(), explain=False))
    return hashlib.blake2b(asked.encode(), digest_size=6).hexdigest()
