"""Keeping the data: backup, restore, and beginning anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from shared import config
from shared.cli.ways import only_one, say, service_named


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(settings: config.Settings, file: Path) -> None:
    """Write all services' data into one file, while the product runs.

    In the embedded mode the file holds the installation's secret too. Only its owner may read it (mode 600):
    keep it as safe as the data.
    """
    from shared import archive
    from shared.service import discover

    archive.backup(list(discover().values()), settings, file, say)
    say(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--service", "names", multiple=True, help="Only this one; may be said several times.")
@click.pass_obj
def restore(settings: config.Settings, file: Path, names: tuple[str, ...]) -> None:
    """Bring all services, or some, back to a backup. They must be stopped.

    What the others keep of them agrees again by itself, soon after all run.
    """
    from shared import archive
    from shared.service import discover

    chosen = [service_named(name) for name in names] or list(discover().values())
    with only_one(settings), archive.opened(file) as held:
        archive.restore(chosen, settings, held, say)
    say("restored; start the product again")
    if any(service.name == "portal" for service in chosen):
        say("sessions and tokens that were ended since that backup hold again: acm keys rotate --at-once")


@click.command()
@click.option("--yes", is_flag=True, help="Really.")
@click.pass_obj
def reset(settings: config.Settings, yes: bool) -> None:
    """Throw away all data under ACM_HOME, so that the next start begins anew."""
    if not yes:
        raise click.UsageError(f"this deletes everything in {settings.home.name}/; say --yes if you mean it")
    with only_one(settings):
        for entry in settings.home.iterdir():
            if entry.name != "lock":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


commands = (backup, restore, reset)
