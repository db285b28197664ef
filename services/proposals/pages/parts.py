"""Parts for other services' pages: what needs the reader, a client's proposals; and what pickers ask for."""

from __future__ import annotations

from datetime import timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from services.proposals import commands, store
from services.proposals.domain import approvals, workflows
from services.proposals.pages.site import pages
from shared import access, http
from shared.access import Subject
from shared.pages import client_options
from shared.pages import gettext as _
from shared.problem import missing

PANEL_ROWS = 6
CANDIDATES = 60
SOON = timedelta(days=7)


@pages.get("/panels/home")
def home_panel() -> ResponseReturnValue:
    """What needs the reader: approvals whose turn is theirs, mentions, warnings, deadlines, own drafts."""
    who, session = http.actor(), http.reader()
    groups = {
        "turns": _my_turn(who),
        "mentions": _mentions(who),
        "warned": _warned(who),
        "deadlines": _deadlines(who),
        "drafts": _drafts(who),
    }
    shown = {row.id: row for rows in groups.values() for row in rows[:PANEL_ROWS]}
    views = {view.id: view for view in store.views(session, who, list(shown.values()))}
    commands.note_reads(http.uow, views.values())
    return render_template(
        "home_panel.html",
        groups={name: [views[row.id] for row in rows[:PANEL_ROWS]] for name, rows in groups.items()},
        more={name: len(rows) > PANEL_ROWS for name, rows in groups.items()},
    )


def _my_turn(who: access.Actor) -> list[store.Proposal]:
    """Proposals that wait for an approval that the reader could give now, those that wait longest first."""
    session = http.reader()
    states = tuple(dict.fromkeys(workflows.UNDER_REVIEW.values()))
    query = store.proposals(who, store.Filter(states=states))
    if not who.scope.everything:
        mine = sorted(seat.client_id for seat in who.book.seats(who.id, who.now))
        none = store.Proposal.client_id.is_(None)
        query = query.where(or_(store.Proposal.client_id.in_(mine), none))
    rows = session.scalars(query.order_by(store.Proposal.state_since).limit(CANDIDATES))
    return [row for row in rows if row.waiting_for and _is_mine(who, row)][: PANEL_ROWS + 1]


def _is_mine(who: access.Actor, row: store.Proposal) -> bool:
    if not who.may("proposal.approve", row.approval_subject()):
        return False
    given = store.given(http.reader(), row)
    if any(approval.person_id == who.id for approval in given):
        return False
    return approvals.slot_for(store.stands_as(who, row), store.needed(row), given) is not None


def _mentions(who: access.Actor) -> list[store.Proposal]:
    """Proposals with a comment that mentions the reader and is not dealt with."""
    commented = (
        select(store.Comment.proposal_id)
        .join(store.Mention, store.Mention.comment_id == store.Comment.id)
        .where(store.Mention.person_id == who.id, store.Comment.resolved_at.is_(None))
    )
    query = store.proposals(who).where(store.Proposal.id.in_(commented))
    return list(http.reader().scalars(query.order_by(store.Proposal.id.desc()).limit(PANEL_ROWS + 1)))


def _mine(who: access.Actor) -> store.Filter:
    return store.Filter(owner_id=who.id, open=True)


def _warned(who: access.Actor) -> list[store.Proposal]:
    """The reader's open proposals that cite what no longer stands."""
    session = http.reader()
    citing = select(store.Citation.proposal_id)
    query = store.proposals(who, _mine(who)).where(store.Proposal.id.in_(citing))
    rows = list(session.scalars(query.order_by(store.Proposal.id.desc()).limit(CANDIDATES)))
    warned = {view.id for view in store.views(session, who, rows) if view.warnings}
    return [row for row in rows if row.id in warned][: PANEL_ROWS + 1]


def _deadlines(who: access.Actor) -> list[store.Proposal]:
    """The reader's open proposals that are late or due within SOON."""
    query = store.proposals(who, _mine(who)).where(store.Proposal.due_at < who.now + SOON)
    return list(http.reader().scalars(query.order_by(store.Proposal.due_at).limit(PANEL_ROWS + 1)))


def _drafts(who: access.Actor) -> list[store.Proposal]:
    """What the reader is writing: theirs in a state in which it may be written on, the newest first."""
    query = store.proposals(
        who, store.Filter(owner_id=who.id, states=tuple(workflows.UNSUBMITTED - {"no_go"}))
    )
    return list(http.reader().scalars(query.order_by(store.Proposal.id.desc()).limit(PANEL_ROWS + 1)))


@pages.get("/panels/client/<client_id>")
def client_panel(client_id: str) -> ResponseReturnValue:
    """The newest proposals to a client, and the way to begin one."""
    who, session = http.actor(), http.reader()
    if not who.scope.lists(client_id):
        raise missing("client")
    query = store.proposals(who, store.Filter(client_id=client_id))
    rows = list(session.scalars(query.order_by(store.Proposal.id.desc()).limit(PANEL_ROWS + 1)))
    views = store.views(session, who, rows[:PANEL_ROWS])
    commands.note_reads(http.uow, views)
    return render_template(
        "client_panel.html",
        client_id=client_id,
        proposals=views,
        more=len(rows) > PANEL_ROWS,
        may_begin=who.may("proposal.create", Subject(client_id=client_id)),
    )


@pages.get("/pick/clients")
def pick_clients() -> ResponseReturnValue:
    """Clients by part of a name; for htmx as options of a select.

    They are those for whom the reader may write or, for a `filter`, those whom the reader lists.
    """
    filtering = bool(request.args.get("filter"))
    options = client_options(http.actor(), q=request.args.get("q", "")[:100], cleared=not filtering)
    return render_template("options.html", options=options, empty=_("All") if filtering else "–")
