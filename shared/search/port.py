"""What the product asks of a search engine, in its own words.

Two layers, so that an adapter stays thin and both engines answer alike:

- `SearchIndex` is what the search service uses: put documents, know how far the index is, find, suggest,
  rebuild.
- `Engine` is what an adapter provides: conditions over fields, counted, faceted and listed by one order.

Everything that makes an answer (permission, query language, ranking, highlights, explanations) is
written once, in `finding`, over `Engine`. No answer depends on statistics of the index, on hidden
documents, or on the order in which documents arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from shared.access import Scope

if TYPE_CHECKING:
    from shared.search.query import Aliases

Sort = Literal["relevance", "newest", "oldest"]
SORTS: tuple[Sort, ...] = ("relevance", "newest", "oldest")
FACETS = ("kind", "client", "part", "method", "label", "source")
NO_CLIENT = "-"
"""Stands in the index for "belongs to no client"."""
CANDIDATES = 200
"""How many of the best candidates are ranked again; a page beyond them goes on by date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDocument:
    """One searchable thing as the search service keeps it. `id` is unique over all kinds.

    A tombstone (`deleted`) needs only `id`, `epoch` and `version`. `listing`: the public record of a
    client, found by whoever may list that client, whatever the label. `names`: aliases, contacts,
    products: they rank like the title and are found by pinyin; so is the title where `kind` is
    `client`. `verified_at` resets the age that freshness is reckoned from."""

    id: str
    epoch: int
    version: int
    deleted: bool = False
    kind: str = ""
    client_id: str | None = None
    label: str = ""
    recipients: tuple[str, ...] = ()
    listing: bool = False
    title: str = ""
    body: str = ""
    names: tuple[str, ...] = ()
    part: str = ""
    method: str = ""
    source_id: str = ""
    source_name: str = ""
    reliability: str = ""
    credibility: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    collected_at: datetime | None = None
    verified_at: datetime | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """What a hit shows: given by the caller, who keeps the documents."""

    title: str
    body: str = ""
    names: tuple[str, ...] = ()


class Texts(Protocol):
    """Loads the texts of hits. Leaves out what is gone or what the reader may not see any more: so do
    answers."""

    def __call__(self, ids: Sequence[str], /) -> Mapping[str, Text]:
        """The texts by id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A question. Times: `collected_from` inclusive, `collected_to` exclusive. Several values of a filter are
    alternatives; filters apply together, also with those written in the query."""

    query: str = ""
    kinds: tuple[str, ...] = ()
    client_ids: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    collected_from: datetime | None = None
    collected_to: datetime | None = None
    sort: Sort = "relevance"
    size: int = 20
    cursor: str = ""
    facets: tuple[str, ...] = FACETS
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something said about an answer: a code that the screen translates, with its parameters.

    Codes: `no_document_contains` {term}, `terms_never_together` {terms}, `without_filter` {filter,
    value, count}, `client_unknown` {value}, `read_as` {term, instead}, `read_loosely` {term},
    `nothing_readable` {}."""

    code: str
    params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Highlight:
    """A fragment of a field of a hit; `marks` are [from, to) in characters of `text`."""

    field: str
    text: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found. `explanation` (when asked for) says how the score came about."""

    id: str
    score: float
    highlights: tuple[Highlight, ...] = ()
    explanation: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The answer. `cursor` leads to the next page, empty on the last; `now` is frozen over all pages."""

    total: int
    hits: tuple[Hit, ...]
    facets: Mapping[str, tuple[tuple[str, int], ...]]
    widened: bool
    notes: tuple[Note, ...]
    cursor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A document whose title or name goes on as was typed."""

    id: str
    kind: str
    client_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """What a `put` did: `skipped` are those that the index held as new or newer."""

    stored: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Census:
    """How many documents (tombstones too) an index or a table holds, and a digest of their versions."""

    count: int
    digest: int


def census(rows: Iterable[tuple[str, int, int, bool]]) -> Census:
    """The census of (id, epoch, version, deleted), in any order."""
    count = digest = 0
    for row in rows:
        count += 1
        digest = (digest + fingerprint(*row)) % 2**64
    return Census(count, digest)


MARK_ID = "\x00mark"
"""The id under which an index keeps its mark."""
_VERSION_BITS = 40


def held_version(epoch: int, version: int) -> int:
    """Both in one number, as indexes compare them: a later epoch is newer, whatever its version."""
    return (epoch << _VERSION_BITS) | version


def fingerprint(id: str, epoch: int, version: int, deleted: bool) -> int:
    """64 bits that stand for one version of a document."""
    text = f"{id}\n{epoch}\n{version}\n{int(deleted)}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


class QueryError(ValueError):
    """A question that cannot be answered. `code` and `params` name what is wrong, for the screen to
    translate.

    Codes: `query_too_long` {most}, `too_many_terms` {most}, `cursor_invalid`, `sort_unknown` {value},
    `facet_unknown` {value}, `size_invalid` {least, most}.
    """

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(f"{code} {params}" if params else code)
        self.code = code
        self.params = params


class IndexUnavailable(RuntimeError):
    """The index is missing, damaged or being replaced. It heals: the service fills it again."""


class IndexAway(IndexUnavailable):
    """The engine does not answer, or is too busy. Nothing is lost: what was not done is to be done again."""


# --- conditions --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Is:
    """A field holds one of these tokens or values."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begins:
    """A field holds a token that begins so."""

    field: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Near:
    """A field holds a token that is at most so many slips (0 to 2) away: a letter more, less, other, or two
    neighbours swapped."""

    field: str
    token: str
    slips: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """A field holds these tokens one after another."""

    field: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The order key lies in [low, high)."""

    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every condition holds; true when there is none."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least so many of the conditions hold; false when there are fewer."""

    of: tuple[Condition, ...]
    least: int = 1


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    of: Condition


Condition = Is | Begins | Near | Phrase | Between | AllOf | AnyOf | Not

KEYWORDS = ("id", "kind", "client", "part", "method", "label", "source", "recipient", "listing", "alive")
"""Fields that hold whole values."""
STREAMS = (
    "text_pairs", "text_units", "text_words", "title_pairs", "title_units", "title_words", "source_units",
    "pinyin", "starts",
)  # fmt: skip
"""Fields that hold tokens of an analysis. `text_*` cover title, names and body; `starts`: whole words of
titles and names, and pinyin, for suggestions."""
POSITIONED = ("text_pairs", "text_units", "title_pairs", "title_units", "source_units")
"""Streams that keep positions, for phrases."""


Facets = Mapping[str, tuple[tuple[str, int], ...]]
"""Exact counts by value, the largest first, then by value; at most FACET_VALUES of a field."""
FACET_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class Read:
    """What an engine read: how many documents satisfy a condition, the order and the stored string of the
    first of them, and facets of all of them."""

    total: int
    rows: tuple[tuple[int, str], ...] = ()
    facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document as an engine indexes it. `order` is unique and grows with `collected_at`; `stored` is given
    back by `Engine.read` as it is."""

    id: str
    epoch: int
    version: int
    deleted: bool
    order: int
    keywords: Mapping[str, tuple[str, ...]]
    streams: Mapping[str, str]
    stored: str


@runtime_checkable
class Engine(Protocol):
    """What an adapter provides: reads of one state of the index, for the time of one answer."""

    def read(
        self,
        condition: Condition,
        limit: int = 0,
        *,
        tiers: Sequence[Condition] = (),
        oldest_first: bool = False,
        facets: Sequence[str] = (),
    ) -> Read:
        """How many documents satisfy a condition, and the first of them: those of an earlier tier before
        others, within one by order (newest first). Facets never hold a value with count 0."""
        ...


class SearchIndex(Protocol):
    """What the search service uses. One process writes; any number read and see each commit at their next
    call."""

    def prepare(self) -> None:
        """Make, where the engine wants it, what must be there before the first write. Changes nothing that is
        there."""
        ...

    def put(self, documents: Iterable[IndexDocument], *, mark: int) -> Written:
        """Store documents and the mark in one commit. A version not newer than the held one is skipped."""
        ...

    def mark(self) -> int:
        """The mark of the last commit; 0 when the index is empty, lost or damaged: then put all again. Raises
        IndexAway where that cannot be told."""
        ...

    def census(self) -> Census:
        """What the index holds, to compare with the rows that it was made from."""
        ...

    def rebuild(self) -> SearchIndex:
        """A new, empty index beside this one, to be filled and swapped in."""
        ...

    def swap(self, fresh: SearchIndex) -> None:
        """Let the rebuilt index take this one's place, at once for every process."""
        ...

    def find(
        self, question: Find, scope: Scope, now: datetime, *, texts: Texts, aliases: Aliases | None = None
    ) -> Found:
        """Answer a question from what the scope may see. Raises QueryError, IndexUnavailable."""
        ...

    def suggest(self, text: str, scope: Scope, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """Visible documents whose title or name holds what was typed, the last word unfinished."""
        ...

    def close(self) -> None:
        """Let go of files and, for the writer, of its lock."""
        ...
