"""The promises of the log: at least once, in order per key, positions kept by the consumer itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.db import Database


class LogUnavailable(ConnectionError):
    """The log cannot be reached: nothing is lost, wait and try again."""


@dataclass(frozen=True, slots=True)
class Record:
    """One envelope as it was read; `position` is where to read on after it."""

    topic: str
    partition: int
    position: int
    envelope: str


@dataclass(frozen=True, slots=True)
class End:
    """Where a topic was read to, and when that was known to be all that its publisher had said."""

    position: int
    at: datetime


Positions = Mapping[tuple[str, int], int]


class LogReader(Protocol):
    """One consumer's way of reading its topics. Every method may raise LogUnavailable."""

    def poll(self, positions: Positions, limit: int) -> Sequence[Record]:
        """Up to `limit` records after the positions, in order per key; empty when all was read."""

    def wait(self, seconds: float) -> None:
        """Return when something may have come, at the latest after so many seconds."""

    def lag(self, positions: Positions) -> dict[str, int]:
        """For each topic how many records are still to read. An upper bound where they are many."""

    def ends(self, positions: Positions) -> dict[str, End]:
        """The end of each topic of which one is known, when all that was polled is handled up to here."""

    def close(self) -> None:
        """Free what the reader holds."""


class Relay(Protocol):
    """Sends a service's committed events to the log, in their order. Without a broker there is none."""

    def step(self) -> int:
        """Send a batch, if this relay leads; answers how many events. Raises LogUnavailable."""

    def unpublished(self) -> int:
        """How many committed events are still to be sent; asks the database only."""

    def close(self) -> None:
        """Let another relay take over at once."""


class Log(Protocol):
    """A service's access to the log. Holds no connection until something is read or sent."""

    def reader(self, consumer: str, topics: Sequence[str]) -> LogReader:
        """A reader of these topics for one consumer; without a name it is never woken."""

    def committed(self, topics: Sequence[str]) -> None:
        """Events of these topics were committed: wake whoever waits for them."""

    def relay(self, database: Database) -> Relay | None:
        """What sends the events of the service's database, where they do not travel by themselves."""

    def prepare(self) -> None:
        """Set up what the service needs to publish; does nothing the second time."""

    def missing(self) -> Sequence[str]:
        """What `prepare` would set up. Raises LogUnavailable."""

    def remove(self) -> None:
        """Throw away what was published."""

    def close(self) -> None:
        """Free what the log holds."""
