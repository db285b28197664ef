"""What only concerns the index in files: damage, one writer, the death of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from shared.search.embedded import EmbeddedIndex, IndexBusy
from shared.search.port import Find, IndexUnavailable, census
from tests.platform.search.conftest import NOW
from tests.platform.search.library import DIRECTOR, Library, finding


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
