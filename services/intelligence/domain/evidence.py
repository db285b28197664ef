"""What counts as evidence (norms: Admiralty code, TLP 2.0): values, workflow, independence of origins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from shared.workflow import Workflow, transition

DOSSIER_PARTS = ("company_basics", "business_philosophy", "market_status", "marketing_plan")
"""The four parts of a client dossier (I1–I4)."""
PARTS = (*DOSSIER_PARTS, "competitor", "dealer", "end_user", "product")
"""What a finding can be about: the dossier's parts, the field (R1, M4) and products (K1)."""
METHODS = ("intelligence", "interview", "survey")
"""Desk research, interview, survey (X1, X2, X3)."""
RELIABILITIES = ("A", "B", "C", "D", "E", "F")
"""Admiralty, of a source; F: cannot be judged, which is not the worst but unknown."""
CREDIBILITIES = (1, 2, 3, 4, 5, 6)
"""Admiralty, of a finding; 6: cannot be judged, which is not the worst but unknown."""
UNKNOWN_RELIABILITY, UNKNOWN_CREDIBILITY, CONFIRMED = "F", 6, 1
SOURCE_KINDS = (
    "document", "filing", "interview", "panel", "press", "register", "report", "social", "statistics",
    "survey", "web",
)  # fmt: skip
"""Kinds of source that screens offer; others may be written."""

DRAFT, SUBMITTED, VERIFIED, DISPUTED = "draft", "submitted", "verified", "disputed"
RETRACTED, SUPERSEDED = "retracted", "superseded"
LIVE = (SUBMITTED, VERIFIED, DISPUTED)
"""States in which a finding counts: as corroboration, in the dossier, for the principles."""
INDEPENDENT_ORIGINS_NEEDED = 2
CLOCK_SKEW = timedelta(hours=1)

WORKFLOW = Workflow(
    "finding",
    DRAFT,
    (
        transition("submit", "draft", SUBMITTED, "draft.change"),
        # Verifying what is verified is how its freshness is renewed.
        transition("verify", "submitted verified", VERIFIED, "finding.verify"),
        transition("dispute", "submitted verified", DISPUTED, "finding.dispute", needs_reason=True),
        # Settled in the finding's favour it returns to where it was: `resolved_state`.
        transition("resolve", "disputed", VERIFIED, "finding.settle", needs_reason=True),
        transition("retract", "submitted verified disputed", RETRACTED, "finding.retract", needs_reason=True),
        # Evidence is immutable: a correction is a finding of its own that takes this one's place.
        transition("correct", "submitted verified disputed", SUPERSEDED, "finding.change"),
    ),
)
STATES = (DRAFT, SUBMITTED, VERIFIED, DISPUTED, RETRACTED, SUPERSEDED)
VERBS = tuple(step.verb for step in WORKFLOW.transitions)


def resolved_state(verified_at: datetime | None) -> str:
    """Where a settled dispute leads: back to verified, or to submitted if it never was verified."""
    return SUBMITTED if verified_at is None else VERIFIED


# --- origins -----------------------------------------------------------------------------------------------


def root(source_id: str, origins: Mapping[str, str | None]) -> str:
    """The independent origin behind a source: the end of the chain of sources that it repeats.

    `origins` maps a source to the one that it repeats. Should a chain ever close on itself, all its members
    share one root, so that a circle never counts as confirmation.
    """
    chain = [source_id]
    while (following := origins.get(chain[-1])) is not None:
        if following in chain:
            return min(chain[chain.index(following) :])
        chain.append(following)
    return chain[-1]


def closes_circle(source_id: str, origin_id: str | None, origins: Mapping[str, str | None]) -> bool:
    """Whether letting a source repeat `origin_id` would make it repeat itself."""
    following: str | None = origin_id
    seen: set[str] = set()
    while following is not None and following not in seen:
        if following == source_id:
            return True
        seen.add(following)
        following = origins.get(following)
    return False


def independent_origins(source_ids: Iterable[str], origins: Mapping[str, str | None]) -> set[str]:
    """The different roots behind some sources: two articles syndicated from one origin are one."""
    return {root(source_id, origins) for source_id in source_ids}


def is_earned(credibility: int, source_ids: Iterable[str], origins: Mapping[str, str | None]) -> bool:
    """Whether a credibility may be claimed: 1 needs two independent origins among the sources behind it."""
    if credibility != CONFIRMED:
        return True
    return len(independent_origins(source_ids, origins)) >= INDEPENDENT_ORIGINS_NEEDED


# --- plain rules -------------------------------------------------------------------------------------------


def errors_of(facts: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """What cannot be taken of a finding's own fields: field to fault; whatever needs no look elsewhere."""
    errors: dict[str, str] = {}
    about = [name for name in ("client_id", "market", "territory_id") if facts.get(name)]
    if len(about) != 1:
        errors["client_id"] = "not_one"
    if facts["label"] == "TLP:RED" and not facts["recipients"]:
        errors["recipients"] = "unnamed"
    start, end = facts.get("valid_from"), facts.get("valid_until")
    if start and end and end < start:
        errors["valid_until"] = "backwards"
    if facts["collected_at"] > now + CLOCK_SKEW:
        errors["collected_at"] = "future"
    return errors


def is_web_address(url: str) -> bool:
    """Whether this is an address that a browser opens without running anything: http or https with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(map(str.isspace, url))
    except ValueError:
        return False


def holds_on(day: date, valid_from: date | None, valid_until: date | None) -> bool:
    """Whether a valid time covers a day; both ends are included, and an end that is missing is open."""
    return (valid_from is None or valid_from <= day) and (valid_until is None or day <= valid_until)
