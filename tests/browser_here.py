"""The browser of the tests: where Chromium is, and axe, which tells what keeps people out of a page.

`python -m tests.browser_here` says in one line when there is no browser; in CI that is a failure.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium_path() -> str | None:
    """The path of a Chromium or Chrome, else None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


def required() -> bool:
    """Whether a missing browser is a failure, as it is in CI."""
    return os.environ.get("ACM_REQUIRE_BROWSER") == "1" or bool(os.environ.get("CI"))


def complaints(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds on the page as it is now: rule and places."""
    import axe_playwright_python

    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
    page.evaluate(f"{script};null")
    found = page.evaluate("rules => axe.run({runOnly: rules})", AXE_RULES)["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def main() -> int:
    """Say when the browser tests cannot run here."""
    if chromium_path():
        return 0
    print("acm: no Chromium here: the browser tests are left out (install the package chromium to run them)")
    return 1 if required() else 0


if __name__ == "__main__":
    sys.exit(main())
