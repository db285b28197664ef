"""The product as its users meet it: started with `acm run` in processes of its own, on a home of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy.exc import OperationalError

from services.portal.cli import token
from shared import config
from shared.config import Settings
from shared.inbox import Consumer
from shared.log.port import LogUnavailable
from shared.service import Runtime, discover
from tests.engines.server import free_port

START_SECONDS = 90.0
IDLE_SECONDS = 2.0
ACM = [sys.executable, "-c", "from shared.cli import main; main()"]
CHECKOUT = Path(__file__).resolve().parent.parent


def wait_until(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll a condition; answers its first true value, fails with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)


class Product:
    """One running product. `start()` returns when it says that it is ready."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ACM_")},
            "ACM_HOME": str(home),
            "ACM_PORT": str(self.port),
            "PYTHONPATH": str(CHECKOUT),
            **environment,
        }
        self.said: list[str] = []
        self._consumers: dict[str, list[Consumer]] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start everything and wait until it is usable."""
        self.said = []
        self._process = subprocess.Popen(
            [*ACM, "run"],
            cwd=CHECKOUT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        wait_until(self._ready_or_dead, START_SECONDS, "the product says that it is ready")
        assert self._process.poll() is None, "\n".join(self.said)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)

    def kill(self, name: str) -> None:
        """kill -9 the web processes (`web`), the worker (`worker`), or everything at once (`all`)."""
        if name == "all":
            assert self._process is not None
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            return
        parent = int((self.home / f"{name}.pid").read_text())
        for pid in [parent, *_children(parent)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def acm(self, *words: str, check: bool = True) -> str:
        """Run an `acm` command; answers its standard output."""
        done = subprocess.run(
            [*ACM, *words], cwd=CHECKOUT, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert not check or done.returncode == 0, f"acm {' '.join(words)}: {done.stderr}"
        return done.stdout

    def client(self, username: str) -> Client:
        """A program with an API token of a person."""
        return Client(self.port_of, self.token(username))

    def token(self, username: str) -> str:
        """What `acm token` prints, without the second that a process of its own takes."""
        done = CliRunner().invoke(token, [username], obj=self.settings(), catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        return done.stdout.strip()

    def port_of(self, path: str) -> int:
        """Where whoever owns a path answers."""
        return self.port

    def settings(self) -> Settings:
        """The settings that its processes run with."""
        return config.with_secret(config.load(self.environment))

    def lag(self) -> int:
        """Events that wait to be sent or handled, over all services; raises while an engine is away."""
        consumers = [c for running in self.runtimes.values() for c in self._consumers_of(running)]
        sent = sum(running.unpublished() for running in self.runtimes.values())
        return sent + sum(sum(consumer.lag().values()) for consumer in consumers)

    def rests(self) -> bool:
        """Whether nothing waits to be sent or handled."""
        try:
            return self.lag() == 0
        except (LogUnavailable, OperationalError):
            return False

    @cached_property
    def runtimes(self) -> dict[str, Runtime]:
        """Every service as this process sees it: its database and log, beside those that run."""
        return {name: Runtime(service, self.settings()) for name, service in discover().items()}

    def _consumers_of(self, running: Runtime) -> list[Consumer]:
        if running.service.name not in self._consumers:
            self._consumers[running.service.name] = running.consumers(listen=False)
        return self._consumers[running.service.name]

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line.rstrip())

    def _ready_or_dead(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None or any("ready at http" in line for line in self.said)


class Client:
    """JSON over HTTP from another process; one connection to each port, opened again when it breaks."""

    def __init__(self, port_of: Callable[[str], int], token: str) -> None:
        self._port_of = port_of
        self.headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._used_at = time.monotonic()

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers of an answer. Raises OSError or HTTPException when there is none."""
        status, text, received = self.send(method, path, body, headers)
        return status, json.loads(text) if text else None, received

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers of an answer. Raises OSError or HTTPException when there is none."""
        sent = self.headers | (headers or {})
        data = None
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body), "application/json"
        connection = self._connection(path)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        except AttributeError as error:  # http.client trips over a connection that breaks within an answer
            connection.close()
            raise http.client.HTTPException("the connection broke within an answer") from error
        return answer.status, text, dict(answer.headers)

    def _connection(self, path: str) -> http.client.HTTPConnection:
        port = self._port_of(path)
        if port not in self._connections:
            self._connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            for idle in self._connections.values():
                idle.close()  # the server may close what is idle at the very moment of a request
        self._used_at = time.monotonic()
        return self._connections[port]

    def get(self, path: str, **kwargs: Any) -> Any:
        """The JSON of a GET that must succeed."""
        status, found, _ = self.call("GET", path, **kwargs)
        assert status == 200, f"{path}: {status} {found}"
        return found

    def make(self, path: str, body: Any, **kwargs: Any) -> Any:
        """The JSON of a POST that must succeed."""
        status, found, _ = self.call("POST", path, body, **kwargs)
        assert status in (200, 201), f"{path}: {status} {found}"
        return found


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found
