"""What all screens of accounts share: the blueprint, reading forms, choosing clients and people, words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from services.accounts import domain, store
from shared import access, http
from shared.pages import Pages, sort_of
from shared.pages import lazy_gettext as _

pages = Pages("accounts", __name__)

PAGE_ROWS = 50
PICK_ROWS = 50
STATUSES = {
    "prospect": _("Prospect"),
    "active": _("Active"),
    "dormant": _("Dormant"),
    "former": _("Former"),
}
STATUS_TONES = {"prospect": "blue", "active": "green", "dormant": "yellow", "former": "secondary"}
SEAT_STATES = {
    "current": _("Now on the team"),
    "future": _("To come"),
    "past": _("Ended"),
    "cancelled": _("Called off"),
}
SEAT_TONES = {"current": "green", "future": "blue", "past": "secondary", "cancelled": "secondary"}
FIELDS = {
    "name": _("Name"),
    "english_name": _("English name"),
    "aliases": _("Other names"),
    "industry": _("Industry"),
    "parent_id": _("Parent"),
    "branch": _("Branch"),
    "visibility": _("Who sees that it is a client"),
    "tier": _("Tier"),
    "status": _("Status"),
}


def typed(*names: str) -> dict[str, str]:
    """The single-valued fields of the form that was sent."""
    return {name: request.form[name] for name in names if name in request.form}


def page_of(
    query: Select[Any], sorts: dict[str, InstrumentedAttribute[Any]], unique: InstrumentedAttribute[str]
) -> dict[str, Any]:
    """One page of a list, in the order that the URL asks for (first of `sorts` unless it does)."""
    name, down = sort_of()
    column = sorts.get(name, next(iter(sorts.values())))
    cursor = request.args.get("cursor", "")
    order = [column, unique]
    return http.paginate(
        http.reader(), query, order, limit=PAGE_ROWS, cursor=cursor, newest_first=down and name in sorts
    )


def wanted(name: str, known: Iterable[str]) -> str:
    """A filter of the URL, or empty where it names nothing known."""
    value = request.args.get(name, "")
    return value if value in known else ""


def client_options(scope: access.Scope, *, q: str = "", chosen: str | None = None) -> list[tuple[str, str]]:
    """Clients to choose among: the first that fit, and the one chosen already."""
    session = http.reader()
    query = store.clients(scope, q=q).order_by(store.Client.sort_key, store.Client.id)
    found = {client.id: client for client in session.scalars(query.limit(PICK_ROWS))}
    found |= store.clients_by_id(session, [chosen] if chosen else [], scope)
    return [(client.id, client_label(client)) for client in found.values()]


def client_label(client: store.Client) -> str:
    """A client as it stands in a list to choose from."""
    return f"{client.name} · {client.english_name}" if client.english_name else client.name


def person_options(*, q: str = "", chosen: str | None = None) -> list[tuple[str, str]]:
    """Employed people to choose among: the first that fit, and the one chosen already."""
    session = http.reader()
    query = store.people(q=q, status=domain.EMPLOYED).order_by(store.Person.sort_key, store.Person.id)
    found = {person.id: person for person in session.scalars(query.limit(PICK_ROWS))}
    found |= store.people_by_id(session, [chosen] if chosen else [])
    return [(person.id, f"{person.name} ({person.username})") for person in found.values()]


def seat_view(seat: store.Assignment, now: datetime) -> dict[str, Any]:
    """A seat with the word and tone of its state."""
    state = seat.period.state(now)
    return {"seat": seat, "state": state, "word": SEAT_STATES[state], "tone": SEAT_TONES[state]}
