"""Parts for other services' pages, and what capture's pickers ask for."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, or_, select, true

from services.intelligence import commands, store
from services.intelligence.domain import evidence, freshness
from services.intelligence.pages.site import finding_options, pages, source_options
from shared import access, http
from shared.access import Subject
from shared.pages import Form, client_options
from shared.pages import gettext as _

PANEL_ROWS = 6
CANDIDATES = 60


@pages.get("/panels/client/<client_id>")
def client_panel(client_id: str) -> ResponseReturnValue:
    """The latest findings on a client, counts by part, and the way to capture."""
    who, session = http.actor(), http.reader()
    store.client_name(who, client_id)
    seen = store.findings(session, who, store.Filter(client_id=client_id))
    standing = seen.where(store.Finding.state.in_(evidence.LIVE))
    latest = list(session.scalars(standing.order_by(store.Finding.id.desc()).limit(PANEL_ROWS)))
    views = store.views(session, who, latest)
    commands.note_reads(http.uow, views)
    columns = standing.subquery().c
    grouped = session.execute(select(columns.part, func.count()).group_by(columns.part))
    counts: dict[str, int] = {row[0]: row[1] for row in grouped}
    return render_template(
        "client_panel.html",
        client_id=client_id,
        findings=views,
        counts=[(part, counts[part]) for part in evidence.PARTS if part in counts],
        total=sum(counts.values()),
        may_capture=who.may("finding.capture", Subject(client_id=client_id)),
    )


@pages.get("/panels/home")
def home_panel() -> ResponseReturnValue:
    """What needs the reader: disputes, findings to verify, findings that grow stale, own drafts."""
    who, session = http.actor(), http.reader()
    mine = store.findings(session, who, store.Filter(author_id=who.id, state=evidence.DRAFT))
    drafts = list(session.scalars(mine.order_by(store.Finding.id.desc()).limit(PANEL_ROWS)))
    disputes = _for_me(who, "finding.settle", _on_my_clients(who, store.Filter(state=evidence.DISPUTED)))
    waiting = _for_me(who, "finding.verify", _on_my_clients(who, store.Filter(state=evidence.SUBMITTED)))
    stale = _for_me(who, "finding.change", _ageing(who)) if who.scope.cleared else []
    groups = {"disputes": disputes, "waiting": waiting, "stale": stale, "drafts": drafts}
    shown = {row.id: row for rows in groups.values() for row in rows[:PANEL_ROWS]}
    views = {view.id: view for view in store.views(session, who, list(shown.values()))}
    commands.note_reads(http.uow, views.values())
    return render_template(
        "home_panel.html",
        groups={name: [views[row.id] for row in rows[:PANEL_ROWS]] for name, rows in groups.items()},
        more={name: len(rows) > PANEL_ROWS for name, rows in groups.items()},
        may_capture=bool(who.scope.everything or who.scope.cleared or who.scope.market),
    )


def _on_my_clients(who: access.Actor, which: store.Filter) -> Select[Any]:
    """Findings on the reader's clients (a director's: all), and on markets, the oldest first."""
    mine = true() if who.scope.everything else store.Finding.client_id.in_(sorted(who.scope.cleared))
    query = store.findings(http.reader(), who, which).where(or_(mine, store.Finding.client_id.is_(None)))
    return query.order_by(store.Finding.id)


def _for_me(who: access.Actor, action: str, query: Select[Any]) -> list[store.Finding]:
    """Those of the first candidates with which the reader may do this; one more than are shown."""
    rows = http.reader().scalars(query.limit(CANDIDATES))
    return [row for row in rows if who.may(action, row.subject())][: PANEL_ROWS + 1]


def _ageing(who: access.Actor) -> Select[Any]:
    """Findings on the clients that the reader works for which nobody verified for long, the oldest first."""
    before = {part: who.now - life.usable() for part, life in freshness.LIVES.items()}
    query = store.findings(http.reader(), who).where(store.Finding.client_id.in_(sorted(who.scope.cleared)))
    return query.where(store.overdue(before)).order_by(store.Finding.fresh_since)


# --- choosing ----------------------------------------------------------------------------------------------


@pages.get("/pick/clients")
def pick_clients() -> ResponseReturnValue:
    """Clients by part of a name, of those whose findings the reader may record; the best is chosen.

    For a `filter`: those whom the reader lists (`listed`) or may read of (`cleared`), and none chosen.
    """
    filtering = request.args.get("filter", "")
    options = client_options(http.actor(), q=request.args.get("q", "")[:100], cleared=filtering != "listed")
    return render_template("options.html", options=options, empty=_("All") if filtering else "")


@pages.get("/pick/sources")
def pick_sources() -> ResponseReturnValue:
    """Sources by part of a name; the best is chosen."""
    options = source_options(
        http.actor(), q=request.args.get("q", "")[:100], client_id=request.args.get("client_id", "")
    )
    return render_template("options.html", options=options)


@pages.get("/pick/confirming")
def pick_confirming() -> ResponseReturnValue:
    """The findings on a client that could confirm another."""
    options = finding_options(http.actor(), request.args.get("client_id", ""))
    return render_template("confirming.html", form=Form(), confirming=options)
