"""People and their roles."""

from __future__ import annotations

from typing import Any

from contracts.accounts import PersonChanged, PersonJoined, PersonLeft
from services.accounts import domain, store
from services.accounts.commands.teams import end_seat, require_employed
from shared.db import new_id
from shared.problem import Problem, conflict, forbidden
from shared.uow import UnitOfWork

FIRST = "admin"
"""Who runs an agency that has nobody yet."""


def add_person(uow: UnitOfWork, *, username: str, **facts: Any) -> store.Person:
    """Add a person. There is no password: the portal invites the new person to set one.

    Only administrators grant `administrator` and `auditor` (403); no username is used twice (409).
    """
    uow.require("person.manage")
    _require_grant(uow, facts.get("roles", ()))
    person = store.Person(id=new_id(), version=0, status=domain.EMPLOYED, username=username)
    _set_person(uow, person, facts)
    uow.emit(PersonJoined, person)
    uow.audit("person.joined", person.id, roles=person.roles, branch=person.branch)
    return person


def found_agency(uow: UnitOfWork) -> store.Person | None:
    """Give an agency without anybody its administrator; answers who signs in as `admin`, if any."""
    if not store.has_people(uow.session):
        add_person(uow, username=FIRST, name="系统管理员", email="", roles=["administrator"], branch="")
    return store.person_named(uow.session, FIRST)


def change_person(uow: UnitOfWork, person: store.Person, **facts: Any) -> store.Person:
    """Change a person's facts; administrators and auditors are changed by administrators only (403).

    Raises 409 for somebody who has left, and when the last administrator would lose the role.
    """
    uow.require("person.manage")
    roles = facts.get("roles", person.roles)
    _require_grant(uow, {*person.roles, *roles})
    require_employed(person)
    if "administrator" not in roles:
        _keep_an_administrator(uow, person)
    before = {"roles": list(person.roles), "branch": person.branch}
    _set_person(uow, person, facts)
    uow.emit(PersonChanged, person)
    after = {"roles": list(person.roles), "branch": person.branch}
    if before != after:
        uow.audit("person.changed", person.id, before=before, after=after)
    return person


def leave(uow: UnitOfWork, person: store.Person) -> store.Person:
    """Somebody leaves the agency: unemployed at once, every seat ended or called off in the same transaction.

    Raises 409 for the last administrator and for somebody who has left already.
    """
    uow.require("person.manage")
    _require_grant(uow, person.roles)
    require_employed(person)
    _keep_an_administrator(uow, person)
    for seat in store.seats(uow.session, person_id=person.id):
        if seat.period.state(uow.now) in {"current", "future"}:
            end_seat(uow, seat)
    person.status = domain.LEFT
    uow.emit(PersonLeft, person)
    uow.audit("person.left", person.id)
    return person


def _set_person(uow: UnitOfWork, person: store.Person, facts: dict[str, Any]) -> None:
    username = facts.get("username", person.username)
    if store.username_taken(uow.session, username, but=person.id):
        raise Problem(
            409,
            "username-taken",
            "This does not fit the present state.",
            errors={"username": "Somebody has this username already; choose another."},
        )
    for name, value in facts.items():
        setattr(person, name, value)
    person.username_key = domain.folded(username)
    person.roles = domain.distinct(person.roles)
    person.names_key = domain.names_key(person.name, username, ())
    person.sort_key = domain.sort_key(person.name)


def _require_grant(uow: UnitOfWork, roles: Any) -> None:
    guarded = bool(domain.GUARDED_ROLES & set(roles))
    if guarded and uow.actor is not None and not uow.actor.may("person.grant"):
        raise forbidden("Only administrators decide about administrators and auditors.")


def _keep_an_administrator(uow: UnitOfWork, person: store.Person) -> None:
    if [one.id for one in store.administrators(uow.session)] == [person.id]:
        raise conflict(
            "The last administrator must stay; make somebody else one first.", "last-administrator"
        )
