"""One agency per module: two walled clients, a secret one, their teams, and the people around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from shared.tables import AuditRow
from shared.testing import Api, World
from shared.testing import world as make_world
from tests.services import visiting

SOURCES = "/intelligence/v1/sources"
FINDINGS = "/intelligence/v1/findings"


@dataclass
class Agency:
    """A world with people, clients and sources by short names."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)

    def api(self, username: str) -> Api:
        return self.world.api(username)

    def who(self, username: str) -> str:
        return self.world.people[username]

    def client(self, name: str, **facts: Any) -> str:
        self.ids[name] = self.api("admin").make("/accounts/v1/clients", {"name": name, **facts})["id"]
        return self.ids[name]

    def seat(self, client: str, username: str, role: str, since: str = "2020-01-01", **period: Any) -> str:
        body = {"person_id": self.who(username), "role": role, "from": since, **period}
        path = f"/accounts/v1/clients/{self.ids[client]}/assignments"
        made = self.api("admin").make(path, body)
        self.world.settle()
        return f"{path}/{made['id']}"

    def source(self, name: str, by: str = "ann", **facts: Any) -> str:
        self.ids[name] = self.api(by).make(SOURCES, {"name": name, "reliability": "B", **facts})["id"]
        return self.ids[name]

    def facts(self, **facts: Any) -> dict[str, Any]:
        """The body of a finding on Yunling, unless the facts say otherwise."""
        about = {} if facts.get("market") else {"client_id": self.ids["Yunling"]}
        return {
            **about,
            "part": "market_status",
            "title": "份额 30.6%",
            "source_id": self.ids["panel"],
            **facts,
        }

    def finding(self, by: str = "ann", **facts: Any) -> dict[str, Any]:
        return self.api(by).make(FINDINGS, self.facts(**facts))

    def take(self, verb: str, finding: dict[str, Any], by: str, **body: Any) -> Any:
        return self.api(by).post(f"{FINDINGS}/{finding['id']}/{verb}", body)

    def read(self, finding: dict[str, Any], by: str, **query: Any) -> Any:
        return self.api(by).get(f"{FINDINGS}/{finding['id']}", query_string=query)

    def history(self, finding: dict[str, Any], by: str) -> list[dict[str, Any]]:
        answer = self.api(by).get(f"{FINDINGS}/{finding['id']}/history")
        assert answer.status_code == 200
        return list(answer.get_json()["items"])

    def audited(self, subject: str) -> list[str]:
        """The audit trail's actions on something, oldest first."""
        with self.world.runtimes["intelligence"].database.read() as session:
            rows = session.scalars(select(AuditRow).where(AuditRow.subject == subject).order_by(AuditRow.id))
            return [row.action for row in rows]


def people(world: World) -> Agency:
    """Yunling's team is ann (CAE), amy (AM) and adam (AD); wally works for its competitor Helan."""
    agency = Agency(world)
    for name in ("ann", "amy", "adam", "wally", "rita"):
        world.person(name)
    world.person("dora", roles=["director"])
    world.person("col", roles=["salesperson"])
    world.person("lea", roles=["leadership"], branch="上海")
    world.person("leo", roles=["leadership"], branch="北京")
    world.person("audie", roles=["auditor"])
    agency.client("Yunling", branch="上海")
    agency.client("Helan", branch="北京")
    agency.client("Secret", visibility="team")
    agency.seat("Yunling", "ann", "CAE")
    agency.seat("Yunling", "amy", "AM")
    agency.seat("Yunling", "adam", "AD")
    agency.seat("Helan", "wally", "AM")
    agency.api("admin").make(
        "/accounts/v1/walls",
        {
            "client_ids": [agency.ids["Yunling"], agency.ids["Helan"]],
            "reason": "competitors",
            "cooling_off_days": 30,
        },
    )
    world.settle()
    agency.source("panel", reliability="A")
    agency.source("weekly")
    agency.source("reprint", origin_id=agency.ids["weekly"])
    return agency


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with make_world(tmp_path_factory.mktemp("agency"), "accounts", "portal", "intelligence") as world:
        world.found()
        yield people(world)


class Browser(visiting.Browser):
    """A person who reads and sends intelligence's pages."""

    START = "/intelligence/findings"
