"""What a service's image holds, laid out in a folder: the contracts, the platform and that service alone."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from tests.deploy.compose import ROOT

# Without `site`, so that no path file of this environment leads back to the checkout.
PYTHON = [sys.executable, "-S"]
ACM = [*PYTHON, "-c", "from shared.cli import main; main()"]


def lay_out(folder: Path, service: str) -> Path:
    """Copy what deploy/Dockerfile copies."""
    for name in ("contracts", "shared", f"services/{service}"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "services/__init__.py", folder / "services")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The environment in which only that folder and the installed packages can be imported."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("ACM_", "PYTHON"))}
    return plain | {"PYTHONPATH": f"{folder}:{sysconfig.get_path('purelib')}"}
