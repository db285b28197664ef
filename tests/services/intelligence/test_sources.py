"""Sources: who sees and changes them, what they may repeat, their history."""

from __future__ import annotations

import pytest

from services.intelligence.domain import evidence
from tests.services.visiting import errors, every

from .conftest import SOURCES, Agency, Browser


def test_a_public_source_is_everybodys_and_a_clients_own_its_teams(agency: Agency) -> None:
    own = agency.source("报表", client_id=agency.ids["Yunling"], kind="document")
    sees = {"ann": 1, "amy": 1, "dora": 1, "lea": 1, "leo": 0, "col": 0, "wally": 0, "audie": 0, "admin": 0}
    for reader, may in sees.items():
        api = agency.api(reader)
        assert api.get(f"{SOURCES}/{own}").status_code == (200 if may else 404), reader
        assert api.get(f"{SOURCES}/{own}/history").status_code == (200 if may else 404), reader
        assert (own in {s["id"] for s in every(api, SOURCES)}) == bool(may), reader
        assert Browser(agency, reader).get(f"/intelligence/sources/{own}").status_code == (
            200 if may else 404
        )
        assert api.get(f"{SOURCES}/{agency.ids['panel']}").status_code == (404 if reader == "audie" else 200)
    assert agency.api("col").patch(f"{SOURCES}/{own}", {"name": "x"}, match='"1"').status_code == 404


def test_a_source_is_changed_with_if_match_and_tells_its_history(agency: Agency) -> None:
    source = agency.source("changing", kind="press", url="https://weekly.example/1")
    path = f"{SOURCES}/{source}"
    assert agency.api("col").call("PATCH", path, json={"reliability": "C"}).status_code == 428
    changed = agency.api("col").patch(path, {"reliability": "C"})
    assert changed.headers["ETag"] == '"2"'
    entries = agency.api("ann").get(f"{path}/history").get_json()["items"]
    assert [entry["happening"] for entry in entries] == ["added", "changed"]
    assert entries[1]["changes"] == [{"field": "reliability", "old": "B", "new": "C"}]
    assert entries[1]["actor_id"] == agency.who("col")
    assert errors(agency.api("ann").patch(path, {"client_id": agency.ids["Yunling"]})).keys() == {"client_id"}


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://x.example", "https://", "//x.example", "file:///etc/passwd", "http://a b"],
)
def test_an_address_opens_in_a_browser_or_is_refused(agency: Agency, url: str) -> None:
    assert errors(agency.api("ann").post(SOURCES, {"name": "x", "url": url})).keys() == {"url"}
    assert not evidence.is_web_address(url)


def test_sources_repeat_no_circle_nothing_hidden_and_no_other_clients(agency: Agency) -> None:
    api = agency.api("ann")
    a = agency.source("a")
    b = agency.source("b", origin_id=a)
    c = agency.source("c", origin_id=b)
    for closing in (a, b, c):
        assert errors(api.patch(f"{SOURCES}/{a}", {"origin_id": closing})).keys() == {"origin_id"}
    own = agency.source("own", client_id=agency.ids["Yunling"])
    assert errors(api.post(SOURCES, {"name": "public", "origin_id": own})).keys() == {"origin_id"}
    agency.source("own too", client_id=agency.ids["Yunling"], origin_id=own)
    hidden = errors(agency.api("wally").post(SOURCES, {"name": "x", "origin_id": own}))
    unknown = errors(agency.api("wally").post(SOURCES, {"name": "x", "origin_id": "nothing"}))
    assert hidden == unknown


def test_lists_are_filtered(agency: Agency) -> None:
    agency.source("Filtered Panel", kind="panel", reliability="E")
    found = every(agency.api("col"), SOURCES, kind="panel", reliability="E", name="filtered")
    assert [s["name"] for s in found] == ["Filtered Panel"]
    assert every(agency.api("col"), SOURCES, name="%") == []
