"""One agency per module: two competing clients, their teams, and the people around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from services.accounts import commands
from shared.clock import now, rfc3339
from shared.tables import AuditRow
from shared.testing import Api, World
from shared.testing import world as make_world
from tests.services import visiting

CLIENTS = "/accounts/v1/clients"
PEOPLE = "/accounts/v1/people"
WALLS = "/accounts/v1/walls"


@dataclass
class Agency:
    """A world with people and clients by short names."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)

    def api(self, username: str) -> Api:
        return self.world.api(username)

    def person(self, username: str, **facts: Any) -> str:
        return self.world.person(username, **facts)

    def who(self, username: str) -> str:
        return self.world.people[username]

    def client(self, name: str, *, by: str = "admin", **facts: Any) -> str:
        made = self.api(by).make(CLIENTS, {"name": name, **facts})
        self.ids[name] = made["id"]
        return str(made["id"])

    def seat(self, client_id: str, username: str, role: str = "AM", **period: Any) -> dict[str, Any]:
        body = {"person_id": self.who(username), "role": role, **period}
        return self.api("admin").make(f"{CLIENTS}/{client_id}/assignments", body)

    def end(self, seat: dict[str, Any]) -> dict[str, Any]:
        path = f"{CLIENTS}/{seat['client_id']}/assignments/{seat['id']}/end"
        return self.api("admin").make(path)

    def wall(self, one: str, other: str, *, days: int = 0) -> dict[str, Any]:
        body = {"client_ids": [one, other], "reason": "competitors", "cooling_off_days": days}
        return self.api("admin").make(WALLS, body)

    def lists(self, username: str, client_id: str) -> bool:
        """Whether the person sees the client, asked in two ways that must agree."""
        read = self.api(username).get(f"{CLIENTS}/{client_id}").status_code
        listed = client_id in {item["id"] for item in every(self.api(username), CLIENTS)}
        assert read in (200, 404)
        assert listed == (read == 200)
        return listed

    @staticmethod
    def soon(days: float) -> str:
        """An instant so many days ahead, as the API takes it."""
        return rfc3339(now() + timedelta(days=days))

    def audited(self, subject: str) -> list[tuple[str, dict[str, Any]]]:
        """The audit trail's entries on something, oldest first."""
        with self.world.runtimes["accounts"].database.read() as session:
            rows = session.scalars(select(AuditRow).where(AuditRow.subject == subject).order_by(AuditRow.id))
            return [(row.action, row.details) for row in rows]


# In short pages, so that there are several.
every = partial(visiting.every, limit=3)


def add_clients(world: World, person_id: str, count: int) -> None:
    """Clients as a command makes them; the person has a seat at each fifth."""
    with world.runtimes["accounts"].unit_of_work() as uow:
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
                commands.assign(uow, client_id=client.id, person_id=person_id, role="AM")


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with make_world(tmp_path_factory.mktemp("agency")) as world:
        world.found()
        made = Agency(world)
        made.person("dora", roles=["director"], branch="上海", name="周敏")
        made.person("lea", roles=["leadership"], branch="北京")
        made.person("audie", roles=["auditor"])
        made.person("anna", name="李娜")
        made.person("ben", name="赵磊")
        made.person("cat", roles=["sales_clerk"])
        made.client(
            "云岭乳业", english_name="Yunling Dairy", aliases=["云岭"], industry="食品饮料", branch="上海"
        )
        made.client("禾澜乳业", english_name="Helan Dairy", industry="食品饮料", branch="北京")
        made.seat(made.ids["云岭乳业"], "anna", "AM")
        made.seat(made.ids["禾澜乳业"], "ben", "AD")
        yield made


class Browser(visiting.Browser):
    """A person who reads and sends accounts' pages."""

    START = "/accounts/clients"
