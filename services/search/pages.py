"""Search for people: the page of what was found, and the suggestions of the search box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import marshmallow as ma
from flask import Response, make_response, render_template, request
from markupsafe import Markup, escape

from services.search import domain, store
from services.search.domain import Question
from shared import http
from shared.access import LABELS
from shared.pages import Pages, lazy_gettext, ngettext, url_with
from shared.pages import gettext as _
from shared.pages.language import format_date
from shared.pages.terms import term

pages = Pages("search", __name__)

FIELD_NAMES = {
    "kind": lazy_gettext("Kind"),
    "client_id": lazy_gettext("Client"),
    "part": lazy_gettext("Part"),
    "method": lazy_gettext("Method"),
    "label": lazy_gettext("Label"),
    "source_id": lazy_gettext("Source"),
    "from": lazy_gettext("Collected from"),
    "to": lazy_gettext("Collected until"),
}
FACETS = ("kind", "client_id", "part", "method", "label", "source_id")
_PARAMETERS = {
    "kind": ("kind",),
    "client": ("client_id",),
    "part": ("part",),
    "method": ("method",),
    "label": ("label",),
    "source": ("source_id",),
    "collected": ("from", "to"),
}
SORTS = {
    "relevance": lazy_gettext("Most relevant"),
    "newest": lazy_gettext("Newest"),
    "oldest": lazy_gettext("Oldest"),
}
SHOWN_VALUES = 8
SUGGESTIONS = 8
PICKS = 10
BEGINNING = 160


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet, or a filter that is set, with the link that sets or removes it."""

    field: str
    text: str
    url: str
    count: int = 0
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """Why nothing, or something looser, was found, and where to go on."""

    text: str
    url: str = ""
    label: str = ""


@pages.get("")
def search() -> Response:
    """Find records by words and filters."""
    schema = store.SearchArgs()
    errors: dict[str, Any] = {}
    try:
        args = schema.load(request.args)
    except ma.ValidationError as refusal:
        errors = dict(cast(dict[str, Any], refusal.messages))
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
        reasons=_reasons(page, question),
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


@pages.get("/panels/pick")
def pick() -> str:
    """What was found of one kind, as buttons: a page of another service takes a record in without leaving."""
    typed = {name: request.args.get(name, "") for name in ("q", "kind", "client_id")}
    try:
        args = store.SearchArgs().load(
            {name: value for name, value in typed.items() if value} | {"limit": PICKS}
        )
    except ma.ValidationError:
        return render_template("pick.html", hits=[])
    return render_template("pick.html", hits=[_shown(hit) for hit in store.asked(args).items])


def _shown(hit: store.Hit) -> dict[str, Any]:
    title = next((one for one in hit.highlights if one.field == "title"), None)
    excerpts = [marked(one.text, one.marks) for one in hit.highlights if one.field != "title"]
    return {
        "hit": hit,
        "title": marked(title.text, title.marks) if title and title.text == hit.title else hit.title,
        "excerpts": excerpts or ([Markup(escape(_beginning(hit.body)))] if hit.body else []),
    }


def _beginning(text: str) -> str:
    return text if len(text) <= BEGINNING else text[:BEGINNING].rstrip() + "…"


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


def _reasons(page: store.Page, question: Question) -> list[Reason]:
    """Why there is no answer, or a looser one, and what to do next."""
    return [reason for note in page.notes for reason in [_reason(note, question)] if reason is not None]


def _reason(note: store.Note, question: Question) -> Reason | None:
    values = dict(note.params)
    match note.code:
        case "nothing_readable":
            return Reason(_("There is nothing yet that you may see."))
        case "no_document_contains":
            text = _("Nothing that you may see contains “%(term)s”.", term=values["term"])
            return Reason(text, *_without_word(question.q, str(values["term"])))
        case "terms_never_together":
            return Reason(_("Each of the words is found, but nothing has all of them. Ask with fewer words."))
        case "without_filter":
            return _without_filter(str(values["filter"]), str(values["value"]), int(values["count"]))
        case "client_unknown":
            return Reason(_("You see no client by the name “%(name)s”.", name=values["value"]))
        case "read_as":
            return Reason(_("“%(term)s” was read as “%(instead)s”.", **values))
        case "read_loosely":
            return Reason(_("“%(term)s” was read loosely: its characters in any order.", **values))
    return None


def _without_word(q: str, word: str) -> tuple[str, str]:
    at = q.casefold().find(word.casefold())
    if at < 0:
        return "", ""
    rest = " ".join((q[:at] + " " + q[at + len(word) :]).replace('""', " ").split())
    return (url_with(q=rest), _("Ask without it")) if rest.strip('" -') else ("", "")


def _without_filter(field: str, value: str, count: int) -> Reason:
    parameters = _PARAMETERS.get(field, ())
    given = [name for name in parameters if request.args.get(name)]
    name = str(FIELD_NAMES[parameters[0]]) if parameters else f"{field}{value}"
    text = ngettext(
        "Without “%(name)s” there is %(num)d record.",
        "Without “%(name)s” there are %(num)d records.",
        count,
        name=name,
    )
    return Reason(text, url_with(**dict.fromkeys(given)), _("Remove it")) if given else Reason(text)
