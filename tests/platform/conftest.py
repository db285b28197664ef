"""Fixtures of the platform's suites."""

from __future__ import annotations

import pytest

from shared.service import Runtime
from shared.testing import World, on_real_engines
from tests.platform.logs import KAFKA, NAMES, fresh_url


@pytest.fixture(params=NAMES)
def log_url(request: pytest.FixtureRequest) -> str:
    """A fresh log on each adapter in turn."""
    return fresh_url(request.param)


@pytest.fixture
def kafka_url() -> str:
    """A fresh log on Kafka. Where there is none the test is skipped; on the real engines it fails."""
    if not KAFKA:
        (pytest.fail if on_real_engines() else pytest.skip)("ACM_KAFKA_BOOTSTRAP names no broker")
    return fresh_url("kafka")


@pytest.fixture
def accounts(made: World) -> Runtime:
    """Who publishes, in the world that a suite has made."""
    return made.runtimes["accounts"]
