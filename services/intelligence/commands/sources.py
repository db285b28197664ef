"""Writing sources."""

from __future__ import annotations

from typing import Any

from contracts.intelligence import SourceAdded, SourceChanged
from services.intelligence import store
from services.intelligence.commands.clients import UNKNOWN, check_client
from services.intelligence.domain import evidence
from shared.db import new_id
from shared.problem import invalid
from shared.uow import UnitOfWork


def add_source(uow: UnitOfWork, **facts: Any) -> store.Source:
    """Add a source. What it repeats must be public, or of the same client: 422 otherwise."""
    check_client(uow, facts.get("client_id"), "source.manage")
    source = store.Source(id=new_id(), version=0, **facts)
    _check_origin(uow, source)
    uow.emit(SourceAdded, source)
    return source


def change_source(uow: UnitOfWork, source: store.Source, **facts: Any) -> store.Source:
    """Change a source's facts. Whose it is never changes: findings of others may rest on it."""
    uow.require("source.manage", source.subject())
    if facts.get("client_id", source.client_id) != source.client_id:
        raise invalid({"client_id": "A source stays with its client; add another one."})
    for name, value in facts.items():
        setattr(source, name, value)
    if "origin_id" in facts:
        _check_origin(uow, source)
    uow.emit(SourceChanged, source)
    return source


def _check_origin(uow: UnitOfWork, source: store.Source) -> None:
    if source.origin_id is None:
        return
    with uow.session.no_autoflush:
        found = store.visible_sources(uow.session, uow.actor, [source.origin_id]).get(source.origin_id)
        if found is None:
            raise invalid({"origin_id": UNKNOWN})
        if found.client_id not in (None, source.client_id):
            raise invalid({"origin_id": "Only a public source, or one of the same client, can be repeated."})
        behind = store.origins(uow.session, [found.id])
    if evidence.closes_circle(source.id, found.id, behind):
        raise invalid({"origin_id": "The sources would repeat one another in a circle."})
