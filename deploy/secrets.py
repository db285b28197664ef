"""Prints `.env` with fresh secrets: `python3 -m deploy.secrets > .env`. Needs nothing but Python."""

from __future__ import annotations

import secrets
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / ".env.example"
NOT_SECRET = {"ACM_CERTIFICATES": "./certificates"}


def filled() -> str:
    """.env.example with every empty value filled in."""
    lines = []
    for line in EXAMPLE.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not value and not line.startswith("#"):
            line = f"{name}={NOT_SECRET.get(name) or secrets.token_hex(24)}"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    print(filled())
