"""Where every proposal stands: the list, the board, the calendar of deadlines, the report and its
downloads.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from services.proposals import commands, store
from services.proposals.domain import pitching, workflows
from services.proposals.pages.site import (
    KINDS,
    LABELS,
    PAGE_ROWS,
    REASONS,
    VERBS,
    kind_options,
    pages,
    people_options,
    state_options,
    state_word,
)
from shared import access, http
from shared.clock import start_of_day
from shared.pages import FIRST, client_options, lazy_gettext
from shared.pages import gettext as _
from shared.pages.language import format_money, format_number, format_percent, local
from shared.problem import missing
from shared.spreadsheet import BYTE_ORDER_MARK, csv_lines

CARDS = 12
LANES = ("client", "owner", "kind")
DAYS_AGO = 365
BUCKETS = [
    lazy_gettext("up to 7 days"),
    lazy_gettext("up to 14 days"),
    lazy_gettext("up to 30 days"),
    lazy_gettext("up to 60 days"),
    lazy_gettext("longer"),
]


def _filter(who: access.Actor, *, state: bool = True) -> store.Filter:
    """The filters of the URL; unknown values ask for nothing."""
    asked = request.args

    def person(name: str) -> str:
        return who.id if asked.get(name) == "me" else asked.get(name, "")

    return store.Filter(
        kind=asked.get("kind", "") if asked.get("kind") in workflows.KINDS else "",
        client_id=asked.get("client_id", ""),
        state=asked.get("state", "") if state and asked.get("state") in workflows.BOARD else "",
        owner_id=person("owner"),
        author_id=person("author"),
        label=asked.get("label", "") if asked.get("label") in access.LABELS else "",
        competitor=asked.get("competitor", ""),
        title=asked.get("q", "").strip()[:100],
        open={"yes": True, "no": False}.get(asked.get("open", "")),
        late_at=who.now if asked.get("late") else None,
    )


def _filters(who: access.Actor) -> dict[str, Any]:
    clients = client_options(who, chosen=request.args.get("client_id", ""), cleared=False)
    return {
        "kinds": kind_options(),
        "clients": clients,
        "narrow_clients": "/proposals/pick/clients?filter=1" if len(clients) == FIRST else "",
        "people": [("me", _("Mine")), *people_options(who)],
        "states_of": state_options(request.args.get("kind", "")),
        "labels": LABELS,
        "kind_words": KINDS,
    }


@pages.get("/")
def proposals() -> ResponseReturnValue:
    """The proposals that the reader may see, the last begun first."""
    who, session = http.actor(), http.reader()
    page = http.paginate(
        session,
        store.proposals(who, _filter(who)),
        [store.Proposal.id],
        limit=PAGE_ROWS,
        cursor=request.args.get("cursor", ""),
        newest_first=True,
    )
    rows = store.views(session, who, page["items"])
    commands.note_reads(http.uow, rows)
    return render_template("proposals.html", rows=rows, next=page["next"], **_filters(who))


# --- board -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lane:
    """A swim lane: its name, and for each column the cards in it."""

    name: str
    columns: dict[str, list[store.ProposalView]]


@pages.get("/board")
def board() -> ResponseReturnValue:
    """Columns by state, in lanes by client, owner or kind."""
    who, session = http.actor(), http.reader()
    which = _filter(who, state=False)
    columns = store.board(session, who, which, limit=CARDS)
    shown = [column for column in columns if column.count or which.kind]
    cards = [card for column in shown for card in column.items]
    commands.note_reads(http.uow, cards)
    lane = request.args.get("lane", "")
    return render_template(
        "board.html",
        columns=shown,
        lanes=_lanes(lane, cards) if lane in LANES else [Lane("", {c.state: c.items for c in shown})],
        total=sum(column.count for column in columns),
        moves={card.id: _moves(who, card) for card in cards},
        lane_options=[("client", _("Client")), ("owner", _("Owner")), ("kind", _("Kind"))],
        at=who.now,
        **_filters(who),
    )


def _lanes(lane: str, cards: Iterable[store.ProposalView]) -> list[Lane]:
    found: dict[str, dict[str, list[store.ProposalView]]] = {}
    for card in cards:
        names = {
            "client": card.client_name or _("No client"),
            "owner": card.owner_name,
            "kind": str(KINDS[card.kind]),
        }
        found.setdefault(names[lane], {}).setdefault(card.state, []).append(card)
    return [Lane(name, columns) for name, columns in sorted(found.items())]


def _moves(who: access.Actor, card: store.ProposalView) -> dict[str, str]:
    """For each state that the workflow allows next, where the reader goes to do it."""
    subject = access.Subject(card.client_id, card.label, tuple(card.recipients), (card.author_id,))
    return {
        step.target: f"/proposals/{card.id}?do={step.verb}"
        for step in workflows.WORKFLOWS[card.kind].verbs(card.state)
        if step.verb in VERBS and who.may(step.action, subject)
    }


# --- calendar ----------------------------------------------------------------------------------------------


@pages.get("/calendar")
def deadlines() -> ResponseReturnValue:
    """The deadlines of a month, day by day."""
    who, session = http.actor(), http.reader()
    month = _month(who)
    following = (month + timedelta(days=31)).replace(day=1)
    zone = http.runtime().settings.timezone
    due = store.proposals(who, _filter(who)).where(
        store.Proposal.due_at >= start_of_day(month, zone),
        store.Proposal.due_at < start_of_day(following, zone),
    )
    rows = list(session.scalars(due.order_by(store.Proposal.due_at, store.Proposal.id).limit(500)))
    seen = store.views(session, who, rows)
    commands.note_reads(http.uow, seen)
    days: dict[date, list[store.ProposalView]] = {}
    for one in seen:
        if one.due_at is not None:
            days.setdefault(local(one.due_at).date(), []).append(one)
    return render_template(
        "calendar.html",
        weeks=calendar.Calendar(calendar.MONDAY).monthdatescalendar(month.year, month.month),
        days=days,
        month=month,
        today=local(who.now).date(),
        before=(month - timedelta(days=1)).replace(day=1).isoformat()[:7],
        after=following.isoformat()[:7],
        **_filters(who),
    )


def _month(who: access.Actor) -> date:
    try:
        return date.fromisoformat(f"{request.args.get('month', '')}-01")
    except ValueError:
        return local(who.now).date().replace(day=1)


# --- report ------------------------------------------------------------------------------------------------


@pages.get("/report")
def report() -> ResponseReturnValue:
    """Win rates, cycle times, ageing, workload, forecast and the cost of pitches."""
    who = http.actor()
    told = _report(who)
    commands.note_reads(http.uow, told.warned)
    figures = _figures(who, told)
    return render_template(
        "report.html",
        report=told,
        figures=figures,
        drawings={name: _chart(name, told, figure) for name, figure in figures.items() if name != "warned"},
        at=who.now,
        few=pitching.FEW,
        **_filters(who),
    )


@pages.get("/report/<figure>.csv")
def report_csv(figure: str) -> Response:
    """One figure of the report as a spreadsheet; every download is audited."""
    who = http.actor()
    told = _report(who)
    found = _figures(who, told).get(figure)
    if found is None:
        raise missing("figure")
    commands.note_reads(http.uow, told.warned if figure == "warned" else [])
    http.uow().audit("report.exported", figure, query=request.query_string.decode(errors="replace")[:500])
    rows = [row[0] for row in found.rows]
    text = BYTE_ORDER_MARK + csv_lines([found.columns, *rows])
    headers = {"Content-Disposition": f'attachment; filename="proposals-{figure}.csv"'}
    return Response(text, mimetype="text/csv", headers=headers)


def _report(who: access.Actor) -> store.Report:
    zone = http.runtime().settings.timezone
    until = _instant("to", zone, after=True) or who.now + timedelta(seconds=1)
    since = _instant("from", zone) or until - timedelta(days=DAYS_AGO)
    return store.report(http.reader(), who, _filter(who, state=False), since=since, until=until)


def _instant(name: str, zone: str, *, after: bool = False) -> datetime | None:
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return start_of_day(day + timedelta(days=1) if after else day, zone)


@dataclass(frozen=True, slots=True)
class Figure:
    """A table of the report: each row with its cells and the list that it counts, to drill down to."""

    title: str
    columns: list[str]
    rows: list[tuple[list[str], str]]


def _figures(who: access.Actor, told: store.Report) -> dict[str, Figure]:
    book = who.book
    rate_columns = [_("Won"), _("Lost"), _("Win rate"), _("Sample")]

    def rate_figure(by: str, title: str, head: str, word: Any, link: str) -> Figure:
        rows = [
            (
                [word(rate.key), str(rate.won), str(rate.lost), format_percent(rate.rate, 1), _sample(rate)],
                link.replace("KEY", rate.key) if link else "",
            )
            for rate in told.win_rates[by]
        ]
        return Figure(title, [head, *rate_columns], rows)

    return {
        "warned": Figure(
            _("A cited finding fell"),
            [_("Title"), _("State"), _("Owner"), _("Why it cannot go out")],
            [
                ([one.title, state_word(one.state), one.owner_name, _why_warned(one)], one.id)
                for one in told.warned
            ],
        ),
        "forecast-by-state": Figure(
            _("Forecast by state"),
            [_("State"), _("Proposals"), _("Amount"), _("Weighted by probability")],
            [
                (
                    [state_word(one.state), str(one.count), format_money(one.amount),
                     format_money(one.weighted)],
                    f"?state={one.state}",
                )
                for one in told.forecast.stages
            ],
        ),
        "win-by-kind": rate_figure(
            "kind", _("Win rate by kind"), _("Kind"), lambda key: str(KINDS[key]), "?kind=KEY&open=no"
        ),
        "win-by-client": rate_figure(
            "client",
            _("Win rate by client"),
            _("Client"),
            lambda key: book.client_name(key) or _("A client that has not arrived here yet"),
            "?client_id=KEY&open=no",
        ),
        "win-by-industry": rate_figure("industry", _("Win rate by industry"), _("Industry"), str, ""),
        "win-by-author": rate_figure(
            "author", _("Win rate by author"), _("Author"), book.person_name, "?author=KEY&open=no"
        ),
        "win-by-competitor": rate_figure(
            "competitor",
            _("Win rate against competitors"),
            _("Competing agency"),
            str,
            "?competitor=KEY&open=no",
        ),
        "cycle-times": Figure(
            _("Cycle time by step"),
            [_("Kind"), _("Step"), _("Left it"), _("Days on average")],
            [
                (
                    [
                        str(KINDS[one.kind]),
                        state_word(one.state),
                        str(one.count),
                        format_number(one.mean_hours / 24, 1),
                    ],
                    f"?kind={one.kind}",
                )
                for one in told.cycle_times
            ],
        ),
        "ageing": Figure(
            _("Ageing of what is open"),
            [_("State"), *map(str, BUCKETS)],
            [
                ([state_word(one.state), *map(str, one.counts)], f"?state={one.state}")
                for one in told.ageing
            ],
        ),
        "workload": Figure(
            _("Workload"),
            [_("Owner"), _("Open"), _("Late")],
            [
                ([book.person_name(one.person_id), str(one.open), str(one.late)],
                 f"?owner={one.person_id}&open=yes")
                for one in told.workload
            ],
        ),
        "pitch-costs": Figure(
            _("Cost of pitches"),
            [_("Result"), _("Pitches"), _("Cost")],
            [
                ([_result_word(one.result), str(one.count), format_money(one.cost)], "?kind=pitch")
                for one in told.pitch_costs
            ],
        ),
    }  # fmt: skip


def _why_warned(one: store.ProposalView) -> str:
    hidden = _("A cited finding that you may not see no longer stands as it was cited.")
    return " · ".join(
        f"{warning.title} {REASONS[warning.reason]}" if warning.finding_id else hidden
        for warning in one.warnings
    )


def _result_word(result: str) -> str:
    words = {"open": _("Still open"), "given_up": _("Given up")}
    return words.get(result) or state_word(result)


def _sample(rate: store.Rate) -> str:
    return _("small: %(count)s cases", count=rate.decided) if rate.few else str(rate.decided)


def _chart(name: str, told: store.Report, figure: Figure) -> dict[str, Any]:
    """The option of a figure's chart; its table stands below it."""
    names = [row[0][0] for row in figure.rows]
    if name.startswith("win-by-"):
        rates = told.win_rates[name.removeprefix("win-by-")]
        return _bars(names, [(_("Won"), [r.won for r in rates]), (_("Lost"), [r.lost for r in rates])])
    if name == "cycle-times":
        both = [f"{row[0][0]} · {row[0][1]}" for row in figure.rows]
        days = [float(round(one.mean_hours / 24, 1)) for one in told.cycle_times]
        return _bars(both, [(_("Days on average"), days)])
    if name == "ageing":
        series = [(str(BUCKETS[n]), [one.counts[n] for one in told.ageing]) for n in range(len(BUCKETS))]
        return _bars(names, series)
    if name == "forecast-by-state":
        weighted = [float(one.weighted) for one in told.forecast.stages]
        rest = [float(one.amount - one.weighted) for one in told.forecast.stages]
        return _bars(names, [(_("Weighted by probability"), weighted), (_("The rest of the amount"), rest)])
    if name == "workload":
        late = [one.late for one in told.workload]
        rest = [one.open - one.late for one in told.workload]
        return _bars(names, [(_("In time"), rest), (_("Late"), late)])
    return _bars(names, [(_("Cost"), [float(one.cost) for one in told.pitch_costs])])


def _bars(names: list[str], series: list[tuple[str, list[Any]]]) -> dict[str, Any]:
    return {
        "tooltip": {"trigger": "axis"},
        "legend": {"show": len(series) > 1, "top": 0},
        "xAxis": {"type": "value", "axisLabel": {"hideOverlap": True}},
        "yAxis": {"type": "category", "data": names[::-1], "axisLabel": {"interval": 0}},
        "series": [
            {"type": "bar", "stack": "all", "barMaxWidth": 18, "name": name, "data": values[::-1]}
            for name, values in series
        ],
    }
