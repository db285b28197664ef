"""One agency per module: two walled clients with their teams, findings to cite, and people around them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.testing import Api, World
from shared.testing import world as make_world
from tests.services import visiting

PROPOSALS = "/proposals/v1/proposals"
FINDINGS = "/intelligence/v1/findings"


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


@dataclass
class Agency:
    """A world with people and clients by short names."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)

    def api(self, username: str) -> Api:
        return self.world.api(username)

    def who(self, username: str) -> str:
        return self.world.people[username]

    def client(self, name: str, **facts: Any) -> str:
        body = {"name": name, "status": "active", **facts}
        self.ids[name] = self.api("admin").make("/accounts/v1/clients", body)["id"]
        return self.ids[name]

    def seat(self, client: str, username: str, role: str) -> None:
        body = {"person_id": self.who(username), "role": role, "from": "2020-01-01"}
        self.api("admin").make(f"/accounts/v1/clients/{self.ids[client]}/assignments", body)

    def finding(self, by: str = "amy", **facts: Any) -> str:
        """A finding on Yunling that has arrived here."""
        body = {
            "client_id": self.ids["Yunling"],
            "part": "market_status",
            "title": "份额 30.6%",
            "source_id": self.ids["panel"],
            **facts,
        }
        made = self.api(by).make(FINDINGS, body)
        self.world.settle()
        return str(made["id"])

    def take_finding(self, verb: str, finding_id: str, by: str, **body: Any) -> dict[str, Any]:
        made = self.api(by).make(f"{FINDINGS}/{finding_id}/{verb}", body)
        self.world.settle()
        return made

    def write(self, by: str = "amy", **facts: Any) -> dict[str, Any]:
        """A client proposal for Yunling, unless the facts say otherwise."""
        body = {
            "kind": "client",
            "client_id": self.ids["Yunling"],
            "title": "低温奶上市",
            "sections": [{"heading": "任务", "body": "三个月进入华东"}],
            **facts,
        }
        return self.api(by).make(PROPOSALS, {k: v for k, v in body.items() if v is not None})

    def read(self, proposal: dict[str, Any], by: str = "amy") -> dict[str, Any]:
        answer = self.api(by).get(f"{PROPOSALS}/{proposal['id']}")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found: dict[str, Any] = answer.get_json()
        return found

    def take(self, verb: str, proposal: dict[str, Any], by: str, **body: Any) -> Any:
        return self.api(by).post(f"{PROPOSALS}/{proposal['id']}/{verb}", body)

    def done(self, verb: str, proposal: dict[str, Any], by: str, **body: Any) -> dict[str, Any]:
        answer = self.take(verb, proposal, by, **body)
        assert answer.status_code in (200, 201), f"{verb}: {answer.get_data(as_text=True)}"
        found: dict[str, Any] = answer.get_json()
        return found

    def approve(self, proposal: dict[str, Any], by: str = "adam", note: str = "ok") -> Any:
        seen = self.read(proposal, by)
        return self.take("approve", proposal, by, content_hash=seen["content_hash"], note=note)

    def approved(self, by: str = "amy", **facts: Any) -> dict[str, Any]:
        made = self.write(by, **facts)
        self.done("submit", made, by)
        assert self.approve(made).status_code == 200
        return self.read(made)

    def patch(self, proposal: dict[str, Any], by: str = "amy", **facts: Any) -> Any:
        return self.api(by).patch(f"{PROPOSALS}/{proposal['id']}", facts)

    def trail(self, proposal: dict[str, Any], by: str = "amy") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            self.api(by).get(f"{PROPOSALS}/{proposal['id']}/approvals").get_json()["items"]
        )
        return found


def kind(answer: Any) -> str:
    """The kind of a problem."""
    return str(answer.get_json()["type"].rpartition(":")[2])


@contextmanager
def small_world(home: Path, *more: str, **settings: Any) -> Iterator[World]:
    """The services that proposals need, on a fresh home."""
    with make_world(home, "accounts", "portal", "intelligence", "proposals", *more, **settings) as world:
        world.found()
        yield world


def people(world: World) -> Agency:
    """Yunling's team is ann (CAE), amy (AM) and adam (AD); wally works for its competitor Helan."""
    agency = Agency(world)
    for name in ("ann", "amy", "adam", "wally", "rita"):
        world.person(name)
    world.person("dora", roles=["director"])
    world.person("dan", roles=["director"])
    world.person("col", roles=["salesperson"])
    world.person("audie", roles=["auditor"])
    agency.client("Yunling", industry="dairy", branch="上海")
    agency.client("Helan", industry="dairy")
    agency.client("Qingwu", industry="tea")
    agency.seat("Yunling", "ann", "CAE")
    agency.seat("Yunling", "amy", "AM")
    agency.seat("Yunling", "adam", "AD")
    agency.seat("Helan", "wally", "AM")
    agency.seat("Qingwu", "rita", "AM")
    agency.seat("Qingwu", "adam", "AD")
    agency.api("admin").make(
        "/accounts/v1/walls",
        {
            "client_ids": [agency.ids["Yunling"], agency.ids["Helan"]],
            "reason": "competitors",
            "cooling_off_days": 30,
        },
    )
    world.settle()
    agency.ids["panel"] = agency.api("amy").make(
        "/intelligence/v1/sources", {"name": "panel", "reliability": "A"}
    )["id"]
    return agency


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with small_world(tmp_path_factory.mktemp("agency")) as world:
        yield people(world)


class Browser(visiting.Browser):
    """A person who reads and sends proposals' pages."""

    START = "/proposals"
