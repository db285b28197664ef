"""People: the list, one person with their seats, adding, editing, leaving."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.accounts import commands, domain, store
from services.accounts.commands.fields import PersonFields
from services.accounts.pages.site import page_of, pages, seat_view, typed, wanted
from shared import access, http
from shared.pages import Form, again, check_version, read_form, saved
from shared.pages import gettext as _
from shared.pages.terms import choices
from shared.problem import Problem, forbidden

_SORTS = {"name": store.Person.sort_key, "username": store.Person.username, "branch": store.Person.branch}
_FIELDS = ("username", "name", "email", "branch")


@pages.get("/people")
def people() -> ResponseReturnValue:
    """The people of the agency; who left is shown on request."""
    who, session = http.actor(), http.reader()
    status = wanted("status", ("left", "all")) or domain.EMPLOYED
    query = store.people(
        q=request.args.get("q", "").strip(),
        role=wanted("role", access.ROLES),
        branch=request.args.get("branch", ""),
        status="" if status == "all" else status,
    )
    page = page_of(query, _SORTS, store.Person.id)
    return render_template(
        "people.html",
        rows=page["items"],
        next=page["next"],
        seats=store.seat_counts(session, who.scope, [person.id for person in page["items"]], who.now),
        branches=[(branch, branch) for branch in store.branches_of_people(session)],
        may_add=who.may("person.manage"),
    )


@pages.get("/people/<person_id>")
def person(person_id: str) -> ResponseReturnValue:
    """One person and the clients that they serve, as far as the reader may list these."""
    who, session = http.actor(), http.reader()
    found = store.person(session, person_id)
    seats = list(
        session.scalars(store.seats_of(who.scope, found.id).order_by(store.Assignment.starts_at.desc()))
    )
    views = [seat_view(seat, who.now) for seat in seats]
    return render_template(
        "person.html",
        person=found,
        present=[view for view in views if view["state"] in {"current", "future"}],
        past=[view for view in views if view["state"] in {"past", "cancelled"}],
        clients=store.clients_by_id(session, [seat.client_id for seat in seats], who.scope),
        may_manage=_may_manage(who, found),
    )


def _may_manage(who: access.Actor, found: store.Person) -> bool:
    guarded = bool(domain.GUARDED_ROLES & set(found.roles))
    may = who.may("person.grant") if guarded else who.may("person.manage")
    return may and found.status == domain.EMPLOYED


@pages.route("/people/new", methods=["GET", "POST"])
def new_person() -> ResponseReturnValue:
    """Add a person; then the portal invites them."""
    who = http.actor()
    if not who.may("person.manage"):
        raise forbidden()
    if request.method == "GET":
        return render_template("person_form.html", form=Form(), **_context(who))
    try:
        added = commands.add_person(http.uow(), **read_form(PersonFields(), _typed()))
    except Problem as problem:
        return again(problem, "person_form.html", **_context(who))
    text = _("“%(name)s” was added. Invite them now, so that they can sign in.", name=added.name)
    return saved(f"/accounts/people/{added.id}", text)


@pages.route("/people/<person_id>/edit", methods=["GET", "POST"])
def edit_person(person_id: str) -> ResponseReturnValue:
    """Change a person's facts."""
    who = http.actor()
    found = store.person(http.reader(), person_id)
    if not _may_manage(who, found):
        raise forbidden()
    if request.method == "GET":
        form = Form({name: getattr(found, name) for name in (*_FIELDS, "roles")})
        return render_template("person_form.html", form=form, **_context(who, found))
    try:
        facts = read_form(PersonFields(), _typed())
        unit = http.uow()
        row = store.person(unit.session, person_id)
        check_version(row.version)
        commands.change_person(unit, row, **facts)
    except Problem as problem:
        return again(problem, "person_form.html", **_context(who, found))
    return saved(f"/accounts/people/{found.id}", _("The changes were saved."))


@pages.post("/people/<person_id>/leave")
def leave(person_id: str) -> ResponseReturnValue:
    """The person leaves the agency."""
    unit = http.uow()
    found = store.person(unit.session, person_id)
    check_version(found.version)
    commands.leave(unit, found)
    return saved(f"/accounts/people/{found.id}", _("“%(name)s” has left the agency.", name=found.name))


def _typed() -> dict[str, Any]:
    return {**typed(*_FIELDS), "roles": request.form.getlist("roles")}


def _context(who: access.Actor, found: store.Person | None = None) -> dict[str, Any]:
    may_grant = who.may("person.grant")
    return {
        "person": found,
        "roles": [one for one in choices("role") if may_grant or one[0] not in domain.GUARDED_ROLES],
        "branches": store.branches_of_people(http.reader()),
    }
