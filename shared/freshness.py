"""How much a fact is still worth with time: one formula and one table, for dossiers and for ranking alike."""

from __future__ import annotations

from collections.abc import Mapping

LIFETIMES: Mapping[str, tuple[float, float]] = {
    "company_basics": (730, 3),
    "business_philosophy": (1095, 3),
    "market_status": (365, 3),
    "marketing_plan": (365, 3),
    "competitor": (365, 3),
    "dealer": (545, 3),
    "end_user": (545, 3),
    "product": (730, 3),
}
"""Lifetime in days and shape of the decay, by part of the dossier."""


def decay(base: float, age_days: float, lifetime_days: float, delta: float) -> float:
    """Freshness: base · (1 − (t/L)^(1/δ)), the whole base before its time and 0 after the lifetime."""
    if age_days <= 0:
        return base
    if age_days >= lifetime_days:
        return 0.0
    return float(base * (1 - (age_days / lifetime_days) ** (1 / delta)))
