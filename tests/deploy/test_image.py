"""A service stands on what its image holds: the contracts, the platform and itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from shared.service import discover
from tests.deploy import image
from tests.deploy.compose import ROOT

MAKE_THE_APP = """
from pathlib import Path
from shared.config import Settings
from shared.service import Runtime, discover

(service,) = discover().values()
app = Runtime(service, Settings(home=Path("home"), secret="for tests only")).web()
assert app.test_client().get(f"/{service.name}/livez").status_code == 200
"""


@pytest.mark.parametrize("service", sorted(discover()))
def test_an_image_of_one_service_makes_its_app(service: str, tmp_path: Path) -> None:
    folder = image.lay_out(tmp_path, service)
    done = _run(folder, MAKE_THE_APP)
    assert done.returncode == 0, done.stderr


def test_a_stray_import_fails_in_an_image(tmp_path: Path) -> None:
    folder = image.lay_out(tmp_path, "accounts")
    for stray in ("services.portal", "demo", "tests"):
        assert "ModuleNotFoundError" in _run(folder, f"import {stray}").stderr


def test_the_recipe_copies_exactly_this() -> None:
    recipe = (ROOT / "deploy/Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) (\S+)$", recipe, re.MULTILINE)
    assert {source for source, _ in copied} == {
        "requirements.lock",
        "contracts",
        "shared",
        "services/__init__.py",
        "services/${SERVICE}",
        "deploy/link.py",
    }
    assert re.search(r"^USER \d+", recipe, re.MULTILINE)
    assert "HEALTHCHECK" in recipe


def _run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*image.PYTHON, "-c", code], cwd=folder, env=image.environment(folder), capture_output=True, text=True
    )
