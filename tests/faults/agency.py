"""Who works while something dies, and what must hold afterwards (INV1–INV6), measured from outside."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from contracts.event import Event
from shared.tables import AccessFactRow, EventRow, InboxRow
from tests.product import Client, Product, wait_until

WRITERS = 4
HEAL_SECONDS = 60.0
CANARY = "夜莺计划canary"
PATIENCE_SECONDS = 120.0
"""How long a writer repeats one request."""


class Agency:
    """A small agency with two competing clients, four writers on the one and a walled person on the other."""

    def __init__(self, product: Product) -> None:
        self.product = product
        admin = product.client("admin")
        self.client_id = admin.make("/accounts/v1/clients", {"name": "青鸟饮料", "industry": "饮料"})["id"]
        rival = admin.make("/accounts/v1/clients", {"name": "白鹭饮料", "industry": "饮料"})["id"]
        for number in range(WRITERS):
            self._employ(admin, f"writer{number}", self.client_id)
        self._employ(admin, "walled", rival)
        admin.make(
            "/accounts/v1/walls",
            {"client_ids": [self.client_id, rival], "reason": "竞争", "cooling_off_days": 90},
        )
        self.heal()
        self.writers = [product.client(f"writer{number}") for number in range(WRITERS)]
        self.walled = product.client("walled")
        self.heal()
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

    def proposal(self, title: str) -> dict[str, Any]:
        return {"kind": "client", "client_id": self.client_id, "title": title}

    def heal(self, within: float = HEAL_SECONDS) -> float:
        """Wait until nothing is left to send or to handle (INV6); answers how long it took."""
        started = time.monotonic()
        wait_until(self.product.rests, within, "lag reaches 0 (INV6)")
        return time.monotonic() - started


class Writer(threading.Thread):
    """Posts findings, each until it is answered."""

    def __init__(self, agency: Agency, number: int, stop: threading.Event) -> None:
        super().__init__(name=f"writer{number}", daemon=True)
        self._agency, self._number, self._stopping = agency, number, stop
        self._client = agency.writers[number]
        self.saved: dict[str, str] = {}
        self.saved_at: list[float] = []
        self.failure = ""

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                title = f"w{self._number}-{time.monotonic_ns()}"
                answer = self._until_answered(title)
                self.saved[title] = answer["id"]
                self.saved_at.append(time.monotonic())
        except Exception as error:  # whatever ends a writer must fail the test
            self.failure = repr(error)

    def _until_answered(self, title: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
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


class Work:
    """Four writers and the watcher, at work until `stop()`."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self._stop = threading.Event()
        self._writers = [Writer(agency, number, self._stop) for number in range(WRITERS)]
        self._watcher = Watcher(agency, self._stop)
        for thread in (*self._writers, self._watcher):
            thread.start()
        self.go_on(40, 60)

    @property
    def saved(self) -> dict[str, str]:
        """What was answered as saved: ids by title."""
        return {title: id for writer in self._writers for title, id in writer.saved.items()}

    def saved_between(self, since: float, until: float) -> int:
        """How many writes were answered in a stretch of the monotonic clock."""
        return sum(since <= at <= until for writer in self._writers for at in writer.saved_at)

    def go_on(self, writes: int, seconds: float) -> float:
        """Wait for so many more answered writes; answers how long that took."""
        before, started = len(self.saved), time.monotonic()
        wait_until(lambda: len(self.saved) >= before + writes, seconds, "writes are answered")
        return time.monotonic() - started

    def stop(self) -> None:
        """Let everybody finish; fails where a writer was refused or the watcher saw something."""
        self._stop.set()
        for thread in (*self._writers, self._watcher):
            thread.join(PATIENCE_SECONDS + 30)
        assert not [w.failure for w in self._writers if w.failure]
        assert self._watcher.looked > 0
        assert not self._watcher.leaks, self._watcher.leaks[:3]


def check_invariants(agency: Agency, saved: dict[str, str]) -> None:
    """INV1–INV4 over everything that was ever written; `saved` was answered as saved (ids by title)."""
    committed = events_of(agency, "intelligence")
    findings = {event.key: event.state for event in committed if event.type.startswith("finding.")}
    by_title = defaultdict(list)
    for key, state in findings.items():
        by_title[state["title"]].append(key)
    assert {title: by_title[title] for title in saved} == {title: [id] for title, id in saved.items()}
    for topic in ("intelligence", "accounts", "accounts.access", "portal.access"):
        # INV1: what can be read of the topic is what was committed. INV2: versions arrive as 1..n.
        arrived = deduplicated(sent(agency, topic))
        assert [event.id for event in arrived] == [event.id for event in events_of(agency, topic)]
        versions = defaultdict(list)
        for event in arrived:
            versions[event.key].append(event.version)
        assert all(found == list(range(1, len(found) + 1)) for found in versions.values()), topic
    # INV3 and INV4: what each consumer holds equals the events, folded in order by a plain loop.
    expected = newest(events_of(agency, "accounts.access"))
    for service in ("search", "portal", "intelligence"):
        with agency.product.runtimes[service].database.read() as session:
            rows = select(AccessFactRow.id, AccessFactRow.version).where(
                AccessFactRow.kind.in_(["person", "assignment", "wall"])
            )
            assert dict(session.execute(rows).all()) == expected, service
    with agency.product.runtimes["search"].database.read() as session:
        inbox = select(InboxRow.key, InboxRow.version).where(InboxRow.source == "intelligence")
        assert dict(session.execute(inbox).all()) == newest(committed)
    wait_until(lambda: searched(agency) == digest(findings), HEAL_SECONDS, "search finds what was saved")
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


def events_of(agency: Agency, topic: str) -> list[Event]:
    """What a publisher has committed to a topic, in order."""
    publisher = agency.product.runtimes[topic.partition(".")[0]]
    with publisher.database.read() as session:
        query = select(EventRow.envelope).where(EventRow.topic == topic).order_by(EventRow.id)
        return [Event.from_json(envelope) for envelope in session.scalars(query)]


def sent(agency: Agency, topic: str) -> list[Event]:
    """What anybody can read of a topic, from its beginning."""
    reader = agency.product.runtimes["search"].log.reader("", [topic])
    found: list[Event] = []
    position: dict[tuple[str, int], int] = {}
    try:
        while records := reader.poll(position, 500):
            position[topic, 0] = records[-1].position
            found += [Event.from_json(record.envelope) for record in records]
    finally:
        reader.close()
    return found


def deduplicated(events: Iterable[Event]) -> list[Event]:
    """Each event where it came first."""
    return list({event.id: event for event in events}.values())


def newest(events: Iterable[Event]) -> dict[str, int]:
    """The last version of each key."""
    return {event.key: event.version for event in events}
