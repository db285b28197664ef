"""Taking a person off a client takes effect within two seconds, also amid 5,000 findings to consume."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from services.intelligence import commands
from tests.apart import product as a_product
from tests.product import Product, wait_until

FINDINGS = 5_000
BATCH = 500
WITHIN_SECONDS = 2.0


def _burst(product: Product, author: str, body: dict[str, Any]) -> None:
    """Commit findings as fast as the database takes them, through the commands that the API calls."""
    running = product.runtimes["intelligence"]
    for start in range(0, FINDINGS, BATCH):
        with running.unit_of_work(author) as uow:
            for number in range(start, start + BATCH):
                commands.capture(uow, **body | {"title": f"批量{number}"})


def test_a_removal_overtakes_an_import(tmp_path: Path) -> None:
    with a_product(tmp_path) as product:
        admin = product.client("admin")
        client = admin.make("/accounts/v1/clients", {"name": "青鸟饮料"})["id"]
        seats = {}
        for username in ("stays", "goes"):
            person = admin.make("/accounts/v1/people", {"username": username, "name": username, "roles": []})
            seat = {"person_id": person["id"], "role": "AM", "from": "2026-01-01"}
            seats[username] = admin.make(f"/accounts/v1/clients/{client}/assignments", seat)["id"]
        wait_until(product.rests, 20, "the team is known everywhere")
        stays, goes = product.client("stays"), product.client("goes")
        source = stays.make("/intelligence/v1/sources", {"name": "周刊", "kind": "press", "reliability": "B"})
        body = {
            "client_id": client,
            "part": "market_status",
            "title": "渠道库存偏高",
            "body": "三个月以上",
            "method": "intelligence",
            "source_id": source["id"],
            "credibility": 2,
        }
        _, finding, headers = stays.call("POST", "/intelligence/v1/findings", body)
        found = goes.get(
            "/search/v1/documents?q=%E5%BA%93%E5%AD%98", headers={"ACM-Wait-For": headers["ACM-Token"]}
        )
        assert found["total"] == 1

        _burst(product, "stays", {k: v for k, v in body.items() if k != "title"})
        assert product.lag() > 0, "the import was consumed before the removal; make it larger"
        _, _, headers = admin.call(
            "POST", f"/accounts/v1/clients/{client}/assignments/{seats['goes']}/end", {}
        )
        removed = time.monotonic()

        def gone() -> bool:
            direct, _, _ = goes.call("GET", f"/intelligence/v1/findings/{finding['id']}")
            listed = goes.get("/intelligence/v1/findings")["items"]
            return (
                direct == 404
                and not listed
                and goes.get("/search/v1/documents?q=%E5%BA%93%E5%AD%98")["total"] == 0
            )

        wait_until(gone, WITHIN_SECONDS, "the person who was taken off finds nothing any more")
        print(f"gone after {time.monotonic() - removed:.2f} s with {product.lag()} events still to consume")
