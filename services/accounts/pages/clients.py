"""Clients: the list, one client's page with all that is known of it (F1), adding and editing."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from services.accounts import commands, domain, projections, store
from services.accounts.commands.fields import ClientFields
from services.accounts.pages.site import (
    FIELDS,
    STATUS_TONES,
    STATUSES,
    client_options,
    page_of,
    pages,
    seat_view,
    typed,
    wanted,
)
from shared import access, http
from shared.access import Subject
from shared.pages import N_, Form, again, check_version, read_form, saved
from shared.pages import gettext as _
from shared.pages.terms import term
from shared.problem import Problem, forbidden
from shared.uow import history

HISTORY_ROWS = 8
LEADING_FIRST = ("AD", "AM", "CAE")
_SORTS = {
    "name": store.Client.sort_key,
    "industry": store.Client.industry,
    "branch": store.Client.branch,
    "tier": store.Client.tier,
    "status": store.Client.status,
}
_GLYPHS = {"client.created": "plus"}


@pages.get("/")
def start() -> ResponseReturnValue:
    """The service's first page."""
    return redirect("/accounts/clients")


@pages.get("/clients")
def clients() -> ResponseReturnValue:
    """The clients that the reader may list."""
    who = http.actor()
    query = store.clients(
        who.scope,
        q=request.args.get("q", "").strip(),
        industry=request.args.get("industry", ""),
        branch=request.args.get("branch", ""),
        status=wanted("status", domain.STATUSES),
        tier=wanted("tier", domain.TIERS),
    )
    team = wanted("team", ("mine", "no_ad"))
    if team == "mine":
        query = query.where(store.held_by(who.id, who.now))
    elif team == "no_ad":
        query = query.where(store.without_ad(who.now))
    page = page_of(query, _SORTS, store.Client.id)
    return render_template(
        "clients.html",
        rows=page["items"],
        next=page["next"],
        teams={client.id: team_names(who, client.id) for client in page["items"]},
        industries=_values(who, store.Client.industry),
        branches=_values(who, store.Client.branch),
        statuses=STATUSES,
        tones=STATUS_TONES,
        tiers=[(tier, tier) for tier in domain.TIERS if tier],
        may_add=who.may("client.create"),
    )


def _values(who: access.Actor, column: Any) -> list[tuple[str, str]]:
    return [(value, value) for value in store.values_of(http.reader(), who.scope, column)]


def team_names(who: access.Actor, client_id: str) -> list[tuple[str, str, str]]:
    """The present team as (seat, person id, name), led by its AD."""
    seats = sorted(who.book.team(client_id, who.now), key=lambda seat: LEADING_FIRST.index(seat.role))
    return [(seat.role, seat.person_id, who.book.person_name(seat.person_id)) for seat in seats]


def _rank(view: dict[str, Any]) -> tuple[int, int]:
    """The present team before the coming one, led by its AD; the past by time, as it comes."""
    present = ("current", "future").index(view["state"]) if view["state"] in {"current", "future"} else 2
    return present, LEADING_FIRST.index(view["seat"].role) if present < 2 else 0


@pages.get("/clients/<client_id>")
def client(client_id: str) -> ResponseReturnValue:
    """One client: facts, team, contacts, walls, history, and other services' panels."""
    who, session = http.actor(), http.reader()
    found = store.client(session, client_id, who.scope)
    seats = list(session.scalars(store.team(found.id).order_by(store.Assignment.starts_at.desc())))
    views = sorted((seat_view(seat, who.now) for seat in seats), key=_rank)
    about = Subject(client_id=found.id)
    shows_contacts = who.may("contact.read", about)
    contacts = store.contacts(found.id).order_by(store.Contact.id)
    family = store.clients(who.scope).where(store.Client.parent_id == found.id)
    entries = client_history(who, found)
    return render_template(
        "client.html",
        client=found,
        parent=store.clients_by_id(session, [found.parent_id or ""], who.scope).get(found.parent_id or ""),
        children=list(session.scalars(family.order_by(store.Client.sort_key).limit(20))),
        statuses=STATUSES,
        tones=STATUS_TONES,
        present=[view for view in views if view["state"] in {"current", "future"}],
        past=[view for view in views if view["state"] in {"past", "cancelled"}],
        people=store.people_by_id(session, [seat.person_id for seat in seats]),
        leads=any(view["state"] == "current" and view["seat"].role == "AD" for view in views),
        shows_contacts=shows_contacts,
        contacts=list(session.scalars(contacts)) if shows_contacts else [],
        walls=_walls_around(who, found),
        history=entries[:HISTORY_ROWS],
        more_history=len(entries) > HISTORY_ROWS,
        may_change=who.may("client.change", about),
        may_manage=who.may("team.manage", about),
        may_contact=who.may("client.contacts", about),
    )


def _walls_around(who: access.Actor, found: store.Client) -> list[tuple[store.Wall, store.Client]]:
    if not who.may("wall.list"):
        return []
    walls = list(http.reader().scalars(store.walls(who.scope, lifted=False, client_id=found.id)))
    others = store.clients_by_id(http.reader(), [wall.beyond(found.id) for wall in walls], who.scope)
    return [(wall, others[wall.beyond(found.id)]) for wall in walls]


@pages.get("/clients/<client_id>/history")
def client_changes(client_id: str) -> ResponseReturnValue:
    """Every change of a client's facts."""
    who = http.actor()
    found = store.client(http.reader(), client_id, who.scope)
    return render_template("client_history.html", client=found, history=client_history(who, found))


def client_history(who: access.Actor, found: store.Client) -> list[dict[str, Any]]:
    """A client's history as the timeline shows it, newest first."""
    entries = projections.history(
        history(http.reader(), found.id), lists=who.scope.lists, name_of=who.book.person_name
    )
    return [
        {
            "at": entry.at,
            "by": entry.actor_name or _("The system"),
            "title": _("Added") if entry.type == "client.created" else _("Changed"),
            "glyph": _GLYPHS.get(entry.type, "pencil"),
            "changes": [
                (str(FIELDS[c.field]), _in_words(who, c.field, c.before), _in_words(who, c.field, c.after))
                for c in entry.changes
            ],
        }
        for entry in entries
    ]


def _in_words(who: access.Actor, field: str, value: Any) -> str:
    if not value:
        return ""
    if field == "aliases":
        return "、".join(value)
    if field == "visibility":
        return term(value, "visibility")
    if field == "status":
        return str(STATUSES.get(value, value))
    return who.book.client_name(value) if field == "parent_id" else str(value)


# --- adding and editing ------------------------------------------------------------------------------------


@pages.route("/clients/new", methods=["GET", "POST"])
def new_client() -> ResponseReturnValue:
    """Add a client."""
    who = http.actor()
    if not who.may("client.create"):
        raise forbidden()
    if request.method == "GET":
        form = Form(
            {"visibility": "directory", "status": "prospect", "parent_id": request.args.get("parent")}
        )
        return render_template("client_form.html", form=form, **_form_context(who, form.value("parent_id")))
    try:
        facts = read_form(ClientFields(), _typed())
        _warn_of_twins(who, facts)
        added = commands.create_client(http.uow(), **facts)
    except Problem as problem:
        return again(problem, "client_form.html", **_form_context(who))
    return saved(f"/accounts/clients/{added.id}", _("“%(name)s” was added.", name=added.name))


@pages.route("/clients/<client_id>/edit", methods=["GET", "POST"])
def edit_client(client_id: str) -> ResponseReturnValue:
    """Change a client's facts."""
    who = http.actor()
    found = store.client(http.reader(), client_id, who.scope)
    if not who.may("client.change", Subject(client_id=found.id)):
        raise forbidden()
    if request.method == "GET":
        values = {name: getattr(found, name) for name in ClientFields().fields}
        values["aliases"] = "\n".join(found.aliases)
        return render_template(
            "client_form.html", form=Form(values), **_form_context(who, found.parent_id, found)
        )
    try:
        facts = read_form(ClientFields(), _typed())
        if facts["parent_id"] is None and found.parent_id and not who.scope.lists(found.parent_id):
            facts["parent_id"] = found.parent_id  # what the reader could not see they did not take away
        _warn_of_twins(who, facts, but=found.id)
        unit = http.uow()
        client = store.client(unit.session, client_id, unit.who.scope)
        check_version(client.version)
        commands.change_client(unit, client, **facts)
    except Problem as problem:
        return again(problem, "client_form.html", **_form_context(who, found.parent_id, found))
    return saved(f"/accounts/clients/{found.id}", _("The changes were saved."))


def _typed() -> dict[str, Any]:
    names = ("name", "english_name", "industry", "branch", "visibility", "tier", "status")
    return {
        **typed(*names),
        "aliases": [line.strip() for line in request.form.get("aliases", "").splitlines() if line.strip()],
        "parent_id": request.form.get("parent_id") or None,
    }


def _form_context(
    who: access.Actor, parent_id: str | None = None, client: store.Client | None = None
) -> dict[str, Any]:
    chosen = request.form.get("parent_id", parent_id)
    return {
        "client": client,
        "parents": [
            one for one in client_options(who.scope, chosen=chosen) if not client or one[0] != client.id
        ],
        "industries": [value for value, _word in _values(who, store.Client.industry)],
        "branches": [value for value, _word in _values(who, store.Client.branch)],
        "statuses": [(code, str(word)) for code, word in STATUSES.items()],
        "twins": _twins(who, _typed(), client.id if client else "") if request.method == "POST" else [],
    }


def _warn_of_twins(who: access.Actor, facts: dict[str, Any], but: str = "") -> None:
    """Ask once before a second client of one name is kept, as far as the reader may list the first."""
    if request.form.get("same_name") != "accepted" and _twins(who, facts, but):
        text = N_("A client goes by this name already. If this is another one, tick the box and save again.")
        raise Problem(422, "same-name", "Some fields need attention.", errors={"name": text})


def _twins(who: access.Actor, facts: dict[str, Any], but: str) -> list[store.Client]:
    names = [facts.get("name", ""), facts.get("english_name", ""), *facts["aliases"]]
    return store.same_name(http.reader(), who.scope, names, but=but)
