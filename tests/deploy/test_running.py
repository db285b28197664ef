"""The deployment as docker-compose.yml describes it, outside Docker: its commands, its settings, its gateway.

Every service runs from a folder that holds what its image holds, with the environment of its containers, as
its own role in PostgreSQL and its own principal in a Kafka with that file's settings. Only addresses differ.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import TopicAuthorizationFailedError, TransactionalIdAuthorizationFailedError

from deploy import principals
from services.portal.domain import guess_key
from shared.search.elastic import ElasticIndex
from shared.service import discover
from tests import engines
from tests.deploy import compose, image
from tests.engines.kafka import Kafka
from tests.engines.server import free_port
from tests.product import wait_until

# All of them on the one deployment that is started, which may take a while on a busy machine.
pytestmark = pytest.mark.timeout(900)
SERVICES = sorted(discover())
PLACES = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LOG_DIRS"}
HEALTHY_SECONDS = 120.0
VARIABLES = compose.dot_env()
PASSWORD = "correct-horse-battery-7"


class Deployment:
    """The containers of the compose file, as processes on loopback."""

    def __init__(self, folder: Path, kafka: Kafka, postgres: str, elasticsearch: str) -> None:
        self.folder = folder
        self.kafka = kafka
        self.variables = VARIABLES
        self.containers: dict[str, Any] = compose.read(VARIABLES)["services"]
        self.ports = {service: free_port() for service in SERVICES}
        self.addresses = {
            "kafka:9092": kafka.clients,
            "postgres:5432": urlsplit(postgres).netloc.rpartition("@")[2],
            "elasticsearch:9200": elasticsearch,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for service in SERVICES:
            image.lay_out(folder / service, service)

    def environment(self, container: str) -> dict[str, str]:
        """A container's environment, with loopback's addresses in place of the containers'."""
        found = dict(self.containers[container].get("environment", {}))
        for name in found:
            for inside, outside in self.addresses.items():
                found[name] = found[name].replace(inside, outside)
        return found

    def start(self, container: str) -> subprocess.Popen[bytes]:
        """Start a container of ours: its command, its environment, its image."""
        (word, *words), service = self.containers[container]["command"], container.partition("-")[0]
        assert word == "acm"
        home = self.folder / f"home-{container}"
        mine = {"ACM_HOST": "127.0.0.1", "ACM_PORT": str(self.ports[service]), "ACM_HOME": str(home)}
        process = subprocess.Popen(
            [*image.ACM, *words],
            cwd=self.folder / service,
            env=image.environment(self.folder / service) | self.environment(container) | mine,
            stdout=(self.folder / f"{container}.log").open("ab"),
            stderr=subprocess.STDOUT,
        )
        self.processes[container] = process
        return process

    def run(self, container: str) -> None:
        """Start a container that ends by itself, and wait for that."""
        assert self.start(container).wait(120) == 0, self.said(container)

    def acm(self, service: str, *words: str, said: str = "") -> str:
        """`docker compose exec SERVICE acm …`."""
        environment = image.environment(self.folder / service) | self.environment(service)
        environment |= {"ACM_HOME": str(self.folder / f"home-{service}")}
        done = subprocess.run(
            [*image.ACM, *words],
            cwd=self.folder / service,
            env=environment,
            input=said,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def healthy(self, service: str) -> bool:
        """What the image's HEALTHCHECK asks; and whether the worker lives."""
        for container in (service, f"{service}-worker"):
            assert self.processes[container].poll() is None, self.said(container)
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports[service]}/{service}/readyz", timeout=5
            ):
                return True
        except OSError:
            return False

    def said(self, container: str) -> str:
        """The end of a container's log."""
        return f"{container}: " + (self.folder / f"{container}.log").read_text()[-3000:]

    def stop(self, *containers: str) -> None:
        """End containers, or all of them."""
        chosen = [self.processes.pop(name) for name in containers or list(self.processes)]
        for process in chosen:
            process.terminate()
        for process in chosen:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with contextlib.ExitStack() as stack:
        kafka = engines.start("kafka", folder / "kafka", settings=_kafka_settings())
        stack.callback(kafka.stop, purge=True)
        postgres = engines.start("postgres", folder / "postgres")
        stack.callback(postgres.stop, purge=True)
        # Under a prefix, because others use the same Elasticsearch.
        elasticsearch = f"{urlsplit(os.environ['ACM_ELASTICSEARCH_URL']).netloc}/deploy-{os.getpid()}"
        stack.callback(ElasticIndex(f"http://{elasticsearch}").drop)
        assert isinstance(kafka, Kafka)
        made = Deployment(folder, kafka, postgres.address, elasticsearch)
        stack.callback(made.stop)
        _make_roles(made, postgres.address)
        _give_rights(made)
        migrations = [made.start(f"{service}-migrate") for service in SERVICES]
        for service, migration in zip(SERVICES, migrations, strict=True):
            assert migration.wait(120) == 0, made.said(f"{service}-migrate")
        for service in SERVICES:
            made.start(service)
            made.start(f"{service}-worker")
        for service in SERVICES:
            wait_until(lambda s=service: made.healthy(s), HEALTHY_SECONDS, f"{service} is healthy")
        yield made


@pytest.fixture(scope="module")
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("nginx is missing: install nginx-light")
    with Gateway(deployment, str(program)) as running:
        yield running


class Gateway:
    """deploy/nginx/nginx.conf under Debian's nginx; ports, addresses and the certificate's place differ."""

    def __init__(self, deployment: Deployment, program: str) -> None:
        self.folder = deployment.folder / "gateway"
        self.folder.mkdir(mode=0o755)
        self.port, self.plain = free_port(), free_port()
        self.address = f"https://127.0.0.1:{self.port}"
        self.certificate = _certificate(self.folder)
        text = (compose.ROOT / "deploy/nginx/nginx.conf").read_text()
        replaced = {
            "listen 8443": f"listen 127.0.0.1:{self.port}",
            "listen 8080": f"listen 127.0.0.1:{self.plain}",
            "/etc/nginx/certificates": str(self.folder),
            "/dev/stdout": str(self.folder / "access.log"),
            **{f"{service}:8080": f"127.0.0.1:{port}" for service, port in deployment.ports.items()},
        }
        for before, after in replaced.items():
            assert before in text, before
            text = text.replace(before, after)
        self.file = self.folder / "nginx.conf"
        self.file.write_text(text)
        self.words = [program, "-p", str(self.folder), "-c", str(self.file)]

    def __enter__(self) -> Gateway:
        self.process = subprocess.Popen(
            [*self.words, "-g", "daemon off;"], stderr=(self.folder / "err").open("wb")
        )
        wait_until(self._answers, 20, f"nginx answers; it said {(self.folder / 'err').read_text()}")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def session(self, token: str = "") -> requests.Session:
        """A browser, or with a token a program, that trusts the certificate."""
        made = requests.Session()
        made.verify = str(self.certificate)
        made.trust_env = False
        if token:
            made.headers["Authorization"] = f"Bearer {token}"
        return made

    def _answers(self) -> bool:
        try:
            return self.session().get(f"{self.address}/gateway/livez", timeout=2).status_code == 204
        except requests.RequestException:
            return False


# --- every command of ours becomes healthy, as its own principal --------------------------------------------


def test_every_service_becomes_healthy_and_nothing_waits(deployment: Deployment) -> None:
    wait_until(lambda: _settled(deployment), HEALTHY_SECONDS, "every consumer has read everything")
    for service in SERVICES:
        assert deployment.processes[f"{service}-worker"].poll() is None, deployment.said(f"{service}-worker")


def _settled(deployment: Deployment) -> bool:
    behind = {s: json.loads(deployment.acm(s, "lag", "--json")) for s in SERVICES}
    return not any(count for topics in _each(behind) for count in topics.values())


def test_each_container_backs_its_service_up_and_brings_it_back(
    deployment: Deployment, tmp_path: Path
) -> None:
    for service in SERVICES:
        deployment.acm(service, "backup", str(tmp_path / service))
    deployment.stop("accounts", "accounts-worker")
    deployment.acm("accounts", "restore", str(tmp_path / "accounts"))
    for container in ("accounts", "accounts-worker"):
        deployment.start(container)
    wait_until(lambda: deployment.healthy("accounts"), HEALTHY_SECONDS, "accounts is healthy again")
    wait_until(lambda: _settled(deployment), HEALTHY_SECONDS, "everybody has read the new epoch")


def test_migrating_again_changes_nothing(deployment: Deployment) -> None:
    deployment.run("accounts-migrate")


def test_no_service_reads_the_tables_of_another(deployment: Deployment) -> None:
    address = deployment.addresses["postgres:5432"]
    with (
        psycopg.connect(f"postgresql://acm_search@{address}/acm") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM accounts.events")


# --- Kafka's authorizer -------------------------------------------------------------------------------------


def test_a_principal_writes_its_own_topics_and_no_others(deployment: Deployment) -> None:
    own = _producer(deployment, "intelligence")
    own.send("intelligence", key=b"acm.heartbeat", value=b"2026-01-01T00:00:00Z").get(timeout=20)
    for topic in ("accounts", "accounts.access", "portal.access"):
        with pytest.raises(TopicAuthorizationFailedError):
            _producer(deployment, "intelligence").send(topic, value=b"x").get(timeout=20)


def test_a_principal_reads_what_it_follows_and_no_more(deployment: Deployment) -> None:
    # Each topic holds something: its relay's heartbeats.
    for topic in principals.described()["search"]["follows"]:
        wait_until(lambda t=topic: _reads(deployment, "search", t), 30, f"search reads {topic}")
    for topic in ("intelligence", "intelligence.restricted"):
        assert not _reads(deployment, "portal", topic)


def test_nobody_fences_the_relay_of_another(deployment: Deployment) -> None:
    with pytest.raises(TransactionalIdAuthorizationFailedError):
        _producer(deployment, "search", transactional_id="accounts").init_transactions()


def test_rights_given_again_are_the_same_and_what_is_beyond_them_goes(deployment: Deployment) -> None:
    before = _rights(deployment)
    assert {(s, *right) for s in SERVICES for right in principals.rights(s)} == before
    stray = ("intelligence", "TOPIC", "accounts", "WRITE")
    _add_right(deployment, *stray)
    assert _rights(deployment) == before | {stray}
    _give_rights(deployment)
    assert _rights(deployment) == before


# --- the gateway --------------------------------------------------------------------------------------------


def test_nginx_takes_the_file(gateway: Gateway) -> None:
    done = subprocess.run([*gateway.words, "-t"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_person_signs_in_and_finds_through_the_gateway(gateway: Gateway, deployment: Deployment) -> None:
    deployment.acm("portal", "password", "admin", said=f"{PASSWORD}\n")
    browser = gateway.session()
    page = browser.get(f"{gateway.address}/").text
    assert 'name="password"' in page
    sent = {"csrf_token": _csrf(page), "username": "admin", "password": PASSWORD}
    answer = browser.post(f"{gateway.address}/sign-in", sent, headers={"Referer": gateway.address})
    assert answer.status_code == 200, answer.text
    cookies = {cookie.name: cookie for cookie in browser.cookies}
    assert any(name.startswith("__Host-") for name in cookies)
    assert all(cookie.secure for cookie in cookies.values())
    assert browser.get(f"{gateway.address}/portal/v1/me").json()["username"] == "admin"

    program = gateway.session(deployment.acm("portal", "token", "admin"))
    wait_until(
        lambda: program.get(f"{gateway.address}/accounts/v1/people").ok,
        20,
        "accounts knows the token's person",
    )
    director = {"username": "zhou.min", "name": "周敏", "email": "", "roles": ["director"], "branch": ""}
    assert program.post(f"{gateway.address}/accounts/v1/people", json=director).status_code == 201
    director_program = gateway.session(deployment.acm("portal", "token", "zhou.min"))
    made = director_program.post(f"{gateway.address}/accounts/v1/clients", json={"name": "桂花糕食品"})
    assert made.status_code == 201, made.text
    search = f"{gateway.address}/search/v1/documents?q=桂花糕"

    def hits() -> list[str]:
        waiting = {"ACM-Wait-For": made.headers["ACM-Token"]}
        return [item["id"] for item in director_program.get(search, headers=waiting).json()["items"]]

    assert wait_until(hits, 30, "search has the client") == [made.json()["id"]]


def test_a_person_is_known_by_the_address_that_the_gateway_saw(
    gateway: Gateway, deployment: Deployment
) -> None:
    browser = gateway.session()
    browser.mount("https://", _From("127.0.0.2"))
    page = browser.get(f"{gateway.address}/sign-in").text
    sent = {"csrf_token": _csrf(page), "username": "nobody", "password": "wrong-password-1"}
    headers = {"Referer": gateway.address, "X-Forwarded-For": "203.0.113.9"}
    assert browser.post(f"{gateway.address}/sign-in", sent, headers=headers).status_code == 422
    with psycopg.connect(
        f"postgresql://acm_portal@{deployment.addresses['postgres:5432']}/acm"
    ) as connection:
        counted = {key for (key,) in connection.execute("SELECT key FROM portal.guesses")}
    secret = VARIABLES["ACM_SECRET"]
    assert guess_key(secret, "address", "127.0.0.2") in counted
    assert guess_key(secret, "address", "203.0.113.9") not in counted


def test_a_service_that_is_away_takes_nobody_with_it(gateway: Gateway, deployment: Deployment) -> None:
    browser = gateway.session()
    deployment.stop("search")
    try:
        answer = browser.get(f"{gateway.address}/search/livez")
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:acm:problem:unavailable"
        for service in set(SERVICES) - {"search"}:
            assert browser.get(f"{gateway.address}/{service}/readyz").status_code == 200
    finally:
        deployment.start("search")
    wait_until(
        lambda: browser.get(f"{gateway.address}/search/readyz").status_code == 200,
        HEALTHY_SECONDS,
        "search is back",
    )


def test_plain_http_leads_to_tls(gateway: Gateway) -> None:
    answer = requests.get(f"http://127.0.0.1:{gateway.plain}/accounts/clients?q=1", allow_redirects=False)
    assert answer.status_code == 308
    assert answer.headers["Location"] == "https://127.0.0.1/accounts/clients?q=1"


def test_the_gateways_log_holds_no_query_and_no_address(gateway: Gateway) -> None:
    gateway.session().get(f"{gateway.address}/search/livez?q=SECRETWORD")
    log = gateway.folder / "access.log"
    wait_until(lambda: "/search/livez" in log.read_text(), 20, "the request is in the log")
    assert "SECRETWORD" not in log.read_text()
    assert "127.0.0.1" not in re.sub(r'"to":"[^"]*"', "", log.read_text())


# --- how ----------------------------------------------------------------------------------------------------


def _kafka_settings() -> dict[str, str]:
    """The broker's settings in the compose file, but for its addresses."""
    environment = compose.read(VARIABLES)["services"]["kafka"]["environment"]
    return {
        _setting(name): value
        for name, value in environment.items()
        if name not in PLACES and name[:6] == "KAFKA_"
    }


def _setting(variable: str) -> str:
    """As Kafka's image reads a variable's name: `___` is a dash, `__` an underscore, `_` a dot."""
    dashes = [
        part.replace("__", "\0").replace("_", ".").replace("\0", "_") for part in variable[6:].split("___")
    ]
    return "-".join(dashes).lower()


def _make_roles(deployment: Deployment, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE acm")
    port = str(urlsplit(postgres).port)
    environment = deployment.environment("postgres-roles") | {"PGHOST": "127.0.0.1", "PGPORT": port}
    for _ in range(2):  # it can be repeated
        script = ["sh", str(compose.ROOT / "deploy/postgres/roles.sh")]
        subprocess.run(script, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)


def _give_rights(deployment: Deployment) -> None:
    command = deployment.containers["kafka-principals"]["command"]
    folder = deployment.folder / "accounts"
    if not (folder / "deploy").exists():
        shutil.copytree(compose.ROOT / "deploy", folder / "deploy")
    environment = image.environment(folder) | deployment.environment("kafka-principals")
    assert command[0] == "python"
    subprocess.run([*image.PYTHON, *command[1:]], cwd=folder, env=environment, check=True)


def _client(deployment: Deployment, user: str) -> dict[str, Any]:
    return {
        "bootstrap_servers": deployment.kafka.clients,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": VARIABLES[f"{user.upper()}_PASSWORD"],
    }


def _producer(deployment: Deployment, user: str, **more: Any) -> Any:
    return KafkaProducer(**_client(deployment, user), max_block_ms=20_000, **more)


def _reads(deployment: Deployment, user: str, topic: str) -> bool:
    """Whether a principal is shown a topic and handed what is in it."""
    consumer = KafkaConsumer(**_client(deployment, user), enable_auto_commit=False)
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        return bool(consumer.poll(timeout_ms=3_000)) and topic in consumer.topics()
    finally:
        consumer.close()


def _admin(deployment: Deployment) -> Any:
    return KafkaAdminClient(bootstrap_servers=deployment.kafka.address)


def _rights(deployment: Deployment) -> set[tuple[str, ...]]:
    from kafka.admin import (
        ACLFilter,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePatternFilter,
        ResourceType,
    )

    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = _admin(deployment).describe_acls(
        ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
    )
    return {
        (
            acl.principal.removeprefix("User:"),
            acl.resource_pattern.resource_type.name,
            acl.resource_pattern.resource_name,
            acl.operation.name,
        )
        for acl in found
    }


def _add_right(deployment: Deployment, user: str, kind: str, name: str, operation: str) -> None:
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

    pattern = ResourcePattern(ResourceType[kind], name)
    right = ACL(f"User:{user}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, pattern)
    _admin(deployment).create_acls([right])


def _each(behind: dict[str, Any]) -> Iterator[dict[str, int]]:
    for consumers in behind.values():
        yield from consumers.values()


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page[:2000]
    return found[1]


class _From(requests.adapters.HTTPAdapter):
    """Connects from another address of loopback."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self._address, 0))


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acm.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate = folder / "fullchain.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return certificate
