"""Search's manifest."""

from __future__ import annotations

from services.search import api, cli, commands, pages, store
from services.search.handlers import handlers
from shared.search import analysis
from shared.service import Service, Task

SERVICE = Service(
    name="search",
    package="services.search",
    description="Finds what a person may see, in Chinese and English, with facets, suggestions and exports.",
    tables=store.Base.metadata,
    api=api.apis,
    pages=[pages.pages],
    handlers=handlers,
    tasks=[Task("index", commands.index_some, every_seconds=0.5)],
    commands=[cli.rebuild],
    prepare=store.prepare,
    holds=store.holds,
    restored=commands.after_restore,
    examine=lambda running: {"index": lambda: commands.index_problem(running)},
    warm=analysis.warm,
)
