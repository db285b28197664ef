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
    published=[store.Client, store.Contact, store.Person, store.Assignment, store.Wall],
    api=api.apis,
    pages=[pages],
)
