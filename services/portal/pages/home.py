"""Home: what needs me; and what stands beside it: the badge, the audit trail, the agency's settings."""

from __future__ import annotations

from datetime import timedelta
from importlib import metadata
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from services.portal import domain, store
from services.portal.pages.site import pages
from shared import http
from shared.access import Actor
from shared.pages import gettext as _
from shared.pages.language import local
from shared.problem import forbidden

SOON = timedelta(days=14)
AUDITED = ("portal", "accounts", "intelligence", "proposals", "search")


@pages.get("/")
def home() -> ResponseReturnValue:
    """What needs the person, from every service, and the quickest ways to what they do most."""
    who = http.actor()
    # Who has only a role without content is offered nothing that would be refused.
    content = who.scope.market or bool(who.scope.cleared)
    return render_template(
        "home.html",
        greeting=_greeting(who),
        content=content,
        may_add_client=who.may("client.create"),
        notices=_notices(who),
        steps=_first_steps(who),
    )


def _greeting(who: Actor) -> str:
    hour = local(who.now).hour
    if 5 <= hour < 12:
        return _("Good morning, %(name)s", name=who.name)
    if 12 <= hour < 18:
        return _("Good afternoon, %(name)s", name=who.name)
    return _("Good evening, %(name)s", name=who.name)


def _notices(who: Actor) -> list[dict[str, str]]:
    """What the portal itself has to tell."""
    told = []
    credential = http.reader().get(store.Credential, who.id)
    if credential is not None and credential.must_change:
        text = _("You still sign in with the first password. Choose your own now.")
        told.append({"text": text, "url": "/account/password", "label": _("Choose a password")})
    ending = store.tokens(who.id, domain.API, who.now).where(
        store.IssuedToken.expires_at < who.now + SOON,
        store.IssuedToken.issued_at < who.now - SOON,
    )
    for token in http.reader().scalars(ending):
        text = _("Your API token “%(name)s” ends soon.", name=token.name)
        told.append({"text": text, "url": "/account/tokens", "label": _("API tokens")})
    return told


def _first_steps(who: Actor) -> list[dict[str, Any]]:
    """What to do first in an agency that has nobody or nothing yet; empty once it has."""
    if not who.may("person.manage"):
        return []
    people = [person for person in who.book.people.values() if person.status == "employed"]
    has_people = len(people) > 1
    has_clients = any(who.scope.lists(client_id) for client_id in who.book.clients)
    if has_people and has_clients:
        return []
    invited = http.reader().scalar(select(func.count()).select_from(store.Credential)) or 0
    return [
        {
            "done": has_people,
            "title": _("Add the people who work here"),
            "text": _("Give each a username and the roles that they have in the agency."),
            "url": "/accounts/people/new",
            "label": _("Add a person"),
        },
        {
            "done": invited > 1,
            "title": _("Invite them"),
            "text": _("Each person's page makes a link with which they set a password."),
            "url": "/accounts/people",
            "label": _("People"),
        },
        {
            "done": has_clients,
            "title": _("Add your first client"),
            "text": _("Then give its team: who is AD, AM and CAE decides who sees what."),
            "url": "/accounts/clients/new",
            "label": _("Add a client"),
        },
    ]


@pages.get("/portal/panels/badge")
def badge() -> ResponseReturnValue:
    """Asked for by every screen, so that a session goes on while it is used."""
    return "", 204


@pages.get("/audit")
def audit() -> ResponseReturnValue:
    """The audit trail, each service's part in a panel of its own."""
    if not http.actor().may("audit.read"):
        raise forbidden()
    return render_template("audit.html", services=AUDITED)


@pages.get("/settings")
def settings() -> ResponseReturnValue:
    """How this installation is set: only what is, for reading."""
    return render_template("settings.html", settings=http.runtime().settings, version=_version())


def _version() -> str:
    try:
        return metadata.version("acm")
    except metadata.PackageNotFoundError:
        return _("not installed from a package")
