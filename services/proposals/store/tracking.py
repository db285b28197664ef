"""What directors track: the board, and the figures of the report, reckoned by the database.

Every query carries its reader's permission, so a figure never counts what its reader may not see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.proposals.domain import citations, pitching, workflows
from services.proposals.domain.budget import CENT, cents
from services.proposals.store import queries, views
from services.proposals.store.queries import Filter
from services.proposals.store.rows import Citation, Competitor, Finding, Pitch, Proposal, Step
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
    shown = workflows.states(which.kind) if which.kind in workflows.KINDS else list(workflows.BOARD)
    order = (Proposal.state_since, Proposal.id)
    ranked = (
        select(
            Proposal.id,
            func.row_number().over(partition_by=Proposal.state, order_by=order).label("place"),
            func.count().over(partition_by=Proposal.state).label("count"),
        )
        .where(Proposal.state.in_(shown), *queries.conditions(who, which))
        .subquery()
    )
    first = select(Proposal, ranked.c.count).join(ranked, ranked.c.id == Proposal.id)
    rows: dict[str, list[Proposal]] = defaultdict(list)
    counts: dict[str, int] = {}
    for row, count in session.execute(first.where(ranked.c.place <= limit).order_by(*order)):
        rows[row.state].append(row)
        counts[row.state] = count
    seen = views.views(session, who, [row for column in rows.values() for row in column])
    by_id = {one.id: one for one in seen}
    return [Column(state, counts.get(state, 0), [by_id[row.id] for row in rows[state]]) for state in shown]


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
class Stage:
    """What is open in one state: how many to clients, their amount, and that weighted by probability."""

    state: str
    count: int
    amount: Decimal
    weighted: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is open: its amount, and weighted by its probability, where it has one; and how good guesses were.

    `brier`: of past probabilities, 0 is perfect; `brier_of`: over how many. `stages`: the same by state.
    """

    count: int
    amount: Decimal
    guessed: int
    weighted: Decimal
    brier: Decimal | None
    brier_of: int
    stages: list[Stage]

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
    """Every figure that the reader may know, of what was decided in a period and what is open now.

    `warned`: the open ones that cannot go out because a finding that they cite fell, longest waiting first.
    """

    since: datetime
    until: datetime
    win_rates: dict[str, list[Rate]]
    cycle_times: list[Cycle]
    ageing: list[Ageing]
    workload: list[Load]
    forecast: Forecast
    pitch_costs: list[PitchCost]
    warned: list[views.ProposalView]


def report(session: Session, who: access.Actor, which: Filter, *, since: datetime, until: datetime) -> Report:
    """The report: rates, cycle times and guesses over what was decided in [since, until), the rest as of
    now.
    """
    seen = queries.conditions(who, which)
    results = sorted(workflows.WON | workflows.LOST)
    decided = [*seen, Proposal.result.in_(results), Proposal.closed_at >= since, Proposal.closed_at < until]
    opened = [*seen, Proposal.state.in_(queries.OPEN)]
    past, live = _decided(session, decided), _opened(session, opened, who.now)
    return Report(
        since=since,
        until=until,
        win_rates=_win_rates(session, who, decided, past),
        cycle_times=_cycle_times(session, _steps_seen(who, which, seen), since, until),
        ageing=_ageing(live),
        workload=_workload(live),
        forecast=_forecast(past, live),
        pitch_costs=_pitch_costs(session, seen, since, until),
        warned=_warned(session, who, opened),
    )


def _won() -> ColumnElement[bool]:
    return Proposal.result.in_(sorted(workflows.WON))


Conditions = Iterable[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class _Decided:
    """Some that came to a result alike."""

    kind: str
    client_id: str | None
    author_id: str
    won: bool
    probability: int | None
    count: int


def _decided(session: Session, conditions: Conditions) -> list[_Decided]:
    """What was decided, grouped by all that the figures ask for, in one pass."""
    won = case((_won(), 1), else_=0).label("won")
    columns = (Proposal.kind, Proposal.client_id, Proposal.author_id, won, Proposal.probability)
    # Grouped outside, because PostgreSQL takes an expression with parameters for another one each time.
    c = select(*columns).where(*conditions).subquery().c
    by = (c.kind, c.client_id, c.author_id, c.won, c.probability)
    query = select(*by, func.count()).group_by(*by)
    return [
        _Decided(kind, client_id, author_id, bool(was_won), probability, count)
        for kind, client_id, author_id, was_won, probability, count in session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class _Open:
    """Some open ones alike; `bucket`: by age. `weighted`: cents × per cent, of those with a probability."""

    kind: str
    state: str
    owner_id: str
    bucket: int
    late: bool
    count: int
    cents: int
    guessed: int
    weighted: int


def _opened(session: Session, conditions: Conditions, now: datetime) -> list[_Open]:
    """What is open, grouped by all that the figures ask for, in one pass."""
    since = Proposal.state_since
    bucket = case(
        *[(since > now - timedelta(days=days), place) for place, days in enumerate(AGES)], else_=len(AGES)
    )
    late = case((Proposal.due_at < now, 1), else_=0)
    columns = (
        Proposal.kind,
        Proposal.state,
        Proposal.owner_id,
        bucket.label("bucket"),
        late.label("late"),
        Proposal.amount_cents,
        Proposal.probability,
    )
    c = select(*columns).where(*conditions).subquery().c
    by = (c.kind, c.state, c.owner_id, c.bucket, c.late)
    sums = (
        func.count(),
        func.sum(c.amount_cents),
        func.count(c.probability),
        func.sum(func.coalesce(c.amount_cents * c.probability, 0)),
    )
    query = select(*by, *sums).group_by(*by)
    return [
        _Open(kind, state, owner_id, place, bool(is_late), count, int(amount), guessed, int(weight))
        for kind, state, owner_id, place, is_late, count, amount, guessed, weight in session.execute(query)
    ]


def _win_rates(
    session: Session, who: access.Actor, decided: Conditions, past: Sequence[_Decided]
) -> dict[str, list[Rate]]:
    def industry(client_id: str | None) -> str:
        client = who.book.clients.get(client_id or "")
        return client.industry if client is not None else ""

    won = case((_won(), 1), else_=0)
    names = (
        select(Competitor.name, func.sum(won), func.count())
        .select_from(Proposal)
        .join(Pitch, Pitch.proposal_id == Proposal.id)
        .join(Competitor, Competitor.pitch_id == Pitch.id)
        .where(_is_pitch(), *decided)
        .group_by(Competitor.name)
    )
    return {
        "kind": _rates(past, lambda one: one.kind),
        "client": _rates(past, lambda one: one.client_id or ""),
        "industry": _rates(past, lambda one: industry(one.client_id)),
        "author": _rates(past, lambda one: one.author_id),
        "competitor": [
            Rate(name, int(wins), int(count - wins))
            for name, wins, count in session.execute(names.order_by(Competitor.name))
        ],
    }


def _is_pitch() -> ColumnElement[bool]:
    # By id, so that the database begins with the few pitches.
    return Proposal.id.in_(select(Pitch.proposal_id))


def _rates(past: Iterable[_Decided], key_of: Callable[[_Decided], str]) -> list[Rate]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in past:
        if key := key_of(one):
            sums[key][0 if one.won else 1] += one.count
    found = [Rate(key, won, lost) for key, (won, lost) in sums.items()]
    return sorted(found, key=lambda rate: (-rate.decided, rate.key))


def _steps_seen(who: access.Actor, which: Filter, seen: Conditions) -> ColumnElement[bool]:
    """Whether a step is of a proposal that is asked for.

    Of everything, little is hidden from a director: this reads one index through and leaves that out. Others
    see a part: this looks up the steps of each in another index. Either is slow where the other is quick.
    """
    if who.scope.everything and which == Filter():
        hidden = not_(func.coalesce(and_(*seen), false()))
        return Step.proposal_id.not_in(select(Proposal.id).where(hidden))
    return Step.proposal_id.in_(select(Proposal.id).where(*seen))


def _cycle_times(
    session: Session, seen: ColumnElement[bool], since: datetime, until: datetime
) -> list[Cycle]:
    query = (
        select(Step.kind, Step.state, func.count(), func.sum(Step.seconds))
        .where(
            Step.left_at >= since,
            Step.left_at < until,
            seen,
        )
        .group_by(Step.kind, Step.state)
    )
    found = [
        Cycle(kind, state, count, cents(Decimal(int(seconds or 0)) / count / 3600))
        for kind, state, count, seconds in session.execute(query)
    ]
    order = {state: place for place, state in enumerate(workflows.BOARD)}
    return sorted(found, key=lambda one: (workflows.KINDS.index(one.kind), order[one.state]))


def _ageing(live: Iterable[_Open]) -> list[Ageing]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * (len(AGES) + 1))
    for one in live:
        counts[one.state][one.bucket] += one.count
    return [Ageing(state, tuple(counts[state])) for state in workflows.BOARD if state in counts]


def _workload(live: Iterable[_Open]) -> list[Load]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in live:
        counts[one.owner_id][0] += one.count
        counts[one.owner_id][1] += one.count if one.late else 0
    found = [Load(person_id, opened, late) for person_id, (opened, late) in counts.items()]
    return sorted(found, key=lambda load: (-load.open, load.person_id))


def _forecast(past: Iterable[_Decided], live: Iterable[_Open]) -> Forecast:
    worth = [one for one in live if one.kind != workflows.INTERNAL]
    outcomes = [
        (one.probability, one.won)
        for one in past
        if one.probability is not None and one.kind != workflows.INTERNAL
        for _ in range(one.count)
    ]
    return Forecast(
        count=sum(one.count for one in worth),
        amount=sum(one.cents for one in worth) * CENT,
        guessed=sum(one.guessed for one in worth),
        weighted=cents(sum(one.weighted for one in worth) * CENT / 100),
        brier=pitching.brier(outcomes),
        brier_of=len(outcomes),
        stages=_stages(worth),
    )


def _stages(worth: Sequence[_Open]) -> list[Stage]:
    found = []
    for state in workflows.BOARD:
        here = [one for one in worth if one.state == state]
        if here:
            amount = sum(one.cents for one in here) * CENT
            weighted = cents(sum(one.weighted for one in here) * CENT / 100)
            found.append(Stage(state, sum(one.count for one in here), amount, weighted))
    return found


def _warned(session: Session, who: access.Actor, opened: Conditions) -> list[views.ProposalView]:
    """Those with a warning. The database begins with the few findings that fell; what was decided about
    them is weighed as on the proposal's page.
    """
    citing = (
        select(Citation.proposal_id)
        .join(Finding, Finding.id == Citation.finding_id)
        .where(
            or_(
                Finding.state.in_(citations.FALLEN),
                Finding.valid_until < who.now.date().isoformat(),
                _strictness(Finding.label) > _strictness(Citation.cited_label),
            )
        )
    )
    query = select(Proposal).where(*opened, Proposal.id.in_(citing))
    rows = list(session.scalars(query.order_by(Proposal.state_since, Proposal.id)))
    return [one for one in views.views(session, who, rows) if one.warnings]


def _strictness(label: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[int]:
    ranks = {known: citations.strictness(known) for known in access.LABELS}
    return case(ranks, value=label, else_=len(ranks))


def _pitch_costs(session: Session, seen: Conditions, since: datetime, until: datetime) -> list[PitchCost]:
    now_open = Proposal.state.in_(queries.OPEN)
    ended = case((Proposal.result != "", Proposal.result), (now_open, "open"), else_="given_up")
    c = (
        select(ended.label("result"), Pitch.cost_cents)
        .select_from(Proposal)
        .join(Pitch, Pitch.proposal_id == Proposal.id)
        .where(
            _is_pitch(), *seen, or_(now_open, (Proposal.closed_at >= since) & (Proposal.closed_at < until))
        )
        .subquery()
        .c
    )
    query = select(c.result, func.count(), func.sum(c.cost_cents)).group_by(c.result)
    found = [
        PitchCost(result, count, Decimal(int(cost)) * CENT) for result, count, cost in session.execute(query)
    ]
    return sorted(found, key=lambda one: one.result)
