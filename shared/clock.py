"""The one place where the time of day enters the product."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def now() -> datetime:
    """This instant, in UTC, to the microsecond."""
    return datetime.now(UTC)


def rfc3339(instant: datetime) -> str:
    """An instant as RFC 3339 text in UTC, for example `2026-11-24T08:15:00.250000Z`."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """The instant that RFC 3339 text names. Raises ValueError when it names none, or no zone."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("a time needs its zone, for example 2026-11-24T08:15:00Z")
    return parsed.astimezone(UTC)


def start_of_day(day: date, zone: str) -> datetime:
    """The instant at which a date begins in the agency's time zone."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)
