"""The index as a copy that heals: versions, tombstones, marks, rebuilding, damage, death of its writer."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.search.embedded import EmbeddedIndex, IndexBusy
from shared.search.port import Find, IndexDocument, IndexUnavailable, SearchIndex, census
from tests.platform.search.conftest import NOW
from tests.platform.search.library import DIRECTOR, Library, finding

Adapter = Callable[[Path], SearchIndex]


def census_of(library: Library) -> object:
    return census((doc.id, doc.epoch, doc.version, doc.deleted) for doc in library.held.values())


def test_older_versions_never_replace_newer_ones(library: Library) -> None:
    library.put([finding("a", epoch=1, version=5, title="fifth")])
    assert library.index.put([finding("a", epoch=1, version=4, title="fourth")], mark=2).skipped == 1
    assert library.index.put([finding("a", epoch=1, version=5, title="again")], mark=3).skipped == 1
    assert library.ids("fifth") == ["a"]
    assert library.ids("fourth") == []
    assert library.index.put([finding("a", epoch=2, version=1, title="restored")], mark=4).stored == 1
    assert library.ids("fifth") == []
    assert library.ids("restored") == ["a"]


def test_order_within_a_batch_does_not_matter(library: Library) -> None:
    versions = [finding("a", version=number, title=f"word{number}x") for number in range(1, 8)]
    random.Random(3).shuffle(versions)
    library.index.put(versions, mark=1)
    library.held["a"] = versions[0]
    assert library.ids("word7x") == ["a"]
    assert library.find().total == 1


def test_tombstones_stay(library: Library) -> None:
    library.put([finding("a", title="gone soon"), finding("b", title="stays")])
    library.remove("a")
    assert library.ids() == ["b"]
    assert library.index.put([finding("a", version=1, title="gone soon")], mark=9).skipped == 1
    assert library.ids() == ["b"]
    assert library.index.census() == census_of(library)


def test_the_mark_is_committed_with_the_documents(library: Library) -> None:
    assert library.index.mark() == 0
    library.index.put([finding("a")], mark=41)
    library.index.put([], mark=42)
    assert library.index.mark() == 42


def test_readers_see_each_commit(adapter: Adapter, library: Library, tmp_path: Path) -> None:
    reader = EmbeddedIndex(tmp_path / "index")
    library.put([finding("a", title="first")])
    asked = Find(query="first")
    assert reader.find(asked, DIRECTOR, NOW, texts=library.texts).total == 1
    library.put([finding("b", title="first again")])
    assert reader.find(asked, DIRECTOR, NOW, texts=library.texts).total == 2
    assert reader.mark() == library.index.mark()
    with pytest.raises(TypeError):
        reader.put([], mark=1)


def test_a_rebuilt_index_takes_the_place_at_once(library: Library, tmp_path: Path) -> None:
    library.put([finding("old", title="shared word"), finding("kept", title="shared word")])
    reader = EmbeddedIndex(tmp_path / "index")
    assert reader.find(Find(query="shared"), DIRECTOR, NOW, texts=library.texts).total == 2
    fresh = library.index.rebuild()
    fresh.put([library.held["kept"]], mark=7)
    assert library.find("shared").total == 2
    assert fresh.census() == census([("kept", 1, 1, False)])
    library.index.swap(fresh)
    assert library.ids("shared") == ["kept"]
    assert library.index.mark() == 7
    assert reader.find(Find(query="shared"), DIRECTOR, NOW, texts=library.texts).total == 1
    library.put([finding("new", title="shared word")])
    assert sorted(library.ids("shared")) == ["kept", "new"]


def test_what_does_not_answer_says_so(tmp_path: Path) -> None:
    reader = EmbeddedIndex(tmp_path / "nowhere")
    assert reader.mark() == 0
    with pytest.raises(IndexUnavailable):
        reader.find(Find(), DIRECTOR, NOW, texts=lambda ids: {})


def test_a_lost_directory_is_an_empty_index(library: Library, tmp_path: Path) -> None:
    library.put([finding("a", title="word")])
    shutil.rmtree(tmp_path / "index")
    assert library.index.mark() == 0
    library.put(library.held.values())
    assert library.ids("word") == ["a"]


@pytest.mark.parametrize("victim", ["*.store", "*.idx", "*.term", "*.fast", "meta.json", "current"])
def test_damage_is_noticed_and_heals(tmp_path: Path, victim: str) -> None:
    home = tmp_path / "index"
    library = Library(EmbeddedIndex(home, writes=True), NOW)
    library.put([finding(f"f{number}", title="word", body="text " * 50) for number in range(50)])
    library.index.close()
    path = next(iter([*home.glob(victim), *home.glob(f"g*/{victim}")]))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    library.index = EmbeddedIndex(home, writes=True)
    assert library.index.mark() == 0
    library.put(library.held.values())
    assert library.find("word").total == 50


def test_a_reader_tells_the_writer_of_damage(tmp_path: Path) -> None:
    home = tmp_path / "index"
    library = Library(EmbeddedIndex(home, writes=True), NOW)
    library.put([finding("a", title="word")])
    for path in home.glob("g*/*.store"):
        path.write_bytes(b"\0" * path.stat().st_size)
    reader = EmbeddedIndex(home)
    with pytest.raises(IndexUnavailable):
        reader.find(Find(query="word"), DIRECTOR, NOW, texts=library.texts)
    assert library.index.mark() == 0
    library.put(library.held.values())
    assert reader.find(Find(query="word"), DIRECTOR, NOW, texts=library.texts).total == 1


def test_one_process_writes(tmp_path: Path) -> None:
    first = EmbeddedIndex(tmp_path / "index", writes=True)
    first.put([finding("a")], mark=5)
    second = EmbeddedIndex(tmp_path / "index", writes=True)
    with pytest.raises(IndexBusy):
        second.put([finding("b")], mark=6)
    with pytest.raises(IndexBusy):
        second.mark()
    assert first.mark() == 5
    first.close()
    assert second.put([finding("b")], mark=6).stored == 1


_WRITER = """
    import sys
    from shared.search.embedded import EmbeddedIndex
    from tests.platform.search.library import finding
    index = EmbeddedIndex(sys.argv[1], writes=True)
    for mark in range(1, 10_000):
        batch = [finding(f"m{mark:05}-{n}", title="word", body="text " * 300) for n in range(5)]
        index.put(batch, mark=mark)
        print(mark, flush=True)
"""


@pytest.mark.parametrize("commits", [1, 4, 9])
def test_a_killed_writer_loses_nothing_committed(tmp_path: Path, commits: int) -> None:
    code = [sys.executable, "-c", textwrap.dedent(_WRITER), str(tmp_path / "index")]
    child = subprocess.Popen(code, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(commits)]
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    index = EmbeddedIndex(tmp_path / "index", writes=True)
    mark = index.mark()
    assert mark >= said[-1]
    # All of a commit or nothing of it.
    expected = [(f"m{number:05}-{n}", 1, 1, False) for number in range(1, mark + 1) for n in range(5)]
    assert index.census() == census(expected)
    index.put([finding("after")], mark=mark + 1)
    assert index.mark() == mark + 1
    index.close()


def test_a_document_with_everything_and_with_nothing(library: Library) -> None:
    full = IndexDocument(
        id="full", epoch=2**20, version=2**30, kind="finding", client_id="c1", label="TLP:AMBER",
        recipients=("p", "q"),
        title="t\x00i\x1et\x1fl\ne", body="b" * 65536, names=("", "名"),
        part="p", method="m", source_id="s",
        source_name="\n", reliability="F", credibility=6, valid_from=NOW, valid_until=NOW, collected_at=NOW,
        verified_at=NOW, owner="o",
    )  # fmt: skip
    library.put([full, IndexDocument(id="bare", epoch=0, version=0, label="TLP:CLEAR")])
    assert sorted(library.ids()) == ["bare", "full"]
