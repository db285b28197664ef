"""Accounts' manifest."""

from __future__ import annotations

from services.accounts import api, store
from services.accounts.pages import pages
from shared.service import Service

SERVICE = Service(
    name="accounts",
    package="services.accounts",
    description="Clients and contacts, people and roles, account teams, conflict walls.",
    tables=store.Base.metadata,
    api=api.apis,
    pages=[pages],
)
