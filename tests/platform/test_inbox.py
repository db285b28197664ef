"""Each event takes effect once, in order per key, whatever the log delivers; a bad one stops only its key."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from contracts.accounts import Client, ClientChanged, ClientCreated
from contracts.event import Event
from services.accounts import commands, store
from shared import inbox
from shared.inbox import Consumer, Fold, Handler, Reaction
from shared.log.port import End, Record
from shared.tables import DeadLetterRow
from shared.testing import World, world
from tests.platform.logs import FACTS, publish


class Tape:
    """A log reader that plays the records that a test gives it."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def poll(self, positions: Any, limit: int) -> list[Record]:
        played, self.records = self.records[:limit], self.records[limit:]
        return played

    def wait(self, seconds: float) -> None: ...

    def lag(self, positions: Any) -> dict[str, int]:
        return {"accounts": len(self.records)}

    def ends(self, positions: Any) -> dict[str, End]:
        return {}

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def two_clients(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A world in which two clients were created and changed a few times, and their records."""
    with world(tmp_path_factory.mktemp("inbox")) as made:
        made.found()
        running = made.runtimes["accounts"]
        for name in ("甲", "乙"):
            with running.unit_of_work() as uow:
                client = commands.create_client(uow, name=name, **FACTS)
            for number in range(2, 5):
                with running.unit_of_work() as uow:
                    commands.change_client(
                        uow, uow.session.get_one(store.Client, client.id), name=f"{name}{number}"
                    )
        publish(running)
        with closing(running.log.reader("", ["accounts"])) as reader:
            records = list(reader.poll({}, 100))
        yield made, records


def consumer(made: World, handlers: list[Handler], records: list[Record], name: str) -> Consumer:
    return Consumer(name, handlers, made.runtimes["portal"].database, Tape(records), topics=["accounts"])


def drain(found: Consumer) -> None:
    while found.step():
        pass


def seen_by(log: list[tuple[str, int]]) -> Callable[[Any, Event, Any], None]:
    return lambda uow, event, shape: log.append((event.key, event.version))


def both(apply: Callable[[Any, Event, Any], None]) -> list[Handler]:
    return [Reaction(ClientCreated, apply), Reaction(ClientChanged, apply)]


@given(seed=st.integers(0, 10_000), batch=st.integers(1, 7))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_event_takes_effect_once_under_redelivery(two_clients: Any, seed: int, batch: int) -> None:
    made, records = two_clients
    dice = random.Random(seed)
    played: list[Record] = []
    for start in range(0, len(records), batch):
        played += records[start : start + batch]
        again = dice.randrange(start + 1)
        played += records[again : start + batch]  # a rebalance plays a stretch again, in its order
    effects: list[tuple[str, int]] = []
    drain(consumer(made, both(seen_by(effects)), played, f"once-{seed}-{batch}-{dice.random()}"))
    assert len(effects) == len(set(effects)) == len(records)
    for key in {key for key, _ in effects}:
        assert [version for k, version in effects if k == key] == [1, 2, 3, 4]


def test_an_older_version_that_comes_late_changes_nothing(two_clients: Any) -> None:
    made, records = two_clients
    kept: dict[str, str] = {}
    fold = Fold(Client, lambda uow, event, client: kept.__setitem__(client.id, client.name))
    drain(consumer(made, [fold], list(reversed(records)), "late"))
    assert sorted(kept.values()) == ["乙4", "甲4"]


def test_a_failing_reaction_parks_its_key_alone_and_retry_restores_the_order(two_clients: Any) -> None:
    made, records = two_clients
    effects: list[tuple[str, int]] = []
    bad = records[1]
    broken = True

    def apply(uow: Any, event: Event, shape: Any) -> None:
        if broken and event.id == Event.from_json(bad.envelope).id:
            raise ValueError("poison")
        effects.append((event.key, event.version))

    found = consumer(made, both(apply), list(records), "poison")
    drain(found)
    bad_key = Event.from_json(bad.envelope).key
    assert [v for k, v in effects if k != bad_key][-4:] == [1, 2, 3, 4]
    with made.runtimes["portal"].database.read() as session:
        rows = session.scalars(
            select(DeadLetterRow).where(DeadLetterRow.consumer == "poison").order_by(DeadLetterRow.id)
        ).all()
    assert [row.waiting for row in rows] == [False, True, True]

    with pytest.raises(ValueError, match="poison"):
        found.retry(rows[0].id)
    broken = False
    effects.clear()
    found.retry(rows[0].id)
    assert effects == [(bad_key, 2), (bad_key, 3), (bad_key, 4)]


def test_dropping_a_dead_letter_lets_what_waits_behind_it_go_on(two_clients: Any) -> None:
    made, records = two_clients
    effects: list[tuple[str, int]] = []

    def apply(uow: Any, event: Event, shape: Any) -> None:
        if event.version == 1:
            raise ValueError("poison")
        effects.append((event.key, event.version))

    found = consumer(made, both(apply), list(records[:4]), "drop")
    drain(found)
    with made.runtimes["portal"].database.read() as session:
        first = session.scalars(
            select(DeadLetterRow.id).where(DeadLetterRow.consumer == "drop").order_by(DeadLetterRow.id)
        ).first()
    assert first is not None
    found.drop(first)
    assert [version for _, version in effects] == [2, 3, 4]


def test_a_failing_fold_leaves_a_dead_letter_and_heals_at_the_next_version(two_clients: Any) -> None:
    made, records = two_clients
    kept: dict[str, str] = {}

    def apply(uow: Any, event: Event, client: Client) -> None:
        if event.version == 2:
            raise ValueError("cannot")
        kept[client.id] = client.name

    drain(consumer(made, [Fold(Client, apply)], list(records), "heals"))
    assert sorted(kept.values()) == ["乙4", "甲4"]


def test_effect_and_position_are_kept_together_or_not_at_all(two_clients: Any) -> None:
    made, records = two_clients
    database = made.runtimes["portal"].database
    attempts = 0

    def apply(uow: Any, event: Event, shape: Any) -> None:
        nonlocal attempts
        attempts += 1
        uow.audit("effect", f"effect-{attempts}")
        uow.session.flush()
        if attempts == 1:
            raise ValueError("after the effect")

    found = consumer(made, both(apply), [records[0]], "together")
    drain(found)
    with database.read() as session:
        from shared.tables import AuditRow

        subjects = session.scalars(select(AuditRow.subject).where(AuditRow.action == "effect")).all()
    assert subjects == ["effect-2"]


def test_what_a_newer_producer_adds_is_read_past(two_clients: Any) -> None:
    made, records = two_clients
    event = Event.from_json(records[0].envelope)
    newer = (
        event.to_json()
        .replace('"state":{', '"state":{"mood":"sunny",')
        .replace('"type":"client.created"', '"type":"client.celebrated"')
    )
    strange = newer.replace('"type":"client.', '"type":"parade.')
    kept: list[str] = []
    fold = Fold(Client, lambda uow, event, client: kept.append(client.name))
    tape = [Record("accounts", 0, 1, strange), Record("accounts", 0, 2, newer)]
    drain(consumer(made, [fold], tape, "newer"))
    assert kept == ["甲"]


def test_what_is_no_event_at_all_becomes_a_dead_letter(two_clients: Any, tmp_path: Path) -> None:
    made, records = two_clients
    kept: list[str] = []
    fold = Fold(Client, lambda uow, event, client: kept.append(client.name))
    drain(consumer(made, [fold], [Record("accounts", 0, 1, "{]"), records[0]], "junk"))
    assert kept == ["甲"]


def test_a_batch_is_cut_into_short_transactions_so_that_others_can_write(
    two_clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, records = two_clients
    monkeypatch.setattr(inbox, "HOLD_SECONDS", -1.0)
    log: list[tuple[str, int]] = []
    transactions: set[int] = set()

    def fold(uow: Any, event: Event, shape: Any) -> None:
        log.append((event.key, event.version))
        transactions.add(id(uow))
        kept.append(uow)  # so that no two have the same id

    kept: list[Any] = []
    drain(consumer(made, [Fold(Client, fold)], records, "short"))
    assert len(log) == len(records) == len(transactions)
