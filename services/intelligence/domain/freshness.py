"""How much a fact is still worth with time (norms: freshness)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import freshness

STALE_BELOW = 20.0


@dataclass(frozen=True, slots=True)
class Life:
    """How long a kind of fact is of use: after `days` nothing is left; `delta` bends the curve."""

    days: float
    delta: float

    def usable(self) -> timedelta:
        """The age at which a fact of this kind becomes stale."""
        return timedelta(days=self.days * (1 - STALE_BELOW / 100) ** self.delta)


LIVES: dict[str, Life] = {part: Life(days, delta) for part, (days, delta) in freshness.LIFETIMES.items()}


def decay(days: float, life: Life, base: float = 100.0) -> float:
    """What is left of `base` at an age of `days`."""
    return freshness.decay(base, days, life.days, life.delta)


def score(part: str, since: datetime, now: datetime) -> float:
    """The freshness 0–100 of a finding; `since`: when it was last verified, else collected."""
    return decay((now - since) / timedelta(days=1), LIVES[part])
