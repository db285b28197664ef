"""Search: the port, what makes an answer, and the adapters."""

from __future__ import annotations

from pathlib import Path

from shared.search.embedded import EmbeddedIndex
from shared.search.port import SearchIndex


def connect(url: str, folder: Path, *, writes: bool = False) -> SearchIndex:
    """The index at a URL: `embedded` (in a folder) or `http(s)://…`. The first call opens it."""
    if url == "embedded":
        return EmbeddedIndex(folder, writes=writes)
    from shared.search.elastic import ElasticIndex

    return ElasticIndex(url, writes=writes)
