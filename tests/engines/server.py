"""A server process that belongs to a folder: it outlives who started it, and keeps its ports and data."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

PORTS = range(20_000, 32_000)  # below the ports that the system gives to outgoing connections
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


class EngineError(Exception):
    """An engine cannot be had or does not start; the message says why and what to do."""


class Engine:
    """One engine in one folder. Recipes say how it is installed, started, and asked whether it answers."""

    name: ClassVar[str]
    variable: ClassVar[str]  # of the environment, which holds the address for tests
    start_seconds: ClassVar[float] = 240.0
    stop_signal: ClassVar[int] = signal.SIGTERM
    ports: ClassVar[tuple[str, ...]]

    def __init__(self, data: Path, settings: dict[str, str] | None = None) -> None:
        self.data = data.resolve()
        self.log = self.data / "server.log"
        self.settings = settings or {}

    # --- what a recipe says ---

    @property
    def address(self) -> str:
        """Where it listens, as clients want it."""
        raise NotImplementedError

    def install(self) -> None:
        """Bring what is missing on this machine."""
        raise NotImplementedError

    def command(self) -> tuple[list[str], dict[str, Any]]:
        """Write the configuration; answer the command line and what else Popen shall know."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it does what clients ask."""
        raise NotImplementedError

    # --- what tests do with it ---

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it and do not wait."""
        self.install()
        with self._alone():
            if self.pid() is None:
                command, more = self.command()
                with self.log.open("ab") as log:
                    child = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                        **more,
                    )
                _CHILDREN[child.pid] = child
                (self.data / "pid").write_text(f"{child.pid} {_started_at(child.pid)}")

    def wait(self) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + self.start_seconds
        while not self.answers():
            if self.pid() is None:
                raise EngineError(f"{self.name} ended while starting: {self._last_words()}")
            if time.monotonic() > deadline:
                self.kill()
                raise EngineError(f"{self.name} does not answer: {self._last_words()}")
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """Kill -9, with all its processes; the data stays."""
        self._signal(signal.SIGKILL)
        self._wait_gone()

    def pause(self) -> None:
        """Stop its processes where they stand: connections hang."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let paused processes go on."""
        self._signal(signal.SIGCONT)

    def stop(self, *, purge: bool = False) -> None:
        """End it in good order; with `purge` remove its data too."""
        if not self.data.exists():
            return
        with self._alone():
            pid = self.pid()
            if pid is not None:
                os.kill(pid, self.stop_signal)
                self.resume()
                try:
                    self._wait_gone()
                except EngineError:
                    self.kill()
        if purge:
            self.purge()

    def purge(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self.data, ignore_errors=True)

    def status(self) -> str:
        """running, silent (it lives but does not answer), paused or stopped."""
        pid = self.pid()
        if pid is None:
            return "stopped"
        if _fields(pid)[0] == "T":
            return "paused"
        return "running" if self.answers() else "silent"

    # --- how ---

    def pid(self) -> int | None:
        """The server's process, if that very process still lives."""
        try:
            pid, started = map(int, (self.data / "pid").read_text().split())
        except (OSError, ValueError):
            return None
        if pid in _CHILDREN:
            _CHILDREN[pid].poll()  # reaps it
        fields = _fields(pid)
        lives = fields and int(fields[19]) == started and (fields[0] != "Z" or _threads(pid) > 1)
        return pid if lives else None

    def port(self, name: str) -> int:
        """The port of that name; chosen once, so that a server that was killed comes back on it."""
        kept = self.data / "ports.json"
        if not kept.exists():
            chosen = {one: free_port() for one in self.ports}
            kept.write_text(json.dumps(chosen))
        return int(json.loads(kept.read_text())[name])

    def _signal(self, number: int) -> None:
        for pid in self._tree():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _tree(self) -> list[int]:
        pid = self.pid()
        if pid is None:
            return []
        found = [pid]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _fields(int(entry.name))) and int(fields[1]) == pid:
                found.append(int(entry.name))
        return found

    def _wait_gone(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid() is not None:
            if time.monotonic() > deadline:
                raise EngineError(f"{self.name} (process {self.pid()}) does not end")
            time.sleep(POLL_SECONDS)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        said = [line for line in lines if line.strip() and not re.search(r"(^|\])\s+at ", line)]
        return " | ".join(line[:200] for line in said[-5:]) or "it said nothing"


def _fields(pid: int) -> list[str]:
    """What /proc/PID/stat says after the name: state, parent, …; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _threads(pid: int) -> int:
    """How many of its threads are left: a killed server keeps ports and locks until the last has ended."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _started_at(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[19]) if fields else 0


def free_port() -> int:
    """A port on loopback that nobody uses now. Raises EngineError when all are taken."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise EngineError("no port on loopback is free")
