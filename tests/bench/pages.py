"""What pages cost with much data beside what they cost with one per cent of it (goal: at most 3 times).

One warm client, p95 of its requests, in seconds of this process, few and many in turns.
"""

from __future__ import annotations

import gc
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import insert

from services.intelligence.store import Finding
from services.proposals import store as proposals
from services.proposals.domain import workflows
from shared.clock import now
from shared.db import new_id
from shared.testing import World, world
from shared.tokens import session_cookie
from tests.services.accounts.conftest import add_clients

GOAL = 3.0
MANY = {"clients": 2_000, "findings": 10_000, "proposals": 10_000}
ROUNDS = 21
PAGES = {
    "clients": (
        "/accounts/v1/clients",
        "/accounts/v1/clients?q=速度之客 1&status=active",
        "/accounts/clients",
        "/accounts/people",
        "/accounts/pick/clients?q=速度",
        "/accounts/panels/home",
    ),
    "findings": (
        "/intelligence/v1/findings",
        "/intelligence/v1/findings?state=disputed&part=competitor",
        "/intelligence/v1/findings?label=TLP:GREEN",
        "/intelligence/findings",
        "/intelligence/panels/home",
        "/intelligence/capture",
    ),
    "proposals": (
        "/proposals/",
        "/proposals/board",
        "/proposals/report",
        "/proposals/panels/home",
    ),
}
READERS = ("director", "salesperson", "walled")
Row = tuple[str, str, float, float]


def measure() -> list[Row]:
    """For each page and reader: the page, the reader, and its p95 with few and with many, in seconds."""
    with ExitStack() as stack:
        agencies = [_agency(stack, share) for share in (0.01, 1.0)]
        return [
            (path, reader, *_in_turns([_visit(agency, reader, path) for agency in agencies]))
            for paths in PAGES.values()
            for path in paths
            for reader in READERS
        ]


def _in_turns(visits: list[Callable[[], None]]) -> list[float]:
    taken: list[list[float]] = [[] for _ in visits]
    for visit in visits:
        visit()
    gc.collect()
    for _ in range(ROUNDS):
        for each, visit in zip(taken, visits, strict=True):
            started = time.process_time()
            visit()
            each.append(time.process_time() - started)
    return [sorted(each)[int(ROUNDS * 0.95)] for each in taken]


def _visit(agency: World, reader: str, path: str) -> Callable[[], None]:
    client: FlaskClient = agency.client(path)
    client.set_cookie(session_cookie(tls=False), agency.api(reader).token)
    headers = {"Authorization": f"Bearer {agency.api(reader).token}"} if "/v1/" in path else {}

    def visit() -> None:
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.get_data(as_text=True)}"

    return visit


# --- an agency with a share of the data --------------------------------------------------------------------


def _agency(stack: ExitStack, share: float) -> World:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    made = stack.enter_context(world(home))
    admin = made.found()
    clients = {}
    for name, reader in (("Yunling", "seated"), ("Helan", "walled")):
        clients[name] = admin.make("/accounts/v1/clients", {"name": name, "status": "active"})["id"]
        seat = {"person_id": made.person(reader), "role": "AM", "from": "2020-01-01"}
        admin.make(f"/accounts/v1/clients/{clients[name]}/assignments", seat)
    wall = {"client_ids": list(clients.values()), "reason": "competitors", "cooling_off_days": 30}
    admin.make("/accounts/v1/walls", wall)
    made.person("director", roles=["director"])
    made.person("salesperson", roles=["salesperson"])
    for reader in READERS:
        made.api(reader)  # now: later every service would handle all that follows
    made.settle()
    add_clients(made, made.people["seated"], int(MANY["clients"] * share))
    _fill_findings(made, clients["Yunling"], int(MANY["findings"] * share))
    _fill_proposals(made, clients["Yunling"], int(MANY["proposals"] * share))
    return made


def _fill_findings(made: World, client_id: str, count: int) -> None:
    """Findings as the product writes them."""
    api = made.api("seated")
    source = api.make("/intelligence/v1/sources", {"name": "panel", "reliability": "A"})["id"]
    facts = {"client_id": client_id, "part": "market_status", "title": "one", "body": "正文" * 400}
    first = api.make("/intelligence/v1/findings", facts | {"source_id": source})["id"]
    database = made.runtimes["intelligence"].database
    with database.read() as session:
        row = session.get_one(Finding, first)
        columns = {column.key: getattr(row, column.key) for column in Finding.__table__.columns}
    rows = [
        columns
        | {
            "id": new_id(),
            "title": f"速度 {number}",
            "client_id": client_id,
            "label": "TLP:GREEN" if number % 5 == 0 else "TLP:AMBER+STRICT",
            "part": ("market_status", "dealer", "competitor")[number % 3],
            "state": ("submitted", "verified", "disputed")[number % 3],
            "recorded_at": now(),
        }
        for number in range(count)
    ]
    with database.write() as session:
        session.execute(insert(Finding), rows)


def _fill_proposals(made: World, client_id: str, count: int) -> None:
    """Proposals as they lie in the tables, with the steps behind them."""
    dice = random.Random(1)
    rows: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    for number in range(count):
        row = _proposal(dice, number, client_id, [made.people["seated"], made.people["director"]])
        rows.append(row)
        for place, state in enumerate(("draft", "in_review", "in_review")):
            began = row["created_at"]
            steps.append(
                {
                    "proposal_id": row["id"],
                    "place": place,
                    "kind": row["kind"],
                    "state": state,
                    "entered_at": began,
                    "left_at": began + timedelta(hours=place + 1),
                    "seconds": 3600,
                }
            )
    with made.runtimes["proposals"].database.write() as session:
        session.execute(insert(proposals.Proposal), rows)
        session.execute(insert(proposals.Step), steps)


def _proposal(dice: random.Random, number: int, client_id: str, writers: list[str]) -> dict[str, Any]:
    kind = dice.choice(["client", "client", "internal"])
    state = dice.choice(workflows.states(kind))
    began = now() - timedelta(minutes=dice.randint(1, 400_000))
    key = new_id()
    return {
        "id": key,
        "number": f"P2025-{number:05d}",
        "kind": kind,
        "client_id": client_id if kind == "client" else None,
        "title": f"Proposal {number}",
        "language": "en",
        "label": dice.choice(["TLP:GREEN", "TLP:AMBER"]),
        "state": state,
        "state_since": began,
        "author_id": dice.choice(writers),
        "owner_id": dice.choice(writers),
        "contributor_ids": [],
        "due_at": began + timedelta(days=30),
        "valid_until": None,
        "currency": "CNY",
        "budget": {"tax_percent": "6", "lines": []},
        "amount_cents": dice.randint(0, 90_000_000),
        "probability": dice.choice([None, 30, 60]),
        "content_hash": "0" * 64,
        "waiting_for": ["AD"] if state == "in_review" else [],
        "family_id": key,
        "alternative": "",
        "result": state if state in workflows.WON | workflows.LOST else "",
        "outcome_reason": "",
        "created_at": began,
        "closed_at": None if workflows.is_open(state) else began,
        "version": 1,
    }


def say() -> None:
    """Measure and print."""
    print(f"{'page':56}{'reader':>12}{'few ms':>8}{'many ms':>9}{'ratio':>7}")
    for path, reader, few, many in measure():
        print(f"{path:56}{reader:>12}{few * 1000:8.1f}{many * 1000:9.1f}{many / few:7.2f}")
