"""How much a record takes: rows, events, index and backup, and how long a backup takes.

`python -m tests.bench.sizes [FINDINGS]` measures on the embedded engines, with ACM_TEST_ENGINES=real on the
servers that ACM_POSTGRES_URL, ACM_KAFKA_BOOTSTRAP and ACM_ELASTICSEARCH_URL name. Each finding has a body of
300 Chinese characters or 900 letters, is captured and then verified by somebody else: two events.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import sqlalchemy as sa

from shared import archive, epochs
from shared.tables import EventRow
from shared.testing import World, on_real_engines, world
from tests.platform.agency import FINDINGS, Agency

CLIENTS = 20
HAN = "品牌渠道份额价格促销经销商消费者调研增长下降竞品包装口味物流陈列预算媒体舆情策略季度华东华南门店会员"
WORDS = "brand channel share price dealer shopper survey growth rival pack media budget store loyalty"


def main(findings: int) -> None:
    """Measure and print a table."""
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as home, world(Path(home)) as made:
        made.found()
        agency = Agency(made).founded()
        made.person("erik", roles=["director"])
        clients = [f"客户{number}" for number in range(CLIENTS)]
        for name in clients:
            agency.client(name)
        before = _bytes(made)
        for number in range(findings):
            _capture(agency, f"{_text(dice, 12)} {number}", _text(dice, 300), clients[number % CLIENTS])
            if number % 200 == 199:
                made.settle()
        made.settle()
        after = _bytes(made)
        envelopes = _envelopes(made)
        file = Path(home) / "acm.backup"
        backed_up = _seconds(lambda: archive.backup(made.services, made.settings, file, lambda said: None))
        size = file.stat().st_size
        replayed = _seconds(lambda: epochs.replay(made.runtimes["intelligence"], lambda done, total: None))
        with made.stopped(), archive.opened(file) as held:
            restored = _seconds(
                lambda: archive.restore(made.services, made.settings, held, lambda said: None)
            )
    kind = "PostgreSQL, Kafka, Elasticsearch" if on_real_engines() else "embedded"
    print(f"{findings} findings, each captured and verified; {kind}")
    for name in after:
        print(f"  {name:28} {(after[name] - before[name]) / findings:8.0f} bytes per finding")
    print(f"  {'envelopes (on a topic)':28} {envelopes / findings:8.0f} bytes per finding")
    print(f"  {'backup':28} {size / findings:8.0f} bytes per finding")
    print(f"  backup {backed_up:.1f} s, restore {restored:.1f} s (all services), replay {replayed:.1f} s")


def _capture(agency: Agency, title: str, body: str, client: str) -> None:
    key = agency.finding(title, client=client, body=body)
    api = agency.world.api("erik")
    path = f"{FINDINGS}/{key}"
    api.post(f"{path}/verify", headers={"If-Match": api.get(path).headers["ETag"]})


def _text(dice: random.Random, length: int) -> str:
    if dice.random() < 0.5:
        return "".join(dice.choices(HAN, k=length))
    return " ".join(dice.choices(WORDS.split(), k=length // 2))


def _bytes(made: World) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, running in made.runtimes.items():
        with running.database.read() as session:
            if running.database.is_sqlite:
                pages = session.scalar(sa.text("SELECT page_count FROM pragma_page_count"))
                found[f"{name}'s database"] = (pages or 0) * 4096
            else:
                sizes = "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n"
                only = " ON n.oid = c.relnamespace WHERE n.nspname = :name AND c.relkind = 'r'"
                found[f"{name}'s database"] = int(session.scalar(sa.text(sizes + only), {"name": name}) or 0)
    if on_real_engines():
        address, _, prefix = made.settings.search_url("search").rpartition("/")
        segments = f"{address}/_cat/segments/{prefix}-*?h=size&bytes=b"
        with urlopen(f"{address}/{prefix}-*/_refresh", data=b""), urlopen(segments) as told:
            found["index"] = sum(map(int, told.read().split()))
    else:
        index = made.settings.home / "index"
        found["index"] = sum(f.stat().st_size for f in index.rglob("*") if f.is_file())
    return found


def _envelopes(made: World) -> int:
    with made.runtimes["intelligence"].database.read() as session:
        rows = session.scalars(sa.select(EventRow.envelope).where(EventRow.topic == "intelligence"))
        return sum(len(envelope.encode()) for envelope in rows)


def _seconds(body: Callable[[], object]) -> float:
    began = time.perf_counter()
    body()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
