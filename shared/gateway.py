"""One origin for all services: routes by the first path segment and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def dispatcher(apps: Mapping[str, Wsgi], *, root: str) -> Wsgi:
    """A WSGI app that hands each request to the service that its path begins with, else to `root`."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        first = environ.get("PATH_INFO", "/").lstrip("/").partition("/")[0]
        return apps.get(first, apps[root])(environ, start_response)

    return app
