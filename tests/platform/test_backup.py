"""Backup and restore: one file brings everything back; what others keep agrees with it again (INV4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from contracts.accounts import Client, ClientChanged, ClientCreated
from contracts.event import EPOCH_COMPLETE, Event
from services.search import commands as search
from services.search.store import Document
from shared import archive, clock, epochs
from shared.archive import ArchiveError
from shared.config import Settings, with_secret
from shared.inbox import Consumer, Fold, Handler, Reaction
from shared.log.port import Record
from shared.service import discover
from shared.tables import AccessFactRow, DeadLetterRow, EventRow
from shared.testing import World, on_real_engines
from shared.testing import world as make_world
from shared.uow import history
from tests.platform.agency import CLIENTS, FINDINGS, Agency
from tests.platform.logs import create, rename
from tests.platform.test_inbox import Tape

# What a restore changes by itself, beside what happens afterwards.
RENEWED = {
    "alembic_version",
    "epoch",
    "leases",
    "positions",
    "rebuilds",
    "document_sequence",
    "access_revision",
}


@pytest.fixture
def agency(world: World) -> Agency:
    return Agency(world).founded()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Agency, Path]]:
    """An agency and its backup, for tests after which both are what they were."""
    home = tmp_path_factory.mktemp("kept")
    with make_world(home) as made:
        made.found()
        agency = Agency(made).founded()
        yield agency, agency.backup(home / "acm.backup")


def _kept(agency: Agency) -> dict[str, dict[str, list[str]]]:
    return {
        name: {table: rows for table, rows in tables.items() if table not in RENEWED}
        for name, tables in agency.tables().items()
    }


def test_everything_comes_back(agency: Agency, tmp_path: Path) -> None:
    agency.wall("云岭乳业", agency.client("禾澜乳业") and "禾澜乳业")
    agency.world.settle()
    file = agency.backup(tmp_path / "acm.backup")
    before = _kept(agency)
    agency.rename("云岭乳业", "云岭")
    agency.finding("新的份额", client="禾澜乳业")
    agency.world.settle()
    agency.restore(file)
    after = _kept(agency)
    for name, tables in before.items():
        for table in tables:
            if table in {"events", "audit"}:
                # What happened is there as it was; what was said again, and the restore itself, come on top.
                assert set(tables[table]) <= set(after[name][table]), (name, table)
            elif table not in {"inbox", "access_facts", "documents"}:
                assert after[name][table] == tables[table], (name, table)
    agency.agrees()
    assert agency.titles() == {"云岭乳业", "禾澜乳业", "乳业周刊", "份额上升"}


def test_only_the_owner_may_read_a_backup(agency: Agency, tmp_path: Path) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.glob(".acm*")] == []


@pytest.mark.skipif(not on_real_engines(), reason="goes from files to servers")
def test_what_was_kept_on_a_laptop_goes_on_on_the_servers(tmp_path: Path) -> None:
    with make_world(tmp_path / "laptop", engines={}) as laptop:
        laptop.found()
        before = Agency(laptop).founded()
        file = before.backup(tmp_path / "acm.backup")
        people = laptop.people
    with make_world(tmp_path / "servers") as servers:
        servers.people |= people
        agency = Agency(servers, ids=dict(before.ids))
        agency.restore(file)
        agency.agrees()
        assert agency.titles() == {"云岭乳业", "乳业周刊", "份额上升"}
        agency.rename("云岭乳业", "云岭")
        servers.settle()
        agency.agrees()


def test_what_came_after_the_backup_of_one_source_is_gone_everywhere(agency: Agency, tmp_path: Path) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    agency.client("新客户")
    agency.finding("新客户的份额", client="新客户")
    agency.seat("新客户", "anna")
    agency.rename("云岭乳业", "改名乳业")
    agency.world.person("late")
    agency.world.settle()
    assert {"新客户", "改名乳业"} <= agency.titles()
    agency.restore(file, "accounts")
    agency.agrees()
    assert agency.titles() >= {"云岭乳业", "份额上升"}
    assert not agency.titles() & {"新客户", "改名乳业"}
    for name in agency.world.runtimes:
        assert ("client", agency.ids["新客户"]) not in agency.facts(name)
        assert ("person", agency.world.people["late"]) not in agency.facts(name)
    # It goes on from there, in the new epoch.
    agency.rename("云岭乳业", "云岭再生")
    agency.world.settle(chaos=7)
    agency.agrees()
    assert "云岭再生" in agency.titles()


def test_nobody_takes_what_an_older_epoch_still_says(agency: Agency, tmp_path: Path) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    agency.client("新客户")
    agency.world.settle()
    with agency.world.runtimes["accounts"].database.read() as session:
        lost = session.scalars(select(EventRow.envelope).where(EventRow.key == agency.ids["新客户"])).one()
    agency.restore(file, "accounts")
    straggler = Event.from_json(lost)
    with agency.world.runtimes["accounts"].database.write() as session:
        session.add(
            EventRow(
                event_id=straggler.id,
                topic=straggler.source,
                type=straggler.type,
                key=straggler.key,
                version=straggler.version,
                at=clock.now(),
                envelope=lost,
            )
        )
    agency.world.settle()
    agency.agrees()


@pytest.mark.parametrize("consumer", ["search", "intelligence", "portal"])
def test_a_consumer_that_went_back_reads_again_what_it_lost(
    agency: Agency, tmp_path: Path, consumer: str
) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    agency.client("新客户")
    agency.rename("云岭乳业", "改名乳业")
    agency.seat("新客户", "anna")
    agency.world.settle()
    agency.restore(file, consumer)
    agency.agrees()
    assert {"新客户", "改名乳业"} <= agency.titles()
    agency.rename("云岭乳业", "又改名")
    agency.world.settle()
    agency.agrees()
    assert "又改名" in agency.titles()


def test_what_is_written_after_search_went_back_is_found_at_once(agency: Agency, tmp_path: Path) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    for number in range(30):  # which leave the index far ahead of the rows that come back
        rename(agency.world.runtimes["accounts"], agency.ids["云岭乳业"], f"改名{number}")
    agency.world.settle()
    with agency.world.stopped():
        _attempt(agency, file, "accounts", "search")
    agency.finding("翡翠湖", client="云岭乳业")
    running = agency.world.runtimes["search"]
    for relay in [source.relay for source in agency.world.runtimes.values() if source.relay is not None]:
        while relay.step():
            pass
    for consumer in agency.world.consumers("search"):
        while consumer.step():
            pass
    search.index_some(running)  # before it is noticed that the index must be made again
    assert "翡翠湖" in agency.titles("翡翠湖")
    agency.world.settle()
    agency.agrees()


def test_a_backup_can_be_restored_twice(agency: Agency, tmp_path: Path) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    opened = []
    for name in ("甲", "乙"):
        agency.client(name)
        agency.rename(name, f"{name}改")
        agency.world.settle()
        agency.restore(file)
        agency.agrees()
        assert agency.titles() == {"云岭乳业", "乳业周刊", "份额上升"}
        with agency.world.runtimes["accounts"].database.read() as session:
            opened.append(epochs.held_epoch(session))
    assert opened[0] < opened[1]


def test_two_sources_restored_from_different_backups_agree(agency: Agency, tmp_path: Path) -> None:
    first = agency.backup(tmp_path / "first")
    agency.client("禾澜乳业")
    agency.finding("禾澜的份额", client="禾澜乳业")
    agency.world.settle()
    second = agency.backup(tmp_path / "second")
    agency.finding("最后的份额", client="禾澜乳业")
    agency.world.settle()
    agency.restore(first, "accounts")
    agency.restore(second, "intelligence")
    agency.agrees()
    assert agency.titles() == {"云岭乳业", "乳业周刊", "份额上升", "禾澜的份额"}


def test_a_finding_that_was_red_once_stays_after_a_restore(agency: Agency, tmp_path: Path) -> None:
    """It was said on the restricted topic before, and is not any more: that topic's end must not drop it."""
    dora = agency.world.people["dora"]
    agency.finding("红", client="云岭乳业", label="TLP:RED", recipients=[dora])
    key = agency.finding("不再红", client="云岭乳业", label="TLP:RED", recipients=[dora], draft=True)
    path, api = f"{FINDINGS}/{key}", agency.world.api("dora")
    assert api.patch(path, {"label": "TLP:AMBER", "recipients": []}).status_code == 200
    assert api.post(f"{path}/submit", headers={"If-Match": api.get(path).headers["ETag"]}).status_code == 200
    agency.world.settle()
    file = agency.backup(tmp_path / "acm.backup")
    agency.finding("又一条红", client="云岭乳业", label="TLP:RED", recipients=[dora])
    agency.world.settle()
    agency.agrees()
    agency.restore(file, "intelligence")
    agency.agrees()
    assert agency.titles() == {"云岭乳业", "乳业周刊", "份额上升", "红", "不再红"}


# --- what is refused, and what a crash leaves ---------------------------------------------------------------


@pytest.mark.parametrize("where", [0.02, 0.3, 0.6, 0.97])
def test_a_damaged_backup_is_refused_and_nothing_is_touched(
    kept: tuple[Agency, Path], tmp_path: Path, where: float
) -> None:
    agency, file = kept
    before = agency.tables()
    whole = bytearray(file.read_bytes())
    at = int(len(whole) * where)
    whole[at : at + 40] = bytes(byte ^ 0x5A for byte in whole[at : at + 40])
    damaged = tmp_path / "damaged"
    damaged.write_bytes(whole)
    with pytest.raises(ArchiveError, match="damaged"):
        _attempt(agency, damaged)
    assert agency.tables() == before


def _attempt(agency: Agency, file: Path, *names: str) -> None:
    """A restore that is refused before it looks whether anything runs, or because it does."""
    with archive.opened(file) as held:
        archive.restore(agency.services(*names), agency.world.settings, held, agency.said.append)


@pytest.mark.parametrize("content", [b"", b"no archive at all", None])
def test_what_is_no_whole_backup_is_refused(
    kept: tuple[Agency, Path], tmp_path: Path, content: bytes | None
) -> None:
    agency, file = kept
    cut = tmp_path / "cut"
    cut.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
    with pytest.raises(ArchiveError, match="damaged"):
        _attempt(agency, cut)


def _with_manifest(file: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same archive with another manifest."""
    changed = file.with_name("changed")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == archive.MANIFEST:
                manifest = json.loads(content)
                change(manifest)
                content = json.dumps(manifest).encode()
            new.writestr(entry, content)
    return changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m["services"]["search"].update(heads=["search_9999"]), "newer"),
        (lambda m: m.update(format=2), "format"),
        (lambda m: m.update(secret="0" * 64), "another secret"),
        (lambda m: m["services"]["portal"]["tables"]["credentials"].update(rows=99), "damaged"),
        (lambda m: m["services"].pop("portal"), "holds nothing of portal"),
    ],
)
def test_a_backup_that_cannot_be_brought_back_is_refused(
    kept: tuple[Agency, Path], change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    agency, file = kept
    before = agency.tables()
    with agency.world.stopped(), pytest.raises(ArchiveError, match=sentence):
        _attempt(agency, _with_manifest(file, change))
    assert _but_alive(agency.tables()) == _but_alive(before)


def test_a_service_that_runs_is_not_restored(kept: tuple[Agency, Path]) -> None:
    agency, file = kept
    before = agency.tables()
    with agency.world.stopped():
        other = _another_process(agency.world.settings.database_url("accounts"))
        try:
            with pytest.raises(ArchiveError, match="stop"):
                _attempt(agency, file, "accounts")
        finally:
            other()
    assert _but_alive(agency.tables()) == _but_alive(before)


def _another_process(url: str) -> Callable[[], None]:
    """Somebody else who has the database open and does nothing."""
    # Not forked: a child that inherits SQLite's state takes no locks of its own.
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"

    def end() -> None:
        other.communicate("end\n", timeout=30)

    return end


OTHER = """
import sys
from sqlalchemy import text
from shared.db import database
with database("accounts", sys.argv[1]).read() as session:
    session.scalar(text("SELECT count(*) FROM events"))
print("open", flush=True)
sys.stdin.readline()
"""


# A restore says one sentence, then gets each service ready, then makes each one's data the real one.
STEPS_OF_A_RESTORE = 1 + 2 * len(discover())


@pytest.mark.parametrize("step", [0, STEPS_OF_A_RESTORE // 2, STEPS_OF_A_RESTORE - 2, STEPS_OF_A_RESTORE])
def test_a_restore_that_is_killed_leaves_the_old_or_the_new(
    agency: Agency, tmp_path: Path, step: int
) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    agency.client("新客户")
    agency.world.settle()
    before = agency.tables()
    with agency.world.stopped():
        ended = _killed_at(step, lambda: _restore(agency, file))
    assert ended == (9 if step < STEPS_OF_A_RESTORE else 0)
    # Each service alone is what it was, or all of the backup.
    now = agency.tables()
    for name in agency.world.runtimes:
        untouched = _but_alive(now)[name] == _but_alive(before)[name]
        assert untouched or any(
            EPOCH_COMPLETE in row or "service.restored" in row for row in _said(now[name])
        )
    agency.world.settle()
    agency.restore(file)
    agency.agrees()
    assert agency.titles() == {"云岭乳业", "乳业周刊", "份额上升"}


def _but_alive(tables: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    """What is not written by merely starting and stopping."""
    return {
        name: {table: rows for table, rows in held.items() if table not in {"leases", "positions"}}
        for name, held in tables.items()
    }


def _said(tables: dict[str, list[str]]) -> list[str]:
    return tables["events"] + tables["audit"]


def _restore(agency: Agency, file: Path) -> None:
    with archive.opened(file) as held:
        archive.restore(agency.services(), agency.world.settings, held, _step)


def _step(sentence: str) -> None: ...


def _killed_at(step: int, body: Callable[[], None]) -> int:
    """Run it in a process that dies at its n-th sentence, or just before its n-th commit."""
    pid = os.fork()
    if pid == 0:
        left = [step]

        def count(*_: Any) -> None:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

        globals()["_step"] = count
        for name in ("_beside", "_in_place"):
            original = getattr(archive, name)

            @contextmanager
            def staged(service: Any, held: Any, original: Any = original) -> Any:
                with original(service, held) as connection:
                    yield connection
                    count()

            setattr(archive, name, staged)
        try:
            body()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(on_real_engines(), reason="a file of SQLite")
def test_a_database_that_is_damaged_is_restored(agency: Agency, tmp_path: Path) -> None:
    file = agency.backup(tmp_path / "acm.backup")
    with agency.world.stopped():
        path = agency.world.settings.home / "data" / "accounts.db"
        path.write_bytes(b"\x00garbage" * 1000)
        with archive.opened(file) as held:
            archive.restore(agency.services(), agency.world.settings, held, print)
    agency.world.settle()
    agency.agrees()


@pytest.mark.skipif(on_real_engines(), reason="ACM_HOME keeps it only in the embedded mode")
def test_a_new_home_takes_the_secret_over(tmp_path: Path) -> None:
    with make_world(tmp_path / "old") as made:
        (tmp_path / "old" / "secret").write_text(made.settings.secret)
        made.found()
        file = Agency(made).founded().backup(tmp_path / "acm.backup")
        token = made.api("dora").token
    fresh = with_secret(Settings(home=tmp_path / "new"))
    with archive.opened(file) as held:
        archive.restore(list(discover().values()), fresh, held, print)
    assert with_secret(replace(fresh, secret="")).secret == made.settings.secret
    with make_world(tmp_path / "new") as again:
        again.settle()
        answer = again.client(CLIENTS).get(CLIENTS, headers={"Authorization": f"Bearer {token}"})
        assert [item["name"] for item in answer.get_json()["items"]] == ["云岭乳业"]


def test_writes_go_on_while_a_backup_is_made(agency: Agency, tmp_path: Path) -> None:
    running = agency.world.runtimes["accounts"]
    stop = threading.Event()
    made: list[str] = []

    def write() -> None:
        while not stop.is_set():
            made.append(create(running, f"客户{len(made)}"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(made) < 20:
            pass
        file = agency.backup(tmp_path / "acm.backup")
    finally:
        stop.set()
        writer.join()
    with archive.opened(file) as held:
        held.check()
        ids = {row["id"] for row in _rows(held, "clients")}
        keys = {row["key"] for row in _rows(held, "events") if row["type"].startswith("client.")}
    assert 20 <= len(ids & set(made)) < len(made)
    assert ids == keys  # rows and their events are read in one state


def _rows(held: archive.Archive, table: str) -> list[dict[str, Any]]:
    names = held.services["accounts"]["tables"][table]["columns"]
    return [dict(zip(names, row, strict=True)) for row in held.rows("accounts", table)]


# --- replay ------------------------------------------------------------------------------------------------


def _replay(agency: Agency, service: str) -> int:
    return epochs.replay(agency.world.runtimes[service], lambda done, total: None)


def test_a_replay_makes_nothing_happen_twice(agency: Agency) -> None:
    running = agency.world.runtimes["search"]
    happened: list[tuple[str, str]] = []
    kept: list[tuple[str, bool]] = []

    def note(uow: Any, event: Event, client: Any) -> None:
        happened.append((event.type, event.key))

    handlers: list[Handler] = [
        Reaction(ClientCreated, note),
        Reaction(ClientChanged, note),
        Fold(Client, lambda uow, event, client: kept.append((event.key, event.replay))),
    ]
    consumer = Consumer(
        "counts", handlers, running.database, running.log.reader("", ["accounts"]), topics=["accounts"]
    )
    agency.rename("云岭乳业", "云岭")
    _deliver(agency, consumer)
    before = list(happened)
    assert len(before) == 2
    assert _replay(agency, "accounts") == 1 + len(agency.world.people) + 1
    _deliver(agency, consumer)
    consumer.close()
    assert happened == before
    assert kept[-1] == (agency.ids["云岭乳业"], True)
    agency.agrees()


def test_nobody_reacts_to_what_is_only_said_again_whatever_it_is_called(agency: Agency) -> None:
    running = agency.world.runtimes["search"]
    said = Event("id", "client.changed", "accounts", 1, "key", 1, "2026-11-25T00:00:00Z", replay=True)
    happened: list[str] = []
    kept: list[str] = []
    handlers: list[Handler] = [
        Reaction(ClientChanged, lambda uow, event, client: happened.append(event.key)),
        Fold(Client, lambda uow, event, client: kept.append(event.key)),
    ]
    tape = Tape([Record("accounts", 0, 1, replace(said, state={"id": "key"}).to_json())])
    Consumer("flag", handlers, running.database, tape, topics=["accounts"]).step()
    assert (happened, kept) == ([], ["key"])
    assert Event.from_json(said.to_json()) == said
    assert "replay" not in replace(said, replay=False).to_json()


def _deliver(agency: Agency, consumer: Consumer) -> None:
    agency.world.settle()
    while consumer.step() or sum(consumer.lag().values()):
        pass


def test_a_replay_heals_rows_that_were_damaged(agency: Agency) -> None:
    with agency.world.runtimes["search"].database.write() as session:
        session.execute(update(AccessFactRow).where(AccessFactRow.kind == "client").values(state={"id": "x"}))
        session.execute(update(Document).where(Document.kind == "finding").values(title="damaged"))
        session.query(Document).where(Document.kind == "source").delete()
    for service in ("accounts", "intelligence", "portal"):
        _replay(agency, service)
    agency.world.settle()
    agency.agrees()
    assert agency.titles() == {"云岭乳业", "乳业周刊", "份额上升"}


def test_a_replay_that_was_interrupted_goes_on(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "BATCH", 2)
    for name in "甲乙丙丁戊":
        create(agency.world.runtimes["accounts"], name)

    class Interrupted(Exception): ...

    def interrupt(done: int, total: int) -> None:
        if done >= 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        epochs.replay(agency.world.runtimes["accounts"], interrupt)
    rest = _replay(agency, "accounts")
    with agency.world.runtimes["accounts"].database.read() as session:
        again = session.scalars(select(EventRow.key).where(EventRow.replay)).all()
    assert len(again) == len(set(again)) == rest + 4
    assert _replay(agency, "accounts") == len(again)  # the next one says all of it


def test_a_history_does_not_show_what_was_only_said_again(agency: Agency, tmp_path: Path) -> None:
    agency.rename("云岭乳业", "云岭")
    before = _history(agency, "云岭乳业")
    _replay(agency, "accounts")
    assert _history(agency, "云岭乳业") == before
    agency.restore(agency.backup(tmp_path / "acm.backup"), "accounts")
    assert _history(agency, "云岭乳业") == before
    agency.rename("云岭乳业", "云岭三")
    assert [(e.version, e.type) for e in _history(agency, "云岭乳业")] == [
        (1, "client.created"),
        (2, "client.changed"),
        (3, "client.changed"),
    ]


def _history(agency: Agency, name: str) -> list[Event]:
    with agency.world.runtimes["accounts"].database.read() as session:
        return history(session, agency.ids[name])


def test_a_parked_reaction_is_still_owed_after_a_restore(agency: Agency, tmp_path: Path) -> None:
    poisoned = True
    happened: list[int] = []
    kept: dict[str, str] = {}

    def note(uow: Any, event: Event, client: Any) -> None:
        if poisoned:
            raise ValueError("poison")
        happened.append(event.version)

    def forget(uow: Any, marker: Event, key: str) -> None:
        kept.pop(key, None)

    def handlers() -> list[Any]:
        return [
            Reaction(ClientChanged, note),
            Fold(Client, lambda uow, event, client: kept.__setitem__(event.key, client.name), forget),
        ]

    def consumer() -> Consumer:
        running = agency.world.runtimes["search"]
        reader = running.log.reader("", ["accounts"])
        return Consumer("owes", handlers(), running.database, reader, topics=["accounts"])

    agency.rename("云岭乳业", "云岭")
    agency.client("别家")
    _deliver(agency, consumer())
    file = agency.backup(tmp_path / "acm.backup")
    lost = agency.client("新客户")
    agency.rename("新客户", "新客户二")  # parked too, and gone with the restore
    _deliver(agency, consumer())
    agency.restore(file, "accounts")
    _deliver(agency, consumer())
    with agency.world.runtimes["search"].database.read() as session:
        letters = session.scalars(select(DeadLetterRow).order_by(DeadLetterRow.id)).all()
    assert {letter.key for letter in letters} == {agency.ids["云岭乳业"]}
    assert kept == {agency.ids["云岭乳业"]: "云岭乳业", agency.ids["别家"]: "别家"}
    assert lost not in kept
    poisoned = False
    consumer().retry(letters[0].id)
    assert happened == [2]
    assert kept == {agency.ids["云岭乳业"]: "云岭", agency.ids["别家"]: "别家"}


def test_every_fold_says_how_it_drops() -> None:
    for service in discover().values():
        folds = [handler for handler in service.handlers if isinstance(handler, Fold)]
        assert [fold.shape.NAME for fold in folds if fold.drop is None] == []


def test_every_row_with_a_shape_is_published() -> None:
    """What the manifest forgets, no restore says again."""
    for service in discover().values():
        named = set(service.published)
        found = {
            mapper.class_
            for kind in named
            for mapper in kind.registry.mappers  # type: ignore[attr-defined]
            if hasattr(mapper.class_, "shape")
        }
        assert found == named, service.name


# --- any history ------------------------------------------------------------------------------------------

STEPS = st.sampled_from(["client", "rename", "finding", "retract", "wall", "settle", "chaos", "replay"])
SERVICES = st.sets(st.sampled_from(["accounts", "intelligence", "portal", "search"]), min_size=1)


@pytest.mark.timeout(1200)
@settings(
    max_examples=2 if on_real_engines() else 3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(STEPS, max_size=5),
    lost=st.lists(STEPS, max_size=5),
    after=st.lists(STEPS, max_size=4),
    services=SERVICES,
)
def test_whatever_happened_before_and_after_a_backup_all_agree_after_its_restore(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[str],
    lost: list[str],
    after: list[str],
    services: set[str],
) -> None:
    home = tmp_path_factory.mktemp("random")
    with make_world(home) as made:
        made.found()
        agency = Agency(made).founded()
        _play(agency, before, "前")
        file = agency.backup(home / "acm.backup")
        _play(agency, lost, "失")
        agency.restore(file, *services)
        agency.agrees()
        agency.ids = {name: key for name, key in agency.ids.items() if _there(agency, key)}
        _play(agency, after, "后")
        agency.world.settle()
        agency.agrees()


def _there(agency: Agency, key: str) -> bool:
    return any(id == key for _, id in agency.published())


def _play(agency: Agency, steps: list[str], prefix: str) -> None:
    """Do these steps to the newest of what there is."""
    for number, step in enumerate(steps):
        name = f"{prefix}{number}"
        clients = [n for n, key in agency.ids.items() if _kind(agency, key) == "client"]
        findings = [n for n, key in agency.ids.items() if _kind(agency, key) == "finding"]
        if step == "client":
            agency.client(f"客户{name}")
        elif step == "rename":
            rename(agency.world.runtimes["accounts"], agency.ids[clients[-1]], f"改名{name}")
        elif step == "finding":
            agency.finding(f"份额{name}", client=clients[-1])
        elif step == "retract" and findings:
            agency.retract(findings[-1])
            del agency.ids[findings[-1]]
        elif step == "wall" and len(clients) > 1 and not _walled(agency, *clients[-2:]):
            agency.wall(*clients[-2:])
        elif step == "settle":
            agency.world.settle()
        elif step == "chaos":
            agency.world.settle(chaos=number)
        elif step == "replay":
            _replay(agency, "accounts")
            _replay(agency, "intelligence")


def _walled(agency: Agency, *names: str) -> bool:
    pair = {agency.ids[name] for name in names}
    walls = [state for (kind, _), state in agency.published().items() if kind == "wall"]
    return any(set(wall["client_ids"]) == pair for wall in walls)


def _kind(agency: Agency, key: str) -> str:
    return next((kind for kind, id in agency.published() if id == key), "")
