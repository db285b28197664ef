"""The suite of the search port: every adapter passes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.platform.search.adapters import NAMES, Adapter, Elastic, Embedded, elasticsearch_url
from tests.platform.search.library import Library

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)


@pytest.fixture
def elastic() -> Iterator[Elastic]:
    """Elasticsearch, left as it was."""
    adapter = Elastic(elasticsearch_url())
    yield adapter
    adapter.forget()


@pytest.fixture(params=NAMES)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    """Each adapter in turn."""
    return request.getfixturevalue("elastic") if request.param == "elastic" else Embedded()


@pytest.fixture
def library(adapter: Adapter, tmp_path: Path) -> Iterator[Library]:
    """An empty index with a memory for its documents."""
    index = adapter.open(tmp_path / "index")
    yield Library(index, NOW)
    index.close()
