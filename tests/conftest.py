"""Fixtures that every suite uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.testing import World
from shared.testing import world as make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Every service on a fresh home, founded with the administrator `admin`."""
    with make_world(tmp_path) as made:
        made.found()
        yield made
