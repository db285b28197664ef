"""Accounts' API: clients and their history, contacts, account teams, people, walls."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import marshmallow as ma

from services.accounts import commands, domain, projections, store
from services.accounts.commands.fields import (
    AssignmentFields,
    ClientFields,
    ContactFields,
    PersonFields,
    SeatPeriod,
    WallFacts,
    WallFields,
    instant,
)
from shared import access, http
from shared.access import Subject
from shared.problem import Problem, forbidden, missing
from shared.uow import history

clients_api = http.ApiBlueprint("clients", "Clients of the agency, their contacts, teams and history.")
people_api = http.ApiBlueprint("people", "People of the agency and their roles.")
walls_api = http.ApiBlueprint("walls", "Conflict walls between competing clients.")
apis = [clients_api, people_api, walls_api]


# --- clients -----------------------------------------------------------------------------------------------


class ClientSchema(ClientFields):
    """A client. `parent_id` is null where the parent is not for your eyes."""

    id = ma.fields.String(required=True)
    version = ma.fields.Integer(required=True)

    @ma.post_dump
    def _hide_parent(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data["parent_id"] is not None and not http.actor().scope.lists(data["parent_id"]):
            data["parent_id"] = None
        return data


class ClientChanges(ClientFields):
    """Some of a client's facts."""


class ClientFilters(http.PageArgs):
    """Narrows the list of clients."""

    q = http.Text(
        longest=100, load_default="", metadata={"description": "Part of any of the client's names."}
    )
    industry = http.Text(longest=100, load_default="")
    branch = http.Text(longest=100, load_default="")
    status = http.Choice(("", *domain.STATUSES), load_default="")
    tier = http.Choice(domain.TIERS, load_default="")


class FieldChange(ma.Schema):
    """A field before and after."""

    field = ma.fields.String(required=True)
    before = ma.fields.Raw(required=True, allow_none=True)
    after = ma.fields.Raw(required=True, allow_none=True)


class HistoryEntrySchema(ma.Schema):
    """One change of a client: who, when, which fields."""

    version = ma.fields.Integer(required=True)
    type = ma.fields.String(required=True)
    at = http.Instant(required=True)
    actor_id = ma.fields.String(required=True)
    actor_name = ma.fields.String(required=True)
    changes = ma.fields.List(ma.fields.Nested(FieldChange), required=True)


@clients_api.route("/clients", methods=["GET"])
@clients_api.arguments(ClientFilters, location="query")
@clients_api.response(200, http.page_of(ClientSchema))
def list_clients(args: dict[str, Any]) -> dict[str, Any]:
    """The clients that you may list, oldest first."""
    page = {"limit": args.pop("limit"), "cursor": args.pop("cursor")}
    query = store.clients(http.actor().scope, **args)
    return http.paginate(http.reader(), query, [store.Client.id], **page)


@clients_api.route("/clients", methods=["POST"])
@clients_api.arguments(ClientFields)
@clients_api.response(201, ClientSchema)
def create_client(body: dict[str, Any]) -> Any:
    """Add a client. An AM or AD joins its team."""
    http.actor()
    client = commands.create_client(http.uow(), **body)
    return http.tagged(client, location=f"/accounts/v1/clients/{client.id}")


@clients_api.route("/clients/<client_id>", methods=["GET"])
@clients_api.response(200, ClientSchema)
def read_client(client_id: str) -> Any:
    """One client."""
    return http.tagged(store.client(http.reader(), client_id, http.actor().scope))


@clients_api.route("/clients/<client_id>", methods=["PATCH"])
@clients_api.arguments(ClientChanges(partial=True))
@clients_api.response(200, ClientSchema)
def change_client(body: dict[str, Any], client_id: str) -> Any:
    """Change some of a client's facts."""
    http.actor()
    unit = http.uow()
    client = store.client(unit.session, client_id, unit.who.scope)
    http.check_match(client.version, required=True)
    return http.tagged(commands.change_client(unit, client, **body))


@clients_api.route("/clients/<client_id>/history", methods=["GET"])
@clients_api.arguments(http.PageArgs, location="query")
@clients_api.response(200, http.page_of(HistoryEntrySchema))
def read_history(args: dict[str, Any], client_id: str) -> dict[str, Any]:
    """Which facts of a client were changed when and by whom, newest first."""
    who = http.actor()
    client = store.client(http.reader(), client_id, who.scope)
    events = history(http.reader(), client.id)
    entries = projections.history(events, lists=who.scope.lists, name_of=who.book.person_name)
    before = _version_in(args["cursor"])
    rest = [entry for entry in entries if before is None or entry.version < before]
    shown = rest[: args["limit"]]
    return {"items": shown, "next": http.sign_cursor([shown[-1].version]) if len(rest) > len(shown) else None}


def _version_in(cursor: str) -> int | None:
    match http.read_cursor(cursor) if cursor else [None]:
        case [None | int() as version]:
            return version
    raise Problem(400, "bad-cursor", "This cursor belongs to another list; start from the first page.")


# --- contacts ----------------------------------------------------------------------------------------------


class ContactChanges(ContactFields):
    """Some of what is known of a contact."""


class ContactSchema(ContactFields):
    """A person at the client."""

    id = ma.fields.String(required=True)
    client_id = ma.fields.String(required=True)
    version = ma.fields.Integer(required=True)


@clients_api.route("/clients/<client_id>/contacts", methods=["GET"])
@clients_api.arguments(http.PageArgs, location="query")
@clients_api.response(200, http.page_of(ContactSchema))
def list_contacts(args: dict[str, Any], client_id: str) -> dict[str, Any]:
    """A client's contacts: for its team and whoever is cleared for it."""
    who = http.actor()
    client = store.client(http.reader(), client_id, who.scope)
    if not who.may("contact.read", Subject(client_id=client.id)):
        raise forbidden()
    return http.paginate(http.reader(), store.contacts(client.id), [store.Contact.id], **args)


@clients_api.route("/clients/<client_id>/contacts", methods=["POST"])
@clients_api.arguments(ContactFields)
@clients_api.response(201, ContactSchema)
def add_contact(body: dict[str, Any], client_id: str) -> Any:
    """Add a contact."""
    http.actor()
    unit = http.uow()
    client = store.client(unit.session, client_id, unit.who.scope)
    contact = commands.add_contact(unit, client, **body)
    return http.tagged(contact, location=f"/accounts/v1/clients/{client.id}/contacts/{contact.id}")


@clients_api.route("/clients/<client_id>/contacts/<contact_id>", methods=["GET"])
@clients_api.response(200, ContactSchema)
def read_contact(client_id: str, contact_id: str) -> Any:
    """One contact."""
    return http.tagged(_contact(http.reader(), http.actor(), client_id, contact_id))


@clients_api.route("/clients/<client_id>/contacts/<contact_id>", methods=["PATCH"])
@clients_api.arguments(ContactChanges(partial=True))
@clients_api.response(200, ContactSchema)
def change_contact(body: dict[str, Any], client_id: str, contact_id: str) -> Any:
    """Change a contact."""
    http.actor()
    unit = http.uow()
    contact = _contact(unit.session, unit.who, client_id, contact_id)
    http.check_match(contact.version, required=True)
    return http.tagged(commands.change_contact(unit, contact, **body))


@clients_api.route("/clients/<client_id>/contacts/<contact_id>", methods=["DELETE"])
@clients_api.response(204)
def remove_contact(client_id: str, contact_id: str) -> None:
    """Remove a contact and what is kept of the person."""
    http.actor()
    unit = http.uow()
    contact = _contact(unit.session, unit.who, client_id, contact_id)
    http.check_match(contact.version, required=True)
    commands.remove_contact(unit, contact)


def _contact(session: Any, who: access.Actor, client_id: str, contact_id: str) -> store.Contact:
    client = store.client(session, client_id, who.scope)
    if not who.may("contact.read", Subject(client_id=client.id)):
        raise missing()
    return store.contact(session, client.id, contact_id)


# --- account teams -----------------------------------------------------------------------------------------


class AssignmentSchema(ma.Schema):
    """A seat on a client's team."""

    id = ma.fields.String(required=True)
    client_id = ma.fields.String(required=True)
    person_id = ma.fields.String(required=True)
    role = http.Choice(domain.SEATS, required=True)
    starts_at = instant("from", required=True)
    ends_at = instant("until", required=True, allow_none=True)
    version = ma.fields.Integer(required=True)


AssignmentPage = http.page_of(AssignmentSchema)


class SeatFilters(http.PageArgs):
    """Narrows a list of seats."""

    state = http.Choice(("", *domain.SEAT_STATES), load_default="")


@clients_api.route("/clients/<client_id>/assignments", methods=["GET"])
@clients_api.arguments(SeatFilters, location="query")
@clients_api.response(200, AssignmentPage)
def list_assignments(args: dict[str, Any], client_id: str) -> dict[str, Any]:
    """A client's team: past, current, future seats and those called off."""
    who = http.actor()
    client = store.client(http.reader(), client_id, who.scope)
    query = store.team(client.id, state=args.pop("state"), now=who.now)
    return http.paginate(http.reader(), query, [store.Assignment.id], **args)


@clients_api.route("/clients/<client_id>/assignments", methods=["POST"])
@clients_api.arguments(AssignmentFields)
@clients_api.response(201, AssignmentSchema)
def assign(body: dict[str, Any], client_id: str) -> Any:
    """Give a person a seat on the client's team."""
    http.actor()
    seat = commands.assign(http.uow(), client_id=client_id, **body)
    return http.tagged(seat, location=f"/accounts/v1/clients/{client_id}/assignments/{seat.id}")


@clients_api.route("/clients/<client_id>/assignments/<assignment_id>", methods=["GET"])
@clients_api.response(200, AssignmentSchema)
def read_assignment(client_id: str, assignment_id: str) -> Any:
    """One seat."""
    client = store.client(http.reader(), client_id, http.actor().scope)
    return http.tagged(store.assignment(http.reader(), client.id, assignment_id))


@clients_api.route("/clients/<client_id>/assignments/<assignment_id>", methods=["PATCH"])
@clients_api.arguments(SeatPeriod)
@clients_api.response(200, AssignmentSchema)
def change_assignment(body: dict[str, Any], client_id: str, assignment_id: str) -> Any:
    """Change the period of a seat; what is left out stays."""
    http.actor()
    unit = http.uow()
    client = store.client(unit.session, client_id, unit.who.scope)
    seat = store.assignment(unit.session, client.id, assignment_id)
    http.check_match(seat.version, required=True)
    period: dict[str, datetime | None] = {"starts_at": seat.starts_at, "ends_at": seat.ends_at} | body
    return http.tagged(commands.change_assignment(unit, seat, **period))


@clients_api.route("/clients/<client_id>/assignments/<assignment_id>/end", methods=["POST"])
@clients_api.response(200, AssignmentSchema)
def end_assignment(client_id: str, assignment_id: str) -> Any:
    """End a seat now, or call off one that has not begun."""
    http.actor()
    unit = http.uow()
    client = store.client(unit.session, client_id, unit.who.scope)
    seat = store.assignment(unit.session, client.id, assignment_id)
    http.check_match(seat.version)
    return http.tagged(commands.end_assignment(unit, seat))


# --- people ------------------------------------------------------------------------------------------------


class PersonChanges(PersonFields):
    """Some of a person's facts."""


class PersonSchema(PersonFields):
    """Somebody who works, or worked, at the agency."""

    id = ma.fields.String(required=True)
    status = http.Choice(domain.PERSON_STATUSES, required=True)
    version = ma.fields.Integer(required=True)


class PersonFilters(http.PageArgs):
    """Narrows the list of people."""

    q = http.Text(longest=100, load_default="", metadata={"description": "Part of the name or username."})
    role = http.Choice(("", *access.ROLES), load_default="")
    branch = http.Text(longest=100, load_default="")
    status = http.Choice(("", *domain.PERSON_STATUSES), load_default="")


@people_api.route("/people", methods=["GET"])
@people_api.arguments(PersonFilters, location="query")
@people_api.response(200, http.page_of(PersonSchema))
def list_people(args: dict[str, Any]) -> dict[str, Any]:
    """The people of the agency, for everyone employed."""
    http.actor()
    page = {"limit": args.pop("limit"), "cursor": args.pop("cursor")}
    return http.paginate(http.reader(), store.people(**args), [store.Person.id], **page)


@people_api.route("/people", methods=["POST"])
@people_api.arguments(PersonFields)
@people_api.response(201, PersonSchema)
def add_person(body: dict[str, Any]) -> Any:
    """Add a person."""
    http.actor()
    person = commands.add_person(http.uow(), **body)
    return http.tagged(person, location=f"/accounts/v1/people/{person.id}")


@people_api.route("/people/<person_id>", methods=["GET"])
@people_api.response(200, PersonSchema)
def read_person(person_id: str) -> Any:
    """One person."""
    http.actor()
    return http.tagged(store.person(http.reader(), person_id))


@people_api.route("/people/<person_id>", methods=["PATCH"])
@people_api.arguments(PersonChanges(partial=True))
@people_api.response(200, PersonSchema)
def change_person(body: dict[str, Any], person_id: str) -> Any:
    """Change some of a person's facts."""
    http.actor()
    unit = http.uow()
    person = store.person(unit.session, person_id)
    http.check_match(person.version, required=True)
    return http.tagged(commands.change_person(unit, person, **body))


@people_api.route("/people/<person_id>/leave", methods=["POST"])
@people_api.response(200, PersonSchema)
def leave(person_id: str) -> Any:
    """The person leaves the agency: unemployed at once, every seat ended."""
    http.actor()
    unit = http.uow()
    person = store.person(unit.session, person_id)
    http.check_match(person.version)
    return http.tagged(commands.leave(unit, person))


@people_api.route("/people/<person_id>/assignments", methods=["GET"])
@people_api.arguments(SeatFilters, location="query")
@people_api.response(200, AssignmentPage)
def list_seats(args: dict[str, Any], person_id: str) -> dict[str, Any]:
    """A person's seats on the clients that you may list."""
    who = http.actor()
    person = store.person(http.reader(), person_id)
    query = store.seats_of(who.scope, person.id, state=args.pop("state"), now=who.now)
    return http.paginate(http.reader(), query, [store.Assignment.id], **args)


# --- walls -------------------------------------------------------------------------------------------------


class WallChanges(WallFacts):
    """Some of a wall's facts."""


class WallSchema(WallFields):
    """A wall."""

    id = ma.fields.String(required=True)
    raised_at = http.Instant(required=True)
    lifted_at = http.Instant(required=True, allow_none=True)
    version = ma.fields.Integer(required=True)


class WallFilters(http.PageArgs):
    """Narrows the list of walls."""

    client_id = ma.fields.String(load_default="", validate=ma.validate.Length(0, 36))
    state = http.Choice(("", "standing", "lifted"), load_default="")


@walls_api.route("/walls", methods=["GET"])
@walls_api.arguments(WallFilters, location="query")
@walls_api.response(200, http.page_of(WallSchema))
def list_walls(args: dict[str, Any]) -> dict[str, Any]:
    """The walls between clients that you both may see: for administrators and directors."""
    who = http.actor()
    if not who.may("wall.list"):
        raise forbidden()
    state = args.pop("state")
    lifted = None if not state else state == "lifted"
    query = store.walls(who.scope, lifted=lifted, client_id=args.pop("client_id"))
    return http.paginate(http.reader(), query, [store.Wall.id], **args)


@walls_api.route("/walls", methods=["POST"])
@walls_api.arguments(WallFields)
@walls_api.response(201, WallSchema)
def raise_wall(body: dict[str, Any]) -> Any:
    """Raise a wall. Refused, with their names, while people are on both teams."""
    http.actor()
    wall = commands.raise_wall(http.uow(), **body)
    return http.tagged(wall, location=f"/accounts/v1/walls/{wall.id}")


@walls_api.route("/walls/<wall_id>", methods=["GET"])
@walls_api.response(200, WallSchema)
def read_wall(wall_id: str) -> Any:
    """One wall."""
    return http.tagged(_wall(http.reader(), http.actor(), wall_id))


@walls_api.route("/walls/<wall_id>", methods=["PATCH"])
@walls_api.arguments(WallChanges(partial=True))
@walls_api.response(200, WallSchema)
def change_wall(body: dict[str, Any], wall_id: str) -> Any:
    """Change a wall's reason or cooling-off."""
    http.actor()
    unit = http.uow()
    wall = _wall(unit.session, unit.who, wall_id)
    http.check_match(wall.version, required=True)
    return http.tagged(commands.change_wall(unit, wall, **body))


@walls_api.route("/walls/<wall_id>/lift", methods=["POST"])
@walls_api.response(200, WallSchema)
def lift_wall(wall_id: str) -> Any:
    """Lift a wall."""
    http.actor()
    unit = http.uow()
    wall = _wall(unit.session, unit.who, wall_id)
    http.check_match(wall.version)
    return http.tagged(commands.lift_wall(unit, wall))


def _wall(session: Any, who: access.Actor, wall_id: str) -> store.Wall:
    if not who.may("wall.list"):
        raise missing()
    return store.wall(session, wall_id, who.scope)
