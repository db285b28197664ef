"""What a service does when nobody asks: consume events, chain the audit trail, run its tasks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import OperationalError

from shared import audit
from shared.inbox import Consumer
from shared.log.port import LogUnavailable, Relay
from shared.service import Runtime, Task
from shared.telemetry import EVENTS

WAIT_SECONDS = 1.0
RELAY_SECONDS = 0.05  # how soon the relay looks for what was committed
BACKOFF_SECONDS = (0.1, 0.5, 1.0, 5.0)
log = structlog.get_logger("worker")


class Worker:
    """The threads of one service: one per consumer and per task, one each for relay and audit trail."""

    def __init__(self, running: Runtime) -> None:
        self._running = running
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._wakes: list[threading.Event] = []

    def start(self) -> None:
        """Start the threads."""
        for consumer in self._running.consumers():
            self._spawn(consumer.name, self._consume(consumer))
        if self._running.relay is not None:
            self._spawn(f"{self._running.service.name}.relay", self._publish(self._running.relay))
        for task in (*self._running.service.tasks, Task("audit", _link_audit)):
            self._spawn(f"{self._running.service.name}.{task.name}", self._repeat(task))

    def stop(self) -> None:
        """Ask the threads to end."""
        self._stop.set()
        self._wake_tasks()

    def wait(self, deadline: float) -> None:
        """Wait for what they are doing until `time.monotonic()` is this; what is cut off is done again."""
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _spawn(self, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _consume(self, consumer: Consumer) -> Callable[[], None]:
        def body() -> None:
            def step() -> bool:
                handled = consumer.step(wait=WAIT_SECONDS)
                EVENTS.labels(consumer.name).inc(handled)
                if handled:
                    self._wake_tasks()
                return True  # it has waited by itself

            self._until_stopped(consumer.name, step, 0.0, self._stop)
            consumer.close()

        return body

    def _publish(self, relay: Relay) -> Callable[[], None]:
        def body() -> None:
            self._until_stopped("relay", lambda: relay.step() > 0, RELAY_SECONDS, self._stop)
            relay.close()

        return body

    def _repeat(self, task: Task) -> Callable[[], None]:
        # What was consumed may be work for a task: search copies it to its index at once.
        wake = threading.Event()
        self._wakes.append(wake)

        def step() -> bool:
            wake.clear()
            return task.step(self._running)

        return lambda: self._until_stopped(task.name, step, task.every_seconds, wake)

    def _wake_tasks(self) -> None:
        for wake in self._wakes:
            wake.set()

    def _until_stopped(
        self, name: str, step: Callable[[], bool], idle_seconds: float, wake: threading.Event
    ) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                busy = step()
                failures = 0
            except (OperationalError, LogUnavailable) as error:
                failures += 1
                log.warning("worker.waits", name=name, error=str(getattr(error, "orig", error)))
                self._stop.wait(_backoff(failures))
                continue
            except Exception:
                # Nothing may end a thread for good: say so, wait, and try again.
                failures += 1
                log.exception("worker.failed", name=name)
                self._stop.wait(_backoff(failures))
                continue
            if not busy:
                wake.wait(idle_seconds)


def _backoff(failures: int) -> float:
    return BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1]


def _link_audit(running: Runtime) -> bool:
    return audit.link(running.database, running.settings.secret)
