"""Search for people: the page of what was found, and the suggestions of the search box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
from flask import Response, make_response, render_template, request
from markupsafe import Markup, escape

from services.search import domain, store
from services.search.domain import Question
from shared import http
from shared.access import LABELS
from shared.pages import Pages, url_with
from shared.pages import gettext as _
from shared.pages import lazy_gettext as _l
from shared.pages.language import format_date
from shared.pages.terms import term

pages = Pages("search", __name__)

FIELD_NAMES = {
    "kind": _l("Kind"),
    "client_id": _l("Client"),
    "part": _l("Part"),
    "method": _l("Method"),
    "label": _l("Label"),
    "source_id": _l("Source"),
    "from": _l("Collected from"),
    "to": _l("Collected until"),
}
FACETS = ("kind", "client_id", "part", "method", "label", "source_id")
SORTS = {"relevance": _l("Most relevant"), "newest": _l("Newest"), "oldest": _l("Oldest")}
SHOWN_VALUES = 8
SUGGESTIONS = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet, or a filter that is set, with the link that sets or removes it."""

    field: str
    text: str
    url: str
    count: int = 0
    chosen: bool = False


@pages.get("")
def search() -> Response:
    """Find records by words and filters."""
    schema = store.SearchArgs()
    errors: dict[str, Any] = {}
    try:
        args = schema.load(request.args)
    except ma.ValidationError as refusal:
        errors = dict(refusal.normalized_messages())
        args = schema.load({name: value for name, value in request.args.items() if name not in errors})
    question = store.question_of(args)
    page = store.asked(args)
    names = store.Shelf(http.reader(), http.actor())
    status = 422 if errors else 200
    shown = render_template(
        "search.html",
        question=question,
        page=page,
        errors=[(str(FIELD_NAMES.get(field, field)), text) for field, text in errors.items()],
        hits=[_shown(hit) for hit in page.items],
        facets=_facets(page, names),
        filters=_filters(names),
        empty=_reasons(page, question),
        sorts=[
            (code, str(text), url_with(sort=None if code == "relevance" else code))
            for code, text in SORTS.items()
        ],
        help_parts=domain.PARTS,
        help_labels=LABELS,
        export_url=url_with().replace("/search", "/search/v1/documents.csv", 1),
    )
    return make_response(shown, status)


@pages.get("/suggest")
def suggest() -> str:
    """The list below the search box of every page."""
    found = store.suggest(
        http.runtime(), http.reader(), http.actor(), request.args.get("q", "")[:100].strip(), 8
    )
    return render_template(
        "suggest.html",
        items=[{"title": item.title, "url": item.url, "kind": term(item.kind, "kind")} for item in found],
    )


def _shown(hit: store.Hit) -> dict[str, Any]:
    by_field = {highlight.field: highlight for highlight in hit.highlights}
    title = by_field.pop("title", None)
    return {
        "hit": hit,
        "title": marked(title.text, title.marks) if title and title.text == hit.title else hit.title,
        "excerpts": [marked(highlight.text, highlight.marks) for highlight in by_field.values()],
    }


def marked(text: str, marks: Sequence[Sequence[int]]) -> Markup:
    """A text with its marks as `<mark>`, everything else escaped."""
    pieces: list[Markup] = []
    last = 0
    for start, end in marks:
        pieces += [escape(text[last:start]), Markup("<mark>%s</mark>") % text[start:end]]
        last = end
    return Markup("").join([*pieces, escape(text[last:])])


def _value_text(field: str, value: str, names: store.Shelf) -> str:
    if field == "client_id":
        return names.client_name(value) or _("A client that is not known here")
    if field == "source_id":
        return names.source_name(value) or _("A source that is not known here")
    if field in ("from", "to"):
        try:
            return format_date(value)
        except ValueError:
            return value
    return value if field == "label" else term(value, field)


def _facets(page: store.Page, names: store.Shelf) -> list[tuple[str, str, list[Choice]]]:
    found = []
    for field in FACETS:
        values = page.facets.get(field, [])
        choices = [
            Choice(field, _value_text(field, value, names), url_with(**{field: value}), count)
            for value, count in values[:SHOWN_VALUES]
            if request.args.get(field) != value
        ]
        if choices:
            found.append((field, str(FIELD_NAMES[field]), choices))
    return found


def _filters(names: store.Shelf) -> list[Choice]:
    return [
        Choice(field, f"{name}: {_value_text(field, request.args[field], names)}", url_with(**{field: None}))
        for field, name in FIELD_NAMES.items()
        if request.args.get(field)
    ]


def _reasons(page: store.Page, question: Question) -> list[str]:
    return []
