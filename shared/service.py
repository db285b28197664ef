"""A service's manifest, and the running service that is made from it: web app, worker, migrations."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import flask
from sqlalchemy import MetaData, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from contracts import accounts as accounts_contract
from contracts import portal as portal_contract
from contracts.event import Event, Shape
from shared import access, clock, http
from shared import log as logs
from shared.config import Settings
from shared.db import Database, database
from shared.inbox import Consumer, Fold, Handler
from shared.log.port import Log, Relay
from shared.problem import Problem
from shared.tables import AccessFactRow
from shared.uow import Aggregate, UnitOfWork, unit_of_work

ACCESS_TOPICS = (accounts_contract.ACCESS_TOPIC, portal_contract.ACCESS_TOPIC)
WAITERS = 16
Holds = Callable[[Session, str, str, tuple[int, int]], bool]


@dataclass(frozen=True, slots=True)
class Task:
    """Something a worker does beside consuming: `step(runtime)` does a bit and answers whether it did."""

    name: str
    step: Callable[[Runtime], bool]
    every_seconds: float = 1.0  # at the latest; also after each batch that a consumer handled


@dataclass(frozen=True, slots=True)
class Service:
    """What a service consists of.

    `published`: the rows that it emits, whose states are said again by a replay or restore. `prepare` sets up
    what it needs beside its database, as often as it is called. `holds` overrides when a read may see a write
    (search: once indexed); `started` is called in the worker before it works; `restored` in the transaction
    that brings its database back from a backup; `examine` answers what `acm doctor` must look at beside what
    all services have; `warm` loads what all processes may share, before they are forked.
    """

    name: str
    package: str
    description: str
    tables: MetaData
    published: Sequence[type[Aggregate]] = ()
    api: Sequence[http.ApiBlueprint] = ()
    pages: Sequence[flask.Blueprint] = ()
    handlers: Sequence[Handler] = ()
    tasks: Sequence[Task] = ()
    commands: Sequence[click.Command] = ()
    prepare: Callable[[Settings], None] | None = None
    holds: Holds | None = None
    started: Callable[[Runtime], None] | None = None
    restored: Callable[[UnitOfWork], None] | None = None
    examine: Callable[[Runtime], dict[str, Callable[[], str]]] | None = None
    warm: Callable[[], None] | None = None

    @property
    def folder(self) -> Path:
        """Where the service's templates, translations and migrations lie."""
        (root,) = importlib.import_module(self.package).__path__
        return Path(root)


def discover() -> dict[str, Service]:
    """Every service that is installed here, by name."""
    # By name, and not by import: the platform stands below the services.
    roots = map(Path, importlib.import_module("services").__path__)
    names = sorted(file.parent.name for root in roots for file in root.glob("*/service.py"))
    return {name: importlib.import_module(f"services.{name}.service").SERVICE for name in names}


@dataclass(eq=False)
class Runtime:
    """A service with its settings, database and log. Make it after a fork."""

    service: Service
    settings: Settings
    database: Database = field(init=False)
    log: Log = field(init=False)
    relay: Relay | None = field(init=False)
    _access: access.Reader = field(init=False)
    _waiters: threading.BoundedSemaphore = field(init=False)

    def __post_init__(self) -> None:
        self.database = database(self.service.name, self.settings.database_url(self.service.name))
        self.log = logs.connect(self.settings, self.service.name)
        self.relay = self.log.relay(self.database)
        self._access = access.Reader(self.settings.access_stale_after, follows=self.access_topics)
        self._waiters = threading.BoundedSemaphore(WAITERS)

    @property
    def access_topics(self) -> tuple[str, ...]:
        """The access topics of others that this service follows."""
        return tuple(t for t in ACCESS_TOPICS if t.partition(".")[0] != self.service.name)

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic of others that this service follows."""
        return (*self.access_topics, *self._domain_topics())

    def book(self, session: Session, now: datetime) -> access.Book:
        """The access facts that hold for this service now."""
        return self._access.book(session, now)

    def committed(self, unit: UnitOfWork) -> None:
        """Tell whoever waits that events were committed."""
        self.log.committed(sorted({event.source for event in unit.emitted}))

    def unpublished(self) -> int:
        """How many committed events the relay has still to send; asks the service's database only."""
        return self.relay.unpublished() if self.relay else 0

    def close(self) -> None:
        """Let another relay take over at once, and free what log and database hold."""
        if self.relay is not None:
            self.relay.close()
        self.log.close()
        self.database.engine.dispose()

    def unit_of_work(
        self, username: str | None = None, *, cause: str | None = None
    ) -> AbstractContextManager[UnitOfWork]:
        """A transaction outside of a request, as the system or as an employed person."""

        def acting(session: Session) -> access.Actor | None:
            now = clock.now()
            book = self.book(session, now)
            found = access.actor(book, book.usernames.get(username or "", ""), now)
            if username is not None and found is None:
                raise Problem(404, "not-found", f"Nobody employed signs in as {username}.")
            return found

        return unit_of_work(
            self.database, actor=acting if username else None, cause=cause, committed=self.committed
        )

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A place among those who wait for a write to arrive; without one the answer comes as it is."""
        if not self._waiters.acquire(blocking=False):
            raise Problem(503, "too-many-waiters", "Too many requests wait for writes; try again.")
        try:
            yield
        finally:
            self._waiters.release()

    def consumers(self, *, listen: bool = True) -> list[Consumer]:
        """The access consumer, which never waits behind an import, and the consumer of all else.

        Only the worker listens for wake-ups; a command that looks at a consumer beside it must not.
        """
        found = []
        if self.access_topics:
            folds = _access_folds(self.access_topics)
            found.append(self._consumer("access", folds, self.access_topics, listen))
        if topics := self._domain_topics():
            found.append(self._consumer("events", self._domain_handlers(), topics, listen))
        return found

    def web(self) -> flask.Flask:
        """The service's web app."""
        return http.create_app(self)

    def not_ready(self) -> str:
        """Why the service cannot serve yet; empty when it can."""
        try:
            with self.database.read() as session:
                session.execute(text("SELECT 1"))
                keys = session.scalar(select(AccessFactRow.id).where(AccessFactRow.kind == "key").limit(1))
        except SQLAlchemyError:
            return "the database does not answer"
        return "" if keys else "no signing key has arrived from the portal yet"

    def _consumer(
        self, name: str, handlers: Sequence[Handler], topics: Sequence[str], listen: bool
    ) -> Consumer:
        full_name = f"{self.service.name}.{name}"
        return Consumer(
            full_name,
            handlers,
            self.database,
            self.log.reader(full_name if listen else "", topics),
            topics=topics,
            committed=self.committed,
        )

    def _domain_handlers(self) -> tuple[Handler, ...]:
        clients: tuple[Handler, ...] = (_access_fold(accounts_contract.Client),)
        return (*(clients if self.service.name != accounts_contract.TOPIC else ()), *self.service.handlers)

    def _domain_topics(self) -> tuple[str, ...]:
        shapes = [h.shape if isinstance(h, Fold) else h.happening.shape for h in self._domain_handlers()]
        return tuple(dict.fromkeys(s.TOPIC for s in shapes if s.TOPIC not in ACCESS_TOPICS))


def _keep_fact(unit: UnitOfWork, event: Event, shape: Any) -> None:
    access.keep_fact(unit.session, event, shape)


def _access_fold(shape: type[Shape]) -> Fold:
    def drop(unit: UnitOfWork, _marker: Event, key: str) -> None:
        access.drop_fact(unit.session, shape.NAME, key)

    return Fold(shape, _keep_fact, drop)


def _access_folds(topics: Sequence[str]) -> list[Handler]:
    return [_access_fold(shape) for shape in access.FACTS if shape.TOPIC in topics]
