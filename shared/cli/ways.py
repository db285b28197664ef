"""What several commands need: one sentence, one service, one product on a home, whether it answers."""

from __future__ import annotations

import fcntl
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from shared import config

if TYPE_CHECKING:
    from shared.service import Service


def say(sentence: str) -> None:
    """Tell who started it."""
    print(f"acm: {sentence}", flush=True)


def service_named(name: str) -> Service:
    """The service of that name. Raises LookupError with those that there are."""
    from shared.service import discover

    found = discover()
    if name not in found:
        raise LookupError(f"there is no service {name}; there are {', '.join(found)}")
    return found[name]


@contextmanager
def only_one(settings: config.Settings) -> Iterator[None]:
    """Hold ACM_HOME alone, so that two starts do not share one set of files."""
    with (settings.home / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(
                "ACM is running on this ACM_HOME already; stop it first, or set another ACM_HOME"
            ) from None
        # Child processes must not hold the lock when this one is gone.
        os.set_inheritable(held.fileno(), False)
        yield


def address(settings: config.Settings) -> str:
    """Where the product answers."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def not_answering(settings: config.Settings) -> str:
    """Which service does not answer requests, and why; empty when all do."""
    from shared.service import discover

    for name in discover():
        try:
            with urllib.request.urlopen(f"{address(settings)}/{name}/readyz", timeout=5):
                pass
        except (urllib.error.URLError, OSError, TimeoutError) as error:
            return f"{name} does not answer: {error}"
    return ""


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether it holds before so many seconds are over."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def engine_fault(error: Exception) -> str:
    """What an engine that does not do its part says, as one sentence; empty for any other failure."""
    from sqlalchemy.exc import DBAPIError

    from shared.search.port import IndexUnavailable

    if isinstance(error, DBAPIError):
        return f"the database says: {_first_line(error.orig)}"
    if isinstance(error, IndexUnavailable):
        return f"the search index says: {_first_line(error)}"
    if isinstance(error, OSError):
        return _first_line(error)
    return ""


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]
