"""What may be said of clients, contacts, people, seats and walls: read alike from programs and from forms."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from services.accounts import domain
from shared import access, http
from shared.pages import N_

EMAIL = ma.validate.Regexp(r"^$|^[^@\s]+@[^@\s]+$", error=N_("Write an address such as name@agency.example."))
USERNAME = ma.validate.Regexp(
    r"^[\w.@+-]+$", error=N_("A username has letters, digits and . _ - + @ only, and no spaces.")
)


def identifier(**kwargs: Any) -> ma.fields.String:
    """A field that holds an id."""
    return ma.fields.String(validate=ma.validate.Length(1, 36), **kwargs)


def instant(name: str, **kwargs: Any) -> http.Instant:
    """A field `name` that holds an instant, or a date."""
    described = {"description": "RFC 3339, or a date: its start in the agency's time zone."}
    return http.Instant(dates=True, data_key=name, metadata=described, **kwargs)


class ClientFields(ma.Schema):
    """What may be said of a client."""

    name = http.Text(longest=200, shortest=1, required=True)
    english_name = http.Text(load_default="")
    aliases = ma.fields.List(
        http.Text(longest=100, shortest=1), load_default=list, validate=ma.validate.Length(0, 50)
    )
    industry = http.Text(longest=100, load_default="")
    parent_id = identifier(load_default=None, allow_none=True)
    branch = http.Text(longest=100, load_default="")
    visibility = http.Choice(domain.VISIBILITIES, load_default="directory")
    tier = http.Choice(domain.TIERS, load_default="")
    status = http.Choice(domain.STATUSES, load_default="active")


class ContactFields(ma.Schema):
    """What may be said of a person at the client."""

    name = http.Text(longest=200, shortest=1, required=True)
    title = http.Text(longest=200, load_default="")
    email = http.Text(longest=254, load_default="")
    phone = http.Text(longest=64, load_default="")
    preferred_language = http.Text(longest=35, load_default="")

    @ma.validates("email")
    def _check_email(self, value: str, **_: Any) -> None:
        EMAIL(value)


class SeatPeriod(ma.Schema):
    """When a seat is taken: from an instant until an instant (exclusive); without `until` it is open."""

    starts_at = instant("from", allow_none=True)
    ends_at = instant("until", allow_none=True)

    @ma.pre_load
    def _empty_is_open(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {k: None if k in {"from", "until"} and v == "" else v for k, v in data.items()}


class AssignmentFields(SeatPeriod):
    """A seat to give; without `from` it begins now."""

    person_id = identifier(required=True)
    role = http.Choice(domain.SEATS, required=True)


class PersonFields(ma.Schema):
    """What may be said of a person. There is no password: the portal invites the person to set one."""

    username = http.Text(longest=64, shortest=1, required=True)
    name = http.Text(longest=200, shortest=1, required=True)
    email = http.Text(longest=254, load_default="")
    roles = ma.fields.List(http.Choice(access.ROLES), load_default=list, validate=ma.validate.Length(0, 50))
    branch = http.Text(longest=100, load_default="")

    @ma.validates("username")
    def _check_username(self, value: str, **_: Any) -> None:
        USERNAME(value)

    @ma.validates("email")
    def _check_email(self, value: str, **_: Any) -> None:
        EMAIL(value)


class WallFacts(ma.Schema):
    """Why a wall stands and how long people cool off after they left one side's team."""

    reason = http.Text(longest=2000, shortest=1, required=True)
    cooling_off_days = ma.fields.Integer(
        strict=True, load_default=0, validate=ma.validate.Range(0, domain.COOLING_OFF_LONGEST)
    )


class WallFields(WallFacts):
    """A wall to raise between two clients."""

    client_ids = ma.fields.List(identifier(), required=True, validate=ma.validate.Length(equal=2))

    @ma.validates("client_ids")
    def _check_distinct(self, value: list[str], **_: Any) -> None:
        if len(set(value)) != len(value):
            raise ma.ValidationError("Name two different clients.")
