"""Answers: what a person may see, found in the index and shown from the rows.

The index filters by the reader's scope; every hit is looked at once more here, because its row may be newer
than the index: what was restricted a moment ago is not shown any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from weakref import WeakKeyDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.search import domain
from services.search.domain import Question
from services.search.projections import CLIENT, PROPOSAL, SOURCE
from services.search.store.index import index_of, unavailable
from services.search.store.rows import Document, Rebuilds
from shared import clock
from shared.access import Actor, Book, Scope, actor
from shared.freshness import LIFETIMES, decay
from shared.problem import Problem, invalid
from shared.search.port import Find, Highlight, IndexUnavailable, Note, QueryError, Sort, Text
from shared.search.port import Hit as IndexHit
from shared.search.query import Aliases
from shared.search.ranking import LIFETIME
from shared.service import Runtime
from shared.tables import PositionRow

EXPORT_PAGE = 100
_aliases: WeakKeyDictionary[Runtime, tuple[str, Aliases]] = WeakKeyDictionary()
_FACET_NAMES = {"client": "client_id", "source": "source_id"}


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found, as its reader may see it: names that they may not know are empty."""

    kind: str
    id: str
    title: str
    client_id: str | None
    url: str
    score: float
    highlights: tuple[Highlight, ...]
    label: str
    part: str
    method: str
    state: str
    source_id: str
    reliability: str
    credibility: int | None
    valid_from: str
    valid_until: str
    collected_at: datetime | None
    explanation: Mapping[str, object] | None
    client_name: str
    source_name: str
    expired: bool
    freshness: float | None
    body: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of what was found. `notes` explain an empty or loosened answer; `filling`: not all is there."""

    total: int
    as_of: datetime | None
    items: list[Hit]
    facets: dict[str, list[tuple[str, int]]]
    widened: bool
    notes: tuple[Note, ...]
    next: str
    filling: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A record whose title or one of its names goes on as was typed."""

    kind: str
    id: str
    title: str
    url: str


def find(
    running: Runtime,
    session: Session,
    who: Actor,
    question: Question,
    *,
    limit: int,
    cursor: str = "",
    explain: bool = False,
) -> Page:
    """Answer a question. Raises 422 for one that cannot be understood, 503 while there is no index."""
    shelf = Shelf(session, who)
    wanted = Find(
        query=question.q,
        kinds=_any(question.kind),
        client_ids=_any(question.client_id),
        parts=_any(question.part),
        methods=_any(question.method),
        labels=_any(question.label),
        sources=_any(question.source_id),
        collected_from=question.since,
        collected_to=question.before,
        sort=cast(Sort, question.sort),
        size=limit,
        cursor=cursor,
        explain=explain,
    )
    aliases = aliases_of(running, who.book)
    try:
        found = index_of(running).find(wanted, who.scope, who.now, texts=shelf.texts, aliases=aliases)
    except QueryError as error:
        raise _refusal(error) from error
    except IndexUnavailable as error:
        raise unavailable() from error
    return Page(
        total=found.total,
        as_of=as_of(session),
        items=shelf.hits(found.hits),
        facets={_FACET_NAMES.get(name, name): list(values) for name, values in found.facets.items()},
        widened=found.widened,
        notes=found.notes,
        next=found.cursor,
        filling=bool(session.scalar(select(Rebuilds.filling))),
    )


def everything(running: Runtime, person_id: str, question: Question) -> Iterator[list[Hit]]:
    """All that a question finds, page by page, at most EXPORT_LIMIT.

    Each page is a short read of its own by what the person may see at that moment: whoever is taken off a
    client in the middle of an export gets nothing more of it.
    """
    cursor = ""
    for _ in range(domain.EXPORT_LIMIT // EXPORT_PAGE):
        with running.database.read() as session:
            now = clock.now()
            who = actor(running.book(session, now), person_id, now)
            if who is None:
                return
            page = find(running, session, who, question, limit=EXPORT_PAGE, cursor=cursor)
        yield page.items
        cursor = page.next
        if not cursor:
            return


def suggest(running: Runtime, session: Session, who: Actor, text: str, limit: int) -> list[Suggestion]:
    """Records that the reader may see and whose title or name goes on as was typed."""
    if not text:
        return []
    try:
        found = index_of(running).suggest(text, who.scope, limit=limit)
    except QueryError:
        return []
    except IndexUnavailable as error:
        raise unavailable() from error
    seen = Shelf(session, who).rows([one.id for one in found])
    return [
        Suggestion(row.kind, row.id, row.title, domain.page_of(row.kind, row.id))
        for one in found
        if (row := seen.get(one.id)) is not None
    ]


def as_of(session: Session) -> datetime | None:
    """The last moment, to the second, at which the consumers knew that they were at their sources' end."""
    heard = session.scalars(select(PositionRow.at_end_at)).all()
    known = [at for at in heard if at is not None]
    return min(known).replace(microsecond=0) if known and len(known) == len(heard) else None


def aliases_of(running: Runtime, book: Book) -> Aliases:
    """Every name of every client; a question is expanded only by those that its reader may list."""
    kept = _aliases.get(running)
    if kept is None or kept[0] != book.revision:
        names = (
            (name, client.id)
            for client in book.clients.values()
            for name in (client.name, client.english_name, *client.aliases)
            if name
        )
        kept = _aliases[running] = (book.revision, Aliases(names))
    return kept[1]


class Shelf:
    """The rows behind an answer, seen with one reader's eyes."""

    def __init__(self, session: Session, who: Actor) -> None:
        self._session = session
        self._who = who
        self._seen: dict[str, Document] = {}

    def rows(self, ids: Iterable[str]) -> dict[str, Document]:
        """The documents of these ids that the reader may see now."""
        wanted = [key for key in ids if key not in self._seen]
        if wanted:
            query = select(Document).where(Document.id.in_(wanted), ~Document.deleted)
            self._seen |= {row.id: row for row in self._session.scalars(query) if sees(self._who.scope, row)}
        return self._seen

    def texts(self, ids: Sequence[str]) -> dict[str, Text]:
        """What the index highlights."""
        seen = self.rows(ids)
        return {
            key: Text(seen[key].title, seen[key].body, tuple(seen[key].names)) for key in ids if key in seen
        }

    def hits(self, found: Sequence[IndexHit]) -> list[Hit]:
        """What was found, with what the reader may know of its source and client."""
        rows = self.rows([hit.id for hit in found])
        sources = self._sources({row.source_id for row in rows.values() if row.source_id})
        return [self._hit(hit, rows[hit.id], sources) for hit in found if hit.id in rows]

    def client_name(self, client_id: str | None) -> str:
        """The client's name, where the reader may list it and it has arrived."""
        if client_id is None or not self._who.scope.lists(client_id):
            return ""
        return self._who.book.client_name(client_id)

    def source_name(self, source_id: str) -> str:
        """The source's name, where the reader may see it and it has arrived."""
        row = self.rows([source_id]).get(source_id)
        return row.title if row is not None else ""

    def _sources(self, ids: Iterable[str]) -> dict[str, Document]:
        query = select(Document).where(Document.id.in_(sorted(ids)), Document.kind == SOURCE)
        return {row.id: row for row in self._session.scalars(query)}

    def _hit(self, hit: IndexHit, row: Document, sources: Mapping[str, Document]) -> Hit:
        source = sources.get(row.source_id)
        known = source is not None and sees(self._who.scope, source)
        return Hit(
            kind=row.kind,
            id=row.id,
            title=row.title,
            client_id=row.client_id,
            url=domain.page_of(row.kind, row.id),
            score=hit.score,
            highlights=hit.highlights,
            label=row.label,
            part=row.part,
            method=row.method,
            state=row.state,
            source_id=row.source_id if known else "",
            reliability=source.reliability if source is not None else row.reliability,
            credibility=row.credibility,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            collected_at=row.collected_at,
            explanation=hit.explanation,
            client_name=self.client_name(row.client_id),
            source_name=source.title if source is not None and known else "",
            expired=bool(row.valid_until) and row.valid_until[:10] < self._who.now.date().isoformat(),
            freshness=_freshness(row, self._who.now),
            body=row.body,
        )


def sees(scope: Scope, row: Document) -> bool:
    """Whether a reader may see a document. A client's entry is for whoever may list the client."""
    if row.kind == CLIENT:
        return scope.lists(row.id)
    return scope.reads(row.client_id, row.label, row.recipients)


def _freshness(row: Document, now: datetime) -> float | None:
    """0–100, of a finding, since it was last verified, else collected."""
    since = row.verified_at or row.collected_at
    if since is None or row.kind == PROPOSAL:
        return None
    lifetime, delta = LIFETIMES.get(row.part, LIFETIME)
    return decay(100.0, (now - since) / timedelta(days=1), lifetime, delta)


def _any(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _refusal(error: QueryError) -> Problem:
    if error.code == "query_too_long":
        return invalid({"q": "Write at most %(most)s characters."}, **error.params)
    if error.code == "too_many_terms":
        return invalid({"q": "Ask with at most %(most)s words and filters."}, **error.params)
    if error.code == "cursor_invalid":
        return Problem(400, "bad-cursor", "This cursor was not made here; start from the first page.")
    return invalid({"q": "This question cannot be understood."})
