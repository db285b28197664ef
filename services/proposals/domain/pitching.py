"""Pitches: scoring with locked weights, what a pitch costs, go or no-go, and how good past guesses were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from services.proposals.domain.budget import cents

DEFAULT_CRITERIA: tuple[tuple[str, int], ...] = (
    ("strategy", 30),
    ("capability", 25),
    ("team", 15),
    ("commercial", 15),
    ("fit", 10),
    ("risk", 5),
)
"""An example of weights (norms.md), not a standard; they sum to 100."""
SCORERS_NEEDED = 3
MOST_POINTS = 10
SPREAD_THAT_IS_DISCUSSED = 2
FEW = 10
"""Below so many cases a figure is said to rest on few."""


def weights_error(criteria: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with some weights: `none`, `repeated`, `not_positive` or `sum`; empty when nothing is."""
    if not criteria:
        return "none"
    if len({criterion["name"] for criterion in criteria}) < len(criteria):
        return "repeated"
    if any(criterion["weight"] <= 0 for criterion in criteria):
        return "not_positive"
    return "" if sum(criterion["weight"] for criterion in criteria) == 100 else "sum"


@dataclass(frozen=True, slots=True)
class Scored:
    """One criterion over all scorers. `discuss`: the points lie more than 2 apart."""

    criterion_id: str
    name: str
    weight: int
    mean: Decimal
    spread: int
    discuss: bool


@dataclass(frozen=True, slots=True)
class Scoring:
    """The scores opened: `total` of 10, weighted, to two places. Closed until three scorers gave theirs."""

    scorers: int
    is_open: bool
    total: Decimal | None
    criteria: tuple[Scored, ...]


def scoring(criteria: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]]) -> Scoring:
    """Open the scores, once enough scorers gave theirs: before, nobody is swayed by another's."""
    if len(scores) < SCORERS_NEEDED:
        return Scoring(len(scores), False, None, ())
    opened = tuple(
        _scored(criterion, [score["points"][criterion["id"]] for score in scores]) for criterion in criteria
    )
    exact = sum(
        (
            Decimal(criterion["weight"]) * sum(score["points"][criterion["id"]] for score in scores)
            for criterion in criteria
        ),
        Decimal(0),
    )
    return Scoring(len(scores), True, cents(exact / 100 / len(scores)), opened)


def _scored(criterion: Mapping[str, Any], points: list[int]) -> Scored:
    spread = max(points) - min(points)
    return Scored(
        criterion_id=criterion["id"],
        name=criterion["name"],
        weight=criterion["weight"],
        mean=cents(Decimal(sum(points)) / len(points)),
        spread=spread,
        discuss=spread > SPREAD_THAT_IS_DISCUSSED,
    )


def cost(entries: Iterable[Mapping[str, Any]]) -> Decimal:
    """What a pitch cost so far: hours at their rate, and expenses."""
    return sum(
        (
            cents(Decimal(entry["hours"]) * Decimal(entry["hour_rate"])) + Decimal(entry["expenses"])
            for entry in entries
        ),
        Decimal("0.00"),
    )


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether taking part pays: the expected gain against the expected cost."""

    expected_gain: Decimal
    expected_cost: Decimal

    @property
    def pays(self) -> bool:
        """Whether the gain is larger."""
        return self.expected_gain > self.expected_cost


def advice(*, probability: int, margin: Decimal, expected_cost: Decimal) -> Advice:
    """Win probability (per cent) × expected margin, against what the pitch is expected to cost."""
    return Advice(cents(margin * probability / 100), expected_cost)


def brier(outcomes: Iterable[tuple[int, bool]]) -> Decimal | None:
    """The Brier score of past probabilities (per cent, whether it was won): 0 is perfect, 0.25 is a coin's.

    Mean of (p − outcome)², to four places; None without any.
    """
    errors = [(Decimal(p) / 100 - (1 if won else 0)) ** 2 for p, won in outcomes]
    if not errors:
        return None
    return (sum(errors, Decimal(0)) / len(errors)).quantize(Decimal("0.0001"), ROUND_HALF_UP)


# --- conflicts of interest ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Party:
    """A client as a conflict check sees it. `group`: itself, its parents and their other children, by id."""

    id: str
    names: frozenset[str]
    industry: str
    group: frozenset[str]
    group_industries: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A client that may stand against an invitation, and why: `name`, `industry` or `parent`."""

    client_id: str
    why: str


def conflicts(invited: Party, others: Iterable[Party]) -> list[Conflict]:
    """The clients that somebody must look at before an invitation is taken.

    `name`: another record with one of its names or aliases. `industry`: a client of the same industry.
    `parent`: the groups behind both share an industry though they themselves do not. Its own group is no
    conflict.
    """
    found = []
    for other in others:
        if other.group & invited.group:
            continue
        if other.names & invited.names:
            found.append(Conflict(other.id, "name"))
        elif invited.industry and other.industry == invited.industry:
            found.append(Conflict(other.id, "industry"))
        elif other.group_industries & invited.group_industries:
            found.append(Conflict(other.id, "parent"))
    return found
