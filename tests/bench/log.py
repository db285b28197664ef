"""The relay and the consumers beside bare kafka-python, alternating in one run: `python -m tests.bench log`.

Bare is the least that keeps the promise towards Kafka: a transactional producer with the relay's settings
that sends the same records from memory, in transactions of the same size; a consumer of what is committed
that only counts. `reader` is the port's adapter alone; `consumer` commits each batch with inbox and positions
and its fold keeps nothing. Databases are SQLite's, synchronous FULL.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kafka import TopicPartition  # type: ignore[import-untyped]
from sqlalchemy import insert

from contracts.accounts import Client
from contracts.event import Event
from shared import clock
from shared.db import new_id
from shared.inbox import Consumer, Fold
from shared.log import kafka
from shared.log.kafka import Address
from shared.service import Runtime
from shared.tables import EventRow
from tests.bench import shares
from tests.platform.logs import fresh_url, world_on

ROUNDS, EVENTS = 5, 5_000
GOAL = 0.6
FILLER = "渠道库存偏高" * 20  # makes an envelope of about 1 KB


@dataclass(frozen=True, slots=True)
class Measured:
    """Events a second (medians) with the ratios to bare kafka-python, and a consumer's profile."""

    rates: dict[str, float]
    profile: shares.Shares


def measure() -> Measured:
    """Measure on ACM_KAFKA_BOOTSTRAP."""
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as home, world_on(Path(home), fresh_url("kafka")) as made:
        accounts, portal = made.runtimes["accounts"], made.runtimes["portal"]
        address = Address.parse(made.settings.log_url("accounts"))
        envelopes = [_envelope(number) for number in range(EVENTS)]
        parts: dict[str, Callable[[], float]] = {
            "relay": partial(_relay, accounts),
            "bare producer": partial(_produce, address, envelopes),
            "reader": partial(_read, accounts),
            "consumer": partial(_consume, portal),
            "bare consumer": partial(_poll, address),
        }
        for _ in range(ROUNDS):
            _commit(accounts, envelopes)
            for name, part in parts.items():
                rates.setdefault(name, []).append(part())
        profile = shares.of(parts["consumer"])
    found = {name: statistics.median(each) for name, each in rates.items()}
    ratios = {
        "relay ratio": found["relay"] / found["bare producer"],
        "reader ratio": found["reader"] / found["bare consumer"],
        "consumer ratio": found["consumer"] / found["bare consumer"],
    }
    return Measured(found | ratios, profile)


def _envelope(number: int) -> Event:
    state = Client(id=new_id(), name=f"客户{number}", industry=FILLER).to_dict()
    at = clock.rfc3339(clock.now())
    return Event(new_id(), "client.created", "accounts", 1, state["id"], 1, at, state=state)


def _commit(running: Runtime, events: list[Event]) -> None:
    rows = [
        {
            "event_id": new_id(),
            "topic": "accounts",
            "type": event.type,
            "key": event.key,
            "version": 1,
            "at": clock.now(),
            "envelope": event.to_json(),
        }
        for event in events
    ]
    with running.database.write() as session:
        session.execute(insert(EventRow), rows)


@contextmanager
def _rate() -> Iterator[Callable[[], float]]:
    began = time.perf_counter()
    yield lambda: EVENTS / (time.perf_counter() - began)


def _relay(running: Runtime) -> float:
    assert running.relay is not None
    with _rate() as rate:
        while running.relay.step():
            pass
        return rate()


def _produce(address: Address, events: list[Event]) -> float:
    records = [(event.key.encode(), event.to_json().encode()) for event in events]
    producer = kafka._client("KafkaProducer", address, transactional_id="bench", **kafka.PRODUCER)
    producer.init_transactions()
    with _rate() as rate:
        for start in range(0, len(records), kafka.BATCH):
            producer.begin_transaction()
            for key, value in records[start : start + kafka.BATCH]:
                producer.send(f"{address.prefix}accounts.access", key=key, value=value, partition=0)
            producer.commit_transaction()
        found = rate()
    producer.close()
    return found


def _read(running: Runtime) -> float:
    reader = running.log.reader("", ["accounts"])
    position = {("accounts", 0): _warm(reader)}
    count = 0
    with _rate() as rate:
        while count < EVENTS - 1:
            records = reader.poll(position, 100)
            count += len(records)
            position["accounts", 0] = records[-1].position
        found = rate()
    reader.close()
    return found


def _consume(running: Runtime) -> float:
    name = new_id()
    kept: dict[str, Any] = {}
    fold = Fold(Client, lambda uow, event, client: kept.__setitem__(client.id, client))
    reader = running.log.reader(name, ["accounts"])
    consumer = Consumer(name, [fold], running.database, reader, topics=["accounts"])
    _warm(reader)
    with _rate() as rate:
        while len(kept) < EVENTS:
            consumer.step()
        found = rate()
    consumer.close()
    return found


def _warm(reader: Any) -> int:
    return int(reader.poll({}, 1)[0].position)


def _poll(address: Address) -> float:
    consumer = kafka._client("KafkaConsumer", address, **kafka.CONSUMER)
    partition = TopicPartition(f"{address.prefix}accounts", 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    count = sum(map(len, consumer.poll(timeout_ms=5_000, max_records=1).values()))
    with _rate() as rate:
        while count < EVENTS:
            count += sum(map(len, consumer.poll(timeout_ms=1_000, max_records=500).values()))
        found = rate()
    consumer.close()
    return found
