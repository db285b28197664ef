"""Where Chromium is, for the browser tests; `python -m tests.browser_here` says in one line when there is none."""

from __future__ import annotations

import os
import shutil
import sys

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium() -> str | None:
    """The path of a Chromium or Chrome, else None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


def main() -> int:
    """Say when the browser tests cannot run here; in CI that is a failure."""
    if chromium():
        return 0
    print("acm: no Chromium here: the browser tests are left out (install the package chromium to run them)")
    return 1 if os.environ.get("ACM_REQUIRE_BROWSER") == "1" else 0


if __name__ == "__main__":
    sys.exit(main())
