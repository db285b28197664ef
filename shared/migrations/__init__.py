"""Migrations: the platform's own and each service's, as two branches of one Alembic history per database."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from shared import log
from shared.db import Database, database

if TYPE_CHECKING:
    from shared.config import Settings
    from shared.service import Service

HERE = Path(__file__).parent


def migrate(service: Service, settings: Settings) -> bool:
    """Bring a service's database to this version's schema; answers whether anything was to do.

    Also set up where it publishes, its topics on Kafka.

    Two processes may do so at once: it is one transaction, under the service's write lock.
    """
    with closing(log.connect(settings, service.name)) as publishing:
        publishing.prepare()
    held = database(service.name, settings.database_url(service.name))
    make_schema(held)
    with held.engine.connect() as connection:
        if present(connection) == heads(service):
            return False
    with held.engine.execution_options(acm_write=True).begin() as connection:
        upgrade(service, connection)
    return True


def present(connection: Connection) -> set[str]:
    """The revisions that a database is at; none where it was never prepared."""
    return set(MigrationContext.configure(connection).get_current_heads())


def heads(service: Service) -> set[str]:
    """The revisions of this version of a service."""
    return set(ScriptDirectory.from_config(_config(service)).get_heads())


def knows(service: Service, revisions: Iterable[str]) -> bool:
    """Whether this version of a service has these revisions: a newer one's it has not."""
    known = {script.revision for script in ScriptDirectory.from_config(_config(service)).walk_revisions()}
    return set(revisions) <= known


def upgrade(service: Service, connection: Connection, revisions: Iterable[str] = ("heads",)) -> None:
    """Migrate up to these revisions, in the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    config = _config(service)
    config.attributes["connection"] = connection
    config.attributes["metadata"] = service.tables
    for revision in revisions:
        command.upgrade(config, revision)


def _config(service: Service) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{HERE / 'versions'}\n{service.folder / 'migrations'}")
    return config


def make_schema(held: Database) -> None:
    """On PostgreSQL: give the service a schema of its own, under a role of its own where we may make one."""
    if held.is_sqlite:
        return
    with held.engine.execution_options(acm_write=True).begin() as connection:
        if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": held.service}) is None:
            _create_schema(held.service, connection)
    # Connections act as the schema's owner from their start: also those opened while another process made it.
    held.engine.dispose()


def _create_schema(service: str, connection: Connection) -> None:
    role = f"acm_{service}"
    may = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    owner = ""
    if connection.scalar(text(may)):
        # Roles belong to the whole server: another database's migration may have made it just now.
        connection.execute(
            text(
                f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN;"
                " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
        )
        connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
        owner = f"AUTHORIZATION {role}"
    connection.execute(text(f"CREATE SCHEMA {service} {owner}"))
