"""Proposals' manifest."""

from __future__ import annotations

from services.proposals import api, pages, store
from services.proposals.handlers import handlers
from shared.service import Service

SERVICE = Service(
    name="proposals",
    package="services.proposals",
    description="Internal, client and pitch proposals: from evidence, through approval, to the result.",
    tables=store.Base.metadata,
    published=[store.Proposal, store.Pitch],
    api=[api.api],
    pages=[pages.pages],
    handlers=handlers,
)
