"""How well a dossier keeps the five principles of collection (C1–C5), and what drags each of them down.

Each score is 0–100, the mean over the findings that can be judged; what cannot be judged (reliability F,
credibility 6) is counted beside it and never averaged. A score is None where nothing can be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.intelligence.domain import evidence

CREDIBILITY_WORTH = {1: 100.0, 2: 80.0, 3: 60.0, 4: 30.0, 5: 10.0}
RELIABILITY_WORTH = {"A": 100.0, "B": 80.0, "C": 60.0, "D": 30.0, "E": 10.0}
REPEATED_WORTH = 0.8
DISPUTED_WORTH = 0.5
CLOSE_LABELS = ("TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED")
GOOD = 70.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What the principles look at in a finding. `freshness` is 0 once its valid time is over.

    `reliability` is None where its source may not be seen; `repeats`: the source only repeats another;
    `confidential`: the source is the client's own, or the method was an interview.
    """

    finding_id: str
    part: str
    state: str
    credibility: int
    reliability: str | None
    repeats: bool
    freshness: float
    label: str
    confidential: bool


@dataclass(frozen=True, slots=True)
class Lowered:
    """What lowers a score: a finding, or a part of the dossier without one."""

    reason: str
    finding_id: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Principle:
    """A principle's score and what lowers it; `unjudged`: how many findings could not be judged."""

    id: str
    principle: str
    score: float | None
    unjudged: int = 0
    lowered_by: list[Lowered] = field(default_factory=list)


def judge(findings: Sequence[Judged]) -> list[Principle]:
    """All five principles over the findings of one client that stand."""
    return [
        truthfulness(findings),
        accuracy(findings),
        timeliness(findings),
        completeness(findings),
        confidentiality(findings),
    ]


def truthfulness(findings: Sequence[Judged]) -> Principle:
    """C1: the credibility of each finding (1: 100, 2: 80, 3: 60, 4: 30, 5: 10), halved in dispute."""

    def worth(it: Judged) -> tuple[float | None, str]:
        found = CREDIBILITY_WORTH.get(it.credibility)
        if it.state != evidence.DISPUTED:
            return found, "doubtful"
        return None if found is None else found * DISPUTED_WORTH, "disputed"

    return _mean("C1", "truthfulness", findings, worth)


def accuracy(findings: Sequence[Judged]) -> Principle:
    """C2: the reliability of each finding's source (A: 100, B: 80, C: 60, D: 30, E: 10), times its authority.

    A source that only repeats another has an authority of 0.8: the original's word is not legible in it.
    """

    def worth(it: Judged) -> tuple[float | None, str]:
        found = RELIABILITY_WORTH.get(it.reliability or "")
        if not it.repeats:
            return found, "unreliable"
        return None if found is None else found * REPEATED_WORTH, "second_hand"

    return _mean("C2", "accuracy", findings, worth)


def timeliness(findings: Sequence[Judged]) -> Principle:
    """C3: the freshness of each finding, by the life of its part; 0 once its valid time is over."""

    def worth(it: Judged) -> tuple[float | None, str]:
        return it.freshness, "stale" if it.freshness else "expired"

    return _mean("C3", "timeliness", findings, worth)


def completeness(findings: Sequence[Judged]) -> Principle:
    """C4: how many of the dossier's parts (I1–I4) hold a finding that is not in dispute: 25 each."""
    covered = {it.part for it in findings if it.state != evidence.DISPUTED}
    gaps = [Lowered("missing", part=part) for part in evidence.DOSSIER_PARTS if part not in covered]
    share = 100.0 / len(evidence.DOSSIER_PARTS)
    return Principle("C4", "completeness", 100.0 - share * len(gaps), lowered_by=gaps)


def confidentiality(findings: Sequence[Judged]) -> Principle:
    """C5: the share, among what the client itself let us know, that is labelled TLP:AMBER or closer.

    What public sources say may be open without harm, so it is not counted.
    """
    own = [it for it in findings if it.confidential]
    return _mean("C5", "confidentiality", own, lambda it: (100.0 * (it.label in CLOSE_LABELS), "open"))


def _mean(
    id: str,
    principle: str,
    findings: Sequence[Judged],
    worth: Callable[[Judged], tuple[float | None, str]],
) -> Principle:
    judged = [(it, *worth(it)) for it in findings]
    known = [(it, value, reason) for it, value, reason in judged if value is not None]
    lowering = sorted(((value, it.finding_id, reason) for it, value, reason in known if value < GOOD))
    return Principle(
        id,
        principle,
        round(sum(value for _, value, _ in known) / len(known), 1) if known else None,
        unjudged=len(judged) - len(known),
        lowered_by=[Lowered(reason, finding_id=finding_id) for _, finding_id, reason in lowering],
    )
