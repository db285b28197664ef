"""The embedded log loses and misorders nothing, whoever writes at once."""

from __future__ import annotations

import random
import threading
from pathlib import Path

from services.accounts import commands
from shared.testing import world
from tests.platform.test_inbox import FACTS


def test_a_reader_sees_every_committed_event_in_order_under_concurrent_writers(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        running = made.runtimes["accounts"]
        committed: list[str] = []

        def write(seed: int) -> None:
            dice = random.Random(seed)
            for number in range(40):
                try:
                    with running.unit_of_work() as uow:
                        client = commands.create_client(uow, name=f"{seed}-{number}", **FACTS)
                        if dice.random() < 0.3:
                            raise RuntimeError("rolled back")
                    committed.append(client.id)
                except RuntimeError:
                    continue

        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
        seen: list[str] = []
        position: dict[tuple[str, int], int] = {}
        reader = running.log.reader("", ["accounts"])
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers) or reader.lag(position)["accounts"]:
            for record in reader.poll(position, 7):
                assert record.position > position.get(("accounts", 0), 0)
                position["accounts", 0] = record.position
                seen.append(record.envelope.partition('"key":"')[2][:36])
        assert sorted(seen) == sorted(committed)
        assert 60 < len(seen) < 160


def test_a_commit_wakes_a_waiting_consumer(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        running = made.runtimes["accounts"]
        reader = running.log.reader("wakes", ["accounts"])
        woken = threading.Event()

        def wait() -> None:
            while not reader.poll({}, 1):
                reader.wait(5.0)
            woken.set()

        waiter = threading.Thread(target=wait, daemon=True)
        waiter.start()
        with running.unit_of_work() as uow:
            commands.create_client(uow, name="醒", **FACTS)
        assert woken.wait(5.0)
        waiter.join()
        reader.close()


def test_a_publisher_that_never_started_has_published_nothing(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        reader = made.runtimes["portal"].log.reader("", ["nobody"])
        assert reader.poll({}, 10) == []
