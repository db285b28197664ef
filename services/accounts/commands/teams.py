"""Account teams: who holds which seat (T2 CAE, T11 AM, T3 AD) on which client and when."""

from __future__ import annotations

from datetime import datetime

from contracts.accounts import AssignmentChanged, AssignmentEnded, AssignmentStarted
from services.accounts import domain, store
from services.accounts.commands.scope import scope_of
from shared.access import Subject
from shared.db import new_id
from shared.problem import Problem, conflict, invalid
from shared.uow import UnitOfWork


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
    a wall or its cooling-off stands between (told to those only who may know of it); 409 when
    the person holds the same seat at some instant of the period.
    """
    client = store.client(uow.session, client_id, scope_of(uow))
    uow.require("team.manage", Subject(client_id=client.id))
    period = _period(starts_at or uow.now, ends_at)
    person = uow.session.get(store.Person, person_id)
    if person is None or person.status != domain.EMPLOYED:
        raise invalid({"person_id": "Choose somebody who is employed."})
    _refuse_twice(uow, client.id, person.id, role, period)
    _refuse_across(uow, client.id, person, period)
    return start_seat(uow, client.id, person.id, role, period)


def change_assignment(
    uow: UnitOfWork, seat: store.Assignment, *, starts_at: datetime | None, ends_at: datetime | None
) -> store.Assignment:
    """Change the period of a seat. Raises as `assign` does.

    What has passed is what cooling-off counts from: only administrators and directors may correct it.
    """
    store.client(uow.session, seat.client_id, scope_of(uow))
    uow.require("team.manage", Subject(client_id=seat.client_id))
    old, new = seat.period, _period(starts_at or seat.starts_at, ends_at)
    if domain.rewrites_past(old, new, uow.now):
        uow.require("team.correct", Subject(client_id=seat.client_id))
    if not new.within(old):
        person = store.person(uow.session, seat.person_id)
        require_employed(person)
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
    return end_seat(uow, seat)


def require_employed(person: store.Person) -> None:
    """Refuse with 409 what makes no sense for somebody who has left."""
    if person.status != domain.EMPLOYED:
        raise conflict("%(name)s has left the agency.", "has-left", name=person.name)


def _period(starts_at: datetime, ends_at: datetime | None) -> domain.Period:
    period = domain.Period(starts_at, ends_at)
    if period.empty:
        raise invalid({"until": "The end must come after the start."})
    return period


def start_seat(
    uow: UnitOfWork, client_id: str, person_id: str, role: str, period: domain.Period
) -> store.Assignment:
    """Start a seat that was permitted and checked by the caller."""
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


def end_seat(uow: UnitOfWork, seat: store.Assignment) -> store.Assignment:
    """End a seat now. Permission is the caller's to ask."""
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
    for wall in store.standing_walls(uow.session, client_id):
        for seat in store.seats(uow.session, person_id=person.id, client_ids=[wall.beyond(client_id)]):
            if domain.across(period, seat.period, cooling_off_days=wall.cooling_off_days, now=uow.now):
                raise _across(uow, person, seat.client_id)


def _across(uow: UnitOfWork, person: store.Person, other_id: str) -> Problem:
    """The refusal names the wall's other side only to whoever may know of the wall and of that client."""
    if uow.actor is not None and not (uow.actor.may("wall.list") and uow.actor.scope.lists(other_id)):
        return invalid(
            {"person_id": "%(name)s cannot join this team in that period; a director can tell why."},
            name=person.name,
        )
    other = store.client(uow.session, other_id, scope_of(uow))
    return invalid(
        {"person_id": "Across a wall: %(name)s is on the team of %(client)s then, or cools off from it."},
        name=person.name,
        client=other.name,
    )
