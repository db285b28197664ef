"""A small agency whose findings are searched: two clients, their teams, and the people around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from services.search.store import Document
from shared.testing import Api, World
from shared.testing import world as make_world

DOCUMENTS = "/search/v1/documents"
SUGGESTIONS = "/search/v1/suggestions"
EXPORT = "/search/v1/documents.csv"
SOURCES = "/intelligence/v1/sources"
FINDINGS = "/intelligence/v1/findings"
CLIENTS = "/accounts/v1/clients"


@dataclass
class Desk:
    """A world with what the tests keep in it, by short names."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)

    def api(self, username: str) -> Api:
        return self.world.api(username)

    def client(self, name: str, *, by: str = "admin", **facts: Any) -> str:
        self.ids[name] = str(self.api(by).make(CLIENTS, {"name": name, **facts})["id"])
        self.world.settle()
        return self.ids[name]

    def seat(self, client: str, username: str, role: str = "AM") -> dict[str, Any]:
        body = {"person_id": self.world.people[username], "role": role}
        made = self.api("admin").make(f"{CLIENTS}/{self.ids[client]}/assignments", body)
        self.world.settle()
        return made

    def source(self, name: str, *, by: str = "dora", client: str = "", **facts: Any) -> str:
        body = {"name": name, "kind": "press", "reliability": "B", "client_id": self.ids.get(client), **facts}
        self.ids[name] = str(self.api(by).make(SOURCES, body)["id"])
        return self.ids[name]

    def finding(self, title: str, body: str = "", *, client: str, by: str = "dora", **facts: Any) -> str:
        """Capture a finding; `source` by name. It is searchable once the world has settled."""
        source = facts.pop("source", "乳业周刊 Dairy Weekly")
        sent = {
            "client_id": self.ids[client],
            "title": title,
            "body": body or title,
            "part": "market_status",
            "method": "intelligence",
            "source_id": self.ids[source],
            "credibility": 2,
            "label": "TLP:AMBER",
            "collected_at": "2026-11-01T08:00:00Z",
            **facts,
        }
        self.ids[title] = str(self.api(by).make(FINDINGS, sent)["id"])
        return self.ids[title]

    def found(self, q: str = "", *, by: str = "anna", **filters: Any) -> dict[str, Any]:
        """The answer to a search."""
        answer = self.api(by).get(DOCUMENTS, query_string={"q": q, **filters})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        page: dict[str, Any] = answer.get_json()
        return page

    def titles(self, q: str = "", *, by: str = "anna", **filters: Any) -> list[str]:
        """The titles of what is found, in order."""
        return [item["title"] for item in self.found(q, by=by, **filters)["items"]]

    def suggested(self, q: str, *, by: str = "anna") -> list[str]:
        answer = self.api(by).get(SUGGESTIONS, query_string={"q": q})
        return [item["title"] for item in answer.get_json()["items"]]

    def documents(self) -> list[tuple[Any, ...]]:
        """What the service keeps of every document, but for the number of its last change."""
        names = [column.key for column in Document.__mapper__.columns if column.key != "seq"]
        with self.world.runtimes["search"].database.read() as session:
            rows = session.scalars(select(Document).order_by(Document.id))
            return [tuple(getattr(row, name) for name in names) for row in rows]


def furnish(world: World) -> Desk:
    """The agency that the tests begin with."""
    world.found()
    desk = Desk(world)
    world.person("dora", roles=["director"])
    world.person("anna", name="李娜")
    world.person("ben", name="赵磊")
    world.person("cat", roles=["sales_clerk"])
    world.person("audie", roles=["auditor"])
    desk.client("云岭乳业", english_name="Yunling Dairy", aliases=["云岭"], industry="食品饮料")
    desk.client("禾澜乳业", english_name="Helan Dairy", industry="食品饮料")
    desk.seat("云岭乳业", "anna")
    desk.seat("禾澜乳业", "ben")
    desk.source("乳业周刊 Dairy Weekly", url="https://weekly.example/1")
    return desk


@pytest.fixture
def fresh(tmp_path: Any) -> Iterator[Desk]:
    """A desk that a test may turn upside down."""
    with make_world(tmp_path) as world:
        yield furnish(world)
