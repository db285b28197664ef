"""The index as a copy that heals: versions, tombstones, marks, rebuilding, loss."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from shared.search.port import Find, IndexDocument, IndexUnavailable, census
from tests.platform.search.adapters import Adapter
from tests.platform.search.conftest import NOW
from tests.platform.search.library import DIRECTOR, Library, finding


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
    reader = adapter.open(tmp_path / "index", writes=False)
    library.put([finding("a", title="first")])
    asked = Find(query="first")
    assert reader.find(asked, DIRECTOR, NOW, texts=library.texts).total == 1
    library.put([finding("b", title="first again")])
    assert reader.find(asked, DIRECTOR, NOW, texts=library.texts).total == 2
    assert reader.mark() == library.index.mark()
    with pytest.raises(TypeError):
        reader.put([], mark=1)


def test_a_rebuilt_index_takes_the_place_at_once(adapter: Adapter, library: Library, tmp_path: Path) -> None:
    library.put([finding("old", title="shared word"), finding("kept", title="shared word")])
    reader = adapter.open(tmp_path / "index", writes=False)
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


def test_what_does_not_answer_says_so(adapter: Adapter, tmp_path: Path) -> None:
    reader = adapter.open(tmp_path / "nowhere", writes=False)
    assert reader.mark() == 0
    with pytest.raises(IndexUnavailable):
        reader.find(Find(), DIRECTOR, NOW, texts=lambda ids: {})


def test_a_lost_index_is_an_empty_one(adapter: Adapter, library: Library, tmp_path: Path) -> None:
    library.put([finding("a", title="word")])
    adapter.lose(tmp_path / "index")
    assert library.index.mark() == 0
    library.put(library.held.values())
    assert library.ids("word") == ["a"]


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
