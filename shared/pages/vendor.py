"""Bring the browser libraries that VERSIONS.json names: `python -m shared.pages.vendor`.

Packages come through npm's own client by name and version; their files are stored byte for byte, with their
checksums, so that a test can tell whether anything was changed here.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "static" / "vendor"
PINS = FOLDER / "VERSIONS.json"
CHECKSUMS = FOLDER / "CHECKSUMS.json"


def pins() -> dict[str, Any]:
    """The packages, versions, licences, files and icons that are pinned."""
    read: dict[str, Any] = json.loads(PINS.read_text())
    return read


def checksums() -> dict[str, str]:
    """SHA-256 of each vendored file, as it lies here."""
    own = {PINS.name, CHECKSUMS.name}
    files = sorted(path for path in FOLDER.iterdir() if path.name not in own)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def bring() -> None:
    """Download every pinned package and store the files that are used."""
    pinned = pins()
    with tempfile.TemporaryDirectory() as scratch:
        for name, package in pinned["packages"].items():
            tarball = _pack(name, package["version"], Path(scratch))
            with tarfile.open(tarball) as archive:
                for target, member in package.get("files", {}).items():
                    (FOLDER / target).write_bytes(_read(archive, member))
                if "icons" in package:
                    (FOLDER / package["icons"]).write_text(_sprite(archive, pinned["icons"]))
    CHECKSUMS.write_text(json.dumps(checksums(), indent=2) + "\n")


def _pack(name: str, version: str, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]
    packed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return folder / packed.split()[-1]


def _read(archive: tarfile.TarFile, member: str) -> bytes:
    found = archive.extractfile(f"package/{member}")
    if found is None:
        raise FileNotFoundError(member)
    return found.read()


def _sprite(archive: tarfile.TarFile, names: list[str]) -> str:
    """One SVG with a symbol for each icon that is used."""
    symbols = []
    for name in sorted(names):
        svg = _read(archive, f"icons/outline/{name}.svg").decode()
        inside = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
        drawing = re.sub(r"\s+", " ", inside).strip()
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{drawing}</symbol>'
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


if __name__ == "__main__":
    bring()
