"""The matrix of who sees what, through API, pages and search alike (docs/decisions/0003-who-sees-what.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.access import AMBER, CLEAR, GREEN, LABELS, RED, STRICT
from shared.testing import World
from tests.apart import flow_world

ALL_BUT_RED = {CLEAR, GREEN, AMBER, STRICT}
OPEN = {CLEAR, GREEN}
NOTHING: set[str] = set()
EVERY_LABEL = set(LABELS)

# Who (username: roles, branch), what they read of a client in the branch 沪, whether it is listed to them.
READERS: dict[str, tuple[list[str], str, set[str], bool]] = {
    "cae": ([], "沪", ALL_BUT_RED, True),
    "am": ([], "沪", EVERY_LABEL, True),  # the author, named on the RED one
    "ad": ([], "沪", ALL_BUT_RED, True),
    "director": (["director"], "", ALL_BUT_RED, True),
    "leader": (["leadership"], "沪", ALL_BUT_RED, True),
    "chief": (["leadership"], "", ALL_BUT_RED, True),
    "leader.elsewhere": (["leadership"], "京", OPEN, True),
    "colleague": (["salesperson"], "沪", OPEN, True),
    "plain": ([], "", OPEN, True),
    "named": (["finance"], "", OPEN | {RED}, True),
    "rival": ([], "沪", NOTHING, False),
    "rival.director": (["director"], "", NOTHING, False),
    "cooling": (["salesperson"], "沪", NOTHING, False),
    "cooled": (["salesperson"], "沪", OPEN, True),
    "was.there": ([], "沪", OPEN, True),
    "will.come": ([], "沪", OPEN, True),
    "administrator": (["administrator"], "", NOTHING, True),
    "auditor": (["auditor"], "", NOTHING, False),
}
NOW = datetime.now(UTC)


def day(offset: int) -> str:
    return (NOW + timedelta(days=offset)).date().isoformat()


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with flow_world(tmp_path_factory.mktemp("matrix")) as made:
        admin = made.found()
        for username, (roles, branch, _, _) in READERS.items():
            made.person(username, roles=roles, branch=branch)
        client = admin.make("/accounts/v1/clients", {"name": "青鸟饮料", "branch": "沪"})["id"]
        rival = admin.make("/accounts/v1/clients", {"name": "白鹭饮料", "branch": "沪"})["id"]
        seats = [
            ("cae", client, "CAE", -30, None),
            ("am", client, "AM", -30, None),
            ("ad", client, "AD", -30, None),
            ("rival", rival, "AM", -30, None),
            ("rival.director", rival, "AD", -30, None),
            ("cooling", rival, "CAE", -90, -10),
            ("cooled", rival, "CAE", -90, -40),
            ("was.there", client, "CAE", -90, -5),
            ("will.come", client, "CAE", 5, None),
        ]
        for who, where, role, since, until in seats:
            body = {"person_id": made.people[who], "role": role, "from": day(since)}
            body |= {} if until is None else {"until": day(until)}
            admin.make(f"/accounts/v1/clients/{where}/assignments", body)
        wall = {"client_ids": [client, rival], "reason": "同行竞争", "cooling_off_days": 30}
        admin.make("/accounts/v1/walls", wall)
        made.settle()
        am = made.api("am")
        source = am.make(
            "/intelligence/v1/sources", {"name": "行业周刊", "kind": "press", "reliability": "B"}
        )
        made.findings = {label: _finding(made, client, source["id"], label) for label in LABELS}
        made.client_id = client
        made.settle()
        yield made


def _finding(made: World, client: str, source: str, label: str) -> str:
    body = {
        "client_id": client,
        "part": "market_status",
        "title": f"密语{LABELS.index(label)}",
        "body": "渠道库存",
        "method": "intelligence",
        "source_id": source,
        "credibility": 2,
        "label": label,
    }
    if label == RED:
        body["recipients"] = [made.people["am"], made.people["named"]]
    return str(made.api("am").make("/intelligence/v1/findings", body)["id"])


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("who", READERS)
def test_a_finding_is_read_by_whom_the_matrix_says(agency: Any, who: str, label: str) -> None:
    api, finding = agency.api(who), agency.findings[label]
    expected = label in READERS[who][2]
    status = 200 if expected else 404
    assert api.get(f"/intelligence/v1/findings/{finding}").status_code == status
    assert api.get(f"/intelligence/v1/findings/{finding}/history").status_code == status
    assert api.get(f"/intelligence/findings/{finding}").status_code == status
    listed = [item["id"] for item in api.get("/intelligence/v1/findings?limit=100").get_json()["items"]]
    assert (finding in listed) == expected
    page = api.get("/intelligence/findings").get_data(as_text=True)
    assert (f"密语{LABELS.index(label)}" in page) == expected
    found = api.get(f"/search/v1/documents?q=密语{LABELS.index(label)}&kind=finding").get_json()
    assert ([item["id"] for item in found["items"]] == [finding]) == expected
    assert found["total"] == int(expected)
    screen = api.get("/search?q=渠道库存&kind=finding").get_data(as_text=True)
    assert (finding in screen) == expected


@pytest.mark.parametrize("who", READERS)
def test_a_client_is_listed_to_whom_no_wall_hides_it(agency: Any, who: str) -> None:
    api, expected = agency.api(who), READERS[who][3]
    status = 200 if expected else 404
    assert api.get(f"/accounts/v1/clients/{agency.client_id}").status_code == status
    assert api.get(f"/accounts/clients/{agency.client_id}").status_code == status
    assert api.get(f"/accounts/v1/clients/{agency.client_id}/assignments").status_code == status
    names = [item["name"] for item in api.get("/accounts/v1/clients?limit=100").get_json()["items"]]
    assert ("青鸟饮料" in names) == expected
    assert ("青鸟饮料" in api.get("/accounts/clients").get_data(as_text=True)) == expected
    found = api.get("/search/v1/documents?q=青鸟&kind=client").get_json()
    assert (agency.client_id in [item["id"] for item in found["items"]]) == expected


@pytest.mark.parametrize("who", [who for who, (_, _, labels, _) in READERS.items() if labels == NOTHING])
def test_nothing_can_be_written_about_what_may_not_be_read(agency: Any, who: str) -> None:
    api = agency.api(who)
    for label, finding in agency.findings.items():
        for verb in ("verify", "dispute", "retract"):
            answer = api.post(f"/intelligence/v1/findings/{finding}/{verb}", {"reason": "x"})
            assert answer.status_code == 404, (label, verb)
