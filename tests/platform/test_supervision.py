"""What every service shows of itself: only auditors read its audit trail; its reference is complete."""

from __future__ import annotations

from typing import Any

import pytest

from shared.service import discover
from shared.testing import World, world

SERVICES = sorted(discover())


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with world(tmp_path_factory.mktemp("supervision")) as made:
        made.found()
        made.person("ma.li", roles=["auditor"])
        made.person("zhou.min", roles=["director"])
        yield made


@pytest.mark.parametrize("service", SERVICES)
def test_the_audit_trail_is_read_by_auditors_only(agency: World, service: str) -> None:
    for path in (f"/{service}/v1/audit", f"/{service}/panels/audit"):
        assert agency.api("ma.li").get(path).status_code == 200
        assert agency.api("zhou.min").get(path).status_code == 403


@pytest.mark.rule("P3")
def test_granting_a_role_is_in_the_trail(agency: World) -> None:
    entries = agency.api("ma.li").get("/accounts/v1/audit?action=person.joined").get_json()["items"]
    assert agency.people["zhou.min"] in {entry["subject"] for entry in entries}


@pytest.mark.parametrize("service", SERVICES)
def test_the_reference_names_every_operation(agency: World, service: str) -> None:
    document = agency.api("ma.li").get(f"/{service}/v1/openapi.json").get_json()
    page = agency.client(f"/{service}/").get(f"/{service}/v1/docs")
    assert page.status_code == 200
    for path, operations in document["paths"].items():
        for method in operations.keys() & {"get", "post", "patch", "delete"}:
            assert f"{method.upper()} {path}" in page.get_data(as_text=True)
