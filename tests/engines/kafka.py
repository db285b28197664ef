"""Kafka: one node in KRaft mode, broker and controller, from the artifacts that Maven resolves.

It has two listeners: the address is the open one, whose users are super users (for loopback only), and
`clients` asks for a name and a password (SASL) and lets each do what its ACLs say.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.engines import install
from tests.engines.server import Engine, EngineError

VERSION = "4.4.0"
LOG4J = "2.25.5"  # Kafka's own artifacts lack the binding without which it logs nothing
ADMIN_PASSWORD = "for-tests-only"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>acm</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
LOGGING = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
# A Metadata request, version 0, for all topics; its answer names the brokers that are in the cluster.
METADATA = bytes([0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 7, 255, 255, 0, 0, 0, 0])
ONE_BROKER = bytes([0, 0, 0, 7, 0, 0, 0, 1])


class Kafka(Engine):
    """One broker. `settings` are further lines of server.properties."""

    name = "kafka"
    variable = "ACM_KAFKA_BOOTSTRAP"
    ports = ("open", "clients", "controller")

    @property
    def address(self) -> str:
        """The open listener."""
        return f"127.0.0.1:{self.port('open')}"

    @property
    def clients(self) -> str:
        """The listener that asks who one is."""
        return f"127.0.0.1:{self.port('clients')}"

    def install(self) -> None:
        """Copy Kafka's jars to the cache."""
        self.jars = install.once(f"kafka-{VERSION}", _build) / "libs"
        self.java = install.jdk() / "bin" / "java"

    def command(self) -> tuple[list[str], dict[str, Any]]:
        """Write server.properties, format the store at the first start."""
        properties = self.data / "server.properties"
        properties.write_text("".join(f"{k}={v}\n" for k, v in (self.properties() | self.settings).items()))
        (self.data / "log4j2.properties").write_text(LOGGING)
        if not (self.data / "store" / "meta.properties").exists():
            self._format(properties)
        return self._java("-Xms256m", "-Xmx512m", "kafka.Kafka", str(properties)), {}

    def properties(self) -> dict[str, str]:
        """The settings of a small broker for tests."""
        open_, controller = f"127.0.0.1:{self.port('open')}", f"127.0.0.1:{self.port('controller')}"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        single = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INTERNAL",
            "listeners": f"INTERNAL://{open_},CONTROLLER://{controller},CLIENTS://{self.clients}",
            "advertised.listeners": f"INTERNAL://{open_},CLIENTS://{self.clients}",
            "listener.security.protocol.map": (
                "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENTS:SASL_PLAINTEXT"
            ),
            "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.clients.plain.sasl.jaas.config": f'{plain} user_admin="{ADMIN_PASSWORD}";',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:admin",
            "log.dirs": str(self.data / "store"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            # After kill -9 the controller lets the broker in again only when its old session has expired.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **{f"{topic}.replication.factor": "1" for topic in single},
            **{f"{topic}.num.partitions": "4" for topic in single},
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.min.isr": "1",
        }

    def answers(self) -> bool:
        """Whether the broker knows itself as a member of its cluster."""
        try:
            with socket.create_connection(("127.0.0.1", self.port("open")), timeout=2) as connection:
                connection.sendall(METADATA)
                with connection.makefile("rb") as answer:
                    return answer.read(12)[4:] == ONE_BROKER
        except OSError:
            return False

    def _java(self, *words: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.data / 'log4j2.properties'}"
        options, main = list(words[:-2]), list(words[-2:])
        return [str(self.java), "-XX:+UseG1GC", logging, *options, "-cp", f"{self.jars}/*", *main]

    def _format(self, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "A")
        words = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(properties)]
        command = [str(self.java), "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise EngineError(f"kafka's store cannot be formatted: {done.stdout[-500:]}{done.stderr[-500:]}")


def _build(work: Path) -> None:
    (work / "pom.xml").write_text(POM)
    install.maven(
        "-f",
        str(work / "pom.xml"),
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={work / 'libs'}",
    )
