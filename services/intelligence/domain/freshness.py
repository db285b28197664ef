"""How much a fact is still worth with time (norms: freshness)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

STALE_BELOW = 20.0


@dataclass(frozen=True, slots=True)
class Life:
    """How long a kind of fact is of use: after `days` nothing is left; `delta` bends the curve."""

    days: float
    delta: float

    def usable(self) -> timedelta:
        """The age at which a fact of this kind becomes stale."""
        return timedelta(days=self.days * (1 - STALE_BELOW / 100) ** self.delta)


LIVES: dict[str, Life] = {
    "company_basics": Life(730, 3),
    "business_philosophy": Life(1095, 3),
    "market_status": Life(365, 3),
    "marketing_plan": Life(365, 3),
    "competitor": Life(365, 3),
    "dealer": Life(545, 3),
    "end_user": Life(545, 3),
    "product": Life(730, 3),
}


def decay(days: float, life: Life, base: float = 100.0) -> float:
    """base · (1 − (t/L)^(1/δ)) at an age of `days`; 0 after the lifetime; nothing is fresher than new."""
    if days >= life.days:
        return 0.0
    return float(base * (1 - (max(days, 0.0) / life.days) ** (1 / life.delta)))


def score(part: str, since: datetime, now: datetime) -> float:
    """The freshness 0–100 of a finding; `since`: when it was last verified, else collected."""
    return decay((now - since) / timedelta(days=1), LIVES[part])
