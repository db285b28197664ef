"""The suite of the search port: every adapter passes it. Another one is added to ADAPTERS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.search.embedded import EmbeddedIndex
from shared.search.port import SearchIndex
from tests.platform.search.library import Library

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
Adapter = Callable[[Path], SearchIndex]

ADAPTERS: dict[str, Adapter] = {"embedded": lambda home: EmbeddedIndex(home, writes=True)}


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Makes a writing index in a directory."""
    return ADAPTERS[request.param]


@pytest.fixture
def library(adapter: Adapter, tmp_path: Path) -> Iterator[Library]:
    """An empty index with a memory for its documents."""
    index = adapter(tmp_path / "index")
    yield Library(index, NOW)
    index.close()
