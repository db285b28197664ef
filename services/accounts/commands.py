"""Every write of accounts. Whoever acts is asked for here (`uow.require`), whatever the way in (P3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from contracts.accounts import (
    AssignmentChanged,
    AssignmentEnded,
    AssignmentStarted,
    ClientChanged,
    ClientCreated,
    ContactAdded,
    ContactChanged,
    ContactRemoved,
    PersonChanged,
    PersonJoined,
    PersonLeft,
    WallChanged,
    WallLifted,
    WallRaised,
)
from services.accounts import domain, store
from shared.access import Scope, Subject
from shared.db import new_id
from shared.problem import Problem, conflict, forbidden, invalid
from shared.uow import SYSTEM, UnitOfWork

_OPENING = ("visibility", "branch")


def scope_of(uow: UnitOfWork) -> Scope:
    """What whoever acts may see; the system itself sees everything."""
    return uow.actor.scope if uow.actor else Scope(SYSTEM, everything=True, directory=True)


# --- clients -----------------------------------------------------------------------------------------------


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
        _start(uow, client.id, uow.actor_id, role, domain.Period(uow.now))
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


# --- contacts ----------------------------------------------------------------------------------------------


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


# --- people ------------------------------------------------------------------------------------------------


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


def change_person(uow: UnitOfWork, person: store.Person, **facts: Any) -> store.Person:
    """Change a person's facts; administrators and auditors are changed by administrators only (403).

    Raises 409 for somebody who has left, and when the last administrator would lose the role.
    """
    uow.require("person.manage")
    roles = facts.get("roles", person.roles)
    _require_grant(uow, {*person.roles, *roles})
    _require_employed(person)
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
    _require_employed(person)
    _keep_an_administrator(uow, person)
    for seat in store.seats(uow.session, person_id=person.id):
        if seat.period.state(uow.now) in {"current", "future"}:
            _end(uow, seat)
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


def _require_employed(person: store.Person) -> None:
    if person.status != domain.EMPLOYED:
        raise conflict("%(name)s has left the agency.", "has-left", name=person.name)


def _keep_an_administrator(uow: UnitOfWork, person: store.Person) -> None:
    if [one.id for one in store.administrators(uow.session)] == [person.id]:
        raise conflict(
            "The last administrator must stay; make somebody else one first.", "last-administrator"
        )


# --- account teams -----------------------------------------------------------------------------------------


def assign(
    uow: UnitOfWork,
    *,
    client_id: str,
    person_id: str,
    role: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> store.Assignment:
    """Give a person a seat (T2 CAE, T11 AM, T3 AD) for a period; without a start it begins now.

    Raises 404 for a client that may not be seen; 422 for an empty period, somebody not employed, and where
    a wall or its cooling-off stands between (naming no client: the actor may not see the other one); 409 when
    the person holds the same seat at some instant of the period.
    """
    client = store.client(uow.session, client_id, scope_of(uow), for_update=True)
    uow.require("team.manage", Subject(client_id=client.id))
    period = _period(starts_at or uow.now, ends_at)
    person = uow.session.get(store.Person, person_id, with_for_update=True)
    if person is None or person.status != domain.EMPLOYED:
        raise invalid({"person_id": "Choose somebody who is employed."})
    _refuse_twice(uow, client.id, person.id, role, period)
    _refuse_across(uow, client.id, person, period)
    return _start(uow, client.id, person.id, role, period)


def change_assignment(
    uow: UnitOfWork, seat: store.Assignment, *, starts_at: datetime | None, ends_at: datetime | None
) -> store.Assignment:
    """Change the period of a seat. Raises as `assign` does.

    What has passed is what cooling-off counts from: only administrators and directors may correct it.
    """
    store.client(uow.session, seat.client_id, scope_of(uow), for_update=True)
    uow.require("team.manage", Subject(client_id=seat.client_id))
    old, new = seat.period, _period(starts_at or seat.starts_at, ends_at)
    if domain.rewrites_past(old, new, uow.now):
        uow.require("team.correct", Subject(client_id=seat.client_id))
    if not new.within(old):
        person = store.person(uow.session, seat.person_id, for_update=True)
        _require_employed(person)
        _refuse_twice(uow, seat.client_id, seat.person_id, seat.role, new, but=seat.id)
        _refuse_across(uow, seat.client_id, person, new)
    seat.starts_at, seat.ends_at = new.starts_at, new.ends_at
    uow.emit(AssignmentChanged, seat)
    _audit_seat(uow, "assignment.changed", seat)
    return seat


def end_assignment(uow: UnitOfWork, seat: store.Assignment) -> store.Assignment:
    """End a seat now, or call off one that has not begun. Raises 409 when it is over already."""
    store.client(uow.session, seat.client_id, scope_of(uow))
    uow.require("team.manage", Subject(client_id=seat.client_id))
    if seat.period.state(uow.now) in {"past", "cancelled"}:
        raise conflict("This seat has ended already.", "ended")
    return _end(uow, seat)


def _period(starts_at: datetime, ends_at: datetime | None) -> domain.Period:
    period = domain.Period(starts_at, ends_at)
    if period.empty:
        raise invalid({"until": "The end must come after the start."})
    return period


def _start(
    uow: UnitOfWork, client_id: str, person_id: str, role: str, period: domain.Period
) -> store.Assignment:
    seat = store.Assignment(
        id=new_id(),
        version=0,
        client_id=client_id,
        person_id=person_id,
        role=role,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
    )
    uow.emit(AssignmentStarted, seat)
    _audit_seat(uow, "assignment.started", seat)
    return seat


def _end(uow: UnitOfWork, seat: store.Assignment) -> store.Assignment:
    # The end of one that has not begun lies before its start: an empty period, which binds nobody.
    seat.ends_at = uow.now
    uow.emit(AssignmentEnded, seat)
    _audit_seat(uow, "assignment.ended", seat)
    return seat


def _audit_seat(uow: UnitOfWork, action: str, seat: store.Assignment) -> None:
    shape = seat.shape()
    uow.audit(
        action,
        seat.id,
        client=shape.client_id,
        person=shape.person_id,
        role=shape.role,
        starts_at=shape.starts_at,
        ends_at=shape.ends_at,
    )


def _refuse_twice(
    uow: UnitOfWork, client_id: str, person_id: str, role: str, period: domain.Period, *, but: str = ""
) -> None:
    for seat in store.seats(uow.session, person_id=person_id, client_ids=[client_id]):
        if seat.id != but and seat.role == role and domain.meet(seat.period, period):
            raise conflict("This person holds this seat already within that period.", "seat-taken")


def _refuse_across(uow: UnitOfWork, client_id: str, person: store.Person, period: domain.Period) -> None:
    """A wall's other side may be hidden from whoever acts: the refusal names no client and no wall."""
    for wall in store.standing_walls(uow.session, client_id):
        for seat in store.seats(uow.session, person_id=person.id, client_ids=[wall.beyond(client_id)]):
            if domain.across(period, seat.period, cooling_off_days=wall.cooling_off_days, now=uow.now):
                raise invalid(
                    {"person_id": "%(name)s cannot join this team in that period; a director can tell why."},
                    name=person.name,
                )


# --- walls -------------------------------------------------------------------------------------------------


def raise_wall(uow: UnitOfWork, *, client_ids: list[str], reason: str, cooling_off_days: int) -> store.Wall:
    """Raise a wall between two competing clients: each is hidden from the other's team, past members included
    until they have cooled off.

    Raises 404 unless both may be seen; 409 where one stands; 422, with their names, while people are, or are
    to be, on both teams at once.
    """
    uow.require("wall.manage")
    one, other = [
        store.client(uow.session, client_id, scope_of(uow), for_update=True).id
        for client_id in sorted(client_ids)
    ]
    if any(wall.beyond(one) == other for wall in store.standing_walls(uow.session, one)):
        raise conflict("A wall stands between these two already.", "wall-stands")
    _refuse_on_both_teams(uow, one, other)
    wall = store.Wall(
        id=new_id(),
        version=0,
        one_id=client_ids[0],
        other_id=client_ids[1],
        reason=reason,
        cooling_off_days=cooling_off_days,
        raised_at=uow.now,
        lifted_at=None,
    )
    uow.emit(WallRaised, wall)
    uow.audit("wall.raised", wall.id, clients=wall.client_ids, cooling_off_days=cooling_off_days)
    return wall


def change_wall(uow: UnitOfWork, wall: store.Wall, **facts: Any) -> store.Wall:
    """Change a standing wall's reason or cooling-off. Raises 409 for a lifted one."""
    uow.require("wall.manage")
    _require_standing(wall)
    for name, value in facts.items():
        setattr(wall, name, value)
    uow.emit(WallChanged, wall)
    uow.audit("wall.changed", wall.id, clients=wall.client_ids, cooling_off_days=wall.cooling_off_days)
    return wall


def lift_wall(uow: UnitOfWork, wall: store.Wall) -> store.Wall:
    """Lift a wall: what it hid is seen again at once. Raises 409 for a lifted one."""
    uow.require("wall.manage")
    _require_standing(wall)
    wall.lifted_at = uow.now
    uow.emit(WallLifted, wall)
    uow.audit("wall.lifted", wall.id, clients=wall.client_ids)
    return wall


def _require_standing(wall: store.Wall) -> None:
    if wall.lifted_at is not None:
        raise conflict("This wall was lifted.", "lifted")


def _refuse_on_both_teams(uow: UnitOfWork, one: str, other: str) -> None:
    seats = store.seats(uow.session, client_ids=[one, other])
    on_both = {
        mine.person_id
        for mine in seats
        for theirs in seats
        if mine.client_id == one and theirs.client_id == other and mine.person_id == theirs.person_id
        if domain.across(mine.period, theirs.period, cooling_off_days=0, now=uow.now)
    }
    if on_both:
        names = sorted(person.name for person in store.people_by_id(uow.session, on_both).values())
        raise invalid(
            {"client_ids": "These people are on both teams: %(names)s. End one of their seats first."},
            names="、".join(names),
        )
