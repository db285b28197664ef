"""Parts for other services' pages: what needs the reader here, and choosing a client or a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, true

from services.accounts import domain, store
from services.accounts.pages.site import PICK_ROWS, client_label, pages
from shared import access, http
from shared.pages.guard import by_script

ENDING_WITHIN = timedelta(days=30)
PANEL_ROWS = 8


@pages.get("/panels/home")
def home_panel() -> ResponseReturnValue:
    """What needs the reader: their clients, seats that end soon, clients that nobody leads."""
    who, session = http.actor(), http.reader()
    mine = list(session.scalars(store.seats_of(who.scope, who.id, state="current", now=who.now)))
    ending = list(session.scalars(_ending_soon(who).order_by(store.Assignment.ends_at).limit(PANEL_ROWS + 1)))
    led_by_nobody = _led_by_nobody(who)
    ids = [seat.client_id for seat in (*mine, *ending)]
    return render_template(
        "home_panel.html",
        mine=mine[:PANEL_ROWS],
        more_mine=len(mine) > PANEL_ROWS,
        ending=ending[:PANEL_ROWS],
        led_by_nobody=led_by_nobody[:PANEL_ROWS],
        more_led_by_nobody=len(led_by_nobody) > PANEL_ROWS,
        clients=store.clients_by_id(session, ids, who.scope),
        people=store.people_by_id(session, [seat.person_id for seat in ending]),
        managed=_managed(who),
    )


def _managed(who: access.Actor) -> frozenset[str] | None:
    """The clients whose team the reader manages as their AM or AD; None: every one that they may list."""
    if who.may("team.correct"):
        return None
    return frozenset(seat.client_id for seat in who.book.seats(who.id, who.now) if seat.role in {"AM", "AD"})


def _ending_soon(who: access.Actor) -> Any:
    """Seats of the reader, or on teams that they manage, which end within ENDING_WITHIN."""
    managed = _managed(who)
    theirs = true() if managed is None else store.Assignment.client_id.in_(sorted(managed))
    return store.seats_ending(who.scope, who.now, who.now + ENDING_WITHIN).where(
        or_(store.Assignment.person_id == who.id, theirs)
    )


def _led_by_nobody(who: access.Actor) -> list[store.Client]:
    managed = _managed(who)
    query = store.clients(who.scope, status="active").where(store.without_ad(who.now))
    if managed is not None:
        query = query.where(store.Client.id.in_(sorted(managed)))
    return list(http.reader().scalars(query.order_by(store.Client.sort_key).limit(PANEL_ROWS + 1)))


# --- choosing ----------------------------------------------------------------------------------------------


@pages.get("/pick/clients")
def pick_clients() -> ResponseReturnValue:
    """Clients by part of a name, of those that the reader may list; for htmx as options of a select."""
    who = http.actor()
    query = store.clients(who.scope, q=request.args.get("q", "")[:100])
    rows = list(
        http.reader().scalars(query.order_by(store.Client.sort_key, store.Client.id).limit(PICK_ROWS))
    )
    if by_script():
        return render_template("options.html", options=[(row.id, client_label(row)) for row in rows])
    return jsonify(
        items=[
            {"id": row.id, "name": row.name, "english_name": row.english_name, "industry": row.industry}
            for row in rows
        ]
    )


@pages.get("/pick/people")
def pick_people() -> ResponseReturnValue:
    """Employed people by part of a name; for htmx as options of a select."""
    http.actor()
    query = store.people(q=request.args.get("q", "")[:100], status=domain.EMPLOYED)
    rows = list(
        http.reader().scalars(query.order_by(store.Person.sort_key, store.Person.id).limit(PICK_ROWS))
    )
    if by_script():
        options = [(row.id, f"{row.name} ({row.username})") for row in rows]
        return render_template("options.html", options=options)
    return jsonify(
        items=[{"id": row.id, "name": row.name, "username": row.username, "roles": row.roles} for row in rows]
    )
