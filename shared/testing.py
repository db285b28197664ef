"""A world for tests: every service in one process on its own data, with the deliveries under control.

`World` runs the real web apps and consumers on a fresh home; nothing is mocked. Consumers run only when told
to (`settle`), so a test sees what comes between a write and its effects; `settle(chaos=seed)` redelivers,
delays and interleaves. With ACM_TEST_ENGINES=real it runs on the servers that ACM_POSTGRES_URL,
ACM_KAFKA_BOOTSTRAP and ACM_ELASTICSEARCH_URL name, each world in a database and under a prefix of its own.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from shared import config, db
from shared.db import new_id
from shared.inbox import Consumer
from shared.log.port import LogUnavailable, Relay
from shared.migrations import migrate
from shared.search.port import IndexUnavailable
from shared.service import Runtime, Service, Task, discover
from shared.tables import PositionRow

SETTLE_ROUNDS = 2_000


class Api:
    """A program that calls the product as one person, with JSON in and out."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self.token = token

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> Any:
        """A request to whichever service owns the path."""
        headers = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        return self._world.client(path).open(path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        """GET."""
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """POST a JSON body."""
        return self.call("POST", path, json={} if body is None else body, **kwargs)

    def patch(self, path: str, body: Any, *, match: str | None = None, **kwargs: Any) -> Any:
        """PATCH with If-Match; reads the resource's ETag first where none is given."""
        match = match or self.get(path).headers["ETag"]
        return self.call("PATCH", path, json=body, headers={"If-Match": match}, **kwargs)

    def make(self, path: str, body: Any = None, **kwargs: Any) -> dict[str, Any]:
        """POST that must succeed; answers the resource."""
        answer = self.post(path, body, **kwargs)
        assert answer.status_code in (200, 201), (
            f"{path}: {answer.status_code} {answer.get_data(as_text=True)}"
        )
        found: dict[str, Any] = answer.get_json()
        return found


class World:
    """The services on a fresh home. Use `world()`."""

    def __init__(self, home: Path, services: Sequence[Service], **settings: Any) -> None:
        given: dict[str, Any] = {"home": home, "secret": "for tests only"} | settings
        self.settings = config.Settings(**given)
        self.services = list(services)
        self._tokens: dict[str, str] = {}
        self._expected = False  # somebody has yet to become known to every service
        self.people: dict[str, str] = {}
        self._making_apps = threading.Lock()
        for service in services:
            _make_database(service, self.settings)
            if service.prepare is not None:
                service.prepare(self.settings)
        self._start()

    # --- people ---

    def found(self) -> Api:
        """Found an empty agency with the administrator `admin`, as a first start does."""
        commands = importlib.import_module("services.accounts.commands")
        with self.runtimes["accounts"].unit_of_work() as uow:
            self.people["admin"] = commands.found_agency(uow).id
        return self.api("admin")

    def person(self, username: str, *, roles: Sequence[str] = (), branch: str = "", name: str = "") -> str:
        """Add an employed person as the system does, with a token; answers the id.

        The next request waits until they are known everywhere, so that several are hired at once.
        """
        commands = importlib.import_module("services.accounts.commands")
        with self.runtimes["accounts"].unit_of_work() as uow:
            person = commands.add_person(
                uow,
                username=username,
                name=name or username,
                email=f"{username}@agency.example",
                roles=list(roles),
                branch=branch,
            )
        self.people[username] = person.id
        self._give_token(username)
        return str(person.id)

    def api(self, username: str) -> Api:
        """A program with an API token of a person."""
        if username not in self._tokens:
            self._give_token(username)
        return Api(self, self._tokens[username])

    def _give_token(self, username: str) -> None:
        commands = importlib.import_module("services.portal.commands")
        with self.runtimes["portal"].unit_of_work() as uow:
            self._tokens[username], _ = commands.issue_token(
                uow,
                person_id=self.people[username],
                kind="api",
                name="test",
                life=timedelta(days=30),
                secret=self.settings.secret,
            )
        self._expected = True

    # --- requests ---

    def client(self, path: str) -> FlaskClient:
        """A fresh client (no cookies) of the app that owns a path; the portal owns the rest."""
        first = path.lstrip("/").partition("/")[0].partition("?")[0]
        return self.app(first if first in self.runtimes else "portal").test_client()

    def app(self, service: str) -> Flask:
        """A service's web app, made when it is first asked for; it knows whoever was hired before."""
        self.await_people()
        with self._making_apps:
            if service not in self._apps:
                self._apps[service] = self.runtimes[service].web()
            return self._apps[service]

    def await_people(self) -> None:
        """Let whoever was hired, or given a token, become known to every service."""
        if self._expected:
            self.settle()

    # --- deliveries ---

    def settle(self, *, chaos: int | None = None) -> None:
        """Let every consumer and task run until nothing is left to do.

        With `chaos`, a seed: consumers take turns at random, some deliveries come twice, some late.
        """
        self._expected = False
        dice = random.Random(chaos)
        consumers = [consumer for found in self._consumers.values() for consumer in found]
        for _ in range(SETTLE_ROUNDS):
            if chaos is not None:
                dice.shuffle(consumers)
                if dice.random() < 0.3:
                    self._redeliver(dice)
            busy = self._all(relay.step for relay in self._relays())
            busy += self._all(one.step for one in consumers if chaos is None or dice.random() < 0.7)
            busy += sum(task.step(running) for running, task in self._tasks())
            if not busy and self.lag() == 0:
                return
        raise AssertionError("the services do not come to rest")

    def publish(self) -> None:
        """Let the relays send what was committed, where the log has any; nobody handles it yet."""
        while self._all(relay.step for relay in self._relays()):
            pass

    def lag(self) -> int:
        """How many events are still to be handled, over all consumers."""
        found = (consumer for found in self._consumers.values() for consumer in found)
        return self._all(partial(_lag_of, consumer) for consumer in found)

    def _all(self, steps: Iterable[Callable[[], int]]) -> int:
        """Take steps, and add up what they answer: one after another or, where each waits for a server, at
        the same time, as the workers do.
        """
        if not self.settings.engines:
            return sum(step() for step in steps)
        with ThreadPoolExecutor(16) as hands:
            return sum(hands.map(lambda step: step(), steps))

    def consumers(self, service: str) -> list[Consumer]:
        """A service's consumers."""
        return self._consumers[service]

    def _relays(self) -> Iterator[Relay]:
        for running in self.runtimes.values():
            if running.relay is not None:
                yield running.relay

    def _tasks(self) -> Iterator[tuple[Runtime, Task]]:
        for running in self.runtimes.values():
            for task in running.service.tasks:
                yield running, task

    def _redeliver(self, dice: random.Random) -> None:
        running = dice.choice(list(self.runtimes.values()))
        with running.database.write() as session:
            session.execute(update(PositionRow).values(position=PositionRow.position // 2))

    # --- start and stop ---

    def _start(self) -> None:
        self.runtimes = {service.name: Runtime(service, self.settings) for service in self.services}
        self._apps: dict[str, Flask] = {}
        self._consumers = {name: running.consumers() for name, running in self.runtimes.items()}

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Every service is stopped meanwhile, as a restore wants it, and then started on what is there."""
        self._stop()
        gc.collect()  # the index is let go of with the last that knows the runtime
        try:
            yield
        finally:
            self._start()

    def _stop(self) -> None:
        for found in self._consumers.values():
            for consumer in found:
                consumer.close()
        for running in self.runtimes.values():
            running.close()
        db.forget_databases()
        self.runtimes, self._apps, self._consumers = {}, {}, {}

    def close(self) -> None:
        """Free sockets and connections, and remove the topics."""
        for running in self.runtimes.values():
            with suppress(LogUnavailable):
                running.log.remove()
        self._stop()


def _lag_of(consumer: Consumer) -> int:
    return sum(consumer.lag().values())


@contextmanager
def world(home: Path, *names: str, **settings: Any) -> Iterator[World]:
    """The installed services, or those named, on a fresh home, on the engines of ACM_TEST_ENGINES."""
    with ExitStack() as stack:
        if on_real_engines() and "engines" not in settings:
            settings["engines"] = stack.enter_context(fresh_engines())
        made = World(home, [one for one in discover().values() if not names or one.name in names], **settings)
        try:
            yield made
        finally:
            made.close()


def _make_database(service: Service, settings: config.Settings) -> None:
    """Give a service its schema; where it is a file that is not there yet, as a copy of one made before."""
    path = urlsplit(settings.database_url(service.name)).path.removeprefix("/")
    if settings.database_url(service.name).startswith("sqlite") and not Path(path).exists():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_migrated_file(service.name), path)
    migrate(service, settings)


@cache
def _migrated_file(name: str) -> Path:
    """A database of SQLite with a service's schema; gone with this process."""
    home = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, home)
    settings = config.Settings(home=home)
    url = settings.database_url(name)
    migrate(discover()[name], settings)
    db.database(name, url).engine.dispose()  # the last connection puts everything into the file
    return Path(urlsplit(url).path.removeprefix("/"))


# --- real engines ------------------------------------------------------------------------------------------


def on_real_engines() -> bool:
    """Whether worlds run on PostgreSQL, Kafka and Elasticsearch."""
    return os.environ.get("ACM_TEST_ENGINES", "embedded") == "real"


@contextmanager
def fresh_engines() -> Iterator[dict[str, str]]:
    """Addresses under which nothing was kept yet; database and index are removed at the end."""
    with fresh_database(f"TEMPLATE {_migrated_template()}") as database, fresh_search() as index:
        yield {
            "ACM_DATABASE_URL": database,
            "ACM_LOG_URL": f"kafka://{os.environ['ACM_KAFKA_BOOTSTRAP']}/{fresh_name()}",
            "ACM_SEARCH_URL": index,
        }


@contextmanager
def fresh_search() -> Iterator[str]:
    """The URL of a place for an index on ACM_ELASTICSEARCH_URL, which is cleared at the end."""
    from shared.search.elastic import ElasticIndex

    url = f"{os.environ['ACM_ELASTICSEARCH_URL'].rstrip('/')}/{fresh_name()}"
    try:
        yield url
    finally:
        with suppress(IndexUnavailable):
            ElasticIndex(url).drop()


@contextmanager
def fresh_database(options: str = "") -> Iterator[str]:
    """The URL of a new database on ACM_POSTGRES_URL, which is removed at the end."""
    server, name = os.environ["ACM_POSTGRES_URL"], fresh_name()
    _on_server(server, f"CREATE DATABASE {name} {options}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _migrated_template() -> str:
    """A database with the schema of every service, which is copied for each world; gone with this process."""
    made = fresh_database()
    url = made.__enter__()
    atexit.register(made.__exit__, None, None, None)
    settings = config.Settings(home=Path(), engines={"ACM_DATABASE_URL": url})
    for service in discover().values():
        migrate(service, settings)
        db.database(service.name, url).engine.dispose()  # what is copied must not be in use
    return urlsplit(url).path.lstrip("/")


def fresh_name() -> str:
    """A name that nothing on an engine has yet."""
    return f"t{new_id().replace('-', '')}"


def _on_server(server: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())
