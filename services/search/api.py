"""Search's API: documents, suggestions, and what was found as a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import marshmallow as ma
from flask import Response

from services.search import commands, store
from shared import clock, http
from shared.pages import in_language
from shared.pages import lazy_gettext as _
from shared.pages.language import language
from shared.pages.terms import STATES, term
from shared.spreadsheet import BYTE_ORDER_MARK, csv_lines

COLUMNS = (
    _("Kind"), _("Title"), _("Client"), _("Part"), _("Method"), _("Label"), _("State"), _("Source"),
    _("Reliability"), _("Credibility"), _("Collected"), _("Valid from"), _("Valid until"), _("Text"),
    _("Page"),
)  # fmt: skip
documents_api = http.ApiBlueprint("documents", "What a person may see, found by words and filters.")
apis = [documents_api]


class HighlightSchema(ma.Schema):
    """Part of a field with what was found in it. `marks`: [from, to) in characters of `text`."""

    field = ma.fields.String(required=True)
    text = ma.fields.String(required=True)
    marks = ma.fields.List(ma.fields.List(ma.fields.Integer()), required=True)


class HitSchema(ma.Schema):
    """Something that was found."""

    kind = ma.fields.String(required=True)
    id = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    client_id = ma.fields.String(required=True, allow_none=True)
    url = ma.fields.String(required=True, metadata={"description": "The page of the record."})
    score = ma.fields.Float(required=True)
    highlights = ma.fields.List(ma.fields.Nested(HighlightSchema), required=True)
    label = ma.fields.String(required=True)
    part = ma.fields.String(required=True)
    method = ma.fields.String(required=True)
    state = ma.fields.String(required=True)
    source_id = ma.fields.String(required=True)
    reliability = ma.fields.String(required=True)
    credibility = ma.fields.Integer(required=True, allow_none=True)
    valid_from = ma.fields.String(required=True)
    valid_until = ma.fields.String(required=True)
    collected_at = http.Instant(required=True, allow_none=True)
    explanation = ma.fields.Raw(required=True, allow_none=True)


class FacetSchema(ma.Schema):
    """A value of a field and how many of what was found have it."""

    value = ma.fields.String(required=True)
    count = ma.fields.Integer(required=True)


class NoteSchema(ma.Schema):
    """Why nothing was found, or what else might be: a code, and what it speaks of."""

    code = ma.fields.String(required=True)
    params = ma.fields.Dict(required=True)


class EmptySchema(ma.Schema):
    """An empty answer explains itself."""

    reasons = ma.fields.List(ma.fields.Nested(NoteSchema), required=True)


class SearchResult(ma.Schema):
    """A page of what was found."""

    total = ma.fields.Integer(required=True)
    as_of = http.Instant(required=True, allow_none=True)
    items = ma.fields.List(ma.fields.Nested(HitSchema), required=True)
    facets = ma.fields.Dict(
        keys=ma.fields.String(), values=ma.fields.List(ma.fields.Nested(FacetSchema)), required=True
    )
    widened = ma.fields.Boolean(
        required=True, metadata={"description": "Only a looser reading found something; `notes` say which."}
    )
    empty = ma.fields.Nested(
        EmptySchema, required=True, allow_none=True, metadata={"description": "Why, when nothing was found."}
    )
    notes = ma.fields.List(ma.fields.Nested(NoteSchema), required=True)
    filling = ma.fields.Boolean(
        required=True, metadata={"description": "The index is being made again; not all is found yet."}
    )
    next = ma.fields.String(required=True, allow_none=True)


class SuggestionArgs(ma.Schema):
    """The beginning of a word."""

    class Meta:
        unknown = ma.EXCLUDE

    q = http.Text(longest=100, load_default="")
    limit = ma.fields.Integer(load_default=8, validate=ma.validate.Range(1, 20))


class SuggestionSchema(ma.Schema):
    """A record whose title or name begins so."""

    kind = ma.fields.String(required=True)
    id = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    url = ma.fields.String(required=True)


class Suggestions(ma.Schema):
    """What the beginning of a word may mean."""

    items = ma.fields.List(ma.fields.Nested(SuggestionSchema), required=True)


@documents_api.route("/documents", methods=["GET"])
@documents_api.arguments(store.SearchArgs, location="query")
@documents_api.response(200, SearchResult)
def find_documents(args: dict[str, Any]) -> dict[str, Any]:
    """Find what you may see. Nothing else moves a hit, a count or a score."""
    page = store.asked(args)
    return {
        "total": page.total,
        "as_of": page.as_of,
        "items": page.items,
        "facets": {
            field: [{"value": value, "count": count} for value, count in values]
            for field, values in page.facets.items()
        },
        "widened": page.widened,
        "empty": None if page.total else {"reasons": page.notes},
        "notes": page.notes,
        "filling": page.filling,
        "next": page.next or None,
    }


@documents_api.route("/suggestions", methods=["GET"])
@documents_api.arguments(SuggestionArgs, location="query")
@documents_api.response(200, Suggestions)
def suggest(args: dict[str, Any]) -> dict[str, Any]:
    """What the beginning of a word may mean, among what you may see."""
    return {"items": store.suggest(http.runtime(), http.reader(), http.actor(), args["q"], args["limit"])}


@documents_api.route("/documents.csv", methods=["GET"])
@documents_api.arguments(store.QuestionArgs, location="query")
@documents_api.response(
    200, content_type="text/csv", description="UTF-8 with a byte order mark, for spreadsheets."
)
def export_documents(args: dict[str, Any]) -> Response:
    """What you find as a spreadsheet, at most 10,000 rows. Exports are audited."""
    question = store.question_of(args)
    running, who = http.runtime(), http.actor()
    total = store.asked({**args, "limit": 1, "cursor": "", "explain": False}).total
    commands.note_export(http.uow(), question, total=total)
    zone = ZoneInfo(running.settings.timezone)
    spoken = language()
    head = BYTE_ORDER_MARK + csv_lines([[str(title) for title in COLUMNS]])

    def lines() -> Iterator[str]:
        yield head
        for hits in store.everything(running, who.id, question):
            with in_language(spoken):
                text = csv_lines(_cells(hit, zone) for hit in hits)
            yield text

    answer = Response(lines(), mimetype="text/csv")
    day = clock.now().astimezone(zone).date().isoformat()
    answer.headers["Content-Disposition"] = f'attachment; filename="acm-search-{day}.csv"'
    return answer


def _cells(hit: store.Hit, zone: ZoneInfo) -> list[str]:
    collected = hit.collected_at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if hit.collected_at else ""
    return [
        term(hit.kind, "kind"),
        hit.title,
        hit.client_name,
        term(hit.part, "part"),
        term(hit.method, "method"),
        hit.label,
        str(STATES[hit.state].text) if hit.state in STATES else hit.state,
        hit.source_name,
        hit.reliability,
        str(hit.credibility or ""),
        collected,
        hit.valid_from[:10],
        hit.valid_until[:10],
        hit.body,
        hit.url,
    ]
