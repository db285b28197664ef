"""Fixtures of the platform's suites."""

from __future__ import annotations

import os

import pytest

from tests.platform.logs import KAFKA, NAMES, fresh_url


@pytest.fixture(params=NAMES)
def log_url(request: pytest.FixtureRequest) -> str:
    """A fresh log on each adapter in turn."""
    return fresh_url(request.param)


@pytest.fixture
def kafka_url() -> str:
    """A fresh log on Kafka. Where there is none the test is skipped; on the real engines it fails."""
    if not KAFKA:
        real = os.environ.get("ACM_TEST_ENGINES") == "real"
        (pytest.fail if real else pytest.skip)("ACM_KAFKA_BOOTSTRAP names no broker")
    return fresh_url("kafka")
