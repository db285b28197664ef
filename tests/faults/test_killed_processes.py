"""kill -9 under concurrent writers: nothing that was said to be saved is lost, doubled or wrongly shown.

Measured from outside: four writers post over HTTP and repeat until they are answered; afterwards the answers,
the databases and a fold of the events must all tell the same. `ACM_FAULT_ROUNDS` says how often each process
is killed in one run (once by default).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.product import Client, Product, wait_until

ROUNDS = int(os.environ.get("ACM_FAULT_ROUNDS", "1"))
WRITERS = 4
HEAL_SECONDS = 20.0
CANARY = "夜莺计划canary"


class Agency:
    """A small agency with two competing clients, four writers on the one and a walled person on the other."""

    def __init__(self, product: Product) -> None:
        self.product = product
        admin = product.client("admin")
        self.writers = []
        self.client_id = admin.make("/accounts/v1/clients", {"name": "青鸟饮料", "industry": "饮料"})["id"]
        rival = admin.make("/accounts/v1/clients", {"name": "白鹭饮料", "industry": "饮料"})["id"]
        for number in range(WRITERS):
            self._employ(admin, f"writer{number}", self.client_id)
        self._employ(admin, "walled", rival)
        admin.make(
            "/accounts/v1/walls",
            {"client_ids": [self.client_id, rival], "reason": "竞争", "cooling_off_days": 90},
        )
        wait_until(lambda: product.lag() == 0, HEAL_SECONDS, "the agency is known everywhere")
        self.writers = [product.client(f"writer{number}") for number in range(WRITERS)]
        self.walled = product.client("walled")
        source = self.writers[0].make(
            "/intelligence/v1/sources", {"name": "行业周刊", "kind": "press", "reliability": "B"}
        )
        self.source_id = source["id"]

    @staticmethod
    def _employ(admin: Client, username: str, client_id: str) -> None:
        person = admin.make("/accounts/v1/people", {"username": username, "name": username, "roles": []})
        seat = {"person_id": person["id"], "role": "AM", "from": "2026-01-01"}
        admin.make(f"/accounts/v1/clients/{client_id}/assignments", seat)

    def finding(self, title: str) -> dict[str, Any]:
        return {
            "client_id": self.client_id, "part": "market_status", "title": title, "body": f"{CANARY} {title}",
            "method": "intelligence", "source_id": self.source_id, "credibility": 2,
        }  # fmt: skip


class Writer(threading.Thread):
    """Posts findings, each until it is answered, and edits some of its drafts."""

    def __init__(self, agency: Agency, number: int, stop: threading.Event) -> None:
        super().__init__(name=f"writer{number}", daemon=True)
        self._agency, self._number, self._stopping = agency, number, stop
        self._client = agency.writers[number]
        self.saved: dict[str, str] = {}
        self.failure = ""

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                title = f"w{self._number}-{time.monotonic_ns()}"
                answer = self._until_answered(title)
                self.saved[title] = answer["id"]
        except Exception as error:  # whatever ends a writer must fail the test
            self.failure = repr(error)

    def _until_answered(self, title: str) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                status, found, _ = self._client.call(
                    "POST",
                    "/intelligence/v1/findings",
                    self._agency.finding(title),
                    {"Idempotency-Key": title},
                )
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if status == 201:
                return found
            assert status in (409, 503), f"{title}: {status} {found}"
        raise AssertionError(f"{title} was never answered")


class Watcher(threading.Thread):
    """The walled person, who looks everywhere all the time and must never see the canary (INV5)."""

    def __init__(self, agency: Agency, stop: threading.Event) -> None:
        super().__init__(name="watcher", daemon=True)
        self._agency, self._stopping = agency, stop
        self.looked = 0
        self.leaks: list[str] = []

    def run(self) -> None:
        paths = [
            "/search/v1/documents?q=canary",
            "/search/v1/suggestions?q=%E5%A4%9C%E8%8E%BA",
            "/intelligence/v1/findings",
            "/accounts/v1/clients",
            f"/accounts/v1/clients/{self._agency.client_id}",
        ]
        while not self._stopping.is_set():
            for path in paths:
                try:
                    _, found, _ = self._agency.walled.call("GET", path)
                except (OSError, http.client.HTTPException):
                    continue
                self.looked += 1
                text = json.dumps(found, ensure_ascii=False)
                if "夜莺" in text or "青鸟" in text or '"total": 1' in text:
                    self.leaks.append(f"{path}: {text[:300]}")


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    product = Product(tmp_path_factory.mktemp("faults"), ACM_DEMO="0")
    product.start()
    try:
        yield Agency(product)
    finally:
        product.stop()


@pytest.mark.parametrize("round_number", range(ROUNDS))
@pytest.mark.parametrize("victim", ["web", "worker", "all"])
def test_invariants_hold_after_kill(agency: Agency, victim: str, round_number: int) -> None:
    product = agency.product
    stop = threading.Event()
    writers = [Writer(agency, number, stop) for number in range(WRITERS)]
    watcher = Watcher(agency, stop)
    for thread in (*writers, watcher):
        thread.start()
    dice = random.Random(f"{victim}-{round_number}")
    wait_until(lambda: sum(len(w.saved) for w in writers) >= 40, 30, "the writers are under way")
    time.sleep(dice.uniform(0, 0.5))  # a random moment, not a wait for anything
    before = sum(len(w.saved) for w in writers)
    product.kill(victim)
    if victim == "all":
        product.start()
    wait_until(lambda: sum(len(w.saved) for w in writers) >= before + 40, 60, "writes are answered again")
    stop.set()
    for thread in (*writers, watcher):
        thread.join(60)
    assert not [w.failure for w in writers if w.failure]

    started = time.monotonic()
    wait_until(lambda: product.lag() == 0, HEAL_SECONDS, "lag reaches 0 (INV6)")
    check_invariants(agency, {title: id for w in writers for title, id in w.saved.items()})
    assert watcher.looked > 0
    assert not watcher.leaks, watcher.leaks[:3]
    print(
        f"{victim}: {sum(len(w.saved) for w in writers)} saved, healed in {time.monotonic() - started:.1f} s"
    )


def check_invariants(agency: Agency, saved: dict[str, str]) -> None:
    home = agency.product.home / "data"
    events = published(home / "intelligence.db", "intelligence")
    findings = {event["key"]: event["state"] for event in events if event["type"].startswith("finding.")}
    by_title = defaultdict(list)
    for key, state in findings.items():
        by_title[state["title"]].append(key)
    # INV1: what was answered as saved is there, once, and under the id that was answered.
    assert {title: by_title[title] for title in saved} == {title: [id] for title, id in saved.items()}
    # INV2: versions of each aggregate are 1..n.
    versions = defaultdict(list)
    for event in events:
        versions[event["key"]].append(event["version"])
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
    # INV3 and INV4: what each consumer holds equals the events, folded in order by a plain loop.
    for service in ("search", "portal", "intelligence"):
        facts = published(home / "accounts.db", "accounts.access")
        expected = {event["key"]: event["version"] for event in facts}
        assert (
            rows(
                home / f"{service}.db",
                "SELECT id, version FROM access_facts WHERE kind IN ('person', 'assignment', 'wall')",
            )
            == expected
        )
    inbox = rows(home / "search.db", "SELECT key, version FROM inbox WHERE source = 'intelligence'")
    assert inbox == {key: found[-1] for key, found in versions.items()}
    assert searched(agency) == digest(findings)
    assert agency.product.acm("dead-letters", "list") == ""
    agency.product.acm("audit", "verify")


def searched(agency: Agency) -> str:
    """A digest of everything that a writer finds, page by page."""
    found: dict[str, str] = {}
    cursor = ""
    while cursor is not None:
        page = agency.writers[0].get(
            f"/search/v1/documents?q=canary&kind=finding&limit=100&sort=oldest&cursor={cursor}"
        )
        assert page["total"] >= len(page["items"])
        found |= {item["id"]: item["title"] for item in page["items"]}
        cursor = page["next"]
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()


def digest(findings: dict[str, Any]) -> str:
    pairs = sorted((key, state["title"]) for key, state in findings.items())
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def published(path: Path, topic: str) -> list[dict[str, Any]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "SELECT envelope FROM events WHERE topic = ? ORDER BY id", (topic,)
        ).fetchall()
    return [json.loads(envelope) for (envelope,) in found]


def rows(path: Path, query: str) -> dict[str, int]:
    with sqlite3.connect(path) as connection:
        return dict(connection.execute(query).fetchall())
