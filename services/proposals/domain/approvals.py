"""Who must approve what: rules as data (by kind, client, amount, discount and label), in stages.

Approvals of one stage may come in any order, stages one after the other. Each needs a person of its own;
whoever had a hand in the content approves nothing of it (four-eyes), and a director may stand in for a seat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.access import RED

AM, AD, DIRECTOR = "AM", "AD", "director"
WHO = (AM, AD, DIRECTOR)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `who` approves at `stage` when everything that it names holds; empty conditions always hold.

    `amount_from`: net amount in the agency's currency, included. `discount_over`: per cent of the gross,
    excluded.
    """

    id: str
    stage: int
    who: str
    kinds: frozenset[str] = frozenset()
    of_client: bool | None = None
    amount_from: Decimal | None = None
    discount_over: Decimal | None = None
    labels: frozenset[str] = frozenset()

    def holds(self, facts: Facts) -> bool:
        """Whether the rule asks for its approval."""
        return (
            (not self.kinds or facts.kind in self.kinds)
            and (self.of_client is None or self.of_client == facts.of_client)
            and (self.amount_from is None or facts.amount >= self.amount_from)
            and (self.discount_over is None or facts.discount_percent > self.discount_over)
            and (not self.labels or facts.label in self.labels)
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at."""

    kind: str
    of_client: bool
    label: str
    amount: Decimal
    discount_percent: Decimal


RULES: tuple[Rule, ...] = (
    Rule("client-lead", stage=1, who=AD, of_client=True),
    Rule("agency-matter", stage=1, who=DIRECTOR, of_client=False),
    Rule("deep-discount", stage=1, who=DIRECTOR, of_client=True, discount_over=Decimal(10)),
    Rule("large-amount", stage=2, who=DIRECTOR, of_client=True, amount_from=Decimal(500_000)),
    Rule("named-readers", stage=2, who=DIRECTOR, of_client=True, labels=frozenset({RED})),
)
"""A deep discount is approved beside the account director (in parallel), a large amount after them (in
sequence).
"""


THRESHOLDS = {"deep-discount": "discount_over", "large-amount": "amount_from"}
"""The rules of which directors set a condition, and which one."""


def with_thresholds(values: Mapping[str, Decimal]) -> tuple[Rule, ...]:
    """The rules with what directors set, by the rule's id."""
    found = []
    for rule in RULES:
        value = values.get(rule.id, getattr(rule, THRESHOLDS.get(rule.id, ""), None))
        match THRESHOLDS.get(rule.id):
            case "amount_from":
                found.append(replace(rule, amount_from=value))
            case "discount_over":
                found.append(replace(rule, discount_over=value))
            case _:
                found.append(rule)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Slot:
    """One approval that is needed: by whom, at which stage, and the rules that ask for it."""

    stage: int
    who: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """An approval that was given for the content as it is."""

    person_id: str
    who: str
    stage: int


def needed(facts: Facts, rules: Iterable[Rule] = RULES) -> list[Slot]:
    """The approvals that some content needs, in order; the same person's word is asked for once."""
    first: dict[str, int] = {}
    asking: dict[str, list[str]] = {}
    for rule in rules:
        if rule.holds(facts):
            first[rule.who] = min(rule.stage, first.get(rule.who, rule.stage))
            asking.setdefault(rule.who, []).append(rule.id)
    slots = [Slot(stage, who, tuple(asking[who])) for who, stage in first.items()]
    return sorted(slots, key=lambda slot: (slot.stage, WHO.index(slot.who)))


def open_slots(slots: Iterable[Slot], given: Iterable[Given]) -> list[Slot]:
    """The approvals that are still to come, in order."""
    done = {(approval.who, approval.stage) for approval in given}
    return [slot for slot in slots if (slot.who, slot.stage) not in done]


def turn(slots: Iterable[Slot], given: Iterable[Given]) -> list[Slot]:
    """The approvals whose turn it is: those of the first stage that is not complete."""
    waiting = open_slots(slots, given)
    return [slot for slot in waiting if slot.stage == waiting[0].stage]


def slot_for(stands_as: frozenset[str], slots: Iterable[Slot], given: Iterable[Given]) -> Slot | None:
    """Which approval somebody gives who holds these seats and roles: their own, else, as a director,
    another's.
    """
    now = turn(list(slots), list(given))
    own = next((slot for slot in now if slot.who in stands_as), None)
    if own is not None or DIRECTOR not in stands_as:
        return own
    return next(iter(now), None)
