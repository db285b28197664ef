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
