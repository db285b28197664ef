"""A list of findings costs the same whatever it holds: at most three times with a hundred times as much.

Measured in seconds of this process, so that what else the machine does disturbs nothing.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import insert

from services.intelligence import commands
from services.intelligence.store import Finding
from shared.clock import now
from shared.db import new_id

from .conftest import FINDINGS, Agency, Browser, people, small_world

FEW, MANY = 100, 10_000
RATIO = 3.0
RUNS = 10


def fill(agency: Agency, count: int) -> None:
    """Findings as a command writes them, on Yunling (walled from wally) and on the secret client."""
    running = agency.world.runtimes["intelligence"]
    with running.unit_of_work("ann") as uow:
        made = commands.capture(uow, **agency.facts(title="one", body="正文" * 400))
        columns = {c.key: getattr(made, c.key) for c in Finding.__table__.columns}
    clients = [agency.ids["Yunling"], agency.ids["Secret"]]
    rows = [
        columns
        | {
            "id": new_id(),
            "title": f"速度 {number}",
            "client_id": clients[number % 10 == 0],
            "label": "TLP:GREEN" if number % 5 == 0 else "TLP:AMBER+STRICT",
            "part": ("market_status", "dealer", "competitor")[number % 3],
            "state": ("submitted", "verified", "disputed")[number % 3],
            "recorded_at": now(),
        }
        for number in range(count)
    ]
    with running.database.write() as session:
        session.execute(insert(Finding), rows)


@pytest.fixture(scope="module")
def agencies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Agency]]:
    with ExitStack() as stack:
        made = {}
        for count in (FEW, MANY):
            made[count] = people(stack.enter_context(small_world(tmp_path_factory.mktemp(f"of{count}"))))
            fill(made[count], count)
        yield made


@pytest.mark.parametrize("reader", ["ann", "col", "wally", "dora"])
@pytest.mark.parametrize(
    "path",
    [
        FINDINGS,
        f"{FINDINGS}?state=disputed&part=competitor",
        f"{FINDINGS}?client_id={{client}}&label=TLP:GREEN",
        f"{FINDINGS}?author=me",
        "/intelligence/findings",
        "/intelligence/panels/home",
        "/intelligence/capture",
    ],
)
def test_a_page_costs_no_more_with_a_hundred_times_as_many(
    agencies: dict[int, Agency], path: str, reader: str
) -> None:
    asked: dict[int, Callable[[], object]] = {}
    for count, agency in agencies.items():
        there = path.format(client=agency.ids["Yunling"])
        browser = Browser(agency, reader)
        assert browser.get(there).status_code == 200
        asked[count] = lambda browser=browser, there=there: browser.get(there)
    gc.collect()
    quickest = dict.fromkeys(asked, float("inf"))
    for _ in range(RUNS):
        for count, ask in asked.items():
            start = time.process_time()
            ask()
            quickest[count] = min(quickest[count], time.process_time() - start)
    told = f"{quickest[MANY] * 1000:.1f} ms against {quickest[FEW] * 1000:.1f} ms"
    assert quickest[MANY] <= RATIO * quickest[FEW], told
