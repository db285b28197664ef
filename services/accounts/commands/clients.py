"""Clients and their contacts."""

from __future__ import annotations

from typing import Any

from contracts.accounts import ClientChanged, ClientCreated, ContactAdded, ContactChanged, ContactRemoved
from services.accounts import domain, store
from services.accounts.commands.scope import scope_of
from services.accounts.commands.teams import start_seat
from shared.access import Subject
from shared.db import new_id
from shared.problem import invalid
from shared.uow import UnitOfWork

_OPENING = ("visibility", "branch")


def create_client(uow: UnitOfWork, **facts: Any) -> store.Client:
    """Add a client. Administrators, directors, and whoever is an AM or AD now (T11, T3), who joins its team.

    Raises 403 for others, 404 when `parent_id` names no client that they may list.
    """
    uow.require("client.create")
    client = store.Client(id=new_id(), version=0, parent_id=None)
    _set_client(uow, client, facts)
    uow.emit(ClientCreated, client)
    role = _seat_of_creator(uow)
    if role is not None:
        start_seat(uow, client.id, uow.actor_id, role, domain.Period(uow.now))
    return client


def change_client(uow: UnitOfWork, client: store.Client, **facts: Any) -> store.Client:
    """Change a client's facts. Raises 404 for an unknown parent, 422 when it would stand under itself."""
    uow.require("client.change", Subject(client_id=client.id))
    opened = {
        name: facts[name] for name in _OPENING if name in facts and facts[name] != getattr(client, name)
    }
    _set_client(uow, client, facts)
    uow.emit(ClientChanged, client)
    if opened:
        # Both decide who sees it: `team` hides it from colleagues, and the branch's leadership is cleared.
        uow.audit("client.opened", client.id, **opened)
    return client


def _set_client(uow: UnitOfWork, client: store.Client, facts: dict[str, Any]) -> None:
    parent_id = facts.get("parent_id")
    if parent_id is not None and parent_id != client.parent_id:
        store.client(uow.session, parent_id, scope_of(uow))
        if domain.circular(client.id, parent_id, lambda one: store.parent_of(uow.session, one)):
            raise invalid({"parent_id": "Choose another parent: this one cannot stand above the client."})
    for name, value in facts.items():
        setattr(client, name, value)
    client.aliases = domain.distinct(client.aliases)
    client.names_key = domain.names_key(client.name, client.english_name, client.aliases)
    client.sort_key = domain.sort_key(client.name)


def _seat_of_creator(uow: UnitOfWork) -> str | None:
    if uow.actor is None or uow.actor.may("team.correct"):
        return None
    return domain.joins_as(seat.role for seat in uow.actor.book.seats(uow.actor_id, uow.now))


def add_contact(uow: UnitOfWork, client: store.Client, **facts: Any) -> store.Contact:
    """Add a person at the client. Its team and whoever is cleared for it may."""
    uow.require("client.contacts", Subject(client_id=client.id))
    contact = store.Contact(id=new_id(), client_id=client.id, removed=False, version=0, **facts)
    uow.emit(ContactAdded, contact)
    return contact


def change_contact(uow: UnitOfWork, contact: store.Contact, **facts: Any) -> store.Contact:
    """Change what is known of a contact."""
    uow.require("client.contacts", Subject(client_id=contact.client_id))
    for name, value in facts.items():
        setattr(contact, name, value)
    uow.emit(ContactChanged, contact)
    return contact


def remove_contact(uow: UnitOfWork, contact: store.Contact) -> None:
    """Remove a contact: the row and the shape that travels keep nothing of the person."""
    uow.require("client.contacts", Subject(client_id=contact.client_id))
    contact.removed = True
    contact.name = contact.title = contact.email = contact.phone = contact.preferred_language = ""
    uow.emit(ContactRemoved, contact)
