"""One principal per service on Kafka: it may write only its own topics, read only those that it follows.

`python -m deploy.principals describe [--check]` writes (or checks) topology.json: who publishes, who follows
which topics, by the manifests. `print` shows the rights as commands for Kafka's own tools.

`python -m deploy.principals apply` gives every service its password (SCRAM-SHA-512) and exactly these rights;
it can be repeated. It reads KAFKA_URL, which is `kafka://user:password@host:port[/prefix]` with a super user
who signs in by PLAIN (without a user: an open listener), and each service's password in `<SERVICE>_PASSWORD`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).parent
TOPOLOGY = HERE / "topology.json"
ITERATIONS = 8192
Right = tuple[str, str, str]  # kind of resource, its name, operation


def topology() -> dict[str, dict[str, list[str]]]:
    """Which topics each service publishes, and which it follows."""
    # Imported here: a service's image, where the rights are given, lacks the other services.
    import tempfile

    from contracts.event import SHAPES
    from shared.config import Settings
    from shared.service import Runtime, discover

    services = discover()  # which loads every shape
    published = sorted({shape.TOPIC for shape in SHAPES.values()})
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), secret="for describing only")
        return {
            name: {
                "publishes": [topic for topic in published if topic.partition(".")[0] == name],
                "follows": sorted(Runtime(service, settings).topics),
            }
            for name, service in services.items()
        }


def described() -> dict[str, dict[str, list[str]]]:
    """The topology as it is committed."""
    found: dict[str, dict[str, list[str]]] = json.loads(TOPOLOGY.read_text())
    return found


def rights(service: str, prefix: str = "") -> Iterator[Right]:
    """What a service's principal may do, in an installation with this prefix of names."""
    topics = described()[service]
    for topic in topics["publishes"]:
        for operation in ("CREATE", "DESCRIBE", "READ", "WRITE"):
            yield "TOPIC", prefix + topic, operation
    for topic in topics["follows"]:
        for operation in ("DESCRIBE", "READ"):
            yield "TOPIC", prefix + topic, operation
    for operation in ("DESCRIBE", "WRITE"):  # of its relay, which nobody else may fence
        yield "TRANSACTIONAL_ID", prefix + service, operation


def commands(prefix: str = "") -> Iterator[str]:
    """The rights as commands of Kafka's own tool."""
    options = {"TOPIC": "--topic", "TRANSACTIONAL_ID": "--transactional-id"}
    for service in described():
        for kind, name, operation in rights(service, prefix):
            yield (
                f"kafka-acls.sh --bootstrap-server HOST:PORT --command-config ADMIN.properties --add"
                f" --allow-principal User:{service} --operation {operation.title()} {options[kind]} {name}"
            )


def apply(url: str, passwords: dict[str, str]) -> None:
    """Give every service its password and its rights; take away what it has beyond them."""
    from kafka import KafkaAdminClient
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

    parts = urlsplit(url)
    user, _, servers = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    secure = "SSL" if parts.scheme == "kafkas" else "PLAINTEXT"
    signing_in = {
        "security_protocol": f"SASL_{secure}",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": unquote(name),
        "sasl_plain_password": unquote(password),
    }
    admin = KafkaAdminClient(
        bootstrap_servers=servers.split(","), **(signing_in if user else {"security_protocol": secure})
    )
    prefix = f"{parts.path.strip('/')}." if parts.path.strip("/") else ""
    try:
        refused = admin.alter_user_scram_credentials(
            [
                UserScramCredentialUpsertion(
                    user=service,
                    mechanism=ScramMechanism.SCRAM_SHA_512,
                    password=passwords[service],
                    iterations=ITERATIONS,
                )
                for service in described()
            ]
        )
        if any(refused.values()):
            raise SystemExit(f"principals: Kafka refuses passwords: {refused}")
        for service in described():
            _set_rights(admin, service, set(rights(service, prefix)), prefix)
    finally:
        admin.close()


def _set_rights(admin: Any, service: str, wanted: set[Right], prefix: str) -> None:
    from kafka.admin import (
        ACL,
        ACLFilter,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePattern,
        ResourcePatternFilter,
        ResourceType,
    )

    principal = f"User:{service}"
    everything = ACLFilter(
        principal,
        None,
        ACLOperation.ANY,
        ACLPermissionType.ANY,
        ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )
    found, _ = admin.describe_acls(everything)
    held = {
        (acl.resource_pattern.resource_type.name, acl.resource_pattern.resource_name, acl.operation.name)
        for acl in found
    }
    # Another installation on the same cluster has another prefix: its rights are its own business.
    known = {prefix + name for topics in described().values() for names in topics.values() for name in names}
    known |= {prefix + owner for owner in described()}
    missing, beyond = sorted(wanted - held), [right for right in held - wanted if right[1] in known]

    def pattern(right: Right) -> ResourcePattern:
        return ResourcePattern(ResourceType[right[0]], right[1])

    if missing:
        answer = admin.create_acls(
            [
                ACL(principal, "*", ACLOperation[right[2]], ACLPermissionType.ALLOW, pattern(right))
                for right in missing
            ]
        )
        if answer["failed"]:
            raise SystemExit(f"principals: Kafka refuses rights of {service}: {answer['failed']}")
    if beyond:
        admin.delete_acls(
            [
                ACLFilter(principal, "*", ACLOperation[right[2]], ACLPermissionType.ALLOW, pattern(right))
                for right in beyond
            ]
        )


def main(words: list[str]) -> int:
    """Do what the command line says; answers the exit status."""
    match words:
        case ["describe", *options]:
            text = json.dumps(topology(), indent=1) + "\n"
            if "--check" in options:
                current = TOPOLOGY.exists() and TOPOLOGY.read_text() == text
                if not current:
                    print("deploy/topology.json is out of date: make describe", file=sys.stderr)
                return 0 if current else 1
            TOPOLOGY.write_text(text)
        case ["print", *prefix]:
            print("\n".join(commands(f"{prefix[0]}." if prefix else "")))
        case ["apply"]:
            apply(os.environ["KAFKA_URL"], {s: os.environ[f"{s.upper()}_PASSWORD"] for s in described()})
            print("principals: every service has its password and its rights")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
