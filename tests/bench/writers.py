"""What one writer at a time costs: `python -m tests.bench.writers` (PostgreSQL: where ACM_POSTGRES_URL says).

Processes create clients by the product's command for a few seconds, alone and four at once. Beside it stands
what the database takes without the lock: each of four connections inserts the same event row and commits.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert

from services.accounts import commands
from services.accounts.service import SERVICE
from shared import clock
from shared.config import Settings
from shared.db import Database, new_id
from shared.migrations import migrate
from shared.tables import EventRow
from shared.testing import fresh_database
from shared.uow import unit_of_work

SECONDS, ROUNDS = 3.0, 3
FACTS = {
    "english_name": "", "industry": "", "parent_id": None, "branch": "", "visibility": "directory",
    "tier": "", "status": "active",
}  # fmt: skip
Body = Callable[[Database], None]


def main() -> None:
    """Measure and print a table."""
    print(f"machine: {os.cpu_count()} cores; median of {ROUNDS} rounds of {SECONDS:.0f} s")
    print(f"{'commits/s':12}{'1 writer':>10}{'4 writers':>11}{'4 without the lock':>20}")
    for name, made in (("sqlite", _sqlite), ("postgresql", fresh_database)):
        if name == "postgresql" and not os.environ.get("ACM_POSTGRES_URL"):
            continue
        with made() as url:
            migrate(SERVICE, Settings(home=Path(), engines={"ACM_DATABASE_URL": url}))
            one, four = (_rate(url, count, _create) for count in (1, 4))
            bare = f"{_rate(url, 4, _insert):20.0f}" if name == "postgresql" else f"{'—':>20}"
            print(f"{name:12}{one:10.0f}{four:11.0f}{bare}")


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as home:
        yield f"sqlite:///{Path(home) / 'accounts.db'}"


def _create(database: Database) -> None:
    with unit_of_work(database) as uow:
        commands.create_client(uow, name=new_id(), aliases=[], **FACTS)


def _insert(database: Database) -> None:
    row = {"event_id": new_id(), "topic": "accounts", "type": "client.created", "key": "k", "version": 1}
    with database.engine.begin() as connection:
        connection.execute(insert(EventRow).values(**row, at=clock.now(), envelope="x" * 600))


def _rate(url: str, writers: int, body: Body) -> float:
    return statistics.median(_round(url, writers, body) for _ in range(ROUNDS))


def _round(url: str, writers: int, body: Body) -> float:
    """Commits per second of so many processes together."""
    start = multiprocessing.Barrier(writers)
    counts: multiprocessing.SimpleQueue[int] = multiprocessing.SimpleQueue()

    def work() -> None:
        database, done = Database("accounts", url), 0
        body(database)  # connects
        start.wait()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            body(database)
            done += 1
        counts.put(done)

    processes = [multiprocessing.Process(target=work) for _ in range(writers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            sys.exit("a writer failed; see above")
    return float(sum(counts.get() for _ in processes)) / SECONDS


if __name__ == "__main__":
    main()
