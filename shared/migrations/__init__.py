"""Migrations: the platform's own and each service's, as two branches of one Alembic history per database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

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
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{HERE / 'versions'}\n{service.folder / 'migrations'}")
    wanted = set(ScriptDirectory.from_config(config).get_heads())
    if not held.is_sqlite:
        _make_schema(held)
    with held.engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
    if wanted == present:
        return False
    with held.engine.execution_options(acm_write=True).begin() as connection:
        if not held.is_sqlite:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        config.attributes["connection"] = connection
        config.attributes["metadata"] = service.tables
        command.upgrade(config, "heads")
    return True


def _make_schema(held: Database) -> None:
    """Give the service a schema of its own, under a role of its own where we may make one."""
    with held.engine.execution_options(acm_write=True).begin() as connection:
        if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": held.service}) is not None:
            return
        role = f"acm_{held.service}"
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
        connection.execute(text(f"CREATE SCHEMA {held.service} {owner}"))
    held.engine.dispose()  # connections act as the schema's owner from their start
