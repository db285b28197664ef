"""Every write of accounts."""

from __future__ import annotations

from typing import Any

from contracts.accounts import AssignmentStarted, ClientChanged, ClientCreated, PersonJoined
from services.accounts import store
from shared import access
from shared.db import new_id
from shared.uow import UnitOfWork


def create_client(uow: UnitOfWork, **facts: Any) -> store.Client:
    """Add a client. Administrators, directors, and whoever is an AM or AD now (who joins its team) may."""
    uow.require("client.create")
    client = store.Client(id=new_id(), version=0, **facts)
    uow.emit(ClientCreated, client)
    return client


def change_client(uow: UnitOfWork, client: store.Client, **facts: Any) -> store.Client:
    """Change a client's facts."""
    uow.require("client.change", access.Subject(client_id=client.id))
    for name, value in facts.items():
        setattr(client, name, value)
    uow.emit(ClientChanged, client)
    return client


def add_person(uow: UnitOfWork, **facts: Any) -> store.Person:
    """Add a person."""
    uow.require("person.manage")
    person = store.Person(id=new_id(), version=0, status="employed", **facts)
    uow.emit(PersonJoined, person)
    uow.audit("person.joined", person.id, roles=person.roles)
    return person


def assign(uow: UnitOfWork, *, client_id: str, person_id: str, role: str, starts_at: Any, ends_at: Any) -> store.Assignment:
    """Give a person a seat."""
    uow.require("team.manage", access.Subject(client_id=client_id))
    seat = store.Assignment(
        id=new_id(), version=0, client_id=client_id, person_id=person_id, role=role, starts_at=starts_at, ends_at=ends_at
    )
    uow.emit(AssignmentStarted, seat)
    return seat
