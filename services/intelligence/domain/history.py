"""The history of each field, told from the events of one record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.event import Event

_COUNTERS = {"id", "version"}
Masks = Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """One field that became another."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One version: what happened, who did it, when and why, and every field that it changed."""

    version: int
    at: str
    actor_id: str
    actor_name: str
    happening: str
    reason: str
    changes: list[Change]


def entries(events: Iterable[Event], *, name: Callable[[str], str], masks: Masks) -> list[Entry]:
    """The history, oldest first. `masks` replace, by field, what this reader may not see in a value."""
    found: list[Entry] = []
    before: Mapping[str, Any] = {}
    for event in events:
        after = {key: masks[key](value) if key in masks else value for key, value in event.state.items()}
        found.append(
            Entry(
                version=event.version,
                at=event.at,
                actor_id=event.actor or "",
                actor_name=name(event.actor or ""),
                happening=event.type.partition(".")[2],
                reason=str(event.change.get("reason", "")),
                changes=_changes(before, after),
            )
        )
        before = after
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    return [
        Change(field, before.get(field), value)
        for field, value in after.items()
        if field not in _COUNTERS and value != before.get(field) and (value or before.get(field))
    ]
