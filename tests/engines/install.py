"""Brings what engines need through this machine's package managers, once, into ~/.cache/acm-test-engines."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.engines.server import EngineError

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "acm-test-engines"
JDK = 21  # the oldest Java that runs Elasticsearch 9


def once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder of that name in the cache; `build` fills it, in whichever process comes first."""
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _say(f"installing {name} (first use only) …")
            work = CACHE / f"{name}.part"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            build(work)
            work.rename(folder)
    return folder


def maven(*words: str) -> None:
    """Run Maven as this machine has it configured."""
    if shutil.which("mvn") is None:
        apt("maven")
    done = subprocess.run(["mvn", "-B", "-q", *words], capture_output=True, text=True)
    if done.returncode:
        raise EngineError(f"Maven failed: {(done.stdout + done.stderr)[:2000]}")


def jdk() -> Path:
    """The home of the newest JDK here; one is installed where none is new enough."""
    found = _newest_jdk()
    if found is None:
        listed = subprocess.run(["apt-cache", "pkgnames", "openjdk-"], capture_output=True, text=True).stdout
        versions = sorted(int(v) for v in re.findall(r"^openjdk-(\d+)-jdk-headless$", listed, re.MULTILINE))
        if not versions or versions[-1] < JDK:
            raise EngineError(f"no JDK of version {JDK} or newer here, and none to install; set JAVA_HOME")
        apt(f"openjdk-{versions[-1]}-jdk-headless")
        found = _newest_jdk()
    if found is None:
        raise EngineError(f"no JDK of version {JDK} or newer; set JAVA_HOME")
    return found


def apt(*packages: str) -> None:
    """Install Debian packages. Raises EngineError where this is not root on a Debian."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EngineError(f"{', '.join(packages)} missing; install it, or run where Docker is, or as root")
    _say(f"installing {', '.join(packages)} …")
    _apt_get("update")
    _apt_get("install", "-y", "--no-install-recommends", *packages)


def _apt_get(*words: str) -> None:
    # PostgreSQL's package makes and starts a server of its own unless told otherwise.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(["apt-get", "-qq", *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise EngineError(f"apt-get {words[0]} failed: {done.stderr[-1000:]}")


def _newest_jdk() -> Path | None:
    homes: Sequence[Path] = [Path(h) for h in [os.environ.get("JAVA_HOME", "")] if h]
    javac = shutil.which("javac")
    if javac:
        homes = [*homes, Path(javac).resolve().parent.parent]
    homes = [*homes, *sorted(Path("/usr/lib/jvm").glob("*"))]
    new_enough = [(v, home) for home in homes if (v := _java_version(home)) >= JDK]
    return max(new_enough, default=(0, None), key=lambda pair: pair[0])[1]


def _java_version(home: Path) -> int:
    if not (home / "bin" / "javac").exists():
        return 0
    said = subprocess.run([home / "bin" / "javac", "-version"], capture_output=True, text=True)
    found = re.search(r"javac (\d+)", said.stdout + said.stderr)
    return int(found[1]) if found else 0


def _say(sentence: str) -> None:
    print(f"engines: {sentence}", file=sys.stderr, flush=True)
