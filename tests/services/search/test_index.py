"""The index is a copy: whatever order deliveries take, whatever is lost, it comes to hold what rows say."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from services.search import commands, store
from services.search.cli import rebuild
from services.search.store import Document, Retouch
from shared.search.elastic import ElasticIndex
from shared.tables import InboxRow, PositionRow
from tests.services.search.conftest import CLIENTS, FINDINGS, SOURCES, Desk

QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"q": "份额"},
    {"q": "weekly"},
    {"q": "source:周刊"},
    {"q": "云岭", "sort": "newest"},
)


def _fill(desk: Desk) -> None:
    for n in range(12):
        desk.finding(f"市场份额第{n}次调查", client="云岭乳业", label=("TLP:GREEN", "TLP:AMBER")[n % 2])
    retracted = desk.ids["市场份额第3次调查"]
    desk.api("dora").make(f"{FINDINGS}/{retracted}/retract", {"reason": "误报"})
    corrected = desk.ids["市场份额第4次调查"]
    desk.api("dora").make(f"{FINDINGS}/{corrected}/correct", {"title": "市场份额更正", "reason": "笔误"})
    desk.api("dora").patch(f"{SOURCES}/{desk.ids['乳业周刊 Dairy Weekly']}", {"name": "乳业周刊 Milk Weekly"})
    desk.api("admin").patch(f"{CLIENTS}/{desk.ids['云岭乳业']}", {"aliases": ["云岭", "岭上"]})


def _answers(desk: Desk) -> list[Any]:
    return [[desk.found(by=name, **asked) for asked in QUESTIONS] for name in ("dora", "anna", "cat")]


def _same(one: list[Any], other: list[Any]) -> bool:
    for group in (one, other):
        for answer in [a for answers in group for a in answers]:
            answer["as_of"] = answer["next"] = None  # the clock goes on
            for item in answer["items"]:
                item["score"] = None
    return one == other


@pytest.mark.rule("INV4")
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_doubled_and_late_deliveries_give_the_same_documents_and_index(fresh: Desk, seed: int) -> None:
    _fill(fresh)
    fresh.world.settle()
    expected, answers = fresh.documents(), _answers(fresh)

    # The same events again for a service that knows nothing, in turns at random, some twice, some late.
    running = fresh.world.runtimes["search"]
    with running.database.write() as session:
        session.execute(delete(Document))
        session.execute(delete(Retouch))
        for table in (InboxRow, PositionRow):
            session.execute(delete(table).where(table.consumer == "search.events"))
    store.writer_of(running).swap(store.writer_of(running).rebuild())  # type: ignore[union-attr]
    fresh.world.settle(chaos=seed)
    fresh.world.settle()

    assert fresh.documents() == expected
    assert _same(_answers(fresh), answers)
    assert _census_agrees(fresh)


def _census_agrees(desk: Desk) -> bool:
    return commands.index_agrees(desk.world.runtimes["search"])


def test_findings_that_arrive_before_their_source_and_client_are_found_by_its_name_later(fresh: Desk) -> None:
    running = fresh.world.runtimes["search"]
    source_id = fresh.source("晚到的年鉴")
    fresh.finding("早到的一条", client="云岭乳业", source="晚到的年鉴")
    fresh.world.settle()
    with running.database.write() as session:
        session.execute(delete(Document).where(Document.id == source_id))
        inbox = delete(InboxRow).where(InboxRow.key == source_id, InboxRow.consumer == "search.events")
        session.execute(inbox)
    _touch(fresh, "早到的一条")
    fresh.world.settle()
    assert fresh.titles("source:年鉴", kind="finding") == []
    fresh.api("dora").patch(f"{SOURCES}/{source_id}", {"reliability": "A"})
    fresh.world.settle()
    assert fresh.titles("source:年鉴", kind="finding") == ["早到的一条"]
    assert fresh.found("早到")["items"][0]["reliability"] == "A"


def _touch(desk: Desk, title: str) -> None:
    desk.api("anna").make(f"{FINDINGS}/{desk.ids[title]}/dispute", {"reason": "存疑"})


def test_a_renamed_source_is_found_with_its_findings_by_the_new_name_only(fresh: Desk) -> None:
    fresh.finding("周刊上的一条", client="云岭乳业")
    fresh.world.settle()
    assert fresh.titles("source:Dairy", kind="finding") == ["周刊上的一条"]
    source = f"{SOURCES}/{fresh.ids['乳业周刊 Dairy Weekly']}"
    fresh.api("dora").patch(source, {"name": "牧场观察"})
    fresh.world.settle()
    assert fresh.titles("source:Dairy") == []
    assert fresh.titles("source:牧场", kind="finding") == ["周刊上的一条"]
    assert fresh.titles("牧场观察") == ["牧场观察"]


def test_a_renamed_client_is_found_with_its_findings_by_the_new_name(fresh: Desk) -> None:
    fresh.finding("价格下调", client="云岭乳业")
    fresh.world.settle()
    facts = {"name": "牧野集团", "english_name": "Muye", "aliases": []}
    fresh.api("admin").patch(f"{CLIENTS}/{fresh.ids['云岭乳业']}", facts)
    fresh.world.settle()
    assert set(fresh.titles("牧野集团")) == {"牧野集团", "价格下调"}
    assert fresh.titles("Yunling") == []


@pytest.mark.parametrize("harm", ["removed", "truncated", "garbled"])
def test_a_lost_or_damaged_index_heals_itself(fresh: Desk, harm: str) -> None:
    _fill(fresh)
    fresh.world.settle()
    answers = _answers(fresh)
    _harm(fresh, harm)
    status = fresh.api("anna").get("/search/v1/documents?q=份额").status_code
    assert status in (200, 503)
    fresh.world.settle()
    fresh.world.settle()
    assert _same(_answers(fresh), answers)
    assert _census_agrees(fresh)


def _harm(desk: Desk, harm: str) -> None:
    folder = desk.world.settings.home / "index"
    url = desk.world.settings.search_url("search")
    if harm == "removed":
        shutil.rmtree(folder) if url == "embedded" else ElasticIndex(url).drop()
        return
    if url != "embedded":
        pytest.skip("a server looks after its files itself")
    for file in folder.rglob("*.store" if harm == "truncated" else "meta.json"):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2] if harm == "truncated" else b"{" * len(content))


def test_a_rebuild_goes_on_beside_writes_and_searches(fresh: Desk) -> None:
    _fill(fresh)
    fresh.world.settle()
    running = fresh.world.runtimes["search"]
    commands.wish_for_rebuild(running)
    generations = _generations(fresh)
    commands.index_some(running)
    fresh.finding("重建途中写下的份额", client="云岭乳业")
    fresh.world.publish()
    for consumer in fresh.world.consumers("search"):
        consumer.step()
    assert len(fresh.titles("份额")) > 5
    fresh.world.settle()
    assert "重建途中写下的份额" in fresh.titles("份额", limit=50)
    assert len(_generations(fresh)) == len(generations)
    assert not _generations(fresh) & generations
    assert _census_agrees(fresh)


def _generations(desk: Desk) -> set[str]:
    """The folders of the embedded index; none where the index is a server's."""
    return {entry.name for entry in (desk.world.settings.home / "index").glob("g*")}


def test_the_command_rebuilds_where_no_worker_runs(fresh: Desk) -> None:
    _fill(fresh)
    fresh.world.settle()
    answers = _answers(fresh)
    store.let_go_of_writer(fresh.world.runtimes["search"])
    result = CliRunner().invoke(rebuild, ["search"], obj=fresh.world.settings)
    assert result.exit_code == 0, result.output
    assert "agrees with the rows" in result.output
    assert _same(_answers(fresh), answers)


def test_rows_that_the_index_does_not_match_are_noticed_and_indexed_anew(fresh: Desk) -> None:
    _fill(fresh)
    fresh.world.settle()
    running = fresh.world.runtimes["search"]
    with running.database.write() as session:  # as after an older backup of the database was restored
        session.execute(delete(Document).where(Document.id == fresh.ids["市场份额第1次调查"]))
    assert not _census_agrees(fresh)
    commands.wish_for_rebuild(running)
    fresh.world.settle()
    assert _census_agrees(fresh)
    assert "市场份额第1次调查" not in fresh.titles("份额", limit=50)


def test_a_write_is_held_once_the_index_has_it(fresh: Desk) -> None:
    made = fresh.finding("等待被索引", client="云岭乳业")
    running = fresh.world.runtimes["search"]

    def held(source: str, key: str, at: tuple[int, int]) -> bool:
        app = fresh.world.app("search")
        with app.app_context(), running.database.read() as session:
            return store.holds(session, source, key, at)

    assert not held("intelligence", made, (1, 1))
    fresh.world.publish()
    for consumer in fresh.world.consumers("search"):
        consumer.step()
    assert not held("intelligence", made, (1, 1))
    commands.index_some(running)
    assert held("intelligence", made, (1, 1))
    assert not held("intelligence", made, (1, 2))
    assert held("accounts.access", fresh.world.people["anna"], (1, 1))  # no document: the inbox decides
