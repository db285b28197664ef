"""Conflict walls."""

from __future__ import annotations

from typing import Any

from contracts.accounts import WallChanged, WallLifted, WallRaised
from services.accounts import domain, store
from services.accounts.commands.scope import scope_of
from shared.db import new_id
from shared.problem import conflict, invalid
from shared.uow import UnitOfWork


def raise_wall(uow: UnitOfWork, *, client_ids: list[str], reason: str, cooling_off_days: int) -> store.Wall:
    """Raise a wall between two competing clients: each is hidden from the other's team, past members included
    until they have cooled off.

    Raises 404 unless both may be seen; 409 where one stands; 422, with their names, while people are, or are
    to be, on both teams at once.
    """
    uow.require("wall.manage")
    one, other = [store.client(uow.session, client_id, scope_of(uow)).id for client_id in sorted(client_ids)]
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
