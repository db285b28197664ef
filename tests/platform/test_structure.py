"""The layout that every service keeps, so that whoever knows one knows all."""

from __future__ import annotations

from pathlib import Path

import pytest

import services
from shared.pages import missing_translations
from shared.service import discover

ROOMS = {
    "__init__", "domain", "store", "commands", "handlers", "projections", "api", "pages", "cli", "service",
    "migrations", "templates", "locale", "README.md", "__pycache__",
}  # fmt: skip
FOLDERS = sorted(
    entry for root in services.__path__ for entry in Path(root).iterdir() if (entry / "service.py").exists()
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_service_has_no_file_that_is_no_room(folder: Path) -> None:
    found = {entry.stem if entry.suffix == ".py" else entry.name for entry in folder.iterdir()}
    assert found <= ROOMS
    assert {"store", "commands", "service", "migrations", "README.md"} <= found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_sentence_has_its_chinese(folder: Path) -> None:
    assert missing_translations(folder) == []


def test_a_manifest_is_a_screenful() -> None:
    for service in discover().values():
        assert len((service.folder / "service.py").read_text().splitlines()) <= 60
