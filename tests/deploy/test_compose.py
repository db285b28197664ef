"""docker-compose.yml is valid, keeps secrets out and says of each service what it must."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy import principals
from shared.service import discover
from tests.deploy import compose

HERE = Path(__file__).parent
VARIABLES = compose.dot_env()
SERVICES = sorted(discover())


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return compose.read(VARIABLES)


def test_it_is_valid_by_the_compose_specification() -> None:
    schema = json.loads((HERE / "compose-spec.json").read_text())
    file = yaml.safe_load((compose.ROOT / "docker-compose.yml").read_text())
    jsonschema.Draft7Validator(schema).validate(file)


@pytest.mark.parametrize("name", VARIABLES)
def test_nothing_starts_while_a_variable_is_empty(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        compose.read(VARIABLES | {name: ""})


def test_the_example_of_settings_holds_no_secret() -> None:
    example = (compose.ROOT / ".env.example").read_text()
    assert not re.search(r"^\w+=.+$", example, re.MULTILINE)
    assert "/.env" in (compose.ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_its_web_app_its_worker_and_its_migration(service: str, found: Any) -> None:
    containers = {
        service: ["acm", "serve", service],
        f"{service}-worker": ["acm", "work", service],
        f"{service}-migrate": ["acm", "migrate", service],
    }
    for name, command in containers.items():
        container = found["services"][name]
        assert container["command"] == command
        assert container["read_only"] is True
        assert container["cap_drop"] == ["ALL"]
        assert container["build"]["args"] == {"SERVICE": service}
        assert f"acm_{service}:" in container["environment"]["ACM_DATABASE_URL"]
        assert f"//{service}:" in container["environment"]["ACM_LOG_URL"]


def test_no_service_knows_the_password_of_another(found: Any) -> None:
    passwords = {service: VARIABLES[f"{service.upper()}_PASSWORD"] for service in SERVICES}
    for service in SERVICES:
        environment = json.dumps(found["services"][service]["environment"])
        assert [name for name, password in passwords.items() if password in environment] == [service]


def test_only_the_gateway_can_be_reached_from_outside(found: Any) -> None:
    assert [name for name, container in found["services"].items() if "ports" in container] == ["gateway"]


def test_the_gateway_knows_every_service() -> None:
    routes = re.findall(
        r"\^/(\w+)\(/\|\$\)\s+(\w+):8080;", (compose.ROOT / "deploy/nginx/nginx.conf").read_text()
    )
    assert sorted(first for first, _ in routes) == sorted(set(SERVICES) - {"portal"})
    assert all(first == name for first, name in routes)


def test_every_service_gets_its_role_and_its_principal(found: Any) -> None:
    roles = found["services"]["postgres-roles"]["environment"]
    assert sorted(roles["SERVICES"].split()) == SERVICES
    assert {f"{service.upper()}_PASSWORD" for service in SERVICES} <= set(roles)
    assert {f"{service.upper()}_PASSWORD" for service in SERVICES} <= set(
        found["services"]["kafka-principals"]["environment"]
    )


def test_the_topology_is_what_the_manifests_say() -> None:
    assert principals.described() == principals.topology()
