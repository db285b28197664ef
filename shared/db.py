"""A service's own database: SQLite or PostgreSQL, with ids and times that are alike on both."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uuid_utils
from sqlalchemy import DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

LOCK_WAIT_SECONDS = 10
_DATABASES: dict[tuple[str, str], Database] = {}


def new_id() -> str:
    """A fresh UUIDv7: ids sort by the time at which they were made."""
    return str(uuid_utils.uuid7())


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC. SQLite keeps no zone: it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it would be read as another instant elsewhere."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One service's database. Make it through `database()`, so that a process holds one pool per file."""

    def __init__(self, service: str, url: str) -> None:
        self.service = service
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._writer = threading.Lock()
        self.engine = self._sqlite(url) if self.is_sqlite else self._postgres(url)
        self._write_engine = self.engine.execution_options(acm_write=True)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end, rolled back when anything is raised.

        On SQLite it takes the write lock at once, so that what it reads cannot change under it and event ids
        are committed in their order; threads of this process queue fairly instead of polling the file lock.
        """
        if self.is_sqlite:
            with (
                self._writer,
                Session(self._write_engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        else:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and takes no write lock."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def exists(self) -> bool:
        """Whether there is a database to read (on PostgreSQL: assumed)."""
        path = self.engine.url.database
        return not self.is_sqlite or (path is not None and Path(path).exists())

    def _sqlite(self, url: str) -> Engine:
        engine = create_engine(url, pool_size=16, max_overflow=16)
        path = engine.url.database
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves
            for pragma in (
                f"busy_timeout = {LOCK_WAIT_SECONDS * 1000}",
                "journal_mode = WAL",
                "synchronous = FULL",  # "saved" means on the disk
                "foreign_keys = ON",
                "cache_size = -512",  # KB a connection; many threads hold one, and the system caches the file
                "secure_delete = ON",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            write = connection.get_execution_options().get("acm_write")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _postgres(self, url: str) -> Engine:
        options = f"-csearch_path={self.service} -clock_timeout={LOCK_WAIT_SECONDS}s -ctimezone=UTC"
        return create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_size=8,
            pool_pre_ping=True,
            connect_args={"options": options},
        )


def database(service: str, url: str) -> Database:
    """The process's one Database for a service and URL. Call it after a fork, not before."""
    key = (service, url)
    if key not in _DATABASES:
        _DATABASES[key] = Database(service, url)
    return _DATABASES[key]


def forget_databases() -> None:
    """Drop every pool: a forked child must not share its parent's connections."""
    for held in _DATABASES.values():
        held.engine.dispose(close=False)
    _DATABASES.clear()
