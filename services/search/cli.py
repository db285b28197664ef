"""Search's command for whoever runs the installation."""

from __future__ import annotations

import time

import click

from services.search import commands, store
from shared import config
from shared.service import Runtime, discover

STUCK_SECONDS = 120.0
STEP_SECONDS = 0.1


@click.command()
@click.argument("what", type=click.Choice(["search"]))
@click.pass_obj
def rebuild(settings: config.Settings, what: str) -> None:
    """Make the search index again from the rows. People go on searching the present one until it is done.

    The worker does it, where one runs; else this command does.
    """
    running = Runtime(discover()[what], settings)
    wish = commands.wish_for_rebuild(running)
    last = (-1, -1)
    moved_at = time.monotonic()
    while True:
        with running.database.read() as session:
            done, percent = store.rebuild_progress(session)
        if done >= wish:
            click.echo("the index was made again and agrees with the rows")
            return
        if (done, percent) != last:
            last, moved_at = (done, percent), time.monotonic()
            click.echo(f"{percent} %")
        if time.monotonic() - moved_at > STUCK_SECONDS:
            raise click.ClickException("the rebuild does not move on; look at the worker's log")
        if not commands.index_some(running):
            time.sleep(STEP_SECONDS)  # the worker is at it
