"""The log loses and misorders nothing, whoever writes at once: one suite for every adapter."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from contracts.accounts import Client, ClientChanged, ClientCreated
from contracts.event import Event
from services.accounts import commands
from shared.inbox import Consumer, Fold, Reaction
from shared.service import Runtime
from shared.tables import DeadLetterRow, EventRow, InboxRow, PositionRow
from shared.testing import World
from tests.platform.logs import EMBEDDED, FACTS, create, drain, publish, rename, spoil, world_on

Seen = list[tuple[str, int]]


@pytest.fixture
def made(tmp_path: Path, log_url: str) -> Iterator[World]:
    """All services on the adapter's log."""
    with world_on(tmp_path, log_url) as world:
        yield world


def consumer(made: World, name: str, seen: Seen) -> Consumer:
    """A consumer of `accounts` that notes what takes effect."""
    running = made.runtimes["portal"]

    def note(uow: object, event: Event, shape: object) -> None:
        seen.append((event.key, event.version))

    handlers = [Reaction(ClientCreated, note), Reaction(ClientChanged, note)]
    reader = running.log.reader(name, ["accounts"])
    return Consumer(name, handlers, running.database, reader, topics=["accounts"])


def set_back(made: World, name: str, position: int) -> None:
    with made.runtimes["portal"].database.write() as session:
        mine = update(PositionRow).where(PositionRow.consumer == name)
        session.execute(mine.values(position=position))


def test_a_reader_sees_every_committed_event_in_order_under_concurrent_writers(accounts: Runtime) -> None:
    committed: list[str] = []

    def write(seed: int) -> None:
        dice = random.Random(seed)
        for number in range(40):
            try:
                with accounts.unit_of_work() as uow:
                    client = commands.create_client(uow, name=f"{seed}-{number}", **FACTS)
                    if dice.random() < 0.3:
                        raise RuntimeError("rolled back")
                committed.append(client.id)
            except RuntimeError:
                continue

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    seen: list[str] = []
    position: dict[tuple[str, int], int] = {}
    reader = accounts.log.reader("", ["accounts"])
    for writer in writers:
        writer.start()
    while any(w.is_alive() for w in writers) or accounts.unpublished() or reader.lag(position)["accounts"]:
        publish(accounts)
        for record in reader.poll(position, 7):
            assert record.position > position.get(("accounts", 0), 0)
            position["accounts", 0] = record.position
            seen.append(Event.from_json(record.envelope).key)
    reader.close()
    assert sorted(seen) == sorted(committed)
    assert 60 < len(seen) < 160
    with accounts.database.read() as session:
        assert seen == list(session.scalars(select(EventRow.key).order_by(EventRow.id)))


def test_a_commit_wakes_a_waiting_consumer(accounts: Runtime) -> None:
    reader = accounts.log.reader("wakes", ["accounts"])
    assert reader.poll({}, 1) == []
    woken = threading.Event()

    def wait() -> None:
        while not reader.poll({}, 1):
            reader.wait(5.0)
        woken.set()

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    create(accounts, "醒")
    publish(accounts)
    assert woken.wait(3.0)
    waiter.join()
    reader.close()


def test_a_publisher_that_never_started_has_published_nothing(made: World) -> None:
    reader = made.runtimes["portal"].log.reader("", ["nobody"])
    assert reader.poll({}, 10) == []
    assert not sum(reader.lag({}).values())
    reader.close()


def test_lag_counts_what_is_to_be_handled_and_nothing_else(made: World, accounts: Runtime) -> None:
    found = consumer(made, "lags", [])
    assert sum(found.lag().values()) == 0
    for number in range(3):
        create(accounts, f"{number}")
        publish(accounts)  # each in a transaction of its own, with markers and a heartbeat between
    assert found.lag() == {"accounts": 3}
    found.step()
    assert found.lag() == {"accounts": 0}
    found.close()
    again = consumer(made, "lags", [])
    assert again.lag() == {"accounts": 0}, "as another process sees it, by the kept positions"
    again.close()


def test_a_stretch_that_comes_again_has_no_effect(made: World, accounts: Runtime) -> None:
    seen: Seen = []
    found = consumer(made, "again", seen)
    client = create(accounts, "一")
    for number in range(2, 5):
        rename(accounts, client, f"{number}")
        publish(accounts)
        drain(found)
        set_back(made, "again", number // 2)
    drain(found)
    found.close()
    assert seen == [(client, version) for version in (1, 2, 3, 4)]


def test_a_consumer_restored_from_a_backup_reads_again_what_it_lost(made: World, accounts: Runtime) -> None:
    seen: Seen = []
    found = consumer(made, "restored", seen)
    clients = [create(accounts, f"{number}") for number in range(4)]
    publish(accounts)
    drain(found)
    seen.clear()
    with made.runtimes["portal"].database.write() as session:
        for row in session.scalars(select(InboxRow).where(InboxRow.consumer == "restored")):
            if row.key in clients[2:]:
                session.delete(row)
    set_back(made, "restored", 0)
    drain(found)
    found.close()
    assert seen == [(clients[2], 1), (clients[3], 1)]


def test_two_workers_of_one_service_handle_each_event_once(made: World, accounts: Runtime) -> None:
    seen: Seen = []
    clients = [create(accounts, f"{number}") for number in range(300)]
    publish(accounts)
    workers = [consumer(made, "twice", seen) for _ in range(2)]

    def work(found: Consumer) -> None:
        drain(found)
        found.close()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == [(client, 1) for client in clients]


def test_positions_that_another_worker_moved_are_left_alone(made: World, accounts: Runtime) -> None:
    clients = [create(accounts, f"{number}") for number in range(2)]
    publish(accounts)
    seen: Seen = []
    first, second = consumer(made, "moved", seen), consumer(made, "moved", seen)
    poll = first._reader.poll

    def overtaken(positions: object, limit: int) -> object:
        records = poll(positions, limit)  # type: ignore[arg-type]
        drain(second)
        return records

    first._reader.poll = overtaken  # type: ignore[method-assign, assignment]
    first.step()
    with made.runtimes["portal"].database.read() as session:
        kept = first.positions(session)
    assert seen == [(client, 1) for client in clients]
    set_back(made, "moved", 0)
    first._reader.poll = poll  # type: ignore[method-assign]
    drain(first)
    with made.runtimes["portal"].database.read() as session:
        assert first.positions(session) == kept
    first.close()
    second.close()


def test_what_is_no_event_becomes_one_dead_letter_and_the_rest_goes_on(
    made: World, accounts: Runtime, log_url: str
) -> None:
    seen: Seen = []
    found = consumer(made, "poison", seen)
    before = create(accounts, "前")
    publish(accounts)
    spoil(accounts, log_url, b"\xff\x00{")
    after = create(accounts, "后")
    publish(accounts)
    drain(found)
    found.close()
    assert seen == [(before, 1), (after, 1)]
    with made.runtimes["portal"].database.read() as session:
        letters = session.scalars(select(DeadLetterRow).where(DeadLetterRow.consumer == "poison")).all()
    assert [letter.parked for letter in letters] == [False]


@pytest.mark.parametrize(
    "envelope",
    [
        b'{"id":"1","type":"client.created","source":"accounts","epoch":1,"key":{},"version":1,"at":""}',
        b'{"id":"1","type":"client.created","source":"accounts","epoch":"x","key":"k","version":1,"at":""}',
        b'{"id":"1","type":"client.created","source":"accounts","epoch":1,"key":"\\u0000","version":1,"at":"",'
        b'"state":[]}',
    ],
)
def test_what_only_looks_like_an_event_stops_nothing(
    made: World, accounts: Runtime, log_url: str, envelope: bytes
) -> None:
    seen: Seen = []
    found = consumer(made, "strange", seen)
    spoil(accounts, log_url, envelope)
    after = create(accounts, "后")
    publish(accounts)
    drain(found)
    found.close()
    assert seen == [(after, 1)]


def test_a_position_beyond_the_end_begins_from_the_earliest(
    made: World, accounts: Runtime, log_url: str, request: pytest.FixtureRequest
) -> None:
    if log_url == EMBEDDED:
        reason = "positions are ids of events, and a restored source goes on far above all that it ever had"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    kept: dict[str, str] = {}
    running = made.runtimes["portal"]
    fold = Fold(Client, lambda uow, event, client: kept.__setitem__(client.id, client.name))
    reader = running.log.reader("beyond", ["accounts"])
    found = Consumer("beyond", [fold], running.database, reader, topics=["accounts"])
    create(accounts, "先")
    publish(accounts)
    drain(found)
    set_back(made, "beyond", 1_000_000)
    create(accounts, "后")
    publish(accounts)
    for _ in range(3):
        found.step()
    found.close()
    assert sorted(kept.values()) == ["先", "后"]
    with running.database.read() as session:
        assert found.positions(session)["accounts", 0] < 1_000_000
