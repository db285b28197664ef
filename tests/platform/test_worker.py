"""The worker's threads."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from shared.service import Runtime, Task
from shared.testing import World
from shared.worker import Worker
from tests.platform.logs import publish


@pytest.mark.timeout(30)
def test_what_was_consumed_wakes_a_task_that_would_sleep_for_long(world: World, tmp_path: Path) -> None:
    steps: list[float] = []
    stepped = threading.Event()

    def step(_running: Runtime) -> bool:
        steps.append(time.monotonic())
        stepped.set()
        return False

    service = world.runtimes["portal"].service
    sleepy = Runtime(replace(service, tasks=[Task("sleepy", step, every_seconds=60)]), world.settings)
    worker = Worker(sleepy)
    worker.start()
    try:
        assert stepped.wait(10)
        stepped.clear()
        world.api("admin").make("/accounts/v1/clients", {"name": "云岭乳业"})
        publish(world.runtimes["accounts"])
        assert stepped.wait(10)
    finally:
        worker.stop()
        worker.wait(time.monotonic() + 10)


@pytest.mark.timeout(30)
def test_a_step_that_hangs_does_not_keep_a_worker_from_ending(world: World) -> None:
    hanging, let_go = threading.Event(), threading.Event()

    def step(_running: Runtime) -> bool:
        hanging.set()
        return let_go.wait(60)

    service = world.runtimes["portal"].service
    tasks = [Task(name, step, every_seconds=60) for name in ("one", "two")]
    worker = Worker(Runtime(replace(service, tasks=tasks), world.settings))
    worker.start()
    try:
        assert hanging.wait(10)
        worker.stop()
        began = time.monotonic()
        worker.wait(began + 0.5)
        assert time.monotonic() - began < 5
    finally:
        let_go.set()
        worker.wait(time.monotonic() + 10)
