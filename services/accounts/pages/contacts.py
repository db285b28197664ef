"""A client's contacts: adding, changing, removing."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.accounts import commands, store
from services.accounts.commands.fields import ContactFields
from services.accounts.pages.site import pages, typed
from shared import access, http
from shared.access import Subject
from shared.pages import Form, again, check_version, read_form, saved
from shared.pages import gettext as _
from shared.problem import Problem, forbidden

_FIELDS = ("name", "title", "email", "phone", "preferred_language")


def _client(who: access.Actor, client_id: str) -> store.Client:
    client = store.client(http.reader(), client_id, who.scope)
    if not who.may("client.contacts", Subject(client_id=client.id)):
        raise forbidden()
    return client


@pages.route("/clients/<client_id>/contacts/new", methods=["GET", "POST"])
def new_contact(client_id: str) -> ResponseReturnValue:
    """Add a contact."""
    client = _client(http.actor(), client_id)
    if request.method == "GET":
        return render_template("contact_form.html", form=Form(), client=client, contact=None)
    try:
        facts = read_form(ContactFields(), typed(*_FIELDS))
        unit = http.uow()
        contact = commands.add_contact(unit, store.client(unit.session, client_id, unit.who.scope), **facts)
    except Problem as problem:
        return again(problem, "contact_form.html", client=client, contact=None)
    return saved(f"/accounts/clients/{client.id}#contacts", _("“%(name)s” was added.", name=contact.name))


@pages.route("/clients/<client_id>/contacts/<contact_id>/edit", methods=["GET", "POST"])
def edit_contact(client_id: str, contact_id: str) -> ResponseReturnValue:
    """Change a contact."""
    client = _client(http.actor(), client_id)
    contact = store.contact(http.reader(), client.id, contact_id)
    if request.method == "GET":
        form = Form({name: getattr(contact, name) for name in _FIELDS})
        return render_template("contact_form.html", form=form, client=client, contact=contact)
    try:
        facts = read_form(ContactFields(), typed(*_FIELDS))
        unit = http.uow()
        row = store.contact(unit.session, client.id, contact_id)
        check_version(row.version)
        commands.change_contact(unit, row, **facts)
    except Problem as problem:
        return again(problem, "contact_form.html", client=client, contact=contact)
    return saved(f"/accounts/clients/{client.id}#contacts", _("The changes were saved."))


@pages.post("/clients/<client_id>/contacts/<contact_id>/remove")
def remove_contact(client_id: str, contact_id: str) -> ResponseReturnValue:
    """Remove a contact and what is kept of the person."""
    client = _client(http.actor(), client_id)
    unit = http.uow()
    contact = store.contact(unit.session, client.id, contact_id)
    check_version(contact.version)
    commands.remove_contact(unit, contact)
    return saved(f"/accounts/clients/{client.id}#contacts", _("The contact was removed."))
