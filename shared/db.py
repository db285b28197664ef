"""A service's own database: SQLite or PostgreSQL, with ids and times that are alike on both."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uuid_utils
from sqlalchemy import Column, DateTime, Dialect, Engine, String, Text, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

LOCK_WAIT_SECONDS = 10
STATEMENT_SECONDS = 30
IDLE_SECONDS = 15  # after which PostgreSQL ends a transaction in which nothing is asked any more
_DISK_FULL, _LOCK_NOT_AVAILABLE = "53100", "55P03"
_DATABASES: dict[tuple[str, str], Database] = {}


def new_id() -> str:
    """A fresh UUIDv7: ids sort by the time at which they were made."""
    return str(uuid_utils.uuid7())


def in_places(rows: Iterable[Any], name: str, values: Sequence[str], make: Callable[[str], Any]) -> list[Any]:
    """The rows that hold these values in `name`, in this order: what is there is kept, the rest is made.

    `place` of each says where it stands.
    """
    kept = {getattr(row, name): row for row in rows}
    found = [kept.get(value) or make(value) for value in values]
    for place, row in enumerate(found):
        row.place = place
    return found


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


@compiles(String, "postgresql")
@compiles(Text, "postgresql")
def _sorted_by_code_point(kind: String, compiler: Any, **context: Any) -> str:
    # Columns of text sort as on SQLite, whatever the language of the database.
    name = compiler.visit_text(kind) if isinstance(kind, Text) else compiler.visit_string(kind)
    return f'{name} COLLATE "C"' if isinstance(context.get("type_expression"), Column) else str(name)


class Database:
    """One service's database. Make it through `database()`, so that a process holds one pool per service.

    There is one writer at a time: `write()` takes the service's lock before anything else, on both databases.
    So nothing that a rule has read changes before it writes, and event ids are committed in their order.
    """

    def __init__(self, service: str, url: str) -> None:
        self.service = service
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._queue: AbstractContextManager[Any] = threading.Lock() if self.is_sqlite else nullcontext()
        self.engine = self._sqlite(url) if self.is_sqlite else self._postgres(url)
        self._write_engine = self.engine.execution_options(acm_write=True)
        self._read_engine = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end, rolled back when anything is raised.

        Raises OperationalError when the lock is not had in time. Threads of this process queue fairly instead
        of polling SQLite's file lock; PostgreSQL queues by itself.
        """
        with self._queue, Session(self._write_engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and takes no write lock."""
        with Session(self._read_engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def exists(self) -> bool:
        """Whether there is a database to read."""
        if self.is_sqlite:
            path = self.engine.url.database
            return path is not None and Path(path).exists()
        with self._read_engine.connect() as connection:
            return connection.scalar(text("SELECT to_regclass('events')")) is not None

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
        seconds = {
            "lock_timeout": LOCK_WAIT_SECONDS,
            "statement_timeout": STATEMENT_SECONDS,
            # A process that was paused in a transaction must not keep the others from writing for ever.
            "idle_in_transaction_session_timeout": IDLE_SECONDS,
        }
        plain = {"search_path": self.service, "timezone": "UTC", "synchronous_commit": "on"}
        options = plain | {name: f"{value}s" for name, value in seconds.items()}
        engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_size=8,
            max_overflow=24,
            pool_timeout=LOCK_WAIT_SECONDS,
            pool_pre_ping=True,
            connect_args={
                "options": " ".join(f"-c{name}={value}" for name, value in options.items()),
                "connect_timeout": LOCK_WAIT_SECONDS,
                # A server that vanished without a word is noticed, also by who only waits for its answer.
                "tcp_user_timeout": IDLE_SECONDS * 1000,
                "keepalives_idle": IDLE_SECONDS,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "application_name": f"acm {self.service}",
            },
        )
        lock = int.from_bytes(hashlib.sha256(self.service.encode()).digest()[:8], signed=True)

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            # Act as the role that owns the service's schema, where it is another and we may.
            connection.execute(
                "SELECT set_config('role', pg_get_userbyid(nspowner), false) FROM pg_namespace"
                " WHERE nspname = %s AND pg_get_userbyid(nspowner) <> current_user"
                " AND pg_has_role(nspowner, 'MEMBER')",
                (self.service,),
            )
            connection.commit()

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            if connection.get_execution_options().get("acm_write"):
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (lock,))

        @event.listens_for(engine, "handle_error", retval=True)
        def _lost(failure: ExceptionContext) -> BaseException | None:
            # Whoever asks can try again, whatever ended the connection.
            if not failure.is_disconnect or isinstance(failure.sqlalchemy_exception, OperationalError):
                return None
            return OperationalError(failure.statement, failure.parameters, failure.original_exception)

        return engine


def is_full(error: OperationalError) -> bool:
    """Whether a database refused because there is no room left."""
    return _sqlstate(error) == _DISK_FULL or (not _sqlstate(error) and "disk" in str(error.orig))


def is_locked(error: OperationalError) -> bool:
    """Whether a database refused because another writer held the lock for too long."""
    return _sqlstate(error) == _LOCK_NOT_AVAILABLE or "database is locked" in str(error.orig)


def _sqlstate(error: OperationalError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


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
