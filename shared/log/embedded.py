"""The log without a broker: consumers read the publisher's own events table, in commit order.

Writes to a SQLite file are serial (`BEGIN IMMEDIATE`), so ids are committed in order and "id greater than
mine" misses nothing. A datagram wakes consumers within a millisecond; where none can be had they look often.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from shared import clock
from shared.config import Settings
from shared.db import Database, database
from shared.log.port import End, Positions, Record
from shared.tables import EventRow

UNWOKEN_SECONDS = 0.1


class EmbeddedLog:
    """Reads other services' databases and wakes their consumers through sockets under ACM_HOME/wake."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._wake = _short(settings.home / "wake")
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)

    def reader(self, consumer: str, topics: Sequence[str]) -> EmbeddedReader:
        """A reader for one consumer; each publisher's database is opened by its settings."""
        publishers = {topic: _database_of(topic, self._settings) for topic in topics}
        return EmbeddedReader(publishers, self._wake / f"{consumer}.sock" if consumer else None)

    def committed(self, topics: Sequence[str]) -> None:
        """Wake every consumer that listens; whoever is not there reads when it starts."""
        with suppress(FileNotFoundError):
            for name in os.listdir(self._wake):
                # A full buffer means that it is awake already; a refused one that it is gone.
                with suppress(OSError):
                    self._sender.sendto(b"1", str(self._wake / name))

    def relay(self, database: Database) -> None:
        """None: consumers read the events table itself."""

    def prepare(self) -> None:
        """Nothing: the database is the log."""

    def missing(self) -> list[str]:
        """Nothing, for the same reason."""
        return []

    def remove(self) -> None:
        """Nothing: the database is the log."""

    def close(self) -> None:
        """Close the socket that wakes."""
        self._sender.close()


class EmbeddedReader:
    """Polls publishers' events tables; waits on a datagram socket."""

    def __init__(self, publishers: dict[str, Database], address: Path | None) -> None:
        self._publishers = publishers
        self._address = address
        self._socket = self._listen()

    def poll(self, positions: Positions, limit: int) -> list[Record]:
        """Records after the positions, topic by topic."""
        found: list[Record] = []
        for topic, publisher in self._publishers.items():
            if len(found) >= limit or not publisher.exists():
                continue
            after = positions.get((topic, 0), 0)
            query = (
                select(EventRow.id, EventRow.envelope)
                .where(EventRow.topic == topic, EventRow.id > after)
                .order_by(EventRow.id)
                .limit(limit - len(found))
            )
            with _not_yet_migrated(), publisher.read() as session:
                found += [Record(topic, 0, row.id, row.envelope) for row in session.execute(query)]
        return found

    def wait(self, seconds: float) -> None:
        """Sleep until woken, at most so long."""
        if self._socket is None:
            time.sleep(min(seconds, UNWOKEN_SECONDS))
            return
        self._socket.settimeout(seconds)
        with suppress(TimeoutError):
            self._socket.recv(16)
            self._drain(self._socket)

    def lag(self, positions: Positions) -> dict[str, int]:
        """How many events of each topic lie after the positions."""
        behind: dict[str, int] = {}
        for topic, publisher in self._publishers.items():
            if not publisher.exists():
                continue
            query = select(func.count()).where(
                EventRow.topic == topic, EventRow.id > positions.get((topic, 0), 0)
            )
            with _not_yet_migrated(), publisher.read() as session:
                behind[topic] = session.scalar(query) or 0
        return behind

    def ends(self, positions: Positions) -> dict[str, End]:
        """Where the consumer is, now: it reads what was committed a moment ago."""
        now = clock.now()
        return {topic: End(positions.get((topic, 0), 0), now) for topic in self._publishers}

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None and self._address is not None:
            self._socket.close()
            self._address.unlink(missing_ok=True)

    def _listen(self) -> socket.socket | None:
        if self._address is None:
            return None
        self._address.parent.mkdir(parents=True, exist_ok=True)
        self._address.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            listener.bind(str(self._address))
        except OSError:
            # The path is too long for a socket, or the file system has none: polling alone will do.
            listener.close()
            return None
        return listener

    @staticmethod
    def _drain(listener: socket.socket) -> None:
        listener.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                listener.recv(16)


def _database_of(topic: str, settings: Settings) -> Database:
    publisher = topic.partition(".")[0]
    return database(publisher, settings.database_url(publisher))


@contextmanager
def _not_yet_migrated() -> Iterator[None]:
    # A publisher that was never started has no events table; nothing of it can have been missed.
    try:
        yield
    except OperationalError as error:
        if "no such table" not in str(error):
            raise


def _short(path: Path) -> Path:
    relative = Path(os.path.relpath(path))
    return relative if len(str(relative)) < len(str(path)) else path
