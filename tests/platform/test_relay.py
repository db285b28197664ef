"""The relay to Kafka loses nothing, fences what was paused, and heals after every failure."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update

from contracts.accounts import Client
from contracts.event import Event
from shared import clock
from shared.inbox import Consumer, Fold
from shared.log import kafka
from shared.log.kafka import Address, KafkaRelay
from shared.log.port import LogReader, LogUnavailable, Record
from shared.service import Runtime
from shared.tables import EventRow, LeaseRow, PositionRow
from shared.testing import World
from tests import engines
from tests.platform.logs import create, drain, fresh_url, publish, rename, world_on
from tests.product import CHECKOUT, wait_until


@pytest.fixture
def made(tmp_path: Path, kafka_url: str) -> Iterator[World]:
    """All services on Kafka."""
    with world_on(tmp_path, kafka_url) as world:
        yield world


def another_relay(running: Runtime) -> KafkaRelay:
    """A second relay of the same service, as another process has it."""
    address = Address.parse(running.settings.log_url("accounts"))
    return KafkaRelay(address, "accounts", running.database, ["accounts", "accounts.access"])


def lapse(running: Runtime) -> None:
    """Let the lease end now."""
    with running.database.write() as session:
        session.execute(update(LeaseRow).values(until=clock.now() - timedelta(seconds=1)))


def read(running: Runtime) -> list[tuple[str, int]]:
    """Key and version of all that a reader of what is committed finds on the topic `accounts`."""
    reader = running.log.reader("", ["accounts"])
    position: dict[tuple[str, int], int] = {}
    found: list[tuple[str, int]] = []
    while records := reader.poll(position, 100):
        for record in records:
            position["accounts", 0] = record.position
            event = Event.from_json(record.envelope)
            found.append((event.key, event.version))
    reader.close()
    return found


def committed(running: Runtime) -> list[tuple[str, int]]:
    """Key and version of all that was committed for that topic."""
    with running.database.read() as session:
        rows = session.execute(
            select(EventRow.key, EventRow.version).where(EventRow.topic == "accounts").order_by(EventRow.id)
        )
        return [(key, version) for key, version in rows]


def position(running: Runtime) -> int:
    with running.database.read() as session:
        row = session.get(PositionRow, ("accounts.relay", "events", 0))
        return row.position if row else 0


def test_what_was_committed_is_sent_once_in_its_order(accounts: Runtime) -> None:
    clients = [create(accounts, f"{number}") for number in range(3)]
    for client in clients:
        rename(accounts, client, "新")
    assert accounts.unpublished() == 6
    publish(accounts)
    assert accounts.unpublished() == 0
    assert read(accounts) == committed(accounts)


def test_one_transaction_holds_no_more_than_its_share(
    accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "BATCH", 20)
    monkeypatch.setattr(kafka, "BATCH_BYTES", 2_000)
    for number in range(30):
        create(accounts, f"{number}")
    assert accounts.relay is not None
    sent = [accounts.relay.step() for _ in range(20)]
    assert sum(sent) == 30
    assert max(sent) < 20, "bytes bound it before the number does"
    assert read(accounts) == committed(accounts)


def test_a_relay_paused_before_it_sends_and_resumed_writes_nothing_that_anybody_reads(
    accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused, other = accounts.relay, another_relay(accounts)
    assert isinstance(paused, KafkaRelay)
    create(accounts, "先")
    paused.step()
    create(accounts, "后")
    send = paused._send

    def overtaken(*sent: object) -> None:
        lapse(accounts)
        assert other.step() == 1
        send(*sent)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(paused, "_send", overtaken)
        with pytest.raises(LogUnavailable):
            paused.step()
    after = position(accounts)
    assert paused.step() == 0, "the other one leads"
    assert position(accounts) == after
    assert read(accounts) == committed(accounts)
    other.close()


def test_a_relay_paused_in_mid_transaction_leaves_no_trace(
    accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused, other = accounts.relay, another_relay(accounts)
    assert isinstance(paused, KafkaRelay)
    create(accounts, "一")

    def stop_before_the_commit(producer: object, records: object) -> None:
        producer.begin_transaction()  # type: ignore[attr-defined]
        for topic, key, value in records:  # type: ignore[attr-defined]
            name = accounts.settings.log_url("accounts").rpartition("/")[2]
            producer.send(f"{name}.{topic}", key=key, value=value, partition=0)  # type: ignore[attr-defined]
        producer.flush(10)  # type: ignore[attr-defined]
        raise TimeoutError("paused")

    with monkeypatch.context() as patched:
        patched.setattr(paused, "_send", stop_before_the_commit)
        patched.setattr(paused, "_drop", lambda: None)
        with pytest.raises(LogUnavailable):
            paused.step()
    reader = accounts.log.reader("", ["accounts"])
    assert reader.lag({})["accounts"] > 0, "it is not decided whether there is something to read"
    assert reader.poll({}, 10) == []
    reader.close()
    lapse(accounts)
    assert other.step() == 1
    assert read(accounts) == committed(accounts)
    other.close()


def test_a_relay_that_dies_between_commit_and_position_sends_again_and_all_takes_effect_once(
    made: World, accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies, next_one = accounts.relay, another_relay(accounts)
    assert isinstance(dies, KafkaRelay)
    client = create(accounts, "一")
    rename(accounts, client, "二")

    def killed(before: int, after: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(dies, "_move", killed)
        with pytest.raises(KeyboardInterrupt):
            dies.step()
    lapse(accounts)
    assert next_one.step() == 2
    dies._move(0, 1)  # it resumes: another has moved the position
    assert position(accounts) == 2
    assert read(accounts) == [(client, 1), (client, 2)] * 2

    effects: list[tuple[str, int]] = []
    portal = made.runtimes["portal"]
    fold = Fold(Client, lambda uow, event, shape: effects.append((event.key, event.version)))
    reader = portal.log.reader("once", ["accounts"])
    found = Consumer("once", [fold], portal.database, reader, topics=["accounts"])
    drain(found)
    found.close()
    assert effects == [(client, 1), (client, 2)]
    next_one.close()


def test_the_log_ends_with_the_newest_version_of_each_key_whatever_failed(
    accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "BATCH", 3)
    dice = random.Random(6)
    relays = [accounts.relay, another_relay(accounts)]
    clients = [create(accounts, f"{number}") for number in range(3)]

    def failing(step: object) -> object:
        def maybe(*given: object) -> object:
            if dice.random() < 0.2:
                raise TimeoutError
            found = step(*given)  # type: ignore[operator]
            if dice.random() < 0.2:
                raise TimeoutError
            return found

        return maybe

    with monkeypatch.context() as patched:
        for relay in relays:
            for part in ("_send", "_move"):
                patched.setattr(relay, part, failing(getattr(relay, part)))
        for number in range(40):
            rename(accounts, dice.choice(clients), f"{number}")
            if dice.random() < 0.3:
                lapse(accounts)
            relay = dice.choice(relays)
            assert relay is not None
            try:
                relay.step()
            except (TimeoutError, LogUnavailable):
                continue
    lapse(accounts)
    wait_until(lambda: sent(accounts), 30, "the relay heals")
    found, wanted = read(accounts), committed(accounts)
    assert dict(found) == dict(wanted)
    first_seen = list(dict.fromkeys(found))
    assert first_seen == wanted, "none is lost, and each comes first in its order"
    relays[1].close()  # type: ignore[union-attr]


def test_without_its_topics_a_relay_waits_and_after_they_are_set_up_it_goes_on(
    accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "ANSWER_MS", 1_000)
    accounts.log.remove()
    create(accounts, "一")
    assert accounts.relay is not None
    with pytest.raises(LogUnavailable):
        accounts.relay.step()
    assert accounts.unpublished() == 1
    accounts.log.prepare()
    accounts.log.prepare()
    wait_until(lambda: sent(accounts), 30, "the relay goes on")
    assert read(accounts) == committed(accounts)


def test_a_relay_that_ends_lets_another_take_over_at_once(accounts: Runtime) -> None:
    other = another_relay(accounts)
    create(accounts, "一")
    publish(accounts)
    create(accounts, "二")
    assert other.step() == 0
    assert accounts.relay is not None
    accounts.relay.close()
    other._look_at = 0.0
    assert other.step() == 1
    other.close()


def test_a_holder_that_does_not_renew_loses_its_lease_whatever_its_clock_says(
    accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = another_relay(accounts)
    create(accounts, "一")
    publish(accounts)
    with accounts.database.write() as session:
        session.execute(update(LeaseRow).values(until=clock.now() + timedelta(hours=1)))
    create(accounts, "二")
    monkeypatch.setattr(kafka, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(kafka, "LOOK_SECONDS", 0.05)
    assert other.step() == 0
    wait_until(other.step, 10, "the other relay takes over")
    assert read(accounts) == committed(accounts)
    other.close()


def test_a_consumer_knows_the_end_only_while_the_relay_says_so(
    made: World, accounts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "HEARTBEAT_EVERY", timedelta(0))
    monkeypatch.setattr("shared.inbox.HEARD_EVERY", timedelta(0))
    search = made.runtimes["search"]
    (found,) = [c for c in made.consumers("search") if c.name == "search.events"]

    def heard() -> object:
        with search.database.read() as session:
            row = session.get(PositionRow, (found.name, "accounts", 0))
            return row.at_end_at if row else None

    found.step()
    assert heard() is None, "nobody has said that this is all"
    before = clock.now()
    publish(accounts)
    drain(found)
    found.step()
    first = heard()
    assert before <= first <= clock.now()  # type: ignore[operator]
    create(accounts, "一")
    found.step()
    assert heard() == first, "the relay stands still"
    publish(accounts)
    drain(found)
    found.step()
    assert heard() > first  # type: ignore[operator]


# --- a relay in a process of its own, a broker of its own ---

RELAY = """
import sys, time
from pathlib import Path
from shared.config import Settings
from shared.log.kafka import LogUnavailable
from shared.service import Runtime, discover
settings = Settings(home=Path(sys.argv[1]), secret="for tests only", engines={"ACM_LOG_URL": sys.argv[2]})
relay = Runtime(discover()["accounts"], settings).relay
while True:
    try:
        print("sent", relay.step(), flush=True)
    except LogUnavailable as error:
        print("away", error, flush=True)
    time.sleep(0.02)
"""


def test_a_stopped_process_that_resumes_past_its_lease_writes_nothing_that_anybody_reads(
    made: World, accounts: Runtime
) -> None:
    home, url = str(made.settings.home), made.settings.log_url("accounts")
    env = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen([sys.executable, "-c", RELAY, home, url], env=env, stdout=subprocess.PIPE)
    try:
        create(accounts, "先")
        wait_until(lambda: accounts.unpublished() == 0, 30, "the process sends")
        for number in range(60):
            create(accounts, f"{number}")
            if number == 30:
                process.send_signal(signal.SIGSTOP)
        lapse(accounts)
        publish(accounts)
        assert accounts.unpublished() == 0
        process.send_signal(signal.SIGCONT)
        said = process.stdout
        assert said is not None
        wait_until(lambda: said.readline().strip() == b"sent 0", 30, "it looks again")
        create(accounts, "后")
        # What it had begun to send before may fence us once; then we begin again.
        wait_until(lambda: sent(accounts), 30, "we send")
        assert list(dict.fromkeys(read(accounts))) == committed(accounts)
        ours = position(accounts)
        with accounts.database.read() as session:
            assert ours == session.scalar(select(EventRow.id).order_by(EventRow.id.desc()).limit(1))
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.timeout(240)
def test_while_the_broker_is_away_writes_go_on_and_afterwards_all_is_caught_up(
    tmp_path: Path, kafka_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "ANSWER_MS", 1_000)
    broker = engines.start("kafka", tmp_path / "broker")
    try:
        with world_on(tmp_path / "home", fresh_url("kafka", broker.address)) as made:
            accounts = made.runtimes["accounts"]
            assert accounts.relay is not None
            reader = accounts.log.reader("", ["accounts"])
            at: dict[tuple[str, int], int] = {}
            for away, back in ((broker.pause, broker.resume), (broker.kill, broker.start)):
                create(accounts, "先")
                wait_until(partial(sent, accounts), 30, "the relay sends")
                at["accounts", 0] = wait_until(partial(polled, reader, at), 30, "read")[-1].position
                away()
                create(accounts, "后")
                for fails in (accounts.relay.step, partial(reader.poll, at, 10), partial(reader.lag, at)):
                    for _ in range(2):
                        began = time.monotonic()
                        with pytest.raises(LogUnavailable):
                            fails()
                        assert time.monotonic() - began < 10
                assert accounts.unpublished() == 1
                back()
                wait_until(partial(sent, accounts), 30, "the relay sends again")
                at["accounts", 0] = wait_until(partial(polled, reader, at), 30, "read on")[-1].position
                # What the broker took without our learning of it is sent twice, and handled once.
                assert list(dict.fromkeys(read(accounts))) == committed(accounts)
            reader.close()
    finally:
        broker.stop(purge=True)


def sent(running: Runtime) -> bool:
    try:
        publish(running)
    except LogUnavailable:
        return False
    return running.unpublished() == 0


def polled(reader: LogReader, at: dict[tuple[str, int], int]) -> Sequence[Record]:
    try:
        return reader.poll(at, 10)
    except LogUnavailable:
        return []
