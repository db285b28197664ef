"""The log on Kafka: a relay sends each service's events in their order, consumers read what is committed.

One partition a topic, so that a source has one order, as in its events table. No consumer groups: a consumer
keeps its positions in its own database. Only the worker connects: whoever writes needs no broker.

kafka-python hides a broker that is away (it tries again for ever, and `poll` says "nothing"), so every wait
here has an end, "all was read" is asked of the broker, and after any failure the client is thrown away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.event import topics_of
from shared import clock
from shared.db import Database, new_id
from shared.log.port import End, LogUnavailable, Positions, Record
from shared.tables import EventRow, LeaseRow, PositionRow

if TYPE_CHECKING:
    # Half a second and 14 MB, which a web process that only commits does not pay.
    from kafka import (  # type: ignore[import-untyped]
        KafkaAdminClient,
        KafkaConsumer,
        KafkaProducer,
        TopicPartition,
    )

# The client reports each attempt to connect as an error; what it comes to is said once, by who uses it.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

ANSWER_MS = 5_000  # how long the broker may take before it counts as away
FETCH_MS = 100  # how long one look for more waits
LOOK_RECORDS = 1_000  # how many records one look takes over
COUNTED_RECORDS = 100  # how many a lag looks at: beyond, it counts markers and heartbeats too
LARGEST_BYTES = 2_000_000  # of a record; an envelope has less than one MB
DAY_MS = 24 * 60 * 60 * 1000
TOPIC_SETTINGS = {
    "cleanup.policy": "compact",
    # A consumer that was away for a week still sees each happening; a little later what was erased is gone.
    "min.compaction.lag.ms": str(7 * DAY_MS),
    "max.compaction.lag.ms": str(14 * DAY_MS),
    "max.message.bytes": str(LARGEST_BYTES),
    # The broker's clock counts: a sender's that goes an hour ahead would be refused.
    "message.timestamp.type": "LogAppendTime",
}
SAFE_REPLICAS = 3

BATCH = 500
BATCH_BYTES = 4_000_000
LEASE = timedelta(seconds=10)
LOOK_SECONDS = 1.0  # how often a relay that does not lead looks whether it may
HEARTBEAT_EVERY = timedelta(seconds=5)
CONSUMER = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "fetch_max_wait_ms": 250,  # for a fetch that finds nothing; a seek must wait for its answer
    "max_partition_fetch_bytes": LARGEST_BYTES,
    "fetch_max_bytes": 4 * LARGEST_BYTES,
}
PRODUCER = {
    "transaction_timeout_ms": 15_000,  # after which the broker ends what a relay that died had begun
    "retry_backoff_ms": 2,  # with the client's 100 a transaction takes 113 ms, so about 5
    "linger_ms": 0,
    "batch_size": BATCH_BYTES // 8,
    "max_request_size": LARGEST_BYTES,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}
_NEWEST = select(func.max(EventRow.id))
HEARTBEAT = b"acm.heartbeat"  # the key; the value is when the relay knew that it had sent everything


@dataclass(frozen=True, slots=True)
class Address:
    """A cluster, how to sign in to it, and this installation's part of its names."""

    client: dict[str, Any] = field(repr=False)
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read `kafka[s]://[user:password@]host:port[,host:port][/prefix]`."""
        parts = urlsplit(url)
        user, _, servers = parts.netloc.rpartition("@")
        secure = "SSL" if parts.scheme == "kafkas" else "PLAINTEXT"
        client: dict[str, Any] = {"bootstrap_servers": servers.split(","), "security_protocol": secure}
        if user:
            name, _, password = user.partition(":")
            client |= {
                "security_protocol": f"SASL_{secure}",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": unquote(name),
                "sasl_plain_password": unquote(password),
            }
        prefix = parts.path.strip("/")
        return cls(client, f"{prefix}." if prefix else "")


class KafkaLog:
    """A service's access to Kafka; connects when something is read or sent."""

    def __init__(self, url: str, service: str) -> None:
        self._address = Address.parse(url)
        self._service = service
        self._admin: KafkaAdminClient | None = None
        self._connecting = threading.Lock()  # the service's readers share the connection

    @property
    def topics(self) -> list[str]:
        """The service's own topics."""
        return topics_of(self._service)

    def reader(self, consumer: str, topics: Sequence[str]) -> KafkaReader:
        """A reader of these topics."""
        return KafkaReader(self._address, topics, self.ends)

    def committed(self, topics: Sequence[str]) -> None:
        """Nothing: the relay looks by itself."""

    def relay(self, database: Database) -> KafkaRelay | None:
        """The service's relay; None for a service that publishes nothing."""
        return KafkaRelay(self._address, self._service, database, self.topics) if self.topics else None

    def prepare(self) -> None:
        """Create those of the service's topics that are missing."""
        from kafka.errors import TopicAlreadyExistsError  # type: ignore[import-untyped]

        with self._connected() as admin:
            missing = self._missing(admin)
            if not missing:
                return
            safe = len(admin.describe_cluster()["brokers"]) >= SAFE_REPLICAS
            settings = TOPIC_SETTINGS | ({"min.insync.replicas": "2"} if safe else {})
            each = {
                "num_partitions": 1,
                "replication_factor": SAFE_REPLICAS if safe else 1,
                "configs": settings,
            }
            with suppress(TopicAlreadyExistsError):  # by another process, just now
                admin.create_topics(dict.fromkeys(missing, each), wait_for_metadata=True)

    def missing(self) -> list[str]:
        """The service's topics that `prepare` would create."""
        with self._connected() as admin:
            return self._missing(admin)

    def _missing(self, admin: KafkaAdminClient) -> list[str]:
        return sorted({f"{self._address.prefix}{topic}" for topic in self.topics} - set(admin.list_topics()))

    def remove(self) -> None:
        """Delete the service's topics and all that they hold."""
        with self._connected() as admin:
            mine = {f"{self._address.prefix}{topic}" for topic in self.topics} & set(admin.list_topics())
            if mine:
                admin.delete_topics(sorted(mine))

    def ends(self, partitions: Iterable[TopicPartition], *, committed: bool) -> dict[TopicPartition, int]:
        """Where each partition ends, with or without what is written and not committed yet.

        Asked on a connection of its own: on that of a consumer the answer waits behind its fetch.
        """
        from kafka.admin import OffsetSpec  # type: ignore[import-untyped]
        from kafka.protocol.consumer import IsolationLevel  # type: ignore[import-untyped]

        with self._connected() as admin:
            wanted = dict.fromkeys(partitions, OffsetSpec.LATEST)
            level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
            found = admin.list_partition_offsets(wanted, level, timeout_ms=ANSWER_MS) if wanted else {}
            return {partition: at.offset for partition, at in found.items()}

    def close(self) -> None:
        """Close the connection that looks after topics."""
        if self._admin is not None:
            self._discard(self._admin)

    @contextmanager
    def _connected(self) -> Iterator[KafkaAdminClient]:
        with self._connecting, _or_unavailable(lambda: None):
            if self._admin is None:
                self._admin = _client("KafkaAdminClient", self._address)
            admin = self._admin
        with _or_unavailable(lambda: self._discard(admin)):
            yield admin

    def _discard(self, admin: KafkaAdminClient) -> None:
        if self._admin is admin:
            self._admin = None
        with suppress(Exception):
            admin.close()


@dataclass(frozen=True, slots=True)
class _Read:
    """What lies between two positions: an envelope, or else a heartbeat."""

    topic: str
    position: int
    envelope: str
    heartbeat: datetime | None


class KafkaReader:
    """Reads topics from given positions on; holds a few records ahead of who polls."""

    def __init__(
        self,
        address: Address,
        topics: Sequence[str],
        ends: Callable[..., dict[TopicPartition, int]],
    ) -> None:
        from kafka import TopicPartition

        self._address = address
        self._partitions = {topic: TopicPartition(f"{address.prefix}{topic}", 0) for topic in topics}
        self._names = {partition: topic for topic, partition in self._partitions.items()}
        self._ends = ends
        self._consumer: KafkaConsumer | None = None
        self._ahead: deque[_Read] = deque()
        self._given: dict[str, int] = {}  # up to where each topic was polled
        self._known: dict[str, datetime] = {}  # the last heartbeat up to there

    def poll(self, positions: Positions, limit: int) -> list[Record]:
        """Records after the positions; empty only when the broker says that there are no more."""
        with _or_unavailable(self.close):
            consumer = self._from(positions)
            while not (found := self._take(limit)):
                self._look(consumer, 1)
                if not self._ahead:
                    return []
            return found

    def wait(self, seconds: float) -> None:
        """Fetch until something comes, at most so long."""
        with _or_unavailable(self.close):
            if self._consumer is not None and not self._ahead:
                self._fetch(self._consumer, int(seconds * 1000))

    def lag(self, positions: Positions) -> dict[str, int]:
        """How many records follow the positions. What is written but not committed counts as well."""
        with _or_unavailable(self.close):
            consumer = self._from(positions)
            written = self._ends(consumer.assignment(), committed=False)
            self._look(consumer, COUNTED_RECORDS)
            reached = self._reached(consumer)
            behind = {self._names[at]: max(0, end - reached[at]) for at, end in written.items()}
            for read in self._ahead:
                behind[read.topic] += read.heartbeat is None
            return behind

    def ends(self, positions: Positions) -> dict[str, End]:
        """Where each topic was read to, and the last heartbeat before that."""
        return {topic: End(self._given[topic], at) for topic, at in self._known.items()}

    def close(self) -> None:
        """Throw the client away; the next poll makes another."""
        held, self._consumer = self._consumer, None
        self._ahead.clear()
        self._given.clear()
        self._known.clear()
        if held is not None:
            with suppress(Exception):
                held.close(autocommit=False, timeout_ms=1_000)

    def _from(self, positions: Positions) -> KafkaConsumer:
        """The consumer, reading on from the positions, of all topics that there are."""
        consumer = self._consumer
        if consumer is None:
            consumer = self._consumer = _client("KafkaConsumer", self._address, **CONSUMER)
        missing = self._partitions.keys() - self._given.keys()
        if missing:
            # Whoever publishes it was never started: nothing of it can have been missed.
            there = consumer.topics()
            present = [p for topic, p in self._partitions.items() if topic not in missing or p.topic in there]
            if set(present) != consumer.assignment():
                consumer.assign(present)
        for partition in consumer.assignment():
            topic = self._names[partition]
            position = positions.get((topic, 0), 0)
            if self._given.get(topic) != position:
                consumer.seek(partition, position)
                self._given[topic] = position
                self._known.pop(topic, None)
                self._ahead = deque(read for read in self._ahead if read.topic != topic)
        return consumer

    def _look(self, consumer: KafkaConsumer, records: int) -> None:
        """Fetch until so many records are held, or there are no more."""
        self._fetch(consumer, 0)
        deadline = time.monotonic() + ANSWER_MS / 1000
        while len(self._ahead) < records and not self._at_end(consumer):
            before = self._reached(consumer)
            self._fetch(consumer, FETCH_MS)
            if before != self._reached(consumer):
                deadline = time.monotonic() + ANSWER_MS / 1000
            elif time.monotonic() > deadline:
                raise LogUnavailable("Kafka has more to read, but does not hand it out")

    def _fetch(self, consumer: KafkaConsumer, wait_ms: int) -> None:
        """Take over what has come; the last record of a look ends behind the markers that follow it."""
        if not consumer.assignment():
            time.sleep(wait_ms / 1000)
            return
        for partition, records in consumer.poll(timeout_ms=wait_ms, max_records=LOOK_RECORDS).items():
            topic = self._names[partition]
            ends = [record.offset for record in records[1:]] + [self._position(consumer, partition)]
            for record, end in zip(records, ends, strict=True):
                beat = _instant(record.value) if record.key == HEARTBEAT else None
                self._ahead.append(_Read(topic, end, "" if beat else _text(record.value), beat))

    def _take(self, limit: int) -> list[Record]:
        found: list[Record] = []
        while self._ahead and len(found) < limit:
            read = self._ahead.popleft()
            self._given[read.topic] = read.position
            if read.heartbeat is None:
                found.append(Record(read.topic, 0, read.position, read.envelope))
            else:
                # Not later than now, whatever the clock of who sent it.
                self._known[read.topic] = min(read.heartbeat, clock.now())
        return found

    def _at_end(self, consumer: KafkaConsumer) -> bool:
        # A position beyond the end (the topic was made anew) is none: the next fetch begins at the earliest.
        reached = self._reached(consumer)
        return self._ends(reached, committed=True) == reached

    def _reached(self, consumer: KafkaConsumer) -> dict[TopicPartition, int]:
        return {partition: self._position(consumer, partition) for partition in consumer.assignment()}

    @staticmethod
    def _position(consumer: KafkaConsumer, partition: TopicPartition) -> int:
        position = consumer.position(partition, timeout_ms=ANSWER_MS)
        if position is None:
            raise LogUnavailable("Kafka does not say where the topic begins")
        return int(position)


class KafkaRelay:
    """Sends the events of one service's table, in the order of their ids, each batch in one transaction.

    The producer's transactional id belongs to the service: who begins last fences all before, and only then
    reads the position. So a relay that was paused, even between its commit and the move of the position,
    sends nothing that anybody reads; at worst the next one sends a batch again. The lease only keeps two
    relays from fencing one another for ever.
    """

    def __init__(self, address: Address, service: str, database: Database, topics: Sequence[str]) -> None:
        self.name = f"{service}.relay"
        self._address = address
        self._service = service
        self._database = database
        self._topics = tuple(topics)
        self._me = new_id()
        self._producer: KafkaProducer | None = None
        self._look_at = 0.0  # when to look at the lease again
        self._leads = False
        self._seen: tuple[tuple[str, datetime] | None, float] = (None, 0.0)
        self._beat_at: datetime | None = None
        self._at = 0  # the position when it was read last

    def step(self) -> int:
        """Send the next events, or now and then a heartbeat; answers how many events."""
        if not self._lead():
            self._drop()
            return 0
        began = clock.now()
        if self._producer is not None and self._idle(began):
            return 0
        with _or_unavailable(self._drop):
            producer = self._producer or self._begin()
        with self._database.read() as session:
            if self._holder(session) != self._me:
                self._look_at = 0.0
                return 0
            position = self._at = self._position(session)
            rows = _bounded(session, position)
        with _or_unavailable(self._drop):
            if not rows:
                self._beat(producer, began)
                return 0
            self._send(producer, [(row.topic, row.key.encode(), row.envelope.encode()) for row in rows])
        self._move(position, rows[-1].id)
        return len(rows)

    def unpublished(self) -> int:
        """How many committed events are not known to be sent."""
        with self._database.read() as session:
            query = select(func.count()).select_from(EventRow).where(EventRow.id > self._position(session))
            return session.scalar(query) or 0

    def close(self) -> None:
        """Give the lease back and disconnect."""
        self._drop()
        if self._leads:
            with self._database.write() as session:
                if self._holder(session) == self._me:
                    session.delete(session.get_one(LeaseRow, self.name))
        self._leads, self._look_at = False, 0.0

    # --- the lease ---

    def _lead(self) -> bool:
        if time.monotonic() < self._look_at:
            return self._leads
        with self._database.write() as session:
            row = session.get(LeaseRow, self.name)
            self._leads = row is None or row.holder == self._me or not self._lives(row)
            if self._leads:
                session.merge(LeaseRow(name=self.name, holder=self._me, until=clock.now() + LEASE))
        seconds = LEASE.total_seconds() / 3 if self._leads else LOOK_SECONDS
        self._look_at = time.monotonic() + seconds
        return self._leads

    def _lives(self, row: LeaseRow) -> bool:
        """Whether the holder renews its lease; by our own clock too, as clocks of machines differ."""
        seen = (row.holder, row.until)
        if self._seen[0] != seen:
            self._seen = (seen, time.monotonic())
        return row.until > clock.now() and time.monotonic() - self._seen[1] < LEASE.total_seconds()

    def _holder(self, session: Session) -> str | None:
        return session.scalar(select(LeaseRow.holder).where(LeaseRow.name == self.name))

    # --- the position: the id of the last event that was sent ---

    def _position(self, session: Session) -> int:
        row = session.get(PositionRow, self._key)
        return row.position if row else 0

    def _idle(self, now: datetime) -> bool:
        """Whether there is nothing to do. Asked many times a second, so it asks little."""
        if self._beat_at is None or not timedelta(0) <= now - self._beat_at < HEARTBEAT_EVERY:
            return False
        with self._database.read() as session:
            return (session.scalar(_NEWEST) or 0) <= self._at

    def _move(self, before: int, after: int) -> None:
        with self._database.write() as session:
            overtaken = self._position(session) != before
            if not overtaken:
                name, topic, partition = self._key
                session.merge(PositionRow(consumer=name, topic=topic, partition=partition, position=after))
        if overtaken:
            self._drop()  # another relay went on from there
        else:
            self._at = after

    @property
    def _key(self) -> tuple[str, str, int]:
        return self.name, "events", 0

    # --- sending ---

    def _begin(self) -> KafkaProducer:
        """A producer that fences all before it."""
        producer = self._producer = _client(
            "KafkaProducer",
            self._address,
            transactional_id=f"{self._address.prefix}{self._service}",
            delivery_timeout_ms=2 * ANSWER_MS,
            request_timeout_ms=ANSWER_MS,
            max_block_ms=ANSWER_MS,
            **PRODUCER,
        )
        producer.init_transactions()
        return producer

    def _beat(self, producer: KafkaProducer, now: datetime) -> None:
        """Say that everything was sent up to `now`: a relay that stands still must be noticed."""
        self._send(producer, [(topic, HEARTBEAT, clock.rfc3339(now).encode()) for topic in self._topics])
        self._beat_at = now

    def _send(self, producer: KafkaProducer, records: Iterable[tuple[str, bytes, bytes]]) -> None:
        producer.begin_transaction()
        sent = [
            producer.send(f"{self._address.prefix}{topic}", key=key, value=value, partition=0)
            for topic, key, value in records
        ]
        producer.flush(timeout=2 * ANSWER_MS / 1000)
        # What we may not write, for one, fails alone: the transaction would be committed without it.
        for future in sent:
            if future.exception is not None:
                raise future.exception
        # commit_transaction() of the client, but with an end to its wait.
        result = producer._transaction_manager.begin_commit()
        producer._sender.wakeup()
        if not result.wait(timeout_ms=2 * ANSWER_MS):
            raise LogUnavailable("Kafka does not commit the relay's transaction")

    def _drop(self) -> None:
        """Throw the producer away, and what it has not sent: close() alone would wait for that."""
        held, self._producer = self._producer, None
        if held is not None:
            with suppress(Exception):
                held._sender.force_close()
                held._sender.join(timeout=1.0)
                held.close(timeout=0)


def _bounded(session: Session, after: int) -> list[Any]:
    """The next events, as many as one transaction may hold."""
    query = (
        select(EventRow.id, EventRow.topic, EventRow.key, EventRow.envelope)
        .where(EventRow.id > after)
        .order_by(EventRow.id)
        .limit(BATCH)
    )
    rows, size = [], 0
    for row in session.execute(query.execution_options(yield_per=BATCH // 10)):
        rows.append(row)
        size += len(row.envelope)
        if size > BATCH_BYTES:
            break
    return rows


def _client(kind: str, address: Address, **settings: Any) -> Any:
    """A client of the cluster; one that cannot connect is closed, which it would not do itself."""
    import kafka
    from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

    made: list[KafkaNetClient] = []

    def connection(**configured: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**configured))
        return made[-1]

    wanted = {
        "bootstrap_timeout_ms": ANSWER_MS,
        "request_timeout_ms": 2 * ANSWER_MS,
        "reconnect_backoff_max_ms": 1_000,
        "kafka_client": connection,
    }
    try:
        return getattr(kafka, kind)(**(wanted | address.client | settings))
    except BaseException:
        for held in made:
            held._net.stop()
            held.close()
        raise


@contextmanager
def _or_unavailable(drop: Callable[[], None]) -> Iterator[None]:
    """Throw the client away after any failure of it, and say that the log is away."""
    try:
        yield
    except LogUnavailable:
        drop()
        raise
    except Exception as error:
        drop()
        raise LogUnavailable(f"Kafka does not answer: {error!r}") from error


def _text(value: bytes | None) -> str:
    # What is no text is no envelope either; a database must still be able to keep it as a dead letter.
    return (value or b"").decode(errors="replace").replace("\0", "�")


def _instant(value: bytes | None) -> datetime | None:
    try:
        return clock.instant((value or b"").decode())
    except ValueError:
        return None
