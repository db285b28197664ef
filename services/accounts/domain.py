"""Pure rules of accounts: names, periods of seats (T2 CAE, T11 AM, T3 AD), what a wall forbids."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

VISIBILITIES = ("directory", "team")
STATUSES = ("prospect", "active", "dormant", "former")
TIERS = ("", "A", "B", "C")
SEATS = ("CAE", "AM", "AD")
EMPLOYED, LEFT = "employed", "left"
PERSON_STATUSES = (EMPLOYED, LEFT)
GUARDED_ROLES = frozenset({"administrator", "auditor"})
COOLING_OFF_LONGEST = 3650
SEAT_STATES = ("current", "future", "past", "cancelled")
_SORT_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant until an instant (exclusive; none: open). Empty when it ends before it begins."""

    starts_at: datetime
    ends_at: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether no instant lies in it."""
        return self.ends_at is not None and self.ends_at <= self.starts_at

    def within(self, other: Period) -> bool:
        """Whether every instant of it lies in the other."""
        return self.starts_at >= other.starts_at and (
            other.ends_at is None or (self.ends_at is not None and self.ends_at <= other.ends_at)
        )

    def prolonged(self, by: timedelta) -> Period:
        """The period with its end moved; beyond the calendar it is open."""
        if self.ends_at is None:
            return self
        try:
            return Period(self.starts_at, self.ends_at + by)
        except OverflowError:
            return Period(self.starts_at)

    def state(self, now: datetime) -> str:
        """One of SEAT_STATES."""
        if self.empty:
            return "cancelled"
        if now < self.starts_at:
            return "future"
        return "current" if self.ends_at is None or now < self.ends_at else "past"


def meet(*periods: Period) -> bool:
    """Whether some instant lies in all of them."""
    ends = [period.ends_at for period in periods if period.ends_at is not None]
    return not any(period.empty for period in periods) and (
        not ends or max(period.starts_at for period in periods) < min(ends)
    )


def across(one: Period, other: Period, *, cooling_off_days: int, now: datetime) -> bool:
    """Whether a person's seats on both sides of a wall meet, counting cooling-off, now or later."""
    if one.empty or other.empty:
        return False
    cooling = timedelta(days=cooling_off_days)
    ahead = Period(now)
    return meet(one.prolonged(cooling), other, ahead) or meet(one, other.prolonged(cooling), ahead)


def rewrites_past(old: Period, new: Period, now: datetime) -> bool:
    """Whether a change takes away instants that have passed, and with them what cooling-off counts from."""
    if old.empty or old.starts_at > now:
        return False
    passed = Period(old.starts_at, now if old.ends_at is None else min(old.ends_at, now))
    return not passed.empty and not passed.within(new)


def joins_as(seats: Iterable[str]) -> str | None:
    """The seat in which somebody joins a client that they add: the higher one that they hold elsewhere."""
    held = set(seats)
    return next((role for role in ("AD", "AM") if role in held), None)


def circular(client_id: str, parent_id: str | None, parent_of: Callable[[str], str | None]) -> bool:
    """Whether a client would stand under itself with this parent."""
    seen: set[str] = set()
    while parent_id is not None and parent_id not in seen:
        if parent_id == client_id:
            return True
        seen.add(parent_id)
        parent_id = parent_of(parent_id)
    return False


def folded(text: str) -> str:
    """Text as it is compared: compatibility forms and letter case do not matter."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def names_key(name: str, english_name: str, aliases: Iterable[str]) -> str:
    """All names of a client, folded, each between line ends, so that one contains or equals can be asked."""
    return "\n" + "\n".join(dict.fromkeys(folded(n) for n in (name, english_name, *aliases) if n)) + "\n"


def sort_key(name: str) -> str:
    """A key that sorts names as Chinese readers expect: GB 18030 orders the common characters by pinyin."""
    return folded(name)[:_SORT_CHARACTERS].encode("gb18030", errors="replace").hex()


def distinct(texts: Iterable[str]) -> list[str]:
    """The texts without repetitions and blanks, in their order."""
    return list(dict.fromkeys(text for text in texts if text))
