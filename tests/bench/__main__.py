"""What the product costs beside the least that could do the same: `make bench`.

Ratios are measured side by side in one run, alternating, as medians. The bare application is Flask with
SQLAlchemy Core that executes the very statements which the product's request executed, parses the same body
and answers the same JSON; it has no permissions, conventions or schemas. A ratio of 1.0 is as fast as that.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import flask
from sqlalchemy import create_engine, event
from werkzeug.test import EnvironBuilder, run_wsgi_app

from shared.db import new_id
from shared.testing import World, world
from tests import engines
from tests.apart import product as a_product
from tests.bench import log, pages, search, shares
from tests.product import Product

ROUNDS, PER_ROUND = 9, 40
SEARCHABLE_SAMPLES = 100
DOCUMENTS = int(os.environ.get("DOCUMENTS", "200000"))
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
Statement = tuple[Any, Any]


def main(chosen: Sequence[str]) -> None:
    """Measure and print every part, or those that are named: `python -m tests.bench log search`."""
    print(f"machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    for name, part in EMBEDDED.items():
        if not chosen or name in chosen:
            part()
    on_engines = {name: part for name, part in REAL.items() if not chosen or name in chosen}
    if not on_engines:
        return
    with tempfile.TemporaryDirectory() as data:
        addresses, started = engines.environment(Path(data))
        os.environ |= addresses | {"ACM_TEST_ENGINES": "real"}
        try:
            for part in on_engines.values():
                part()
        finally:
            for engine in started:
                engine.stop(purge=True)


def _api() -> None:
    with tempfile.TemporaryDirectory() as home, world(Path(home)) as made:
        agency = _Agency(made)
        rows = [_compare("read a client", agency, agency.read, goal=0.6)]
        rows.append(_compare("capture a finding", agency, agency.write, goal=0.5))
        requests = {"read a client": agency.read, "capture a finding": agency.write}
        profiles = {
            name: shares.of(partial(_time, agency.world.app(request()[0]), request))
            for name, request in requests.items()
        }
    print(f"\n{'API against bare':24}{'product ms':>12}{'bare ms':>10}{'ratio':>8}{'goal':>7}")
    for name, ours, bare, goal in rows:
        print(f"{name:24}{ours * 1000:12.2f}{bare * 1000:10.2f}{bare / ours:8.2f}{goal:7.2f}")
    print("\nwhere the product's time goes (shares of a profile; the bare one has Flask, Core, the disk)")
    for name, found in profiles.items():
        print(f"{name:24}{shares.told(found)}")


def _pages() -> None:
    print(f"\npages with {pages.MANY} beside one per cent of it (goal: at most {pages.GOAL:.0f} times)")
    pages.say()


def _embedded_searchable() -> None:
    _say_searchable("embedded engines", "goal: p50 under 150 ms")


def _real_searchable() -> None:
    goal = "goal: p50 under 300 ms beyond the refresh, which is at once"
    _say_searchable("PostgreSQL, Kafka, Elasticsearch", goal)


def _log() -> None:
    print("\nthe log, events a second, beside bare kafka-python (goal of each ratio: 0.60)")
    found = log.measure()
    for name, value in found.rates.items():
        print(f"{name:24}{value:10.2f}" if "ratio" in name else f"{name:24}{value:10,.0f}")
    print(f"where a consumer's time goes: {shares.told(found.profile)}")


def _search() -> None:
    print(f"\nsearch over {DOCUMENTS:,} documents (goals: tantivy at most 10 ms more than bare,")
    print("Elasticsearch at most twice bare; a rebuild at least 0.60 of a bare load)", flush=True)
    figures, profiles = search.measure(DOCUMENTS)
    for name, value in figures.items():
        print(f"{name:52}{value:10,.1f}")
    for name, found in profiles.items():
        print(f"where the time of a {name} goes: {shares.told(found)}")


EMBEDDED = {"api": _api, "pages": _pages, "searchable": _embedded_searchable}
REAL = {"searchable": _real_searchable, "log": _log, "search": _search}
"""The parts by the engines that they need; what is measured on both has one name."""


def _say_searchable(where: str, goal: str) -> None:
    samples = sorted(_write_to_searchable())
    p50, p95 = statistics.median(samples) * 1000, samples[int(len(samples) * 0.95)] * 1000
    print(f"\nfrom a write's answer to its being searchable, {where}, {len(samples)} samples:")
    print(f"p50 {p50:.0f} ms, p95 {p95:.0f} ms ({goal})", flush=True)


class _Agency:
    """One client, one source, one member of the team, and the two requests that are measured."""

    def __init__(self, made: World) -> None:
        self.world = made
        admin = made.found()
        made.person("am")
        self.client = admin.make("/accounts/v1/clients", {"name": "青鸟饮料"})["id"]
        seat = {"person_id": made.people["am"], "role": "AM", "from": "2026-01-01"}
        admin.make(f"/accounts/v1/clients/{self.client}/assignments", seat)
        made.settle()
        api = made.api("am")
        self.source = api.make(
            "/intelligence/v1/sources", {"name": "周刊", "kind": "press", "reliability": "B"}
        )["id"]
        self.headers = {"Authorization": f"Bearer {api.token}"}

    def read(self) -> tuple[str, EnvironBuilder]:
        return "accounts", EnvironBuilder(f"/accounts/v1/clients/{self.client}", headers=self.headers)

    def write(self) -> tuple[str, EnvironBuilder]:
        body = {
            "client_id": self.client, "part": "market_status", "title": "渠道库存偏高",
            "body": "三个月以上" * 20,
            "method": "intelligence", "source_id": self.source, "credibility": 2,
        }  # fmt: skip
        builder = EnvironBuilder(
            "/intelligence/v1/findings", method="POST", data=json.dumps(body),
            content_type="application/json", headers=self.headers,
        )  # fmt: skip
        return "intelligence", builder


def _compare(
    name: str, agency: _Agency, request: Callable[[], tuple[str, EnvironBuilder]], *, goal: float
) -> tuple[str, float, float, float]:
    service, _ = request()
    app = agency.world.app(service)
    database = agency.world.runtimes[service].database
    statements, answer = _record(database.engine, app, request)
    bare = _bare_app(database.url, statements, answer)
    ours_times, bare_times = [], []
    for _ in range(ROUNDS):
        ours_times.append(_time(app, request))
        bare_times.append(_time(bare, request))
    return name, statistics.median(ours_times), statistics.median(bare_times), goal


def _record(
    engine: Any, app: Any, request: Callable[[], tuple[str, EnvironBuilder]]
) -> tuple[list[Statement], Any]:
    """The statements of one warm request, with their parameters, and its answer."""
    _call(app, request)
    statements: list[Statement] = []

    def note(_c: Any, statement: Any, many: Any, one: Any, _options: Any) -> None:
        if not isinstance(statement, str):
            statements.append((statement, many or one))

    event.listen(engine, "before_execute", note)
    answer = _call(app, request)
    event.remove(engine, "before_execute", note)
    return statements, json.loads(answer)


def _bare_app(url: str, statements: list[Statement], answer: Any) -> flask.Flask:
    app = flask.Flask("bare")
    engine = create_engine(url)
    inserts = [(statement, parameters) for statement, parameters in statements if statement.is_insert]
    made = {
        found
        for statement, parameters in inserts
        if statement.table.name == "events"
        for found in ID.findall(parameters["event_id"] + parameters["key"])
    }

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "busy_timeout = 10000",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if inserts else "BEGIN")

    def serve(**_: str) -> flask.Response:
        if inserts:
            flask.request.get_json()
        fresh = {old: new_id() for old in made}
        with engine.begin() as connection:
            for statement, parameters in statements:
                result = connection.execute(statement, _renewed(parameters, fresh))
                if result.returns_rows:
                    result.fetchall()
        return flask.jsonify(answer)

    app.add_url_rule("/accounts/v1/clients/<client_id>", "read", serve)
    app.add_url_rule("/intelligence/v1/findings", "write", serve, methods=["POST"])
    return app


def _renewed(parameters: Any, fresh: dict[str, str]) -> Any:
    def renew(value: Any) -> Any:
        return ID.sub(lambda found: fresh.get(found[0], found[0]), value) if isinstance(value, str) else value

    if isinstance(parameters, list):
        return [_renewed(one, fresh) for one in parameters]
    return {name: renew(value) for name, value in parameters.items()} if fresh else parameters


def _call(app: Any, request: Callable[[], tuple[str, EnvironBuilder]]) -> bytes:
    environ = request()[1].get_environ()
    parts, status, _ = run_wsgi_app(app, environ, buffered=True)
    answer = b"".join(parts)
    assert status.startswith("20"), f"{status} {answer!r}"
    return answer


def _time(app: Any, request: Callable[[], tuple[str, EnvironBuilder]]) -> float:
    environs = [request()[1].get_environ() for _ in range(PER_ROUND)]
    started = time.perf_counter()
    for environ in environs:
        _, status, _ = run_wsgi_app(app, environ, buffered=True)
        assert status.startswith("20"), status
    return (time.perf_counter() - started) / PER_ROUND


def _write_to_searchable() -> list[float]:
    with tempfile.TemporaryDirectory() as home, a_product(Path(home)) as product:
        return _searchable_samples(product)


def _searchable_samples(product: Product) -> list[float]:
    admin = product.client("admin")
    client = admin.make("/accounts/v1/clients", {"name": "青鸟饮料"})["id"]
    person = admin.make("/accounts/v1/people", {"username": "am", "name": "am", "roles": []})["id"]
    seat = {"person_id": person, "role": "AM", "from": "2026-01-01"}
    _, _, headers = admin.call("POST", f"/accounts/v1/clients/{client}/assignments", seat)
    admin.get("/intelligence/v1/findings", headers={"ACM-Wait-For": headers["ACM-Token"]})
    am = product.client("am")
    source = am.make("/intelligence/v1/sources", {"name": "周刊", "kind": "press", "reliability": "B"})["id"]
    samples = []
    for number in range(SEARCHABLE_SAMPLES):
        body = {
            "client_id": client, "part": "market_status", "title": f"批次{number}", "body": "三个月以上",
            "method": "intelligence", "source_id": source, "credibility": 2,
        }  # fmt: skip
        status, made, headers = am.call("POST", "/intelligence/v1/findings", body)
        answered = time.perf_counter()
        assert status == 201, made
        found = am.get(
            f"/search/v1/documents?q=%E6%89%B9%E6%AC%A1{number}",
            headers={"ACM-Wait-For": headers["ACM-Token"]},
        )
        samples.append(time.perf_counter() - answered)
        assert made["id"] in [item["id"] for item in found["items"]]
    return samples


if __name__ == "__main__":
    main(sys.argv[1:])
