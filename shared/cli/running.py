"""Starting the product, whole or in part."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from shared import config
from shared.cli.ways import address, not_answering, only_one, say, service_named, wait_until

READY_SECONDS = 60.0


@click.command()
@click.pass_obj
def run(settings: config.Settings) -> None:
    """Set up and start everything, in the foreground."""
    from shared import run as running
    from shared import telemetry

    running.prepare_metrics(settings)
    from shared.service import discover

    telemetry.configure_logging(settings.log_level)
    found = list(discover().values())
    with only_one(settings):
        print("acm: preparing the databases …", flush=True)
        if not running.in_child(lambda: running.prepare(found, settings, say)):
            raise click.ClickException("the databases could not be prepared; see above")
        if not running.in_child(lambda: _seed().found(settings, say)):
            raise click.ClickException("the agency could not be founded; see above")
        supervisor = running.Supervisor(found, settings)
        supervisor.start("start", lambda: _announce(settings))
        sys.exit(supervisor.watch())


@click.command()
@click.argument("service")
@click.pass_obj
def serve(settings: config.Settings, service: str) -> None:
    """Serve the web app of one service."""
    from shared import run as running
    from shared import telemetry

    running.prepare_metrics(settings)
    telemetry.configure_logging(settings.log_level)
    running.serve([service_named(service)], settings)


@click.command()
@click.argument("service")
@click.pass_obj
def work(settings: config.Settings, service: str) -> None:
    """Run the worker of one service: its consumers and tasks."""
    from shared import run as running
    from shared import telemetry

    telemetry.configure_logging(settings.log_level)
    running.work([service_named(service)], settings)


@click.command()
@click.argument("service", required=False)
@click.option("--all", "everything", is_flag=True, help="Every service.")
@click.pass_obj
def migrate(settings: config.Settings, service: str | None, everything: bool) -> None:
    """Bring the database of a service (or of all) to this version's schema."""
    from shared import run as running
    from shared.service import discover

    if bool(service) == everything:
        raise click.UsageError("name one service, or say --all")
    chosen = list(discover().values()) if everything else [service_named(service or "")]
    running.prepare(chosen, settings, say)


def _seed() -> Any:
    # Found by name: the platform stands below the services, which the demo agency is made through.
    return importlib.import_module("demo.seed")


def _announce(settings: config.Settings) -> None:
    """Say when it is usable, after the demo agency was filled on a first start."""
    if not wait_until(lambda: not not_answering(settings), READY_SECONDS):
        say(f"it does not answer after {READY_SECONDS:.0f} s; acm doctor tells why")
        return
    if settings.demo:
        _seed().fill(settings, address(settings), say)
    say(f"ready at {address(settings)}")
    for line in _seed().how_to_sign_in(settings):
        say(line)


commands = (run, serve, work, migrate)
