"""The promises of the log: at least once, in order per key, positions kept by the consumer itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One envelope as it was read; `position` is where to read on after it."""

    topic: str
    partition: int
    position: int
    envelope: str


Positions = Mapping[tuple[str, int], int]


class LogReader(Protocol):
    """One consumer's way of reading its topics."""

    def poll(self, positions: Positions, limit: int) -> Sequence[Record]:
        """Up to `limit` records after the positions, in order per key; empty when all was read."""

    def wait(self, seconds: float) -> None:
        """Return when something may have come, at the latest after so many seconds."""

    def lag(self, positions: Positions) -> dict[str, int]:
        """For each topic how many records are still to read."""

    def close(self) -> None:
        """Free what the reader holds."""


class Log(Protocol):
    """A service's access to the log."""

    def reader(self, consumer: str, topics: Sequence[str]) -> LogReader:
        """A reader of these topics for one consumer; without a name it is never woken."""

    def committed(self, topics: Sequence[str]) -> None:
        """Events of these topics were committed: wake whoever waits for them."""
