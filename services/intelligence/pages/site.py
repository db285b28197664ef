"""What all screens of intelligence share: the blueprint, reading forms, choosing, words, histories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from services.intelligence import store
from services.intelligence.domain import evidence, history
from shared import access, http
from shared.clock import instant
from shared.pages import Pages, lazy_gettext
from shared.pages import gettext as _
from shared.pages.language import format_datetime
from shared.pages.terms import STATES, choices, term

pages = Pages("intelligence", __name__)

PAGE_ROWS = 50
PICK_ROWS = 50
FIELDS = {
    "client_id": lazy_gettext("Client"),
    "market": lazy_gettext("Market"),
    "territory_id": lazy_gettext("Territory"),
    "part": lazy_gettext("Part"),
    "title": lazy_gettext("Title"),
    "body": lazy_gettext("Text"),
    "method": lazy_gettext("Method"),
    "source_id": lazy_gettext("Source"),
    "corroborated_by": lazy_gettext("Confirmed by"),
    "credibility": lazy_gettext("Credibility"),
    "label": lazy_gettext("Label"),
    "recipients": lazy_gettext("Named recipients"),
    "quote": lazy_gettext("Quote"),
    "locator": lazy_gettext("Where in the source"),
    "valid_from": lazy_gettext("Valid from"),
    "valid_until": lazy_gettext("Valid until"),
    "collected_at": lazy_gettext("Collected"),
    "verified_at": lazy_gettext("Verified"),
    "state": lazy_gettext("State"),
    "author_id": lazy_gettext("Author"),
    "supersedes_id": lazy_gettext("Corrects"),
    "superseded_by_id": lazy_gettext("Corrected by"),
    "name": lazy_gettext("Name"),
    "kind": lazy_gettext("Kind"),
    "url": lazy_gettext("Address"),
    "reliability": lazy_gettext("Reliability"),
    "origin_id": lazy_gettext("Repeats"),
}
HAPPENINGS = {
    "drafted": lazy_gettext("Kept as a draft"),
    "changed": lazy_gettext("Changed"),
    "submitted": lazy_gettext("Submitted"),
    "verified": lazy_gettext("Verified"),
    "disputed": lazy_gettext("Disputed"),
    "resolved": lazy_gettext("Dispute settled in its favour"),
    "retracted": lazy_gettext("Retracted"),
    "superseded": lazy_gettext("Superseded by a correction"),
    "added": lazy_gettext("Added"),
}
GLYPHS = {
    "drafted": "note",
    "changed": "pencil",
    "submitted": "send",
    "verified": "circle-check",
    "disputed": "alert-triangle",
    "resolved": "gavel",
    "retracted": "circle-x",
    "superseded": "git-merge",
    "added": "plus",
}
SOURCE_KINDS = {
    "document": lazy_gettext("Document"),
    "filing": lazy_gettext("Filing"),
    "interview": lazy_gettext("Interview"),
    "panel": lazy_gettext("Panel"),
    "press": lazy_gettext("Press"),
    "register": lazy_gettext("Register"),
    "report": lazy_gettext("Report"),
    "social": lazy_gettext("Social media"),
    "statistics": lazy_gettext("Statistics"),
    "survey": lazy_gettext("Survey"),
    "web": lazy_gettext("Web page"),
}
WARNINGS = {
    "retracted": lazy_gettext("A finding that confirms this one was retracted."),
    "disputed": lazy_gettext("A finding that confirms this one is disputed."),
    "superseded": lazy_gettext("A finding that confirms this one was corrected meanwhile."),
    "unearned": lazy_gettext(
        "Fewer than two independent origins still confirm this: credibility 1 no longer holds."
    ),
    "expired": lazy_gettext("Its valid time has ended."),
    "stale": lazy_gettext("Nobody has verified this for long: it may no longer hold."),
}
LOWERED = {
    "doubtful": lazy_gettext("doubtful"),
    "disputed": lazy_gettext("in dispute"),
    "unreliable": lazy_gettext("a source of little reliability"),
    "second_hand": lazy_gettext("a source that only repeats another"),
    "stale": lazy_gettext("not verified for long"),
    "expired": lazy_gettext("its valid time is over"),
    "missing": lazy_gettext("nothing is known that stands"),
    "open": lazy_gettext("told in confidence, but labelled open"),
}


def wanted(name: str, known: Mapping[str, Any] | tuple[Any, ...]) -> str:
    """A filter of the URL, or empty where it names nothing known."""
    value = request.args.get(name, "")
    return value if value in {str(one) for one in known} else ""


# --- choosing ----------------------------------------------------------------------------------------------


def source_options(
    who: access.Actor, *, q: str = "", chosen: str = "", client_id: str = ""
) -> list[tuple[str, str]]:
    """Sources to choose among: the chosen one, the newest that fit, the client's own before public ones."""
    session = http.reader()
    query = store.sources(who, name=q).order_by(
        (store.Source.client_id == client_id).desc(), store.Source.id.desc()
    )
    found = {row.id: row for row in store.visible_sources(session, who, [chosen] if chosen else []).values()}
    found |= {row.id: row for row in session.scalars(query.limit(PICK_ROWS))}
    return [(row.id, source_label(row)) for row in found.values()]


def source_label(source: store.Source) -> str:
    """A source as it stands in a list to choose from."""
    return f"{source.name} · {source.reliability}"


def people_options(who: access.Actor) -> list[tuple[str, str]]:
    """Employed people to name as readers."""
    people = (person for person in who.book.people.values() if person.status == "employed")
    return sorted(((p.id, f"{p.name} ({p.username})") for p in people), key=lambda option: option[1])


def finding_options(who: access.Actor, client_id: str, *, but: str = "") -> list[tuple[str, str, str]]:
    """Findings that stand and could confirm another one about the client, the newest first."""
    if not client_id:
        return []
    query = store.findings(http.reader(), who, store.Filter(client_id=client_id))
    query = query.where(store.Finding.state.in_(evidence.LIVE), store.Finding.id != but)
    rows = http.reader().scalars(query.order_by(store.Finding.id.desc()).limit(PICK_ROWS)).all()
    sources = store.visible_sources(http.reader(), who, (row.source_id for row in rows))
    names = {source.id: source.name for source in sources.values()}
    return [(row.id, row.title, names.get(row.source_id, "")) for row in rows]


def numbered(vocabulary: str) -> list[tuple[str, str]]:
    """The Admiralty code's words behind their letter or number, for a select."""
    return [(code, f"{code} · {word}") for code, word in choices(vocabulary)]


# --- histories ---------------------------------------------------------------------------------------------


def timeline(who: access.Actor, entries: list[history.Entry]) -> list[dict[str, Any]]:
    """A history as the timeline shows it, newest first, every value in words."""
    words = _Words(who, entries)
    return [
        {
            "at": instant(entry.at),
            "by": entry.actor_name or _("The system"),
            "title": HAPPENINGS.get(entry.happening, entry.happening),
            "text": entry.reason,
            "glyph": GLYPHS.get(entry.happening, "point"),
            "changes": [
                (str(FIELDS.get(c.field, c.field)), words.of(c.field, c.old), words.of(c.field, c.new))
                for c in entry.changes
                if c.field != "author_id"
            ],
        }
        for entry in reversed(entries)
    ]


class _Words:
    """Values of a history as people read them; names of what the reader may see, looked up at once."""

    def __init__(self, who: access.Actor, entries: list[history.Entry]) -> None:
        self._who = who
        values = [(c.field, value) for entry in entries for c in entry.changes for value in (c.old, c.new)]
        sources = {value for field, value in values if field in ("source_id", "origin_id") and value}
        findings = {one for field, value in values if field == "corroborated_by" for one in value or ()}
        findings |= {v for field, v in values if field in ("supersedes_id", "superseded_by_id") and v}
        self._sources = store.visible_sources(http.reader(), who, sources)
        self._findings = store.visible_findings(http.reader(), who, findings)

    def of(self, field: str, value: Any) -> str:
        if value in (None, "", []):
            return ""
        if field in ("part", "method", "reliability"):
            return term(value, field)
        if field == "credibility":
            return f"{value} · {term(value, 'credibility')}"
        if field == "state":
            return str(STATES[value].text)
        if field == "kind":
            return str(SOURCE_KINDS.get(value, value))
        if field.endswith("_at"):
            return format_datetime(instant(value))
        return self._name(field, value)

    def _name(self, field: str, value: Any) -> str:
        if field in ("source_id", "origin_id"):
            return self._sources[value].name if value in self._sources else _("a source that you may not see")
        if field in ("corroborated_by", "supersedes_id", "superseded_by_id"):
            ids = value if isinstance(value, list) else [value]
            return " · ".join(self._findings[one].title for one in ids if one in self._findings)
        if field == "recipients":
            return " · ".join(self._who.book.person_name(one) for one in value)
        if field == "client_id":
            return self._who.book.client_name(value) or _("a client that has not arrived here yet")
        return str(value)
