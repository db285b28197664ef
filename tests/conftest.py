"""Fixtures that every suite uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from shared.testing import World, on_real_engines
from shared.testing import world as make_world
from tests import engines
from tests.browser_here import FLAGS, chromium_path, required


def pytest_configure(config: pytest.Config) -> None:
    """Start what is missing of the real engines, where they are asked for, once for all test processes."""
    if not on_real_engines() or hasattr(config, "workerinput"):
        return
    try:
        # A power cut is all that fsync is for; suites that kill their own PostgreSQL keep it.
        folder = config.rootpath / "var" / "engines"
        addresses, started = engines.environment(folder, postgres={"fsync": "off"})
    except engines.EngineError as error:
        raise pytest.UsageError(f"the real engines cannot be had: {error}") from error
    os.environ.update(addresses)
    for one in started:
        config.add_cleanup(lambda one=one: one.stop(purge=True))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Every service on a fresh home, founded with the administrator `admin`."""
    with make_world(tmp_path) as made:
        made.found()
        yield made


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real browser. Where there is none the test is skipped, in CI it fails."""
    path = chromium_path()
    if path is None:
        (pytest.fail if required() else pytest.skip)("Chromium is missing")
    with sync_playwright() as playwright:
        expect.set_options(timeout=15_000)  # two browsers and two products share what there is
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
