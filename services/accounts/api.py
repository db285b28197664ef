"""Accounts' API: clients."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from services.accounts import commands, domain, store
from shared import http

api = http.ApiBlueprint("clients", "Clients of the agency.")


class ClientFields(ma.Schema):
    """What may be said of a client."""

    name = http.Text(longest=200, shortest=1, required=True)
    english_name = http.Text(load_default="")
    aliases = ma.fields.List(http.Text(longest=100, shortest=1), load_default=list, validate=ma.validate.Length(0, 50))
    industry = http.Text(longest=100, load_default="")
    parent_id = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.Length(0, 36))
    branch = http.Text(longest=100, load_default="")
    visibility = http.Choice(domain.VISIBILITIES, load_default="directory")
    tier = http.Choice(domain.TIERS, load_default="")
    status = http.Choice(domain.STATUSES, load_default="active")


class ClientSchema(ClientFields):
    """A client."""

    id = ma.fields.String(required=True)
    version = ma.fields.Integer(required=True)


@api.route("/clients", methods=["GET"])
@api.arguments(http.PageArgs, location="query")
@api.response(200, http.page_of(ClientSchema))
def list_clients(args: dict[str, Any]) -> dict[str, Any]:
    """The clients that you may list."""
    scope = http.actor().scope
    return http.paginate(http.reader(), store.clients(scope), [store.Client.id], **args)


@api.route("/clients", methods=["POST"])
@api.arguments(ClientFields)
@api.response(201, ClientSchema)
def create_client(body: dict[str, Any]) -> Any:
    """Add a client."""
    http.actor()
    client = commands.create_client(http.uow(), **body)
    return http.tagged(client, location=f"/accounts/v1/clients/{client.id}")


@api.route("/clients/<client_id>", methods=["GET"])
@api.response(200, ClientSchema)
def read_client(client_id: str) -> Any:
    """One client."""
    return http.tagged(store.client(http.reader(), client_id, http.actor().scope))


@api.route("/clients/<client_id>", methods=["PATCH"])
@api.arguments(ClientFields(partial=True))
@api.response(200, ClientSchema)
def change_client(body: dict[str, Any], client_id: str) -> Any:
    """Change some of a client's fields."""
    unit = http.uow()
    client = store.client(unit.session, client_id, unit.who.scope)
    http.check_match(client.version, required=True)
    return http.tagged(commands.change_client(unit, client, **body))
