"""The embedded engine: tantivy, in a directory. One process writes, others read.

    <directory>/current      the name of the generation in use, replaced atomically
    <directory>/g1-…/        one tantivy index

Nothing here is truth: whatever is lost or damaged is made again from the rows of the search service.
Nothing is opened, and no thread started, before the first call, so that a server may fork after
import."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from shared.access import Scope
from shared.search import finding, port
from shared.search.documents import prepare
from shared.search.port import (
    KEYWORDS,
    STREAMS,
    AllOf,
    AnyOf,
    Between,
    Census,
    Condition,
    Find,
    Found,
    IndexDocument,
    IndexUnavailable,
    Is,
    Listed,
    Not,
    Phrase,
    Prepared,
    Suggestion,
    Texts,
    Written,
    fingerprint,
)
from shared.search.query import Aliases

FORMAT = 1
"""Raised when fields or analysis change: an index of another format counts as lost, and is made again."""
_HEAP = 15_000_000
_MARK_ID = "\x00mark"
_VERSION_BITS = 40
_POSITIONED = ("text_pairs", "text_units", "title_pairs", "title_units", "source_units")


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
        option = "position" if name in _POSITIONED else "basic"
        builder.add_text_field(name, tokenizer_name="whitespace", index_option=option)
    for name in ("order", "key", "held", "print", "mark"):
        builder.add_unsigned_field(name, fast=True, indexed=name in ("order", "key"))
    builder.add_text_field("stored", stored=True, tokenizer_name="raw", index_option="basic")
    return builder.build()


def _key(id: str) -> int:
    return fingerprint(id, 0, 0, False) >> 1


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
    """A `SearchIndex` in a directory. Only the process that writes calls put, rebuild and swap."""

    def __init__(self, directory: Path | str) -> None:
        self._root = Path(directory)
        self._name: str | None = None  # of a generation that is not `current`, while it is being filled
        self._open: _Generation | None = None
        self._writer: Any = None

    # --- writing

    def put(self, documents: Iterable[IndexDocument], *, mark: int) -> Written:
        """See `SearchIndex.put`."""
        prepared = [prepare(document) for document in documents]
        try:
            with _guarded():
                return self._put(prepared, mark)
        except IndexUnavailable:
            self._discard()
            raise

    def _put(self, prepared: list[Prepared], mark: int) -> Written:
        generation = self._writable()
        held = generation.held([item.id for item in prepared])
        newest: dict[str, tuple[int, Prepared]] = {}
        stored = 0
        for item in prepared:
            version = (item.epoch << _VERSION_BITS) | item.version
            if version > held.get(item.id, -1):
                held[item.id] = version
                newest[item.id] = (version, item)
                stored += 1
        for version, item in newest.values():
            self._writer.delete_documents_by_term("key", _key(item.id))
            self._writer.add_document(_document(item, version))
        self._writer.delete_documents_by_term("key", _key(_MARK_ID))
        note = _tantivy().Document()
        note.add_text("id", _MARK_ID)
        note.add_unsigned("key", _key(_MARK_ID))
        note.add_unsigned("mark", mark)
        self._writer.add_document(note)
        self._writer.commit()
        return Written(stored, len(prepared) - stored)

    def _writable(self) -> _Generation:
        if self._writer is not None and self._open is not None and self._open.present():
            self._open.refresh()
            return self._open
        self._let_go()
        generation = self._current()
        if generation is None or not generation.sound():
            self._discard()
            generation = self._create()
        self._open = generation
        self._writer = generation.index.writer(_HEAP, 1)
        return generation

    def _create(self) -> _Generation:
        name = self._name or f"g{FORMAT}-{uuid.uuid4().hex[:12]}"
        (self._root / name).mkdir(parents=True, exist_ok=True)
        generation = _Generation(self._root / name)
        if self._name is None:
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
        """Give up a generation that is lost or damaged."""
        self._let_go()
        name = self._name or _pointer(self._root)
        if name:
            shutil.rmtree(self._root / name, ignore_errors=True)

    def rebuild(self) -> EmbeddedIndex:
        """See `SearchIndex.rebuild`."""
        fresh = EmbeddedIndex(self._root)
        fresh._name = f"g{FORMAT}-{uuid.uuid4().hex[:12]}"
        return fresh

    def swap(self, fresh: port.SearchIndex) -> None:
        """See `SearchIndex.swap`."""
        if not isinstance(fresh, EmbeddedIndex) or fresh._name is None or fresh._root != self._root:
            raise ValueError("only an index that this one's rebuild() gave can take its place")
        with _guarded():
            fresh._writable()
        fresh.close()
        self._let_go()
        name, fresh._name = fresh._name, None
        self._point_to(name)
        for old in self._root.glob("g*-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)

    def close(self) -> None:
        """See `SearchIndex.close`."""
        self._let_go()

    def _let_go(self) -> None:
        if self._writer is not None:
            with suppress(Exception):
                self._writer.wait_merging_threads()
        self._writer = None
        self._open = None

    # --- reading

    def mark(self) -> int:
        """See `SearchIndex.mark`."""
        try:
            with _guarded():
                return self._reading().mark()
        except IndexUnavailable:
            return 0

    def census(self) -> Census:
        """See `SearchIndex.census`."""
        with _guarded():
            return self._reading().census()

    def find(
        self, question: Find, scope: Scope, now: datetime, *, texts: Texts, aliases: Aliases | None = None
    ) -> Found:
        """See `SearchIndex.find`."""
        with _guarded():
            return finding.find(self._reading(), question, scope, now, texts=texts, aliases=aliases)

    def suggest(self, text: str, scope: Scope, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """See `SearchIndex.suggest`."""
        with _guarded():
            return finding.suggest(self._reading(), text, scope, limit)

    def _reading(self) -> _Generation:
        name = self._name or _pointer(self._root)
        if self._open is None or self._open.name != name:
            if self._writer is not None:
                self._let_go()
            self._open = self._current()
        if self._open is None:
            raise IndexUnavailable("the index is missing")
        self._open.refresh()
        return self._open

    def _current(self) -> _Generation | None:
        name = self._name or _pointer(self._root)
        if not name.startswith(f"g{FORMAT}-") or not (self._root / name / "meta.json").exists():
            return None
        return _Generation(self._root / name)


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
    document.add_unsigned("key", _key(item.id))
    document.add_unsigned("held", version)
    document.add_unsigned("print", fingerprint(item.id, item.epoch, item.version, item.deleted))
    document.add_text("stored", item.stored)
    return document


class _Generation:
    """One tantivy index, opened; an `Engine` over the commit that it last saw."""

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

    def sound(self) -> bool:
        """Whether it can be read."""
        with suppress(IndexUnavailable), _guarded():
            self.census()
            return True
        return False

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

    def mark(self) -> int:
        """The mark of its last commit."""
        query = _tantivy().Query.term_query(_schema(), "key", _key(_MARK_ID))
        places = [place for _, place in self._searcher.search(query, limit=1).hits]
        return int(self._searcher.fast_field_values("mark", places)[0] or 0) if places else 0

    def census(self) -> Census:
        """What it holds."""
        query = _tantivy().Query.all_query()
        places = [
            place for _, place in self._searcher.search(query, limit=max(1, self._searcher.num_docs)).hits
        ]
        prints = [value for value in self._searcher.fast_field_values("print", places) if value is not None]
        return Census(len(prints), sum(prints) % 2**64)

    # --- Engine

    def listed(
        self, condition: Condition, limit: int, *, oldest_first: bool = False
    ) -> tuple[int, list[Listed]]:
        """See `Engine.listed`."""
        order = _tantivy().Order.Asc if oldest_first else _tantivy().Order.Desc
        query = _query(condition)
        # A list by a field holds what has a value of it; so does every document that is alive.
        found = self._searcher.search(query, limit=max(1, limit), order_by_field="order", order=order)
        return found.count, [Listed(key, place) for key, place in found.hits[:limit]]

    def load(self, listed: Sequence[Listed]) -> list[str]:
        """See `Engine.load`."""
        return [self._searcher.doc(item.handle).get_first("stored") for item in listed]

    def facets(
        self, condition: Condition, fields: Sequence[str]
    ) -> Mapping[str, tuple[tuple[str, int], ...]]:
        """See `Engine.facets`."""
        asked = {field: {"terms": {"field": field, "size": 65000, "segment_size": 65000}} for field in fields}
        answer = self._searcher.aggregate(_query(condition), asked)
        return {
            field: tuple(
                sorted(
                    ((bucket["key"], int(bucket["doc_count"])) for bucket in answer[field]["buckets"]),
                    key=lambda pair: (-pair[1], pair[0]),
                )
            )
            for field in fields
        }

    def tokens(self, field: str, prefix: str, condition: Condition) -> list[tuple[str, int]]:
        """See `Engine.tokens`."""
        found: list[tuple[str, int]] = self._searcher.terms_with_prefix(
            field, prefix, filter_query=_query(condition)
        )
        return [(token, count) for token, count in found if count]


def _query(condition: Condition) -> Any:
    """A condition in tantivy's terms. Nothing is scored: the lists follow the order field."""
    make, schema = _tantivy().Query, _schema()
    occur = _tantivy().Occur
    match condition:
        case Is(field, (value,)):
            return make.term_query(schema, field, value, index_option="basic")
        case Is(field, values):
            return make.term_set_query(schema, field, list(values)) if values else make.empty_query()
        case Phrase(field, tokens):
            return make.phrase_query(schema, field, list(tokens))
        case Between(low, high):
            kind = _tantivy().FieldType.Unsigned
            return make.range_query(schema, "order", kind, low, high, True, False)
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
