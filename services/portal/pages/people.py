"""Inviting people and helping those who cannot sign in."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from contracts.accounts import Person
from services.portal import commands, domain, store
from services.portal.pages.site import pages
from shared import http
from shared.pages import gettext as _
from shared.pages import saved
from shared.problem import forbidden, missing


@pages.get("/invite/<person_id>")
def invite_form(person_id: str) -> ResponseReturnValue:
    """How somebody can sign in, and what may be done about it."""
    return render_template("invite.html", path="", **_context(_person(person_id)))


@pages.post("/invite/<person_id>")
def invite(person_id: str) -> ResponseReturnValue:
    """Make a link; it is shown once, in this answer."""
    person = _person(person_id)
    http.keep_sealed()
    unit = http.uow()
    secret, _link = commands.make_link(unit, person_id=person_id, book=unit.who.book)
    path = f"{request.url_root}welcome/{secret}"
    return render_template("invite.html", path=path, **_context(person))


@pages.post("/invite/<person_id>/close")
def close_link(person_id: str) -> ResponseReturnValue:
    """Stop the open link from working."""
    _person(person_id)
    unit = http.uow()
    for link in unit.session.scalars(store.open_links(person_id, unit.now)).all():
        commands.close_link(unit, link_id=link.id)
    return saved(f"/invite/{person_id}", _("The link no longer works."))


@pages.post("/invite/<person_id>/end-sessions")
def end_sessions(person_id: str) -> ResponseReturnValue:
    """Sign somebody out everywhere."""
    person = _person(person_id)
    commands.end_all_of(http.uow(), person_id=person_id)
    return saved(f"/invite/{person_id}", _("%(name)s was signed out everywhere.", name=person.name))


def _person(person_id: str) -> Person:
    who = http.actor()
    if not who.may("person.manage"):
        raise forbidden()
    person = who.book.people.get(person_id)
    if person is None:
        raise missing()
    return person


def _context(person: Person) -> dict[str, Any]:
    who, session = http.actor(), http.reader()
    has_password = store.has_password(session, person.id)
    administers = who.may("person.grant")
    employed = person.status == "employed"
    return {
        "person": person,
        "has_password": has_password,
        "link": session.scalars(store.open_links(person.id, who.now)).first(),
        "may_make": employed and (administers or not (has_password or domain.guarded(person.roles))),
        "may_end": administers and employed,
        "days": {kind: life.days for kind, life in domain.LINK_LIFE.items()},
    }
