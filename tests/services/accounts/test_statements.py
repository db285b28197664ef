"""A page of a list takes as many statements whatever the list holds: no query per row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from tests.services.accounts.conftest import CLIENTS, Agency, Browser, add_clients

PATHS = (
    CLIENTS,
    f"{CLIENTS}?q=速度之客&status=active",
    "/accounts/clients",
    "/accounts/people",
    "/accounts/pick/clients?q=速度",
    "/accounts/panels/home",
)


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


def statements(agency: Agency) -> dict[str, int]:
    reader = Browser(agency, "cat")
    found = {}
    for path in PATHS:
        assert reader.get(path).status_code == 200
        with counted(agency) as seen:
            reader.get(path)
        found[path] = len(seen)
    return found


def test_more_clients_take_no_more_statements(agency: Agency) -> None:
    add_clients(agency.world, agency.who("anna"), 5)
    few = statements(agency)
    add_clients(agency.world, agency.who("anna"), 60)
    assert statements(agency) == few
    assert all(few.values())
