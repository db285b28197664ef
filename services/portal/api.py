"""The portal's API: who one is, one's sessions and API tokens, links for setting a password."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import request

from services.portal import commands, domain, store
from shared import http
from shared.access import Seat
from shared.problem import forbidden, missing

me_api = http.ApiBlueprint("me", "Who you are here: roles, seats, password.")
tokens_api = http.ApiBlueprint("tokens", "Your sessions and API tokens.")
links_api = http.ApiBlueprint("links", "One-time links with which people set a password.")
apis = [me_api, tokens_api, links_api]


# --- me ----------------------------------------------------------------------------------------------------


class SeatSchema(ma.Schema):
    """A seat that you take now."""

    client_id = ma.fields.String(required=True)
    role = ma.fields.String(required=True)
    starts_at = http.Instant(required=True)
    ends_at = http.Instant(required=True, allow_none=True)


class MeSchema(ma.Schema):
    """The person whose token asks."""

    id = ma.fields.String(required=True)
    username = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    email = ma.fields.String(required=True)
    roles = ma.fields.List(ma.fields.String(), required=True)
    branch = ma.fields.String(required=True)
    seats = ma.fields.List(ma.fields.Nested(SeatSchema), required=True)
    can_write = ma.fields.Boolean(required=True)
    must_change_password = ma.fields.Boolean(required=True)


class PasswordChange(ma.Schema):
    """The present password and the new one."""

    present = ma.fields.String(required=True, validate=ma.validate.Length(1, 1000), load_only=True)
    password = ma.fields.String(required=True, validate=ma.validate.Length(1, 1000), load_only=True)


@me_api.route("/me", methods=["GET"])
@me_api.response(200, MeSchema)
def read_me() -> Any:
    """Who you are, with your roles and the seats that you take now."""
    who = http.actor()
    credential = http.reader().get(store.Credential, who.id)
    seats: list[Seat] = [s for s in who.book.seats(who.id, who.now) if who.scope.lists(s.client_id)]
    return who.person.to_dict() | {
        "seats": seats,
        "can_write": who.can_write,
        "must_change_password": credential is not None and credential.must_change,
    }


@me_api.route("/me/password", methods=["POST"])
@me_api.arguments(PasswordChange)
@me_api.response(204)
def change_password(body: dict[str, str]) -> Any:
    """Change your password. Every session of yours ends but the one that asks."""
    who = http.actor()
    commands.check_password(body["password"], domain.own_words(who.person))
    commands.change_own_password(
        http.runtime(),
        who=who,
        present=body["present"],
        password=body["password"],
        address=request.remote_addr or "",
    )
    return None


# --- sessions and tokens -----------------------------------------------------------------------------------


class IssuedSchema(ma.Schema):
    """A session or API token. The token itself is shown once, when it is made."""

    id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    scope = ma.fields.String(required=True)
    started_at = http.Instant(required=True)
    issued_at = http.Instant(required=True)
    expires_at = http.Instant(required=True)
    revoked_at = http.Instant(required=True, allow_none=True)
    version = ma.fields.Integer(required=True)


class NewTokenSchema(IssuedSchema):
    """An API token, with the token itself, this once."""

    token = ma.fields.String(required=True)


class TokenFields(ma.Schema):
    """What an API token is for, how long it holds, and whether it may write."""

    name = http.Text(longest=200, shortest=1, required=True)
    days = ma.fields.Integer(
        load_default=domain.API_TOKEN_LIFE.days, validate=ma.validate.Range(1, domain.API_TOKEN_LONGEST.days)
    )
    scope = http.Choice(domain.SCOPES, load_default=domain.SCOPES[1])


ISSUED_PAGE = http.page_of(IssuedSchema)


def _facts(row: Any, schema: type[ma.Schema]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in schema().fields}


def _one(token_id: str, kind: str) -> store.IssuedToken:
    issued = store.token(http.reader(), token_id, http.actor().id)
    if issued.kind != kind:
        raise missing()
    return issued


def _revoked(token_id: str, kind: str) -> Any:
    _one(token_id, kind)
    issued = commands.revoke_token(http.uow(), token_id=token_id)
    return http.tagged(issued)


@tokens_api.route("/sessions", methods=["GET"])
@tokens_api.arguments(http.PageArgs, location="query")
@tokens_api.response(200, ISSUED_PAGE)
def list_sessions(args: dict[str, Any]) -> dict[str, Any]:
    """Your sessions, newest first."""
    who = http.actor()
    query = store.sessions(who.id, who.now)
    return http.paginate(http.reader(), query, [store.IssuedToken.id], newest_first=True, **args)


@tokens_api.route("/sessions/<token_id>", methods=["GET"])
@tokens_api.response(200, IssuedSchema)
def read_session(token_id: str) -> Any:
    """One of your sessions."""
    return http.tagged(_one(token_id, domain.SESSION))


@tokens_api.route("/sessions/<token_id>/revoke", methods=["POST"])
@tokens_api.response(200, IssuedSchema)
def revoke_session(token_id: str) -> Any:
    """End one of your sessions, everywhere and at once."""
    return _revoked(token_id, domain.SESSION)


@tokens_api.route("/tokens", methods=["GET"])
@tokens_api.arguments(http.PageArgs, location="query")
@tokens_api.response(200, ISSUED_PAGE)
def list_tokens(args: dict[str, Any]) -> dict[str, Any]:
    """Your API tokens that hold, newest first."""
    who = http.actor()
    query = store.tokens(who.id, domain.API, who.now)
    return http.paginate(http.reader(), query, [store.IssuedToken.id], newest_first=True, **args)


@tokens_api.route("/tokens", methods=["POST"])
@tokens_api.arguments(TokenFields)
@tokens_api.response(201, NewTokenSchema)
def create_token(body: dict[str, Any]) -> Any:
    """Make an API token for yourself. The token is answered this once."""
    http.actor()
    http.keep_sealed()
    token, issued = commands.create_token(http.uow(), secret=http.runtime().settings.secret, **body)
    answer = _facts(issued, IssuedSchema) | {"token": token}
    return answer, 201, {"ETag": http.etag(issued.version), "Location": f"/portal/v1/tokens/{issued.id}"}


@tokens_api.route("/tokens/<token_id>", methods=["GET"])
@tokens_api.response(200, IssuedSchema)
def read_token(token_id: str) -> Any:
    """One of your API tokens, without the token itself."""
    return http.tagged(_one(token_id, domain.API))


@tokens_api.route("/tokens/<token_id>/revoke", methods=["POST"])
@tokens_api.response(200, IssuedSchema)
def revoke_token(token_id: str) -> Any:
    """End one of your API tokens, everywhere and at once."""
    return _revoked(token_id, domain.API)


# --- links -------------------------------------------------------------------------------------------------


class LinkSchema(ma.Schema):
    """A one-time link: `invitation`, or `reset` where the person had a password."""

    id = ma.fields.String(required=True)
    person_id = ma.fields.String(required=True)
    kind = ma.fields.String(required=True)
    made_by = ma.fields.String(required=True)
    made_at = http.Instant(required=True)
    expires_at = http.Instant(required=True)
    closed_at = http.Instant(required=True, allow_none=True)
    version = ma.fields.Integer(required=True)


class NewLinkSchema(LinkSchema):
    """A link with its local path, this once."""

    path = ma.fields.String(required=True)


class LinkFields(ma.Schema):
    """For whom."""

    person_id = ma.fields.String(required=True, validate=ma.validate.Length(1, 36))


class LinkFilters(http.PageArgs):
    """Whose links."""

    person_id = ma.fields.String(required=True, validate=ma.validate.Length(1, 36))


def _require_manager() -> None:
    if not http.actor().may("person.manage"):
        raise forbidden()


@links_api.route("/links", methods=["GET"])
@links_api.arguments(LinkFilters, location="query")
@links_api.response(200, http.page_of(LinkSchema))
def list_links(args: dict[str, Any]) -> dict[str, Any]:
    """The links of a person that still work. For those who manage people."""
    _require_manager()
    query = store.open_links(args.pop("person_id"), http.actor().now)
    return http.paginate(http.reader(), query, [store.Link.id], newest_first=True, **args)


@links_api.route("/links", methods=["POST"])
@links_api.arguments(LinkFields)
@links_api.response(201, NewLinkSchema)
def make_link(body: dict[str, str]) -> Any:
    """Invite somebody; for somebody who has a password, reset it and end all that they have open."""
    http.actor()
    http.keep_sealed()
    unit = http.uow()
    secret, link = commands.make_link(unit, person_id=body["person_id"], book=unit.who.book)
    answer = _facts(link, LinkSchema) | {"path": f"/welcome/{secret}"}
    return answer, 201, {"ETag": http.etag(link.version), "Location": f"/portal/v1/links/{link.id}"}


@links_api.route("/links/<link_id>", methods=["GET"])
@links_api.response(200, LinkSchema)
def read_link(link_id: str) -> Any:
    """One link, without its path."""
    _require_manager()
    link = http.reader().get(store.Link, link_id)
    if link is None:
        raise missing()
    return http.tagged(link)


@links_api.route("/links/<link_id>/close", methods=["POST"])
@links_api.response(200, LinkSchema)
def close_link(link_id: str) -> Any:
    """Stop a link from working."""
    http.actor()
    return http.tagged(commands.close_link(http.uow(), link_id=link_id))


@links_api.route("/people/<person_id>/end-sessions", methods=["POST"])
@links_api.response(204)
def end_sessions(person_id: str) -> Any:
    """End every session and API token of somebody. For administrators."""
    if person_id not in http.actor().book.people:
        raise missing()
    commands.end_all_of(http.uow(), person_id=person_id)
    return None
