"""Intelligence's manifest."""

from __future__ import annotations

from services.intelligence import api, pages, store
from shared.service import Service

SERVICE = Service(
    name="intelligence",
    package="services.intelligence",
    description="Sources, findings with their evidence, and what they make of each client.",
    tables=store.Base.metadata,
    published=[store.Source, store.Finding],
    api=[api.api],
    pages=[pages.pages],
)
