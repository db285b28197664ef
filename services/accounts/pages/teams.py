"""A client's team: giving a seat, changing its period, ending it (T2, T11, T3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.accounts import commands, store
from services.accounts.commands.fields import AssignmentFields, SeatPeriod
from services.accounts.pages.site import pages, person_options, typed
from shared import access, http
from shared.access import Subject
from shared.pages import Form, again, check_version, language, read_form, saved
from shared.pages import gettext as _
from shared.problem import Problem, forbidden


def _client(who: access.Actor, client_id: str) -> store.Client:
    client = store.client(http.reader(), client_id, who.scope)
    if not who.may("team.manage", Subject(client_id=client.id)):
        raise forbidden()
    return client


@pages.route("/clients/<client_id>/team/new", methods=["GET", "POST"])
def new_seat(client_id: str) -> ResponseReturnValue:
    """Give somebody a seat."""
    client = _client(http.actor(), client_id)
    if request.method == "GET":
        form = Form({"role": request.args.get("role", "AM"), "from": _day(http.actor().now)})
        return render_template("seat_form.html", form=form, **_context(client))
    try:
        facts = read_form(AssignmentFields(), typed("person_id", "role", "from", "until"))
        if request.form.get("from") == _day(http.actor().now):
            facts["starts_at"] = None  # from today on is from now on: nobody was on the team this morning
        commands.assign(http.uow(), client_id=client.id, **facts)
    except Problem as problem:
        return again(problem, "seat_form.html", **_context(client))
    return saved(f"/accounts/clients/{client.id}#team", _("The seat was given."))


@pages.route("/clients/<client_id>/team/<assignment_id>/edit", methods=["GET", "POST"])
def edit_seat(client_id: str, assignment_id: str) -> ResponseReturnValue:
    """Change the period of a seat."""
    client = _client(http.actor(), client_id)
    seat = store.assignment(http.reader(), client.id, assignment_id)
    context = {"client": client, "seat": seat, "person": store.person(http.reader(), seat.person_id)}
    if request.method == "GET":
        form = Form({"from": _day(seat.starts_at), "until": _day(seat.ends_at)})
        return render_template("seat_period_form.html", form=form, **context)
    try:
        period = read_form(SeatPeriod(), _moved(seat))
        unit = http.uow()
        row = store.assignment(unit.session, client.id, assignment_id)
        check_version(row.version)
        kept = {"starts_at": row.starts_at, "ends_at": row.ends_at}
        commands.change_assignment(unit, row, **(kept | period))
    except Problem as problem:
        return again(problem, "seat_period_form.html", **context)
    return saved(f"/accounts/clients/{client.id}#team", _("The changes were saved."))


@pages.post("/clients/<client_id>/team/<assignment_id>/end")
def end_seat(client_id: str, assignment_id: str) -> ResponseReturnValue:
    """End a seat now, or call off one that has not begun."""
    client = _client(http.actor(), client_id)
    unit = http.uow()
    seat = store.assignment(unit.session, client.id, assignment_id)
    check_version(seat.version)
    commands.end_assignment(unit, seat)
    return saved(f"/accounts/clients/{client.id}#team", _("The seat has ended."))


def _moved(seat: store.Assignment) -> dict[str, str]:
    """The bounds that were changed: a day that was left alone keeps its hour."""
    shown = {"from": _day(seat.starts_at), "until": _day(seat.ends_at)}
    return {name: day for name, day in typed("from", "until").items() if day != shown[name]}


def _day(instant: datetime | None) -> str:
    return language.local(instant).date().isoformat() if instant else ""


def _context(client: store.Client) -> dict[str, Any]:
    return {"client": client, "people": person_options(chosen=request.form.get("person_id"))}
