"""A page of a list costs the same whatever the list holds: no query per row, no work per hidden row."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import event

from services.accounts import commands
from shared.testing import world as make_world
from tests.services.accounts.conftest import CLIENTS, Agency, Browser

FEW, MANY = 20, 2_000
RATIO = 3.0
RUNS = 12


def fill(agency: Agency, count: int) -> None:
    with agency.world.runtimes["accounts"].unit_of_work() as uow:
        for number in range(count):
            client = commands.create_client(
                uow,
                name=f"速度之客 {number}",
                english_name=f"Speed {number}",
                aliases=[f"速{number}"],
                industry=f"行业 {number % 12}",
                branch="上海",
                visibility="team" if number % 10 == 0 else "directory",
                tier="",
                status="active",
            )
            if number % 5 == 1:
                commands.assign(uow, client_id=client.id, person_id=agency.who("seated"), role="AM")


@contextmanager
def counted(agency: Agency) -> Iterator[list[str]]:
    """The SQL statements about accounts' own rows that its database runs meanwhile."""
    engine = agency.world.runtimes["accounts"].database.engine
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if any(f"FROM {table}" in statement for table in ("clients", "people", "assignments")):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def best(asked: dict[int, Callable[[], object]]) -> dict[int, float]:
    """Seconds of work of each one's quickest run (not of waiting for a busy machine), taken in turns."""
    gc.collect()
    quickest = dict.fromkeys(asked, float("inf"))
    for _ in range(RUNS):
        for name, ask in asked.items():
            start = time.thread_time()
            ask()
            quickest[name] = min(quickest[name], time.thread_time() - start)
    return quickest


@pytest.fixture(scope="module")
def agencies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Agency]]:
    with ExitStack() as stack:
        made = {}
        for count in (FEW, MANY):
            world = stack.enter_context(make_world(tmp_path_factory.mktemp(f"of{count}")))
            world.found()
            made[count] = Agency(world)
            made[count].person("seated")
            made[count].person("colleague", roles=["salesperson"])
            made[count].api("colleague")  # now: later it would have every service handle all that follows
            fill(made[count], count)
        yield made


@pytest.mark.parametrize(
    "path",
    [
        CLIENTS,
        f"{CLIENTS}?q=速度之客 1&status=active",
        "/accounts/clients",
        "/accounts/people",
        "/accounts/pick/clients?q=速度",
        "/accounts/panels/home",
    ],
)
def test_a_page_costs_no_more_with_two_thousand_clients(agencies: dict[int, Agency], path: str) -> None:
    asked: dict[int, Callable[[], object]] = {}
    statements = {}
    for count, agency in agencies.items():
        reader = Browser(agency, "colleague")
        asked[count] = lambda reader=reader: reader.get(path)
        assert reader.get(path).status_code == 200
        with counted(agency) as seen:
            reader.get(path)
        statements[count] = len(seen)
    assert statements[MANY] == statements[FEW]
    cost = best(asked)
    told = f"{cost[MANY] * 1000:.1f} ms against {cost[FEW] * 1000:.1f} ms"
    assert cost[MANY] <= RATIO * cost[FEW], told
