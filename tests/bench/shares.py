"""Where time goes: how much of it is spent in which library's own code."""

from __future__ import annotations

import cProfile
import pstats
from collections import defaultdict
from collections.abc import Callable

AREAS = {
    "/shared/search": "analysis, ranking and highlights",
    "sqlalchemy/orm": "SQLAlchemy ORM", "sqlalchemy": "SQLAlchemy Core", "sqlite3": "SQLite and the disk",
    "flask_smorest": "schemas", "marshmallow": "schemas", "webargs": "schemas", "apispec": "schemas",
    "flask": "Flask", "werkzeug": "Flask", "/kafka/": "kafka-python", "json": "JSON",
    "tantivy": "tantivy", "elastic": "Elasticsearch's client", "urllib3": "Elasticsearch's client",
    "_socket": "waiting for the server", "/shared/": "conventions and permission",
    "/contracts/": "contracts", "/services/": "the service",
}  # fmt: skip
"""Part of a file's path or of a built-in function's name: what it is accounted to."""
Shares = list[tuple[str, float]]


def of(body: Callable[[], object]) -> Shares:
    """The share of each area in what a warm run of this takes, the largest first."""
    body()
    profile = cProfile.Profile()
    profile.runcall(body)
    spent: dict[str, float] = defaultdict(float)
    for (path, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[next((area for mark, area in AREAS.items() if mark in path + function), "Python")] += own
    total = sum(spent.values())
    return sorted(((area, own / total) for area, own in spent.items()), key=lambda pair: -pair[1])


def told(found: Shares) -> str:
    """As a line of text."""
    return ", ".join(f"{area} {share:.0%}" for area, share in found)
