"""PostgreSQL from Debian's package: trusts whoever connects on loopback, and writes through to the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

from tests.engines import install
from tests.engines.server import Engine, EngineError

USER = "postgres"
STARTUP = b"user\0postgres\0database\0postgres\0\0"
READY = b"Z"


class Postgres(Engine):
    """One server. `settings` are server settings."""

    name = "postgres"
    variable = "ACM_POSTGRES_URL"
    stop_signal = signal.SIGINT  # ends open sessions too
    ports = ("postgres",)

    @property
    def address(self) -> str:
        """Its URL, to the database `postgres`; tests make databases of their own."""
        return f"postgresql://postgres@127.0.0.1:{self.port('postgres')}/postgres"

    def install(self) -> None:
        """Install Debian's package where there is none."""
        if _programs() is None:
            install.apt("postgresql")
        found = _programs()
        if found is None:
            raise EngineError("PostgreSQL is missing")
        self.programs = found

    @property
    def store(self) -> Path:
        """Its files. Under root the server runs as another user, whom a folder of root's may not let in."""
        if os.geteuid() != 0:
            return self.data / "store"
        return Path("/var/tmp") / f"acm-postgres-{hashlib.sha256(str(self.data).encode()).hexdigest()[:12]}"

    def command(self) -> tuple[list[str], dict[str, Any]]:
        """Make the store at the first start."""
        more = self._as_user()
        if not (self.store / "PG_VERSION").exists():
            self._make_store(more)
        # The pid that a killed server left may be another's by now, and would keep this one from starting.
        (self.store / "postmaster.pid").unlink(missing_ok=True)
        settings = {
            "port": str(self.port("postgres")),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on",
            "max_connections": "300",
            **self.settings,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.store), *words], more

    def answers(self) -> bool:
        """Whether it lets a session begin."""
        try:
            with socket.create_connection(("127.0.0.1", self.port("postgres")), timeout=2) as connection:
                connection.sendall(struct.pack("!ii", len(STARTUP) + 8, 196608) + STARTUP)
                with connection.makefile("rb") as answer:
                    while kind := answer.read(1):
                        if kind in (READY, b"E"):
                            return kind == READY
                        answer.read(struct.unpack("!i", answer.read(4))[0] - 4)
                return False
        except (OSError, struct.error):
            return False

    def purge(self) -> None:
        """Remove its folder and its files."""
        shutil.rmtree(self.store, ignore_errors=True)
        super().purge()

    def _make_store(self, more: dict[str, Any]) -> None:
        shutil.rmtree(self.store, ignore_errors=True)
        self.store.mkdir(mode=0o700)
        if more:
            shutil.chown(self.store, USER, USER)
        words = ["-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"]
        command = [str(self.programs / "initdb"), "-D", str(self.store), *words]
        done = subprocess.run(command, capture_output=True, text=True, **more)
        if done.returncode:
            raise EngineError(f"initdb failed: {done.stderr[-1000:]}")

    @staticmethod
    def _as_user() -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        return {"user": USER, "group": USER, "extra_groups": [], "cwd": "/"}


def _programs() -> Path | None:
    """The folder of the newest `initdb` and `postgres`."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    elsewhere = shutil.which("initdb")
    if debian:
        return debian[-1].parent
    return Path(elsewhere).resolve().parent if elsewhere else None
