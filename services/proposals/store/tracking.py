"""What directors track: the board, and the figures of the report, reckoned by the database.

Every query carries its reader's permission, so a figure never counts what its reader may not see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from services.proposals.domain import pitching, workflows
from services.proposals.domain.budget import CENT, cents
from services.proposals.store import queries, views
from services.proposals.store.queries import Filter
from services.proposals.store.rows import Competitor, Pitch, Proposal, Step
from shared import access

AGES = (7, 14, 30, 60)
"""Days that part the buckets of ageing."""


@dataclass(frozen=True, slots=True)
class Column:
    """The proposals in one state, those that wait longest first, and how many there are."""

    state: str
    count: int
    items: list[views.ProposalView]


def board(session: Session, who: access.Actor, which: Filter, *, limit: int) -> list[Column]:
    """The board: a column for each state of the kinds that are asked for, in order."""
    conditions = queries.conditions(who, which)
    counted = select(Proposal.state, func.count()).where(*conditions).group_by(Proposal.state)
    counts: dict[str, int] = {row[0]: row[1] for row in session.execute(counted)}
    shown = workflows.states(which.kind) if which.kind in workflows.KINDS else list(workflows.BOARD)
    rows: dict[str, list[Proposal]] = {}
    for state in shown:
        if state in counts:
            query = select(Proposal).where(Proposal.state == state, *conditions)
            ordered = query.order_by(Proposal.state_since, Proposal.id).limit(limit)
            rows[state] = list(session.scalars(ordered))
    seen = views.views(session, who, [row for column in rows.values() for row in column])
    by_id = {one.id: one for one in seen}
    return [
        Column(state, counts.get(state, 0), [by_id[row.id] for row in rows.get(state, ())]) for state in shown
    ]


# --- the report --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rate:
    """How many were won and lost. `few`: the sample is small. `key`: a kind, client, industry, person or
    name.
    """

    key: str
    won: int
    lost: int

    @property
    def decided(self) -> int:
        """How many came to a result."""
        return self.won + self.lost

    @property
    def rate(self) -> Decimal | None:
        """The share that was won, to four places; None without any."""
        if not self.decided:
            return None
        return (Decimal(self.won) / self.decided).quantize(Decimal("0.0001"))

    @property
    def few(self) -> bool:
        """Whether the rate rests on few cases."""
        return self.decided < pitching.FEW


@dataclass(frozen=True, slots=True)
class Cycle:
    """How long proposals of a kind stayed in a state, in hours on average, over those that left it."""

    kind: str
    state: str
    count: int
    mean_hours: Decimal


@dataclass(frozen=True, slots=True)
class Ageing:
    """How many open proposals have been in a state for how long: `counts` by the buckets of AGES, the rest
    last.
    """

    state: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """The open proposals that somebody looks after."""

    person_id: str
    open: int
    late: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is open: its amount, and weighted by its probability, where it has one; and how good guesses were.

    `brier`: of past probabilities, 0 is perfect; `brier_of`: over how many.
    """

    count: int
    amount: Decimal
    guessed: int
    weighted: Decimal
    brier: Decimal | None
    brier_of: int

    @property
    def few(self) -> bool:
        """Whether the Brier score rests on few cases."""
        return self.brier_of < pitching.FEW


@dataclass(frozen=True, slots=True)
class PitchCost:
    """What pitches cost, by how they ended (`open` while they run)."""

    result: str
    count: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """Every figure that the reader may know, of what was decided in a period and what is open now."""

    since: datetime
    until: datetime
    win_rates: dict[str, list[Rate]]
    cycle_times: list[Cycle]
    ageing: list[Ageing]
    workload: list[Load]
    forecast: Forecast
    pitch_costs: list[PitchCost]


def report(session: Session, who: access.Actor, which: Filter, *, since: datetime, until: datetime) -> Report:
    """The report: rates, cycle times and guesses over what was decided in [since, until), the rest as of
    now.
    """
    seen = queries.conditions(who, which)
    decided = [*seen, Proposal.result != "", Proposal.closed_at >= since, Proposal.closed_at < until]
    opened = [*seen, Proposal.state.in_(queries.OPEN)]
    return Report(
        since=since,
        until=until,
        win_rates=_win_rates(session, who, decided),
        cycle_times=_cycle_times(session, seen, since, until),
        ageing=_ageing(session, opened, who.now),
        workload=_workload(session, opened, who.now),
        forecast=_forecast(session, decided, opened),
        pitch_costs=_pitch_costs(session, seen, since, until),
    )


def _won() -> ColumnElement[bool]:
    return Proposal.result.in_(sorted(workflows.WON))


Conditions = Iterable[ColumnElement[bool]]


def _win_rates(session: Session, who: access.Actor, decided: Conditions) -> dict[str, list[Rate]]:
    won = case((_won(), 1), else_=0)
    by = (Proposal.kind, Proposal.client_id, Proposal.author_id)
    query = select(*by, func.sum(won), func.count()).where(*decided).group_by(*by)
    groups = [tuple(row) for row in session.execute(query)]

    def industry(client_id: str | None) -> str:
        client = who.book.clients.get(client_id or "")
        return client.industry if client is not None else ""

    names = (
        select(Competitor.name, func.sum(won), func.count())
        .select_from(Proposal)
        .join(Pitch, Pitch.proposal_id == Proposal.id)
        .join(Competitor, Competitor.pitch_id == Pitch.id)
        .where(*decided)
        .group_by(Competitor.name)
    )
    return {
        "kind": _rates(groups, lambda kind, client_id, author_id: kind),
        "client": _rates(groups, lambda kind, client_id, author_id: client_id or ""),
        "industry": _rates(groups, lambda kind, client_id, author_id: industry(client_id)),
        "author": _rates(groups, lambda kind, client_id, author_id: author_id),
        "competitor": [
            Rate(name, int(wins), int(count - wins))
            for name, wins, count in session.execute(names.order_by(Competitor.name))
        ],
    }


def _rates(groups: Iterable[tuple[Any, ...]], key_of: Callable[[str, str | None, str], str]) -> list[Rate]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for kind, client_id, author_id, won, count in groups:
        if key := key_of(kind, client_id, author_id):
            sums[key][0] += int(won)
            sums[key][1] += int(count - won)
    found = [Rate(key, won, lost) for key, (won, lost) in sums.items()]
    return sorted(found, key=lambda rate: (-rate.decided, rate.key))


def _cycle_times(session: Session, seen: Conditions, since: datetime, until: datetime) -> list[Cycle]:
    query = (
        select(Proposal.kind, Step.state, func.count(), func.sum(Step.seconds))
        .join(Proposal, Proposal.id == Step.proposal_id)
        .where(*seen, Step.left_at >= since, Step.left_at < until)
        .group_by(Proposal.kind, Step.state)
    )
    found = [
        Cycle(kind, state, count, cents(Decimal(int(seconds or 0)) / count / 3600))
        for kind, state, count, seconds in session.execute(query)
    ]
    order = {state: place for place, state in enumerate(workflows.BOARD)}
    return sorted(found, key=lambda one: (workflows.KINDS.index(one.kind), order[one.state]))


def _ageing(session: Session, opened: Conditions, now: datetime) -> list[Ageing]:
    bounds = [now - timedelta(days=days) for days in AGES]
    buckets = []
    for place in range(len(AGES) + 1):
        conditions = []
        if place < len(AGES):
            conditions.append(Proposal.state_since > bounds[place])
        if place > 0:
            conditions.append(Proposal.state_since <= bounds[place - 1])
        inside = conditions[0] if len(conditions) == 1 else conditions[0] & conditions[1]
        buckets.append(func.sum(case((inside, 1), else_=0)))
    query = select(Proposal.state, *buckets).where(*opened).group_by(Proposal.state)
    found = {row[0]: tuple(int(count) for count in row[1:]) for row in session.execute(query)}
    return [Ageing(state, found[state]) for state in workflows.BOARD if state in found]


def _workload(session: Session, opened: Conditions, now: datetime) -> list[Load]:
    late = func.sum(case((Proposal.due_at < now, 1), else_=0))
    query = select(Proposal.owner_id, func.count(), late).where(*opened).group_by(Proposal.owner_id)
    found = [
        Load(person_id, count, int(overdue or 0)) for person_id, count, overdue in session.execute(query)
    ]
    return sorted(found, key=lambda load: (-load.open, load.person_id))


def _forecast(session: Session, decided: Conditions, opened: Conditions) -> Forecast:
    worth = [*opened, Proposal.kind != workflows.INTERNAL]
    guessed = case((Proposal.probability.is_not(None), 1), else_=0)
    weighted = case(
        (Proposal.probability.is_not(None), Proposal.amount_cents * Proposal.probability), else_=0
    )
    query = select(
        func.count(), func.sum(Proposal.amount_cents), func.sum(guessed), func.sum(weighted)
    ).where(*worth)
    count, amount, guesses, weight = session.execute(query).one()
    won = case((_won(), 1), else_=0)
    past = select(Proposal.probability, won, func.count()).where(
        *decided, Proposal.probability.is_not(None), Proposal.kind != workflows.INTERNAL
    )
    outcomes = [
        (int(probability), bool(was_won))
        for probability, was_won, times in session.execute(past.group_by(Proposal.probability, won))
        for _ in range(times)
    ]
    return Forecast(
        count=count,
        amount=Decimal(int(amount or 0)) * CENT,
        guessed=int(guesses or 0),
        weighted=cents(Decimal(int(weight or 0)) * CENT / 100),
        brier=pitching.brier(outcomes),
        brier_of=len(outcomes),
    )


def _pitch_costs(session: Session, seen: Conditions, since: datetime, until: datetime) -> list[PitchCost]:
    now_open = Proposal.state.in_(queries.OPEN)
    ended = case((Proposal.result != "", Proposal.result), (now_open, "open"), else_="given_up")
    query = (
        select(ended, func.count(), func.sum(Pitch.cost_cents))
        .select_from(Proposal)
        .join(Pitch, Pitch.proposal_id == Proposal.id)
        .where(*seen, or_(now_open, (Proposal.closed_at >= since) & (Proposal.closed_at < until)))
        .group_by(ended)
    )
    found = [
        PitchCost(result, count, Decimal(int(cost)) * CENT) for result, count, cost in session.execute(query)
    ]
    return sorted(found, key=lambda one: one.result)
