"""The adapters of the log's port, for tests. Kafka takes part where there is one; databases are SQLite's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaProducer  # type: ignore[import-untyped]

from services.accounts import commands, store
from shared import clock
from shared.db import new_id
from shared.inbox import Consumer
from shared.log.kafka import Address
from shared.service import Runtime
from shared.tables import EventRow
from shared.testing import World, fresh_name, world

EMBEDDED = "embedded"
KAFKA = os.environ.get("ACM_KAFKA_BOOTSTRAP", "")
NAMES = (EMBEDDED, "kafka") if KAFKA else (EMBEDDED,)
FACTS: dict[str, Any] = {
    "english_name": "",
    "aliases": [],
    "industry": "",
    "parent_id": None,
    "branch": "",
    "visibility": "directory",
    "tier": "",
    "status": "active",
}


def fresh_url(name: str, servers: str = "") -> str:
    """A log in which nothing was published yet; on ACM_KAFKA_BOOTSTRAP unless `servers` says where."""
    if name == EMBEDDED:
        return EMBEDDED
    return f"kafka://{servers or os.environ['ACM_KAFKA_BOOTSTRAP']}/{fresh_name()}"


@contextmanager
def world_on(home: Path, log_url: str) -> Iterator[World]:
    """All services with SQLite databases and that log."""
    with world(home, engines={} if log_url == EMBEDDED else {"ACM_LOG_URL": log_url}) as made:
        yield made


def create(running: Runtime, name: str) -> str:
    """Commit a new client; answers its id."""
    with running.unit_of_work() as uow:
        return str(commands.create_client(uow, name=name, **FACTS).id)


def rename(running: Runtime, client: str, name: str) -> None:
    """Commit a change of a client."""
    with running.unit_of_work() as uow:
        commands.change_client(uow, uow.session.get_one(store.Client, client), name=name)


def publish(running: Runtime) -> None:
    """Send what was committed, where the log has a relay."""
    while running.relay is not None and running.relay.step():
        pass


def drain(consumer: Consumer) -> None:
    """Handle all that was published."""
    while sum(consumer.lag().values()):
        consumer.step()


def spoil(running: Runtime, log_url: str, value: bytes) -> None:
    """Put something that is no event on the topic `accounts`."""
    if log_url == EMBEDDED:
        junk = value.decode(errors="replace")
        with running.database.write() as session:
            row = {"event_id": new_id(), "topic": "accounts", "type": "", "key": "", "version": 1}
            session.add(EventRow(**row, at=clock.now(), envelope=junk))
        return
    address = Address.parse(log_url)
    producer = KafkaProducer(**address.client)
    producer.send(f"{address.prefix}accounts", value=value, key=b"junk").get(timeout=10)
    producer.close()
