"""The index on a server: away, gone, closed, or made again while people write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from flask.testing import FlaskClient

from services.search import commands, store
from services.search.service import SERVICE
from shared.search.elastic import ElasticIndex
from shared.service import Runtime
from shared.testing import fresh_search
from shared.testing import world as make_world
from tests.platform.search.adapters import elasticsearch_url
from tests.services.search.conftest import Desk, furnish

NOBODY = {"ACM_SEARCH_URL": "http://127.0.0.1:9"}


@pytest.fixture
def apart(fresh: Desk) -> Runtime:
    """Search on the same rows, told of a server that is not there."""
    settings = fresh.world.settings
    return Runtime(SERVICE, replace(settings, engines={**settings.engines, **NOBODY}))


@pytest.fixture
def client(apart: Runtime) -> FlaskClient:
    return apart.web().test_client()


def test_while_the_server_is_away_search_says_so_at_once(fresh: Desk, client: FlaskClient) -> None:
    token = {"Authorization": f"Bearer {fresh.api('anna').token}"}
    started = time.monotonic()
    for path in ("/search/v1/documents?q=份额", "/search/v1/suggestions?q=份", "/search/v1/documents.csv"):
        answer = client.get(path, headers=token)
        assert answer.status_code == 503
        assert answer.get_json()["type"].endswith("index-unavailable")
        assert "127.0.0.1" not in answer.get_data(as_text=True)
    for path in ("/search?q=份额", "/search/suggest?q=份"):
        page = client.get(path, headers={**token, "Accept-Language": "zh", "Accept": "text/html"})
        assert page.status_code == 503
        assert "搜索暂时没有响应" in page.get_data(as_text=True)
    assert time.monotonic() - started < 5


def test_who_waits_for_a_write_is_told_at_once_that_search_is_away(fresh: Desk, client: FlaskClient) -> None:
    body = {"name": "早报", "kind": "press", "reliability": "B"}
    made = fresh.api("dora").post("/intelligence/v1/sources", body)
    fresh.world.settle()
    token = {"Authorization": f"Bearer {fresh.api('anna').token}"}
    started = time.monotonic()
    answer = client.get("/search/v1/documents", headers={**token, "ACM-Wait-For": made.headers["ACM-Token"]})
    assert answer.status_code == 503
    assert time.monotonic() - started < 3


def test_what_is_written_while_the_server_is_away_is_indexed_afterwards(fresh: Desk, apart: Runtime) -> None:
    fresh.finding("期间写下的份额", client="云岭乳业")
    fresh.world.publish()
    for consumer in fresh.world.consumers("search"):
        consumer.step()
    store.let_go_of_writer(fresh.world.runtimes["search"])
    assert not commands.index_some(apart)  # it waits
    assert not commands.index_some(apart)
    assert "does not answer" in commands.index_problem(apart)
    store.let_go_of_writer(apart)
    fresh.world.settle()
    assert fresh.titles("期间") == ["期间写下的份额"]


# --- with a server -----------------------------------------------------------------------------------------

on_server = pytest.mark.skipif(not elasticsearch_url(), reason="ACM_ELASTICSEARCH_URL names no server")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Desk]:
    with fresh_search() as url, make_world(tmp_path, engines={"ACM_SEARCH_URL": url}) as world:
        yield furnish(world)


def _url(desk: Desk) -> str:
    return desk.world.settings.search_url("search")


@on_server
def test_an_index_that_is_deleted_under_the_running_service_heals(served: Desk) -> None:
    for n in range(5):
        served.finding(f"市场份额 {n}", client="云岭乳业")
    served.world.settle()
    reader = served.api("anna")
    ElasticIndex(_url(served)).drop()
    assert reader.get("/search/v1/documents?q=份额").status_code == 503
    served.finding("市场份额 5", client="云岭乳业")
    served.world.settle()
    assert served.found("份额")["total"] == 6
    assert commands.index_agrees(served.world.runtimes["search"])


@on_server
def test_an_index_that_cannot_be_read_is_made_again_on_demand(served: Desk) -> None:
    """A closed index stands for one whose only copy is damaged: the server refuses to read it."""
    served.finding("市场份额", client="云岭乳业")
    served.world.settle()
    reader = served.api("anna")
    server, _, prefix = _url(served).rpartition("/")
    with Elasticsearch(server) as client:
        for name in client.indices.get(index=f"{prefix}-search-*"):
            client.indices.close(index=name)
    assert reader.get("/search/v1/documents").status_code == 503
    running = served.world.runtimes["search"]
    assert commands.index_problem(running)
    commands.wish_for_rebuild(running)
    served.world.settle()
    assert served.titles("份额") == ["市场份额"]
    assert commands.index_agrees(running)


@on_server
@pytest.mark.rule("INV4")
def test_a_rebuild_under_live_writes_loses_and_hides_nothing(served: Desk) -> None:
    for n in range(20):
        served.finding(f"市场份额 {n}", client="云岭乳业")
    served.world.settle()
    running = served.world.runtimes["search"]
    reader = served.api("anna")
    stop = threading.Event()
    totals: list[int] = []
    failures: list[int] = []

    def search() -> None:
        while not stop.is_set():
            answer = reader.get("/search/v1/documents?q=份额")
            if answer.status_code == 200:
                totals.append(answer.get_json()["total"])
            else:
                failures.append(answer.status_code)

    searcher = threading.Thread(target=search)
    searcher.start()
    try:
        for n in range(20, 26):
            commands.wish_for_rebuild(running)
            served.finding(f"市场份额 {n}", client="云岭乳业")
            served.world.settle()
    finally:
        stop.set()
        searcher.join()
    assert failures == []
    assert totals == sorted(totals)  # nothing that was found is lost in between
    assert served.found("份额")["total"] == 26
    assert commands.index_agrees(running)
