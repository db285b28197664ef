"""Conflict walls: the list, raising, changing, lifting (P3)."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.accounts import commands, store
from services.accounts.commands.fields import WallFacts, WallFields
from services.accounts.pages.site import client_options, page_of, pages, typed, wanted
from shared import access, http
from shared.pages import Form, again, check_version, read_form, saved
from shared.pages import gettext as _
from shared.problem import Problem, forbidden

_SORTS = {"raised": store.Wall.raised_at}


def _supervisor() -> access.Actor:
    who = http.actor()
    if not who.may("wall.list"):
        raise forbidden()
    return who


@pages.get("/walls")
def walls() -> ResponseReturnValue:
    """The walls between clients that the reader both sees; the lifted ones on request."""
    who = _supervisor()
    state = wanted("state", ("lifted", "all")) or "standing"
    lifted = None if state == "all" else state == "lifted"
    query = store.walls(who.scope, lifted=lifted, client_id=request.args.get("client_id", ""))
    page = page_of(query, _SORTS, store.Wall.id)
    ids = [client_id for wall in page["items"] for client_id in wall.client_ids]
    return render_template(
        "walls.html",
        rows=page["items"],
        next=page["next"],
        clients=store.clients_by_id(http.reader(), ids, who.scope),
    )


@pages.route("/walls/new", methods=["GET", "POST"])
def new_wall() -> ResponseReturnValue:
    """Raise a wall."""
    who = _supervisor()
    if request.method == "GET":
        form = Form({"one_id": request.args.get("client_id", ""), "cooling_off_days": 90})
        return render_template("wall_form.html", form=form, **_context(who, form.value("one_id")))
    try:
        chosen = [request.form.get("one_id", ""), request.form.get("client_ids", "")]
        facts = read_form(WallFields(), {**_typed(), "client_ids": [one for one in chosen if one]})
        commands.raise_wall(http.uow(), **facts)
    except Problem as problem:
        return again(problem, "wall_form.html", **_context(who))
    return saved("/accounts/walls", _("The wall stands."))


@pages.route("/walls/<wall_id>/edit", methods=["GET", "POST"])
def edit_wall(wall_id: str) -> ResponseReturnValue:
    """Change a wall's reason or cooling-off."""
    who = _supervisor()
    wall = store.wall(http.reader(), wall_id, who.scope)
    context = {"wall": wall, "pair": store.clients_by_id(http.reader(), wall.client_ids, who.scope)}
    if request.method == "GET":
        form = Form({"reason": wall.reason, "cooling_off_days": wall.cooling_off_days})
        return render_template("wall_form.html", form=form, **context)
    try:
        facts = read_form(WallFacts(), _typed())
        unit = http.uow()
        row = store.wall(unit.session, wall_id, unit.who.scope)
        check_version(row.version)
        commands.change_wall(unit, row, **facts)
    except Problem as problem:
        return again(problem, "wall_form.html", **context)
    return saved("/accounts/walls", _("The changes were saved."))


@pages.post("/walls/<wall_id>/lift")
def lift_wall(wall_id: str) -> ResponseReturnValue:
    """Lift a wall."""
    _supervisor()
    unit = http.uow()
    wall = store.wall(unit.session, wall_id, unit.who.scope)
    check_version(wall.version)
    commands.lift_wall(unit, wall)
    return saved("/accounts/walls", _("The wall was lifted."))


def _typed() -> dict[str, Any]:
    facts: dict[str, Any] = typed("reason", "cooling_off_days")
    days = facts.get("cooling_off_days", "")
    # A form sends text; what is no number is left for the field to refuse.
    return facts | {"cooling_off_days": int(days) if days.isdecimal() else days}


def _context(who: access.Actor, one_id: str = "") -> dict[str, Any]:
    return {
        "wall": None,
        "ones": client_options(who.scope, chosen=request.form.get("one_id", one_id)),
        "others": client_options(who.scope, chosen=request.form.get("client_ids", "")),
    }
