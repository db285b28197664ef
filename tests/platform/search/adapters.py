"""The adapters of the search port, for tests. Elasticsearch takes part where there is one."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Protocol

from shared.search.elastic import ElasticIndex
from shared.search.embedded import EmbeddedIndex
from shared.search.port import SearchIndex


class Adapter(Protocol):
    """Opens indexes, each named by a folder of its own."""

    def open(self, home: Path, *, writes: bool = True) -> SearchIndex:
        """The index of a folder."""
        ...

    def lose(self, home: Path) -> None:
        """Take the index away from under whoever uses it."""
        ...


class Embedded:
    """tantivy, in the folder itself."""

    def open(self, home: Path, *, writes: bool = True) -> SearchIndex:
        return EmbeddedIndex(home, writes=writes)

    def lose(self, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)


class Elastic:
    """Elasticsearch; the folder only gives the prefix."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._homes: set[Path] = set()

    def url(self, home: Path) -> str:
        self._homes.add(home)
        return f"{self.server}/{_prefix(home)}"

    def open(self, home: Path, *, writes: bool = True) -> SearchIndex:
        index = ElasticIndex(self.url(home), writes=writes)
        if writes:
            index.prepare()
        return index

    def lose(self, home: Path) -> None:
        ElasticIndex(self.url(home)).drop()

    def forget(self) -> None:
        """Leave nothing behind."""
        for home in self._homes:
            self.lose(home)


def _prefix(home: Path) -> str:
    return "test-" + hashlib.blake2b(str(home).encode(), digest_size=8).hexdigest()


def elasticsearch_url() -> str:
    """The address of the server to test with; empty where there is none."""
    return os.environ.get("ACM_ELASTICSEARCH_URL", "")


NAMES = ("embedded", "elastic") if elasticsearch_url() else ("embedded",)
