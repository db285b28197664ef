"""The same engines from their official images, where a Docker daemon answers.

Containers share the host's network, so that each listens on the loopback port that its recipe chose.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
from typing import Any, ClassVar

from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import VERSION, Kafka
from tests.engines.postgres import Postgres
from tests.engines.server import Engine, EngineError


@functools.cache
def usable() -> bool:
    """Whether a Docker daemon answers."""
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class Container(Engine):
    """An engine in a container, which keeps its files until it is purged."""

    image: ClassVar[str]

    def arguments(self) -> tuple[dict[str, str], list[str]]:
        """The container's environment, and the words after the image."""
        raise NotImplementedError

    def install(self) -> None:
        """Docker fetches the image by itself."""

    def launch(self) -> None:
        """Start the container, or make it at the first start."""
        with self._alone():
            if self._state() is None:
                environment, words = self.arguments()
                named = [word for pair in environment.items() for word in ("-e", "=".join(pair))]
                _docker(
                    "run", "-d", "--network", "host", "--name", self.container, *named, self.image, *words
                )
            elif self._state() == "exited":
                _docker("start", self.container)

    def pid(self) -> int | None:
        """A number where the container runs."""
        return 1 if self._state() in {"running", "paused"} else None

    def kill(self) -> None:
        """Kill -9."""
        _docker("kill", "--signal", "KILL", self.container)

    def pause(self) -> None:
        """Freeze the container."""
        _docker("pause", self.container)

    def resume(self) -> None:
        """Let it go on."""
        _docker("unpause", self.container)

    def stop(self, *, purge: bool = False) -> None:
        """Stop it; with `purge` remove it too."""
        if self._state() is not None:
            _docker("rm", "-f", "-v", self.container) if purge else _docker("stop", self.container)
        if purge:
            self.purge()

    def status(self) -> str:
        """running, silent, paused or stopped."""
        state = self._state()
        if state == "running":
            return "running" if self.answers() else "silent"
        return "paused" if state == "paused" else "stopped"

    @property
    def container(self) -> str:
        """The container's name."""
        return f"acm-test-{self.name}-{hashlib.sha256(str(self.data).encode()).hexdigest()[:12]}"

    def _state(self) -> str | None:
        asked = ["docker", "inspect", "-f", "{{.State.Status}}", self.container]
        found = subprocess.run(asked, capture_output=True, text=True)
        return found.stdout.strip() if found.returncode == 0 else None

    def _last_words(self) -> str:
        return subprocess.run(
            ["docker", "logs", "--tail", "5", self.container], capture_output=True, text=True
        ).stdout


class _Kafka(Container, Kafka):
    image = f"apache/kafka:{VERSION}"

    def arguments(self) -> tuple[dict[str, str], list[str]]:
        settings = self.properties() | self.settings | {"log.dirs": "/tmp/kraft-combined-logs"}
        return {f"KAFKA_{variable(name)}": value for name, value in settings.items()}, []


class _Elasticsearch(Container, Elasticsearch):
    image = "docker.elastic.co/elasticsearch/elasticsearch:9.4.3"

    def arguments(self) -> tuple[dict[str, str], list[str]]:
        settings = {
            "discovery.type": "single-node",
            "xpack.security.enabled": "false",
            "network.host": "127.0.0.1",
            "http.port": str(self.port("http")),
            "transport.port": str(self.port("transport")),
            "ES_JAVA_OPTS": "-Xms512m -Xmx512m",
        }
        return settings | self.settings, []


class _Postgres(Container, Postgres):
    image = "postgres:17"

    def arguments(self) -> tuple[dict[str, str], list[str]]:
        port = str(self.port("postgres"))
        settings = {"port": port, "listen_addresses": "127.0.0.1", "max_connections": "300", **self.settings}
        words = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        return {"POSTGRES_HOST_AUTH_METHOD": "trust"}, words


RECIPES: dict[str, Any] = {recipe.name: recipe for recipe in (_Kafka, _Elasticsearch, _Postgres)}


def variable(setting: str) -> str:
    """How Kafka's image wants a setting's name in its environment, after `KAFKA_`."""
    return setting.replace("_", "__").replace("-", "___").replace(".", "_").upper()


def _docker(*words: str) -> None:
    done = subprocess.run(["docker", *words], capture_output=True, text=True)
    if done.returncode:
        raise EngineError(f"docker {words[0]} failed: {done.stderr.strip()}")
