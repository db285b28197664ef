"""The published documents are valid, and random requests never meet a 5xx or an undocumented answer."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy import describe
from shared.service import discover
from shared.testing import World, world

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with world(tmp_path_factory.mktemp("openapi")) as made:
        made.found()
        made.person("zhou.min", roles=["administrator", "director", "auditor"])
        yield made


@pytest.mark.parametrize("service", sorted(discover()))
def test_the_openapi_document_is_valid(agency: World, service: str) -> None:
    validate(agency.api("zhou.min").get(f"/{service}/v1/openapi.json").get_json())


def test_the_contracts_are_described_and_only_grow() -> None:
    assert describe.main(check=True) == 0


def test_a_shape_that_lost_something_is_told() -> None:
    before = describe.snapshot()
    after = {
        name: {**shape, "fields": dict(shape["fields"])} for name, shape in before.items() if name != "wall"
    }
    del after["client"]["fields"]["name"]
    after["finding"]["fields"]["title"] = {"type": "integer"}
    assert describe.broken(before, after) == [
        "client lost field name",
        "finding.title changed its type",
        "the shape wall is gone",
    ]
    assert describe.broken(after, before) == ["finding.title changed its type"]


@pytest.mark.parametrize("service", sorted(discover()))
def test_random_requests_meet_documented_answers(agency: World, service: str) -> None:
    schema = schemathesis.openapi.from_wsgi(f"/{service}/v1/openapi.json", agency.app(service))
    token = agency.api("zhou.min").token
    for found in schema.get_all_operations():
        _probe(found.ok(), token)


def _probe(operation: Any, token: str) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers_as_documented(case: Any) -> None:
        case.headers = {**dict(case.headers or {}), "Authorization": f"Bearer {token}"}
        case.headers.pop("ACM-Wait-For", None)
        case.call_and_validate(checks=CHECKS)

    answers_as_documented()
