"""Accounts' manifest."""

from __future__ import annotations

from services.accounts import api, commands, store
from services.accounts.pages import pages
from shared.service import Runtime, Service


def _found_agency(running: Runtime) -> None:
    with running.unit_of_work() as uow:
        commands.found_agency(uow)


SERVICE = Service(
    name="accounts",
    package="services.accounts",
    description="Clients and contacts, people and roles, account teams, conflict walls.",
    tables=store.Base.metadata,
    published=[store.Client, store.Contact, store.Person, store.Assignment, store.Wall],
    api=api.apis,
    pages=[pages],
    started=_found_agency,
)
