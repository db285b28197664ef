"""A service believes what a gateway says of a client only as far as ACM_TRUSTED_PROXIES goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import request

from shared.testing import world

CLAIMED = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("proxies", "address", "scheme"),
    [(0, "127.0.0.1", "http"), (1, "198.51.100.7", "https"), (2, "203.0.113.9", "http")],
)
def test_only_so_many_gateways_are_believed(proxies: int, address: str, scheme: str, tmp_path: Path) -> None:
    with world(tmp_path, trusted_proxies=proxies) as made:
        app = made.app("portal")
        seen: list[tuple[str | None, str]] = []
        app.add_url_rule("/seen", "seen", lambda: seen.append((request.remote_addr, request.scheme)) or "")
        app.test_client().get("/seen", headers=CLAIMED)
    assert seen == [(address, scheme)]
