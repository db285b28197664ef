"""What only concerns Elasticsearch: versions that outlive deletes, a busy, blocked, killed or absent one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from shared.search import elastic as adapter
from shared.search.elastic import ElasticIndex
from shared.search.port import Find, IndexAway, IndexDocument, IndexUnavailable, Text, census
from tests import engines
from tests.platform.search.adapters import Elastic, elasticsearch_url
from tests.platform.search.conftest import NOW
from tests.platform.search.library import DIRECTOR, Library, finding

pytestmark = pytest.mark.skipif(not elasticsearch_url(), reason="ACM_ELASTICSEARCH_URL names no server")

BLOCKED = {"index.blocks.read_only_allow_delete": True}
FREE = {"index.blocks.read_only_allow_delete": None}


@pytest.fixture
def shelves(elastic: Elastic, tmp_path: Path) -> Library:
    return Library(elastic.open(tmp_path), NOW)


@pytest.fixture
def server() -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url()) as client:
        yield client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_PAUSES", (0.05, 0.05))


@pytest.fixture
def index_name(shelves: Library, elastic: Elastic, tmp_path: Path, server: Elasticsearch) -> str:
    prefix = elastic.url(tmp_path).rpartition("/")[2]
    return str(next(iter(server.indices.get(index=f"{prefix}-*"))))


def test_a_stale_write_long_after_the_delete_is_refused(
    shelves: Library, server: Elasticsearch, index_name: str
) -> None:
    """The server itself forgets a deleted document's version after index.gc_deletes."""
    server.indices.put_settings(index=index_name, settings={"index.gc_deletes": "0s"})
    shelves.put([finding("a", version=5, title="gone"), finding("b", title="stays")])
    shelves.remove("a")
    server.indices.refresh(index=index_name)
    server.indices.flush(index=index_name, force=True)
    server.indices.forcemerge(index=index_name, max_num_segments=1)
    written = shelves.index.put([finding("a", version=5, title="gone")], mark=9)
    assert (written.stored, written.skipped) == (0, 1)
    assert shelves.find("gone").total == 0
    assert shelves.find().total == 1


def test_two_processes_that_set_up_at_once_make_one_index(elastic: Elastic, tmp_path: Path) -> None:
    url = elastic.url(tmp_path)
    threads = [threading.Thread(target=ElasticIndex(url).prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    index = ElasticIndex(url, writes=True)
    index.put([finding("a", title="word")], mark=3)
    index.prepare()
    assert index.mark() == 3


def test_a_mark_never_goes_back(shelves: Library) -> None:
    """So that of two workers the slower one cannot make the other's documents be copied for nothing."""
    shelves.index.put([finding("a", title="first")], mark=20)
    shelves.index.put([finding("b", title="second")], mark=10)
    assert shelves.index.mark() == 20
    shelves.held |= {"a": finding("a"), "b": finding("b")}
    assert shelves.find().total == 2


def test_a_write_to_a_lost_index_makes_none(
    shelves: Library, elastic: Elastic, tmp_path: Path, server: Elasticsearch
) -> None:
    """Elasticsearch would make one by itself, with fields as it guesses them."""
    shelves.put([finding("a", title="word")])
    elastic.lose(tmp_path)
    with pytest.raises(IndexUnavailable):
        shelves.put([finding("b", title="word")])
    assert not server.indices.get(index=f"{elastic.url(tmp_path).rpartition('/')[2]}*")
    assert shelves.index.mark() == 0
    shelves.put(shelves.held.values())
    assert shelves.find("word").total == 2


def test_an_index_of_another_format_counts_as_lost(
    shelves: Library, elastic: Elastic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves.put([finding("a", title="word")])
    monkeypatch.setattr(adapter, "FORMAT", adapter.FORMAT + 1)
    newer = elastic.open(tmp_path)
    assert newer.mark() == 0
    newer.put(shelves.held.values(), mark=1)
    monkeypatch.undo()
    assert ElasticIndex(elastic.url(tmp_path)).mark() == 0  # removed: it may hold what was erased since


@pytest.mark.usefixtures("impatient")
def test_a_full_disk_stops_writes_and_loses_nothing(
    shelves: Library, server: Elasticsearch, index_name: str
) -> None:
    """Beyond the flood stage watermark the server blocks the index and answers 429."""
    shelves.put([finding("a", title="word")])
    server.indices.put_settings(index=index_name, settings=BLOCKED)
    with pytest.raises(IndexAway):
        shelves.put([finding("b", title="word")])
    assert shelves.index.mark() == 1
    assert shelves.ids("word") == ["a"]
    server.indices.put_settings(index=index_name, settings=FREE)
    shelves.put(shelves.held.values())
    assert shelves.find("word").total == 2


def test_a_short_refusal_is_waited_out(shelves: Library, server: Elasticsearch, index_name: str) -> None:
    server.indices.put_settings(index=index_name, settings=BLOCKED)
    timer = threading.Timer(0.3, server.indices.put_settings, kwargs={"index": index_name, "settings": FREE})
    timer.start()
    shelves.put([finding("a", title="word")])
    timer.join()
    assert shelves.ids("word") == ["a"]


def test_a_searching_process_sees_no_gap_while_rebuilt_indexes_take_their_places(shelves: Library) -> None:
    shelves.put([finding(f"f{number}", title="word") for number in range(20)])
    stop = threading.Event()
    seen: list[int | Exception] = []

    def search() -> None:
        while not stop.is_set():
            try:
                seen.append(shelves.find("word").total)
            except Exception as failure:
                seen.append(failure)

    searcher = threading.Thread(target=search)
    searcher.start()
    for mark in range(3):
        fresh = shelves.index.rebuild()
        fresh.put(shelves.held.values(), mark=mark + 1)
        shelves.index.swap(fresh)
    stop.set()
    searcher.join()
    assert set(seen) == {20}


def test_nobody_there_is_said_at_once() -> None:
    index = ElasticIndex("http://127.0.0.1:9/nobody", writes=True)
    started = time.monotonic()
    for call in (
        index.mark,
        index.census,
        lambda: index.put([], mark=1),
        lambda: index.find(Find(), DIRECTOR, NOW, texts=lambda _: {}),
        lambda: index.suggest("x", DIRECTOR),
        index.prepare,
        index.rebuild,
    ):
        with pytest.raises(IndexAway):
            call()
    assert time.monotonic() - started < 2


# --- a server of its own -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Engine]:
    """A server that may be killed, with room for very few writes at a time."""
    settings = {"thread_pool.write.size": "1", "thread_pool.write.queue_size": "1"}
    folder = tmp_path_factory.mktemp("elasticsearch")
    engine = engines.start("elasticsearch", folder, settings=settings)
    yield engine
    engine.stop(purge=True)


def test_what_a_busy_server_refuses_is_written_in_the_end(own: engines.Engine) -> None:
    index = ElasticIndex(f"{own.address}/busy", writes=True)
    index.prepare()

    def write(number: int) -> None:
        for part in range(4):
            documents = [_long(f"w{number}-{part}-{n}") for n in range(60)]
            while True:
                try:
                    index.put(documents, mark=1)
                    break
                except IndexAway:  # so does the indexing task
                    continue

    writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    wanted = [(f"w{n}-{k}-{i}", 1, 1, False) for n in range(6) for k in range(4) for i in range(60)]
    assert index.census() == census(wanted)
    with Elasticsearch(own.address) as client:
        pools = client.nodes.stats(metric="thread_pool")["nodes"].values()
        assert sum(node["thread_pool"]["write"]["rejected"] for node in pools) > 0


def test_killed_in_the_midst_of_a_bulk_it_holds_all_up_to_its_mark(own: engines.Engine) -> None:
    index = ElasticIndex(f"{own.address}/killed", writes=True)
    index.prepare()
    batches = {mark: [_long(f"{mark}-{n}") for n in range(80)] for mark in range(1, 40)}
    answered: list[int] = []
    reached = threading.Event()
    failures: list[Exception] = []

    def write() -> None:
        try:
            for mark, batch in batches.items():
                index.put(batch, mark=mark)
                answered.append(mark)
                if mark == 3:  # the next one is under way when the server dies
                    reached.set()
        except IndexAway as failure:
            failures.append(failure)

    writer = threading.Thread(target=write)
    writer.start()
    assert reached.wait(120)
    own.kill()
    writer.join()
    assert failures
    with pytest.raises(IndexAway):
        index.mark()
    own.start()
    mark = _once_it_answers(index)
    assert mark >= answered[-1]
    held = _held(index)
    assert {doc.id for at in range(1, mark + 1) for doc in batches[at]} <= held
    for at in range(mark + 1, 40):
        index.put(batches[at], mark=at)
    assert index.census() == census((doc.id, 1, 1, False) for batch in batches.values() for doc in batch)


def test_a_paused_server_is_given_up_within_seconds(
    own: engines.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ElasticIndex(f"{own.address}/paused", writes=True)
    index.prepare()
    own.pause()
    try:
        started = time.monotonic()
        with pytest.raises(IndexAway):
            index.find(Find(), DIRECTOR, NOW, texts=lambda _: {})
        assert time.monotonic() - started < 2 * adapter._READ_SECONDS
    finally:
        own.resume()
    assert _once_it_answers(index) == 0


def _long(id: str) -> IndexDocument:
    return finding(id, title="word", body=f"text of {id} " * 200)


def _once_it_answers(index: ElasticIndex) -> int:
    deadline = time.monotonic() + 60
    while True:
        try:
            return index.mark()
        except IndexAway:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _held(index: ElasticIndex) -> set[str]:
    found = set()
    cursor = ""
    while True:
        asked = Find(sort="newest", size=100, cursor=cursor, facets=())
        page = index.find(asked, DIRECTOR, NOW, texts=_texts)
        found |= {hit.id for hit in page.hits}
        cursor = page.cursor
        if not cursor:
            return found


def _texts(ids: Sequence[str]) -> dict[str, Text]:
    return {id: Text("") for id in ids}
