"""The product as teams deploy it: each service's web and worker in a process of its own, on real engines."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from werkzeug.test import Client as WsgiClient

from services.search import store as search_store
from shared import clock
from shared.access import Book
from shared.gateway import dispatcher
from shared.service import Runtime, discover
from shared.testing import World, fresh_engines, on_real_engines
from shared.testing import world as make_world
from tests.engines.server import free_port
from tests.product import ACM, CHECKOUT, START_SECONDS, Product, wait_until

SETTLE_SECONDS = 60.0
END_SECONDS = 60.0
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
Process = subprocess.Popen[bytes]


class Apart(Product):
    """One running product of many processes."""

    def __init__(self, home: Path, engines: Mapping[str, str], **environment: str) -> None:
        super().__init__(home, ACM_SECRET="for tests only, and long enough", **engines, **environment)
        self.services = list(discover())
        self._ports = {service: free_port() for service in self.services}
        self._processes: dict[tuple[str, str], Process] = {}

    def start(self) -> None:
        """Set up the engines, start everything and wait until it is usable."""
        self.acm("migrate", "--all")
        for service in self.services:
            for role in ("serve", "work"):
                self.begin(role, service)
        wait_until(self._all_ready, START_SECONDS, f"every service is ready; see {self.home}/*.log")
        wait_until(self._founded, SETTLE_SECONDS, "the administrator is known everywhere")

    def begin(self, role: str, service: str) -> None:
        """Start `serve` (web) or `work` (worker) of a service."""
        home = self.home / service
        home.mkdir(parents=True, exist_ok=True)
        with (self.home / f"{service}-{role}.log").open("ab") as log:
            self._processes[role, service] = subprocess.Popen(
                [*ACM, role, service],
                cwd=CHECKOUT,
                env=self.environment | {"ACM_HOME": str(home), "ACM_PORT": str(self._ports[service])},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self, role: str, service: str, number: int = signal.SIGTERM) -> None:
        """End a process and its children by a signal, and leave it ended."""
        process = self._processes.pop((role, service))
        os.killpg(process.pid, number)
        process.wait(END_SECONDS)

    def pause(self, role: str, service: str) -> None:
        """Stop a process where it stands."""
        os.killpg(self._processes[role, service].pid, signal.SIGSTOP)

    def resume(self, role: str, service: str) -> None:
        """Let a paused process go on."""
        os.killpg(self._processes[role, service].pid, signal.SIGCONT)

    def kill(self, name: str) -> None:
        """kill -9 the web processes (`web`) or the workers, which start again, or everything (`all`)."""
        roles = {"web": ["serve"], "worker": ["work"], "all": ["serve", "work"]}[name]
        victims = [(role, service) for role, service in self._processes if role in roles]
        for role, service in victims:
            self.end(role, service, signal.SIGKILL)
        if name != "all":
            for role, service in victims:
                self.begin(role, service)

    def stop(self) -> None:
        """End everything."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes.values():
            process.wait(END_SECONDS)
        self._processes.clear()

    def port_of(self, path: str) -> int:
        """The service that owns the first segment of a path; the portal owns the rest."""
        first = path.lstrip("/").partition("/")[0].partition("?")[0]
        return self._ports.get(first, self._ports["portal"])

    def ready(self, service: str) -> bool:
        """Whether a service says that it can serve."""
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[service], timeout=5)
        try:
            connection.request("GET", f"/{service}/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _all_ready(self) -> bool:
        for (role, service), process in self._processes.items():
            assert process.poll() is None, (self.home / f"{service}-{role}.log").read_text()[-2000:]
        return all(map(self.ready, self.services))

    def _founded(self) -> bool:
        return all("admin" in _book(running).usernames for running in self.runtimes.values())

    def gateway(self) -> Any:
        """All of it as one WSGI app."""
        return dispatcher({service: forward(port) for service, port in self._ports.items()}, root="portal")


@contextmanager
def product(home: Path) -> Iterator[Product]:
    """An empty agency, running: all together on embedded engines, apart on the real ones."""
    if not on_real_engines():
        together = Product(home, ACM_DEMO="0")
        together.start()
        try:
            yield together
        finally:
            together.stop()
        return
    with fresh_engines() as engines:
        apart = Apart(home, engines)
        try:
            apart.start()
            yield apart
        finally:
            apart.stop()


class ApartWorld(World):
    """A `World` whose requests and deliveries happen in processes of their own."""

    def __init__(self, running: Apart) -> None:
        settings = running.settings()
        super().__init__(
            running.home, list(discover().values()), engines=settings.engines, secret=settings.secret
        )
        self._running = running

    def client(self, path: str) -> Any:
        """A fresh client of whoever owns a path."""
        self.await_people()
        return WsgiClient(forward(self._running.port_of(path)))

    def settle(self, *, chaos: int | None = None) -> None:
        """Wait until every event is sent, handled and indexed; the chaos is the processes' own."""
        self._expected = False
        wait_until(self._rests, SETTLE_SECONDS, "the services come to rest")

    def _rests(self) -> bool:
        if not self._running.rests():
            return False
        search = self.runtimes["search"]
        with search.database.read() as session:
            return (
                search_store.index_of(search).mark() >= session.get_one(search_store.DocumentSequence, 1).last
            )


@contextmanager
def flow_world(home: Path) -> Iterator[World]:
    """The world of a flow: in this process on embedded engines, apart on the real ones."""
    if not on_real_engines():
        with make_world(home) as made:
            yield made
        return
    with product(home) as running:
        assert isinstance(running, Apart)
        made = ApartWorld(running)
        try:
            yield made
        finally:
            made.close()


def _book(running: Runtime) -> Book:
    with running.database.read() as session:
        return running.book(session, clock.now())


def forward(port: int) -> Callable[..., Any]:
    """A WSGI app that passes a request on to a port of this machine; 502 where nobody answers."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        headers = {
            name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        headers = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = quote(environ.get("QUERY_STRING", "").encode("latin-1"), safe="=&%+:,;/?@-._~")
        query = f"?{asked}" if asked else ""
        path = environ["PATH_INFO"].encode("latin-1")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(environ["REQUEST_METHOD"], f"{quote(path)}{query}", body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            start_response("502 Bad Gateway", [])
            return []
        finally:
            connection.close()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason}", kept)
        return [content]

    return app
