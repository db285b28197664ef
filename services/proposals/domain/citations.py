"""Living citations: what a change of a cited finding means to whoever cites it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from shared.access import LABELS

STANDING = ("submitted", "verified", "disputed")
"""States in which a finding may be cited."""
FALLEN = ("disputed", "retracted", "superseded")
"""States that speak against citing."""
REASONS = ("disputed", "retracted", "superseded", "expired", "relabelled")


@dataclass(frozen=True, slots=True)
class Cited:
    """A finding as it is now, as far as citing goes. `cited_label`: its label when it was cited."""

    finding_id: str
    state: str
    label: str
    cited_label: str
    valid_until: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Somebody's decision to keep a citation in spite of these reasons."""

    finding_id: str
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True)
class Warn:
    """Why a citation needs a decision."""

    finding_id: str
    reason: str


def reasons(cited: Cited, today: date) -> list[str]:
    """What speaks against a finding as it was cited; an expired one is past the last day on which it
    holds.
    """
    found = []
    if cited.state in FALLEN:
        found.append(cited.state)
    if cited.valid_until is not None and cited.valid_until < today.isoformat():
        found.append("expired")
    if strictness(cited.label) > strictness(cited.cited_label):
        found.append("relabelled")
    return found


def strictness(label: str) -> int:
    """How strict a label is; an unknown one is taken as the strictest."""
    return LABELS.index(label) if label in LABELS else len(LABELS)


def warnings(cited: Iterable[Cited], decisions: Iterable[Decision], today: date) -> list[Warn]:
    """What still needs a decision. One covers the reasons that it was made for: a new reason warns again."""
    covered: dict[str, set[str]] = {}
    for decision in decisions:
        covered.setdefault(decision.finding_id, set()).update(decision.reasons)
    return [
        Warn(one.finding_id, reason)
        for one in cited
        for reason in reasons(one, today)
        if reason not in covered.get(one.finding_id, ())
    ]
