"""Migrations: the platform's own and each service's, as two branches of one Alembic history per database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.db import database

if TYPE_CHECKING:
    from shared.config import Settings
    from shared.service import Service

HERE = Path(__file__).parent


def migrate(service: Service, settings: Settings) -> bool:
    """Bring a service's database to this version's schema; answers whether anything was to do."""
    held = database(service.name, settings.database_url(service.name))
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{HERE / 'versions'}\n{service.folder / 'migrations'}")
    wanted = set(ScriptDirectory.from_config(config).get_heads())
    with held.engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
    if wanted == present:
        return False
    with held.engine.execution_options(acm_write=True).begin() as connection:
        config.attributes["connection"] = connection
        config.attributes["metadata"] = service.tables
        command.upgrade(config, "heads")
    return True
