"""What may be said of sources and findings: read alike from programs and from forms."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from services.intelligence.domain import evidence
from shared import access, http


def identifier(**kwargs: Any) -> ma.fields.String:
    """A field that holds an id."""
    return http.Text(longest=36, shortest=1, **kwargs)


class SourceFields(ma.Schema):
    """What may be said of a source. `origin_id`: the independent origin that it repeats."""

    name = http.Text(longest=200, shortest=1, required=True)
    kind = http.Text(longest=50, load_default="")
    url = http.Text(longest=2000, load_default="")
    reliability = http.Choice(evidence.RELIABILITIES, load_default=evidence.UNKNOWN_RELIABILITY)
    origin_id = identifier(load_default=None, allow_none=True)
    client_id = identifier(load_default=None, allow_none=True)

    @ma.validates("url")
    def _opens_in_a_browser(self, value: str, **_: Any) -> None:
        if value and not evidence.is_web_address(value):
            raise ma.ValidationError("Write an address that begins with http:// or https://.")


class FindingFields(ma.Schema):
    """What may be said of a finding: exactly one of `client_id`, `market` and `territory_id`."""

    client_id = identifier(load_default=None, allow_none=True)
    market = http.Text(longest=200, load_default="")
    territory_id = identifier(load_default=None, allow_none=True)
    part = http.Choice(evidence.PARTS, required=True)
    title = http.Text(longest=300, shortest=1, required=True)
    body = http.Text(longest=http.TEXT_LIMIT, load_default="")
    method = http.Choice(evidence.METHODS, load_default="intelligence")
    source_id = identifier(required=True)
    corroborated_by = ma.fields.List(identifier(), load_default=list, validate=ma.validate.Length(0, 50))
    credibility = ma.fields.Integer(
        strict=True,
        load_default=evidence.UNKNOWN_CREDIBILITY,
        validate=ma.validate.OneOf(evidence.CREDIBILITIES),
    )
    label = http.Choice(access.LABELS, load_default=access.STRICT)
    recipients = ma.fields.List(identifier(), load_default=list, validate=ma.validate.Length(0, 100))
    quote = http.Text(longest=20_000, load_default="")
    locator = http.Text(longest=500, load_default="")
    valid_from = ma.fields.Date(load_default=None, allow_none=True)
    valid_until = ma.fields.Date(load_default=None, allow_none=True)
    collected_at = http.Instant()

    @ma.post_load
    def _once(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        for name in ("corroborated_by", "recipients"):
            if name in data:
                data[name] = list(dict.fromkeys(data[name]))
        return data
