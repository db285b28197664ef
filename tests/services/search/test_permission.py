"""Who finds what: as the row's client, label and recipients say at that moment, and nothing of the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from services.search.store import Document
from services.search.store.answers import sees
from shared import clock
from shared.testing import world as make_world
from tests.services.search.conftest import CLIENTS, DOCUMENTS, EXPORT, Desk, furnish

LABELS = ("TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT")
PEOPLE = ("admin", "dora", "anna", "ben", "cat", "audie")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with make_world(tmp_path_factory.mktemp("desk")) as world:
        made = furnish(world)
        made.client("青梧茶业", visibility="team")
        for client in ("云岭乳业", "禾澜乳业", "青梧茶业"):
            for label in LABELS:
                made.finding(f"{client}的{label}", client=client, label=label)
            red = {"label": "TLP:RED", "recipients": [world.people["cat"], world.people["audie"]]}
            made.finding(f"{client}的机密", client=client, **red)
        made.source("云岭内部备忘录", client="云岭乳业")
        made.finding("据备忘录公开的事", client="云岭乳业", label="TLP:GREEN", source="云岭内部备忘录")
        made.finding("据备忘录内部的事", client="云岭乳业", label="TLP:AMBER", source="云岭内部备忘录")
        ids = [made.ids["云岭乳业"], made.ids["禾澜乳业"]]
        made.api("admin").make(
            "/accounts/v1/walls", {"client_ids": ids, "reason": "competitors", "cooling_off_days": 0}
        )
        world.settle()
        yield made


@pytest.mark.rule("INV5")
@pytest.mark.parametrize("username", PEOPLE)
def test_everybody_finds_exactly_what_they_may_read_or_list(desk: Desk, username: str) -> None:
    running = desk.world.runtimes["search"]
    with running.database.read() as session:
        now = clock.now()
        scope = running.book(session, now).scope(desk.world.people[username], now)
        rows = session.scalars(select(Document).where(~Document.deleted)).all()
        expected = {row.id for row in rows if sees(scope, row)}
    page = desk.found("", by=username, limit=100)
    assert {item["id"] for item in page["items"]} == expected
    assert page["total"] == len(expected)
    assert sum(value["count"] for value in page["facets"]["kind"]) == len(expected)
    assert {value["value"] for value in page["facets"]["client_id"]} <= {
        i["client_id"] for i in page["items"]
    }


def test_a_wall_hides_everything_of_the_client_and_its_name(desk: Desk) -> None:
    for q in ("云岭", "云岭乳业的", "client:云岭", "备忘录", "Yunling"):
        assert not [title for title in desk.titles(q, by="ben") if "云岭" in title or "备忘录" in title]
    assert desk.suggested("云", by="ben") == []
    assert desk.ids["云岭乳业"] not in desk.api("ben").get(EXPORT).get_data(as_text=True)
    answer = desk.found("client:云岭", by="ben")
    assert {"code": "client_unknown", "params": {"value": "云岭"}} in answer["empty"]["reasons"]


def test_an_administrator_finds_clients_and_nothing_about_them(desk: Desk) -> None:
    kinds = {(item["kind"], item["client_id"]) for item in desk.found("", by="admin", limit=100)["items"]}
    assert {("client", desk.ids[name]) for name in ("云岭乳业", "禾澜乳业", "青梧茶业")} <= kinds
    assert not [kind for kind, client_id in kinds if kind != "client" and client_id]


def test_a_colleague_is_not_shown_the_source_that_a_green_finding_cites(desk: Desk) -> None:
    (item,) = desk.found("备忘录公开", by="cat")["items"]
    assert item["source_id"] == ""
    assert desk.titles("source:备忘录", by="cat") == []
    assert desk.titles("", by="cat", source_id=desk.ids["云岭内部备忘录"]) == []
    assert "内部备忘录" not in desk.api("cat").get(EXPORT).get_data(as_text=True)
    (item,) = desk.found("备忘录公开", by="anna", kind="finding")["items"]
    assert item["source_id"] == desk.ids["云岭内部备忘录"]
    assert desk.titles("source:备忘录", by="anna") == ["据备忘录内部的事"]


def test_a_row_that_was_restricted_after_it_was_indexed_is_not_shown(desk: Desk) -> None:
    made = desk.finding("刚刚收紧的一条", client="云岭乳业")
    desk.world.settle()
    assert desk.titles("刚刚收紧") == ["刚刚收紧的一条"]
    with desk.world.runtimes["search"].database.write() as session:
        session.execute(update(Document).where(Document.id == made).values(label="TLP:RED"))
    assert desk.titles("刚刚收紧") == []
    assert "刚刚收紧" not in desk.api("anna").get(EXPORT).get_data(as_text=True)


def test_who_is_taken_off_a_client_finds_nothing_of_it_although_findings_still_wait(fresh: Desk) -> None:
    fresh.finding("团队才看得到", client="云岭乳业")
    seat = fresh.seat("云岭乳业", "cat", "CAE")
    assert fresh.titles("团队", by="cat") == ["团队才看得到"]
    for n in range(5):
        fresh.finding(f"还在路上的 {n}", client="云岭乳业")
    fresh.api("admin").make(f"{CLIENTS}/{fresh.ids['云岭乳业']}/assignments/{seat['id']}/end")
    fresh.world.publish()
    access, events = fresh.world.consumers("search")
    assert (access.name, events.name) == ("search.access", "search.events")
    access.step()
    assert sum(events.lag().values()) >= 5
    assert fresh.titles("团队", by="cat") == []
    assert fresh.api("cat").get(EXPORT).get_data(as_text=True).count("团队") == 0


def test_who_left_finds_nothing(fresh: Desk) -> None:
    fresh.finding("公开的事", client="云岭乳业", label="TLP:CLEAR")
    fresh.world.settle()
    cat = fresh.api("cat")
    path = f"/accounts/v1/people/{fresh.world.people['cat']}"
    assert cat.get(DOCUMENTS).status_code == 200
    fresh.api("admin").make(f"{path}/leave")
    fresh.world.settle()
    assert cat.get(DOCUMENTS).status_code == 401
