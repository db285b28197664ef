"""The dossier of a client: what is known in each part (I1–I4), and how principles are kept (C1–C5)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.intelligence import commands, store
from services.intelligence.domain import principles
from services.intelligence.pages.site import LOWERED, pages
from shared import http
from shared.access import Subject
from shared.clock import start_of_day
from shared.pages import gettext as _
from shared.pages.language import format_number
from shared.pages.terms import term

LOWERED_ROWS = 5


@pages.get("/clients/<client_id>")
def dossier(client_id: str) -> ResponseReturnValue:
    """A client's dossier: as it holds on a day, as it was known at the end of a day."""
    who = http.actor()
    valid_on, known_on = _day("valid_on"), _day("known_on")
    zone = http.runtime().settings.timezone
    # What was known on a day includes all that was recorded during it.
    known_at = min(start_of_day(known_on + timedelta(days=1), zone), who.now) if known_on else None
    found = store.dossier(http.reader(), who, client_id, valid_at=valid_on, known_at=known_at)
    commands.note_reads(http.uow, found.findings)
    titles = {view.id: view.title for view in found.findings}
    return render_template(
        "dossier.html",
        dossier=found,
        name=found.client_name or _("A client that has not arrived here yet"),
        principles=[_row(one, titles) for one in found.principles],
        chart=_chart(found.principles),
        past=known_at is not None,
        may_capture=who.may("finding.capture", Subject(client_id=client_id)),
    )


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


def _row(one: principles.Principle, titles: dict[str, str]) -> dict[str, Any]:
    lowered = [
        {
            "why": LOWERED[it.reason],
            "finding_id": it.finding_id,
            "about": titles.get(it.finding_id or "", "") or term(it.part, "part"),
        }
        for it in one.lowered_by
    ]
    return {
        "id": one.id,
        "word": term(one.principle, "principle"),
        "score": one.score,
        "unjudged": one.unjudged,
        "lowered": lowered[:LOWERED_ROWS],
        "more": max(len(lowered) - LOWERED_ROWS, 0),
    }


def _chart(found: list[principles.Principle]) -> dict[str, Any]:
    words = [term(one.principle, "principle") for one in found]
    return {
        "title": _("Principles of collection"),
        "option": {
            "tooltip": {},
            "xAxis": {"type": "value", "min": 0, "max": 100},
            "yAxis": {"type": "category", "data": words[::-1]},
            "series": [{"type": "bar", "barMaxWidth": 18, "data": [one.score for one in found][::-1]}],
        },
        "columns": [_("Principle"), {"label": _("Score"), "end": True}],
        "rows": [
            (word, "–" if one.score is None else format_number(one.score, 0))
            for word, one in zip(words, found, strict=True)
        ],
    }
