"""The embedded engine: tantivy, in a directory. One process writes, others read.

    <directory>/current      the name of the generation in use, replaced atomically
    <directory>/g1-…/        one tantivy index

Nothing here is truth: whatever is lost or damaged is made again from the rows of the search service.
Nothing is opened, and no thread started, before the first call, so that a server may fork after
import."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from shared.access import Scope
from shared.search import finding, port
from shared.search.documents import FORMAT, prepare
from shared.search.port import (
    FACET_VALUES,
    KEYWORDS,
    MARK_ID,
    POSITIONED,
    STREAMS,
    AllOf,
    AnyOf,
    Begins,
    Between,
    Census,
    Condition,
    Facets,
    Find,
    Found,
    IndexDocument,
    IndexUnavailable,
    Is,
    Near,
    Not,
    Phrase,
    Prepared,
    Read,
    Suggestion,
    Texts,
    Written,
    fingerprint,
    held_version,
)
from shared.search.query import Aliases

_HEAP = 15_000_000
_MAGIC = 1337
_Place = tuple[int, Any]  # the order of a document and its address
_FEW = 4


@cache
def _tantivy() -> Any:
    import tantivy

    return tantivy


@cache
def _schema() -> Any:
    builder = _tantivy().SchemaBuilder()
    for name in KEYWORDS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=name in port.FACETS)
    for name in STREAMS:
        option = "position" if name in POSITIONED else "basic"
        builder.add_text_field(name, tokenizer_name="whitespace", index_option=option)
    # Signed, for tantivy deletes nothing by a term of an unsigned field (0.27).
    builder.add_integer_field("key", fast=True, indexed=True)
    for name in ("order", "held", "print", "mark"):
        builder.add_unsigned_field(name, fast=True, indexed=name == "order")
    builder.add_bytes_field("stored", stored=True)
    return builder.build()


def _key(id: str) -> int:
    return fingerprint(id, 0, 0, False) >> 1


def _whole(path: Path) -> bool:
    """A file of tantivy: content, footer (JSON with the content's CRC-32), the footer's length, a magic
    number."""
    content = path.read_bytes()
    if len(content) < 8:
        return False
    length, magic = struct.unpack("<II", content[-8:])
    if magic != _MAGIC or length + 8 > len(content):
        return False
    footer = json.loads(content[-8 - length : -8])
    return bool(zlib.crc32(memoryview(content)[: -8 - length]) == footer.get("crc"))


class IndexBusy(IndexUnavailable):
    """Another process writes to the index."""


@contextmanager
def _guarded() -> Iterator[None]:
    """Whatever the engine fails with means the same: the index cannot be used and is to be made again."""
    try:
        yield
    except (IndexUnavailable, port.QueryError):
        raise
    except (ValueError, OSError) as failure:
        raise IndexUnavailable(str(failure)) from failure
    except BaseException as failure:
        # A panic of the engine is no Exception.
        if type(failure).__name__ == "PanicException":
            raise IndexUnavailable(str(failure)) from failure
        raise


class EmbeddedIndex:
    """A `SearchIndex` in a directory. The one process that writes says so; the others only read.

    A reader that meets damage leaves a note (`suspect`); the writer then looks at every file, and
    begins an empty index, with mark 0, where one is not whole."""

    def __init__(self, directory: Path | str, *, writes: bool = False) -> None:
        self._root = Path(directory)
        self._writes = writes
        self._draft = ""  # the name of a generation that is being filled and not yet `current`
        self._open: _Generation | None = None
        self._writer: Any = None

    # --- writing

    def prepare(self) -> None:
        """See `SearchIndex.prepare`. The first write makes everything."""

    def put(self, documents: Iterable[IndexDocument], *, mark: int) -> Written:
        """See `SearchIndex.put`."""
        try:
            return self._put(list(documents), mark)
        except BaseException:
            # What was not committed is forgotten; the next call looks at the files before it goes on.
            self._let_go()
            raise

    def _put(self, documents: list[IndexDocument], mark: int) -> Written:
        generation = self._writable()
        held = generation.held([document.id for document in documents])
        stored = 0
        for document in documents:
            version = held_version(document.epoch, document.version)
            if version > held.get(document.id, -1):
                held[document.id] = version
                stored += 1
                item = _document(prepare(document), version)
                with _guarded():  # the engine indexes it in a thread of its own, while we prepare the next
                    self._writer.delete_documents_by_term("key", _key(document.id))
                    self._writer.add_document(item)
        with _guarded():
            self._writer.delete_documents_by_term("key", _key(MARK_ID))
            self._writer.add_document(_mark_document(mark))
            self._writer.commit()
        return Written(stored, len(documents) - stored)

    def _writable(self) -> _Generation:
        """The generation to write to, with its writer: opened, or begun anew where it is lost or damaged."""
        if not self._writes:
            raise TypeError("this index was opened for reading only")
        if self._writer is not None and self._open is not None and self._holds(self._open):
            self._open.refresh()
            return self._open
        self._let_go()
        self._suspect().unlink(missing_ok=True)
        generation = self._sound()
        if generation is None:
            self._discard()
            generation = self._create()
            self._writer = generation.writer()
        self._open = generation
        return generation

    def _holds(self, generation: _Generation) -> bool:
        return (
            generation.name == self._name()
            and generation.present()
            and (bool(self._draft) or not self._suspect().exists())
        )

    def _sound(self) -> _Generation | None:
        """The generation in use, locked for writing, if every file of it is whole."""
        try:
            generation = self._current()
            if generation is None:
                return None
            self._writer = generation.writer()
            return generation if generation.whole() else None
        except IndexBusy:
            raise
        except IndexUnavailable:
            return None

    def _create(self) -> _Generation:
        name = self._draft or _new_name()
        (self._root / name).mkdir(parents=True, exist_ok=True)
        generation = _Generation(self._root / name)
        if not self._draft:
            self._point_to(name)
        return generation

    def _point_to(self, name: str) -> None:
        draft = self._root / f"current.{uuid.uuid4().hex[:8]}"
        with draft.open("w", encoding="utf-8") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._root / "current")

    def _discard(self) -> None:
        self._let_go()
        if self._name():
            shutil.rmtree(self._root / self._name(), ignore_errors=True)

    def rebuild(self) -> EmbeddedIndex:
        """See `SearchIndex.rebuild`."""
        fresh = EmbeddedIndex(self._root, writes=self._writes)
        fresh._draft = _new_name()
        return fresh

    def swap(self, fresh: port.SearchIndex) -> None:
        """See `SearchIndex.swap`."""
        if not isinstance(fresh, EmbeddedIndex) or not fresh._draft or fresh._root != self._root:
            raise ValueError("only an index that this one's rebuild() gave can take its place")
        fresh._writable()
        fresh.close()
        self._let_go()
        name, fresh._draft = fresh._draft, ""
        self._point_to(name)
        for old in self._root.glob("g*-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)

    def close(self) -> None:
        """See `SearchIndex.close`."""
        self._let_go()

    def _let_go(self) -> None:
        writer, self._writer, self._open = self._writer, None, None
        if writer is not None:
            with suppress(IndexUnavailable), _guarded():
                writer.wait_merging_threads()

    # --- reading

    def mark(self) -> int:
        """See `SearchIndex.mark`."""
        try:
            return (self._writable() if self._writes else self._reading()).mark()
        except IndexBusy:
            raise
        except IndexUnavailable:
            return 0

    def census(self) -> Census:
        """See `SearchIndex.census`."""
        with self._reporting():
            return self._reading().census()

    def find(
        self, question: Find, scope: Scope, now: datetime, *, texts: Texts, aliases: Aliases | None = None
    ) -> Found:
        """See `SearchIndex.find`."""
        with self._reporting():
            return finding.find(self._reading(), question, scope, now, texts=texts, aliases=aliases)

    def suggest(self, text: str, scope: Scope, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """See `SearchIndex.suggest`."""
        with self._reporting():
            return finding.suggest(self._reading(), text, scope, limit)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Tell the writer of an index that cannot be read."""
        try:
            yield
        except IndexUnavailable:
            self._let_go()
            if self._name():
                self._suspect().touch()
            raise

    def _reading(self) -> _Generation:
        if self._open is None or self._open.name != self._name():
            self._let_go()
            self._open = self._current()
        if self._open is None:
            raise IndexUnavailable("the index is missing")
        self._open.refresh()
        return self._open

    def _current(self) -> _Generation | None:
        name = self._name()
        if not name.startswith(f"g{FORMAT}-") or not (self._root / name / "meta.json").exists():
            return None
        return _Generation(self._root / name)

    def _name(self) -> str:
        return self._draft or _pointer(self._root)

    def _suspect(self) -> Path:
        return self._root / "suspect"


def _new_name() -> str:
    return f"g{FORMAT}-{uuid.uuid4().hex[:12]}"


def _pointer(root: Path) -> str:
    try:
        name = (root / "current").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return name if name.replace("-", "").isalnum() else ""


def _document(item: Prepared, version: int) -> Any:
    document = _tantivy().Document()
    document.add_text("id", item.id)
    for name, values in item.keywords.items():
        for value in values:
            document.add_text(name, value)
    for name, stream in item.streams.items():
        if stream:
            document.add_text(name, stream)
    document.add_unsigned("order", item.order)
    document.add_integer("key", _key(item.id))
    document.add_unsigned("held", version)
    document.add_unsigned("print", fingerprint(item.id, item.epoch, item.version, item.deleted))
    document.add_bytes("stored", item.stored.encode())
    return document


def _mark_document(mark: int) -> Any:
    document = _tantivy().Document()
    document.add_text("id", MARK_ID)
    document.add_integer("key", _key(MARK_ID))
    document.add_unsigned("mark", mark)
    return document


class _Generation:
    """One tantivy index, opened; an `Engine` over the commit that it last saw."""

    @_guarded()
    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self.index = _tantivy().Index(_schema(), str(path))
        self.index.config_reader("manual")
        self._seen: tuple[int, int, int] | None = None
        self._searcher: Any = None
        self.refresh()

    def present(self) -> bool:
        """Whether its files are still there."""
        return (self._path / "meta.json").exists()

    @_guarded()
    def refresh(self) -> None:
        """See the newest commit. Costs one look at a file when there is none."""
        try:
            stat = (self._path / "meta.json").stat()
        except FileNotFoundError as gone:
            raise IndexUnavailable("the index is missing") from gone
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen != self._seen:
            self.index.reload()
            self._searcher = self.index.searcher()
            self._seen = seen

    @_guarded()
    def writer(self) -> Any:
        """The one writer. Raises IndexBusy while another process has it."""
        try:
            return self.index.writer(_HEAP, 1)
        except ValueError as failure:
            if "LockBusy" in str(failure):
                raise IndexBusy("another process writes to the index") from failure
            raise

    @_guarded()
    def whole(self) -> bool:
        """Whether every file holds what was written: each ends in a checksum of the rest."""
        meta = json.loads((self._path / "meta.json").read_bytes())
        segments = {segment["segment_id"].replace("-", "") for segment in meta["segments"]}
        files = [path for path in self._path.iterdir() if path.name.split(".")[0] in segments]
        held = {path.name.split(".")[0] for path in files if path.suffix == ".store"}
        return held == segments and all(map(_whole, files))

    @_guarded()
    def held(self, ids: list[str]) -> dict[str, int]:
        """The versions that the index holds of some documents."""
        if not ids or not self._searcher.num_docs:
            return {}
        keys = {_key(id): id for id in ids}
        query = _tantivy().Query.term_set_query(_schema(), "key", list(keys))
        places = [place for _, place in self._searcher.search(query, limit=len(keys), count=False).hits]
        found = self._searcher.fast_field_values("key", places)
        versions = self._searcher.fast_field_values("held", places)
        return {keys[key]: version for key, version in zip(found, versions, strict=True)}

    @_guarded()
    def mark(self) -> int:
        """The mark of its last commit."""
        query = _tantivy().Query.term_query(_schema(), "key", _key(MARK_ID))
        places = [place for _, place in self._searcher.search(query, limit=1).hits]
        return int(self._searcher.fast_field_values("mark", places)[0] or 0) if places else 0

    @_guarded()
    def census(self) -> Census:
        """What it holds."""
        query = _tantivy().Query.all_query()
        places = [
            place for _, place in self._searcher.search(query, limit=max(1, self._searcher.num_docs)).hits
        ]
        prints = [value for value in self._searcher.fast_field_values("print", places) if value is not None]
        return Census(len(prints), sum(prints) % 2**64)

    # --- Engine

    @_guarded()
    def read(
        self,
        condition: Condition,
        limit: int = 0,
        *,
        tiers: Sequence[Condition] = (),
        oldest_first: bool = False,
        facets: Sequence[str] = (),
    ) -> Read:
        """See `Engine.read`."""
        total, places = self._listed(condition, limit, oldest_first)
        if total > limit and tiers:
            places = self._by_tiers(condition, tiers, limit, places)
        rows = [(order, self._searcher.doc(place).get_first("stored").decode()) for order, place in places]
        return Read(total, tuple(rows), self._facets(condition, facets) if total else {})

    def _listed(self, condition: Condition, limit: int, oldest_first: bool) -> tuple[int, list[_Place]]:
        order = _tantivy().Order.Asc if oldest_first else _tantivy().Order.Desc
        # A list by a field holds what has a value of it; so does every document that is alive.
        found = self._searcher.search(
            _query(condition), limit=max(1, limit), order_by_field="order", order=order
        )
        return found.count, found.hits[:limit]

    def _by_tiers(
        self, condition: Condition, tiers: Sequence[Condition], limit: int, newest: list[_Place]
    ) -> list[_Place]:
        chosen: dict[int, _Place] = {}
        for tier in tiers:
            for place in self._listed(AllOf((condition, tier)), limit, False)[1]:
                chosen.setdefault(place[0], place)
            if len(chosen) >= limit:
                break
        for place in newest:
            chosen.setdefault(place[0], place)
        return list(chosen.values())[:limit]

    def _facets(self, condition: Condition, fields: Sequence[str]) -> Facets:
        if not fields:
            return {}
        asked = {field: {"terms": {"field": field, "size": 65000, "segment_size": 65000}} for field in fields}
        answer = self._searcher.aggregate(_query(condition), asked)
        return {
            field: tuple(
                sorted(
                    ((bucket["key"], int(bucket["doc_count"])) for bucket in answer[field]["buckets"]),
                    key=lambda pair: (-pair[1], pair[0]),
                )[:FACET_VALUES]
            )
            for field in fields
        }


def _query(condition: Condition) -> Any:
    """A condition in tantivy's terms. Nothing is scored: the lists follow the order field."""
    make, schema = _tantivy().Query, _schema()
    occur = _tantivy().Occur
    match condition:
        case Is(field, (value,)):
            return make.term_query(schema, field, value, index_option="basic")
        case Is(field, values) if 0 < len(values) <= _FEW:
            return make.boolean_query([(occur.Should, _query(Is(field, (value,)))) for value in values])
        case Is(field, values):
            # tantivy gathers the whole set before it looks at anything else: good for many, rare values.
            return make.term_set_query(schema, field, list(values)) if values else make.empty_query()
        case Begins(field, prefix):
            return make.regex_query(schema, field, re.escape(prefix) + ".*")
        case Near(field, token, slips):
            return make.fuzzy_term_query(schema, field, token, distance=slips)
        case Phrase(field, tokens):
            return make.phrase_query(schema, field, list(tokens))
        case Between(low, high):
            kind = _tantivy().FieldType.Unsigned
            # An open side must be called inclusive.
            return make.range_query(schema, "order", kind, low, high, True, high is None)
        case Not(of):
            return make.boolean_query([(occur.Must, make.all_query()), (occur.MustNot, _query(of))])
        case AllOf(of):
            clauses = [
                (occur.MustNot, _query(part.of)) if isinstance(part, Not) else (occur.Must, _query(part))
                for part in of
            ]
            if not any(kind == occur.Must for kind, _ in clauses):
                clauses.append((occur.Must, make.all_query()))
            return make.boolean_query(clauses)
        case AnyOf(of, least):
            if len(of) < least:
                return make.empty_query()
            return make.boolean_query(
                [(occur.Should, _query(part)) for part in of], minimum_number_should_match=least
            )
    raise TypeError(condition)
