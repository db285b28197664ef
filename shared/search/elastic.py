"""Elasticsearch: an index behind an alias, the same in every process of the service.

    search-f1              the alias that everybody reads and writes (with a prefix: `prefix-search-f1`)
    search-f1-9c0e…        the index behind it; beside it the one that a rebuild is filling

The 1 is the format: an index of another one counts as lost. Documents carry their version as an external
one (epoch << 40 | version), and what is deleted stays as a tombstone: a late write of an older version
is refused for ever. The mark is the version of a document of its own, written after the documents: whoever
sees it finds them.

Text arrives as the tokens of `analysis`; the server splits them at spaces and knows nothing of languages."""

from __future__ import annotations

import logging
import re
import ssl
import time
import uuid
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from os import getpid
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import orjson

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
    Find,
    Found,
    IndexAway,
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

_READ_SECONDS = 5.0
_WRITE_SECONDS = 30.0
_BULK_BYTES = 500_000
_BULKS = 2
"""How many are sent at a time."""
_PAUSES = (0.1, 0.3, 1.0, 2.0, 4.0)
"""Seconds between tries of what the server refused because it is busy (429)."""
_GRACE_SECONDS = 1.0
"""How long answers that have begun may go on in an index whose place was taken."""
_LONGEST_TOKEN = 8_000
"""Characters; Lucene takes no term of more than 32,766 bytes."""
_PREFERENCE = "search"
"""The same copy of the shard for each call, so that whoever saw a mark finds what came before it."""
_PRINTS = (("print_low", 0), ("print_mid", 22), ("print_high", 44))
"""The fingerprint in three pieces, for sums of doubles are exact up to 2**53 only."""
_Actions = list[tuple[bytes, bytes]]
T = TypeVar("T")


@cache
def _elasticsearch() -> Any:
    import elasticsearch

    return elasticsearch


@cache
def _client(url: str, _process: int) -> Any:
    """One client for each process: its connections do not survive a fork."""
    library = _elasticsearch()
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # whoever calls says what failed
    parts = urlsplit(url)
    given: dict[str, Any] = {}
    if parts.username:
        given["basic_auth"] = (unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme == "https":
        given["ssl_context"] = ssl.create_default_context()
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return library.Elasticsearch(
        f"{parts.scheme}://{host}:{parts.port or 9200}",
        request_timeout=_READ_SECONDS,
        max_retries=1,  # of a connection that was closed meanwhile
        retry_on_status=(),
        retry_on_timeout=False,
        connections_per_node=16,
        serializer=library.OrjsonSerializer(),
        **given,
    )


@contextmanager
def _guarded() -> Iterator[None]:
    """Whatever the server refuses means that the index cannot be used now. `_Lost` says that it is gone."""
    library = _elasticsearch()
    try:
        yield
    except library.NotFoundError as gone:
        raise _Lost("the index is missing") from gone
    except library.ApiError as refusal:
        raise IndexAway(f"the search engine refuses: {refusal}") from refusal
    except library.TransportError as failure:
        raise IndexAway(f"the search engine does not answer: {failure.message}") from failure


class _Lost(IndexUnavailable):
    """The index, or the state of it that was read, is gone."""


class ElasticIndex:
    """A `SearchIndex` in an Elasticsearch cluster."""

    def __init__(self, url: str, *, writes: bool = False) -> None:
        """Take `http(s)://[user:password@]host[:port][/prefix]`. Nothing is opened before the first call."""
        self._url = url
        self._writes = writes
        prefix = urlsplit(url).path.strip("/")
        self._family = f"{prefix}-search" if prefix else "search"
        self._alias = f"{self._family}-f{FORMAT}"
        self._draft = ""  # the index that is being filled and not yet behind the alias

    @property
    def _es(self) -> Any:
        return _client(self._url, getpid())

    # --- writing

    def prepare(self) -> None:
        """Make the index where there is none, and forget those of older formats. Changes nothing else."""
        with _guarded():
            if not self._es.indices.exists_alias(name=self._alias):
                self._create(f"{self._alias}-{uuid.uuid4().hex[:12]}", self._alias)
            for name in self._others():
                if self._format_of(name) < FORMAT:
                    self._remove(name)

    def put(self, documents: Iterable[IndexDocument], *, mark: int) -> Written:
        """See `SearchIndex.put`. Raises IndexUnavailable where the index is gone: then look at its mark."""
        if not self._writes:
            raise TypeError("this index was opened for reading only")
        with _guarded():
            written = list(self._bulks(_batches(map(prepare, documents))))
            self._patiently(lambda: self._set_mark(mark))
        return Written(sum(done.stored for done in written), sum(done.skipped for done in written))

    def _bulks(self, batches: Iterator[_Actions]) -> Iterator[Written]:
        """Send bulks; further ones are made ready while the server is at some."""
        with ThreadPoolExecutor(_BULKS) as pool:
            under_way: deque[Future[Written]] = deque()
            for batch in batches:
                under_way.append(pool.submit(self._bulk, batch))
                if len(under_way) > _BULKS:
                    yield under_way.popleft().result()
            for bulk in under_way:
                yield bulk.result()

    def _bulk(self, actions: _Actions) -> Written:
        """Store what is newer than what the index holds."""
        stored = skipped = 0

        def send() -> None:
            nonlocal actions, stored, skipped
            answer = self._es.options(request_timeout=_WRITE_SECONDS).bulk(
                index=self._target(),
                operations=[line for action in actions for line in action],
                require_alias=True,
                filter_path="errors,items.*.status,items.*.error.type,items.*.error.reason",
            )
            items = [item["index"] for item in answer["items"]]
            stored += sum(item["status"] < 300 for item in items)
            skipped += sum(item["status"] == 409 for item in items)
            actions = [action for action, item in zip(actions, items, strict=True) if item["status"] == 429]
            for item in items:
                if item["status"] == 404:
                    raise _Lost("the index is missing")
                if item["status"] >= 400 and item["status"] not in (409, 429):
                    raise IndexAway(f"the search engine refuses a document: {item.get('error')}")
            if actions:
                raise _Busy

        self._patiently(send)
        return Written(stored, skipped)

    def _set_mark(self, mark: int) -> None:
        answer = self._es.options(request_timeout=_WRITE_SECONDS, ignore_status=409).index(
            index=self._target(),
            id=MARK_ID,
            version=mark,
            version_type="external_gte",
            document={},
            require_alias=True,
            refresh=not self._draft,
        )
        if answer.meta.status == 409 and not self._draft:  # another process has come further
            self._refresh()

    def _patiently(self, call: Callable[[], None]) -> None:
        """Call again, a few times, while the server is too busy (429)."""
        library = _elasticsearch()
        for pause in (*_PAUSES, 0.0):
            try:
                return call()
            except _Busy:
                reason: Exception | None = None
            except library.ApiError as refusal:
                if refusal.meta.status != 429:
                    raise
                reason = refusal
            if pause:
                time.sleep(pause)
        raise IndexAway("the search engine is too busy to write") from reason

    def _refresh(self) -> None:
        self._es.options(request_timeout=_WRITE_SECONDS).indices.refresh(index=self._target())

    def _create(self, name: str, alias: str) -> None:
        """Make an empty index behind an alias. Of two who do so at once one is refused, which is as well: an
        alias has one index to write to."""
        try:
            self._es.options(request_timeout=_WRITE_SECONDS).indices.create(
                index=name,
                aliases={alias: {"is_write_index": True}},
                settings=_SETTINGS,
                mappings=_mappings(),
            )
        except _elasticsearch().ApiError:
            if not self._es.indices.exists_alias(name=alias):
                raise

    def rebuild(self) -> ElasticIndex:
        """See `SearchIndex.rebuild`."""
        fresh = ElasticIndex(self._url, writes=self._writes)
        fresh._draft = f"{self._alias}-{uuid.uuid4().hex[:12]}"
        with _guarded():
            self._create(fresh._draft, fresh._target())
        return fresh

    def swap(self, fresh: port.SearchIndex) -> None:
        """See `SearchIndex.swap`. The index that was used and whatever unfinished ones lie about are gone."""
        if not isinstance(fresh, ElasticIndex) or not fresh._draft or fresh._family != self._family:
            raise ValueError("only an index that this one's rebuild() gave can take its place")
        with _guarded():
            fresh._refresh()
            name, draft = fresh._draft, fresh._target()
            old = [other for other in self._others() if other != name and self._format_of(other) <= FORMAT]
            self._es.options(request_timeout=_WRITE_SECONDS).indices.update_aliases(
                actions=[
                    *({"remove": {"index": other, "alias": "*", "must_exist": False}} for other in old),
                    {"remove": {"index": name, "alias": draft}},
                    {"add": {"index": name, "alias": self._alias, "is_write_index": True}},
                ]
            )
            fresh._draft = ""
            time.sleep(_GRACE_SECONDS)
            for other in old:
                self._remove(other)

    def _others(self) -> list[str]:
        """Every index of this installation."""
        found = self._es.indices.get(
            index=f"{self._family}-f*", features="aliases", allow_no_indices=True, expand_wildcards="all"
        )
        return [name for name in found if self._format_of(name)]

    def _remove(self, name: str) -> None:
        self._es.options(request_timeout=_WRITE_SECONDS, ignore_status=404).indices.delete(index=name)

    def _format_of(self, name: str) -> int:
        found = re.fullmatch(rf"{re.escape(self._family)}-f(\d+)-[0-9a-f]{{12}}", name)
        return int(found[1]) if found else 0

    def _target(self) -> str:
        return f"{self._draft}-draft" if self._draft else self._alias

    def drop(self) -> None:
        """Remove every index of this installation."""
        with _guarded():
            for name in self._others():
                self._remove(name)

    def close(self) -> None:
        """See `SearchIndex.close`. A rebuild that is given up leaves its index to the next swap."""

    # --- reading

    def mark(self) -> int:
        """See `SearchIndex.mark`. The writer makes an index that is missing. Raises IndexAway."""
        with _guarded():
            answer = self._es.options(ignore_status=404).get(
                index=self._target(),
                id=MARK_ID,
                realtime=bool(self._draft),
                preference=_PREFERENCE,
                source=False,
            )
            if answer.meta.status == 404 and "error" in answer and self._writes and not self._draft:
                self.prepare()
        return int(answer["_version"]) if answer.get("found") else 0

    def census(self) -> Census:
        """See `SearchIndex.census`."""
        with _guarded():
            if self._draft:
                self._refresh()
            answer = self._es.options(request_timeout=_WRITE_SECONDS).search(
                index=self._target(),
                size=0,
                query={"exists": {"field": "print_low"}},
                aggs={name: {"sum": {"field": name}} for name, _ in _PRINTS},
                track_total_hits=True,
                allow_partial_search_results=False,
                preference=_PREFERENCE,
            )
        digest = sum(int(answer["aggregations"][name]["value"]) << shift for name, shift in _PRINTS)
        return Census(answer["hits"]["total"]["value"], digest % 2**64)

    def find(
        self, question: Find, scope: Scope, now: datetime, *, texts: Texts, aliases: Aliases | None = None
    ) -> Found:
        """See `SearchIndex.find`."""
        return self._answer(
            lambda engine: finding.find(engine, question, scope, now, texts=texts, aliases=aliases)
        )

    def suggest(self, text: str, scope: Scope, *, limit: int = 8) -> tuple[Suggestion, ...]:
        """See `SearchIndex.suggest`."""
        return self._answer(lambda engine: finding.suggest(engine, text, scope, limit))

    def _answer(self, make: Callable[[port.Engine], T]) -> T:
        """Make an answer from one state of the index; once more where a rebuilt one took its place
        meanwhile."""
        try:
            return self._answer_once(make)
        except _Lost:
            return self._answer_once(make)

    def _answer_once(self, make: Callable[[port.Engine], T]) -> T:
        """One read sees one state by itself; whatever takes more begins again in a point in time."""
        with _guarded():
            try:
                return make(_State(self._es, self._target()))
            except _ReadsAgain:
                pass
            opened = self._es.open_point_in_time(
                index=self._target(), keep_alive="1m", preference=_PREFERENCE
            )
            state = _State(self._es, self._target(), opened["id"])
            try:
                return make(state)
            finally:
                self._es.options(ignore_status=404).close_point_in_time(id=state.point)


class _ReadsAgain(Exception):
    """An answer takes more than one read."""


class _Busy(Exception):
    """The server refused some of a bulk for now."""


def _batches(documents: Iterable[Prepared]) -> Iterator[_Actions]:
    """The actions of bulks of about so many bytes."""
    batch: _Actions = []
    size = 0
    for document in documents:
        action = _action(document)
        batch.append(action)
        size += len(action[1])
        if size >= _BULK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _action(item: Prepared) -> tuple[bytes, bytes]:
    version = held_version(item.epoch, item.version)
    head = {"index": {"_id": item.id, "version": version, "version_type": "external"}}
    fields: dict[str, Any] = {"id": item.id, "order": item.order}
    fields["stored"] = b64encode(item.stored.encode()).decode()
    fields |= {name: list(values) for name, values in item.keywords.items() if values}
    fields |= {name: stream for name, stream in item.streams.items() if stream}
    mark = fingerprint(item.id, item.epoch, item.version, item.deleted)
    fields |= {name: (mark >> shift) & (2**22 - 1) for name, shift in _PRINTS}
    return orjson.dumps(head), orjson.dumps(fields)


_SETTINGS = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",
    "refresh_interval": "-1",  # a put refreshes by itself
    "analysis": {
        "analyzer": {"tokens": {"type": "custom", "tokenizer": "spaces", "filter": ["short"]}},
        "tokenizer": {"spaces": {"type": "whitespace", "max_token_length": 1_000_000}},
        "filter": {"short": {"type": "length", "max": _LONGEST_TOKEN}},
    },
}


def _mappings() -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        name: {"type": "keyword", "doc_values": name in port.FACETS} for name in KEYWORDS
    }
    for name in STREAMS:
        option = "positions" if name in POSITIONED else "docs"
        fields[name] = {"type": "text", "analyzer": "tokens", "index_options": option, "norms": False}
    fields["order"] = {"type": "long"}
    fields |= {name: {"type": "integer", "index": False} for name, _ in _PRINTS}
    # Two hundred of them are read from a column in a quarter of the time that it takes from sources.
    fields["stored"] = {"type": "binary", "doc_values": True}
    return {"dynamic": "strict", "_source": {"enabled": False}, "properties": fields}


class _State:
    """An `Engine` over one state of the index."""

    def __init__(self, es: Any, index: str, point: str = "") -> None:
        self._es = es
        self._index = index
        self._read = False
        self.point = point  # empty: as it is now, for one read

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
        query = {"bool": {"filter": [_query(condition)]}}
        sort: list[Any] = [{"order": "asc" if oldest_first else "desc"}]
        if tiers:
            # The score is the number of the best tier.
            steps = [
                {"constant_score": {"filter": _query(tier), "boost": len(tiers) - at}}
                for at, tier in enumerate(tiers)
            ]
            query["bool"]["should"] = [{"dis_max": {"queries": steps}}]
            sort = [{"_score": "desc"}, *sort]
        aggs = {name: {"terms": {"field": name, "size": FACET_VALUES}} for name in facets}
        answer = self._search(
            size=limit,
            query=query,
            track_total_hits=True,
            **({"sort": sort, "docvalue_fields": ["stored"], "stored_fields": "_none_"} if limit else {}),
            **({"aggs": aggs} if aggs else {}),
        )
        place = len(sort) - 1
        hits = answer["hits"]["hits"]
        counted = answer.get("aggregations", {})
        return Read(
            answer["hits"]["total"]["value"],
            tuple((hit["sort"][place], b64decode(hit["fields"]["stored"][0]).decode()) for hit in hits),
            {name: _counts(counted[name]) for name in facets},
        )

    def _search(self, **asked: Any) -> Any:
        if not self.point:
            if self._read:
                raise _ReadsAgain
            self._read = True
            asked |= {"index": self._index, "preference": _PREFERENCE}
        else:
            asked["pit"] = {"id": self.point}
        answer = self._es.search(allow_partial_search_results=False, **asked).body
        self.point = answer.get("pit_id", "")
        return answer


def _counts(answer: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple((bucket["key"], bucket["doc_count"]) for bucket in answer["buckets"])


def _query(condition: Condition) -> dict[str, Any]:
    """A condition in the server's terms, to stand where nothing is scored."""
    match condition:
        case Is(field, (value,)):
            return {"term": {field: value}}
        case Is(field, values):
            return {"terms": {field: list(values)}}
        case Begins(field, prefix):
            return {"prefix": {field: prefix}}
        case Near(field, token, slips):
            # Rewritten so, it takes every near token, and not the best of the whole index.
            return {"fuzzy": {field: {"value": token, "fuzziness": slips, "rewrite": "constant_score"}}}
        case Phrase(field, tokens):
            return {"match_phrase": {field: " ".join(tokens)}}
        case Between(low, high):
            return {"range": {"order": {"gte": low, "lt": high}}}
        case Not(of):
            return {"bool": {"must_not": [_query(of)]}}
        case AllOf(of):
            return {
                "bool": {
                    "filter": [_query(part) for part in of if not isinstance(part, Not)],
                    "must_not": [_query(part.of) for part in of if isinstance(part, Not)],
                }
            }
        case AnyOf(of, least):
            if len(of) < least:
                return {"match_none": {}}
            return {"bool": {"should": [_query(part) for part in of], "minimum_should_match": least}}
    raise TypeError(condition)
