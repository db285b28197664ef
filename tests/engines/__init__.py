"""Real engines for tests: Kafka, Elasticsearch and PostgreSQL as throw-away servers on loopback.

`start("kafka", folder)` answers an engine that listens; `kill()`, `pause()`, `resume()`, `start()` and
`stop()` are for fault tests, and its address stays the same through all of them. `environment(folder)`
answers the three addresses: those that the environment names, and for the others engines that it starts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.engines import docker
from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.postgres import Postgres
from tests.engines.server import Engine, EngineError

__all__ = ["RECIPES", "Engine", "EngineError", "addresses", "engine", "environment", "start"]
RECIPES = {recipe.name: recipe for recipe in (Kafka, Elasticsearch, Postgres)}


def engine(name: str, data: Path, **options: Any) -> Engine:
    """The engine of that name in a folder, as it is now."""
    return (docker.RECIPES if docker.usable() else RECIPES)[name](data, **options)


def start(name: str, data: Path, **options: Any) -> Engine:
    """Start an engine in a folder of its own and wait until it answers. Raises EngineError."""
    made = engine(name, data, **options)
    made.start()
    return made


def addresses() -> dict[str, str]:
    """The addresses that the environment names, by the name of their variable."""
    return {r.variable: os.environ[r.variable] for r in RECIPES.values() if os.environ.get(r.variable)}


def environment(data: Path, **settings: dict[str, str]) -> tuple[dict[str, str], list[Engine]]:
    """All three addresses, and the engines that were started for them, each in a folder under `data`, with
    settings by the engine's name.
    """
    known = addresses()
    missing = [name for name, recipe in RECIPES.items() if recipe.variable not in known]
    started: list[Engine] = []
    try:
        for name in missing:
            # Installed one after another; then all come up at the same time.
            started.append(engine(name, data / name, settings=settings.get(name)))
            started[-1].launch()
        for one in started:
            one.wait()
    except BaseException:
        for one in started:
            one.stop(purge=True)
        raise
    return known | {one.variable: one.address for one in started}, started
