"""Pure folds of accounts' own events: the history of each field of a client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.accounts import Client
from contracts.event import Event

_NOT_FACTS = {"id", "version"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """What one event changed, who did it and when."""

    version: int
    type: str
    at: datetime
    actor_id: str
    actor_name: str
    changes: tuple[FieldChange, ...]


def history(
    events: Iterable[Event], *, lists: Callable[[str], bool], name_of: Callable[[str | None], str]
) -> list[Entry]:
    """The changes of a client, newest first. A parent that the reader may not list is shown as none."""
    entries: list[Entry] = []
    before = _facts(Client(id=""), lists)
    for event in events:
        after = _facts(Client.read(event.state), lists)
        entries.append(
            Entry(
                version=event.version,
                type=event.type,
                at=datetime.fromisoformat(event.at),
                actor_id=event.actor or "",
                actor_name=name_of(event.actor),
                changes=tuple(
                    FieldChange(field, before[field], value)
                    for field, value in after.items()
                    if value != before[field]
                ),
            )
        )
        before = after
    return entries[::-1]


def _facts(client: Client, lists: Callable[[str], bool]) -> dict[str, Any]:
    facts = {field: value for field, value in client.to_dict().items() if field not in _NOT_FACTS}
    if facts["parent_id"] is not None and not lists(facts["parent_id"]):
        facts["parent_id"] = None
    return facts
