"""One writer per service, one state per reader, one order of texts: one suite for both databases."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from services.accounts.service import SERVICE
from shared import clock, db
from shared.config import Settings
from shared.db import Database, is_locked
from shared.migrations import make_schema, migrate
from shared.tables import AuditRow, IdempotencyRow
from shared.testing import World, fresh_database, on_real_engines

POSTGRES = os.environ.get("ACM_POSTGRES_URL", "")
WRITERS, WRITES = 4, 15
# A database that sorts as English readers expect, which ours must not notice.
ENGLISH = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
MIGRATE = """
import sys
from pathlib import Path
from services.accounts.service import SERVICE
from shared.config import Settings
from shared.migrations import migrate
migrate(SERVICE, Settings(home=Path(), engines={"ACM_DATABASE_URL": sys.argv[1]}))
"""


@pytest.fixture(params=("sqlite", "postgresql") if POSTGRES else ("sqlite",))
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind in which there is nothing."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'accounts.db'}"
    else:
        with fresh_database(ENGLISH) as url:
            yield url
    db.forget_databases()


@pytest.fixture
def url(empty: str) -> str:
    """A database of each kind with the schema of accounts."""
    migrate(SERVICE, Settings(home=Path(), engines={"ACM_DATABASE_URL": empty}))
    return empty


@pytest.fixture
def server(url: str) -> str:
    """The same, on PostgreSQL only."""
    if url.startswith("sqlite"):
        pytest.skip("SQLite is a file, which nothing disconnects")
    return url


def note(action: str) -> AuditRow:
    return AuditRow(at=clock.now(), actor="a", action=action, subject="s", details={})


def at_once(*bodies: object) -> None:
    threads = [threading.Thread(target=body) for body in bodies]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_a_writer_has_read_holds_until_its_commit(url: str) -> None:
    most = WRITERS * WRITES // 2

    def write() -> None:
        database = Database("accounts", url)  # as another process has it
        for _ in range(WRITES):
            with database.write() as session:
                if (session.scalar(select(func.count(AuditRow.id))) or 0) < most:
                    session.add(note("one of few"))
        database.engine.dispose()

    at_once(*[write] * WRITERS)
    with Database("accounts", url).read() as session:
        assert session.scalar(select(func.count(AuditRow.id))) == most


def test_a_cursor_by_id_misses_no_row_of_concurrent_writers(url: str) -> None:
    done = threading.Event()
    kept: list[str] = []
    seen: list[str] = []

    def write(seed: int) -> None:
        dice, database = random.Random(seed), Database("accounts", url)
        for number in range(WRITES):
            with database.write() as session:
                session.add(note(f"{seed}-{number}"))
                session.flush()
                if dice.random() < 0.3:
                    session.rollback()
                else:
                    kept.append(f"{seed}-{number}")
        database.engine.dispose()

    def follow() -> None:
        database, last, more = Database("accounts", url), 0, True
        while more:
            more = not done.is_set()
            with database.read() as session:
                rows = session.execute(
                    select(AuditRow.id, AuditRow.action).where(AuditRow.id > last).order_by(AuditRow.id)
                ).all()
            seen.extend(row.action for row in rows)
            last = rows[-1].id if rows else last
        database.engine.dispose()

    follower = threading.Thread(target=follow)
    follower.start()
    at_once(*[lambda seed=seed: write(seed) for seed in range(WRITERS)])
    done.set()
    follower.join()
    assert sorted(seen) == sorted(kept)


def test_a_reader_sees_one_state_and_holds_nobody_up(url: str) -> None:
    database = Database("accounts", url)
    with database.read() as session:
        count = select(func.count(AuditRow.id))
        before = session.scalar(count)
        with database.write() as other:
            other.add(note("meanwhile"))
        assert session.scalar(count) == before
    with database.read() as session:
        assert session.scalar(count) == (before or 0) + 1


def test_texts_sort_alike_in_every_database(url: str) -> None:
    texts = ["b", "B", "a", "Z", "é", "z", "乙", "甲", "a b", "a-b", "ab", "_"]
    database = Database("accounts", url)
    with database.write() as session:
        for key in texts:
            session.add(IdempotencyRow(actor="a", key=key, request="", at=clock.now()))
    with database.read() as session:
        keys = session.scalars(select(IdempotencyRow.key).order_by(IdempotencyRow.key)).all()
        beyond = session.scalars(select(IdempotencyRow.key).where(IdempotencyRow.key > "a-b")).all()
    assert keys == sorted(texts)
    assert sorted(beyond) == [key for key in sorted(texts) if key > "a-b"]


def test_who_waits_too_long_for_the_writer_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "LOCK_WAIT_SECONDS", 1)
    with Database("accounts", url).write() as session, Database("accounts", url).write() as other:
        session.add(note("first"))
        session.flush()
        other.add(note("second"))
        with pytest.raises(OperationalError) as told:
            other.flush()
        assert is_locked(told.value)


def test_two_processes_may_prepare_a_database_at_once(empty: str) -> None:
    commands = [subprocess.Popen([sys.executable, "-c", MIGRATE, empty]) for _ in range(2)]
    assert [command.wait() for command in commands] == [0, 0]
    with Database("accounts", empty).read() as session:
        assert session.scalar(select(func.count(AuditRow.id))) == 0


def test_what_a_process_makes_that_connected_before_another_made_the_schema_is_its_owner_s(
    empty: str,
) -> None:
    early = Database("accounts", empty)
    if early.is_sqlite:
        pytest.skip("SQLite has no owners")
    with early.read() as session:
        session.execute(text("SELECT 1"))
    make_schema(Database("accounts", empty))
    make_schema(early)
    with early.read() as session:
        assert session.scalar(text("SELECT current_user")) == "acm_accounts"


def test_a_writer_that_stands_still_loses_its_turn(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "IDLE_SECONDS", 1)
    paused = Database("accounts", server)

    def stand_still() -> None:
        with paused.write() as session:
            session.add(note("lost"))
            session.flush()
            with Database("accounts", server).write() as other:  # waits until the server ends the first
                other.add(note("kept"))

    with pytest.raises(OperationalError):
        stand_still()
    with paused.read() as session:
        assert session.scalars(select(AuditRow.action)).all() == ["kept"]


def test_a_service_acts_in_its_own_schema_under_its_own_role(server: str) -> None:
    with Database("accounts", server).read() as session:
        found = session.execute(text("SELECT current_schema(), current_user, current_setting('TimeZone')"))
        assert found.one() == ("accounts", "acm_accounts", "UTC")


@pytest.mark.skipif(not on_real_engines(), reason="SQLite is a file, which nothing disconnects")
def test_a_connection_that_is_lost_in_a_request_is_answered_as_such(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = world.api("admin")

    def disconnect() -> None:
        with psycopg.connect(world.settings.database_url("accounts"), autocommit=True) as session:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            session.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    from services.accounts import commands

    create = commands.create_client

    def lost_before(*args: object, **kwargs: object) -> object:
        disconnect()
        return create(*args, **kwargs)  # type: ignore[arg-type]

    def lost_after(*args: object, **kwargs: object) -> object:
        made = create(*args, **kwargs)  # type: ignore[arg-type]
        disconnect()
        return made

    for losing in (lost_before, lost_after):
        monkeypatch.setattr(commands, "create_client", losing)
        answer = api.post("/accounts/v1/clients", {"name": "verloren"})
        assert answer.status_code == 503
        assert answer.mimetype == "application/problem+json"
    monkeypatch.undo()
    disconnect()
    assert api.get("/accounts/v1/clients").get_json()["items"] == []
