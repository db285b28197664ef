"""A small agency for tests that stop, restore and compare whole installations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from contracts.event import SHAPES
from services.search import commands as search
from services.search import projections
from services.search.store import Document
from shared import archive
from shared.access import FACTS
from shared.service import Service
from shared.tables import AccessFactRow
from shared.testing import World

CLIENTS, FINDINGS = "/accounts/v1/clients", "/intelligence/v1/findings"
SOURCES, DOCUMENTS = "/intelligence/v1/sources", "/search/v1/documents"
SEARCHED = {
    "client": projections.of_client,
    "source": projections.of_source,
    "finding": projections.of_finding,
}


@dataclass
class Agency:
    """A world with a director, people and clients by short names."""

    world: World
    ids: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def founded(self) -> Agency:
        self.world.person("dora", roles=["director"])
        self.world.person("anna")
        self.client("云岭乳业")
        self.source("乳业周刊")
        self.finding("份额上升", client="云岭乳业")
        self.seat("云岭乳业", "anna")
        self.world.settle()
        return self

    def client(self, name: str, **facts: Any) -> str:
        self.ids[name] = str(self.world.api("admin").make(CLIENTS, {"name": name, **facts})["id"])
        self.world.settle()
        return self.ids[name]

    def rename(self, name: str, to: str) -> None:
        answer = self.world.api("dora").patch(f"{CLIENTS}/{self.ids[name]}", {"name": to})
        assert answer.status_code == 200, answer.get_data(as_text=True)

    def seat(self, client: str, username: str) -> None:
        body = {"person_id": self.world.people[username], "role": "AM"}
        self.world.api("admin").make(f"{CLIENTS}/{self.ids[client]}/assignments", body)

    def wall(self, one: str, other: str) -> None:
        body = {"client_ids": [self.ids[one], self.ids[other]], "reason": "rivals", "cooling_off_days": 0}
        self.world.api("admin").make("/accounts/v1/walls", body)

    def source(self, name: str) -> None:
        body = {"name": name, "kind": "press", "reliability": "B"}
        self.ids[name] = str(self.world.api("dora").make(SOURCES, body)["id"])

    def finding(self, title: str, *, client: str, body: str = "", **more: Any) -> str:
        facts = {
            "client_id": self.ids[client],
            "title": title,
            "body": body or title,
            "part": "market_status",
            "method": "intelligence",
            "source_id": self.ids["乳业周刊"],
            "credibility": 2,
            "label": "TLP:AMBER",
            "collected_at": "2026-11-01T08:00:00Z",
            **more,
        }
        self.ids[title] = str(self.world.api("dora").make(FINDINGS, facts)["id"])
        return self.ids[title]

    def retract(self, title: str) -> None:
        path = f"{FINDINGS}/{self.ids[title]}"
        api = self.world.api("dora")
        tag = api.get(path).headers["ETag"]
        answer = api.post(f"{path}/retract", {"reason": "wrong"}, headers={"If-Match": tag})
        assert answer.status_code == 200, answer.get_data(as_text=True)

    def titles(self, q: str = "") -> set[str]:
        answer = self.world.api("dora").get(DOCUMENTS, query_string={"q": q, "limit": 100})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return {item["title"] for item in answer.get_json()["items"]}

    # --- backup and restore ---

    def services(self, *names: str) -> Sequence[Service]:
        return [s for s in self.world.services if not names or s.name in names]

    def backup(self, file: Path) -> Path:
        archive.backup(self.world.services, self.world.settings, file, self.said.append)
        return file

    def restore(self, file: Path, *names: str) -> None:
        """Stop everything, restore all or the named services, start again and let it come to rest."""
        with self.world.stopped(), archive.opened(file) as held:
            archive.restore(self.services(*names), self.world.settings, held, self.said.append)
        self.world.settle()

    # --- what must agree ---

    def published(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What the sources hold: the shape of each published row, by kind and id."""
        found = {}
        for running in self.world.runtimes.values():
            with running.database.read() as session:
                for kind in running.service.published:
                    mapped: Any = kind
                    for row in session.scalars(sa.select(mapped).where(mapped.version > 0)):
                        shape = row.shape()
                        found[shape.NAME, shape.id] = shape.to_dict()
        return found

    def facts(self, service: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The access facts that a service keeps."""
        with self.world.runtimes[service].database.read() as session:
            return {(row.kind, row.id): row.state for row in session.scalars(sa.select(AccessFactRow))}

    def documents(self) -> dict[str, dict[str, Any]]:
        """What search keeps of what can be found."""
        names = asdict(projections.Facts(kind="", id=""))
        with self.world.runtimes["search"].database.read() as session:
            rows = session.scalars(sa.select(Document).where(~Document.deleted))
            return {row.id: {name: getattr(row, name) for name in names} for row in rows}

    def agrees(self) -> None:
        """Fail unless every projection, and the index, is what the sources hold (INV4)."""
        published = self.published()
        shapes = {shape.NAME: shape for shape in FACTS}
        facts = {at: state for at, state in published.items() if at[0] in shapes}
        for name in self.world.runtimes:
            assert self.facts(name) == facts, name
        wanted = [
            asdict(SEARCHED[kind](SHAPES[kind].read(state)))
            for (kind, _), state in published.items()
            if kind in SEARCHED
        ]
        assert self.documents() == {doc["id"]: doc for doc in wanted if not doc["deleted"]}
        assert search.index_agrees(self.world.runtimes["search"])
        assert self.world.lag() == 0

    def tables(self) -> dict[str, dict[str, list[Any]]]:
        """Every row of every service."""
        found = {}
        for name, running in self.world.runtimes.items():
            metadata = sa.MetaData()
            with running.database.read() as session:
                connection = session.connection()
                metadata.reflect(connection)
                found[name] = {
                    table.name: sorted(map(repr, connection.execute(sa.select(table))))
                    for table in metadata.sorted_tables
                }
        return found
