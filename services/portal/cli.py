"""The portal's commands for whoever runs the installation. They need the database and no running server."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from contracts.accounts import Person
from services.portal import commands, domain
from shared import clock, config
from shared.access import Book
from shared.service import Runtime, discover


@click.command()
@click.argument("username")
@click.option(
    "--days",
    type=click.IntRange(1, domain.API_TOKEN_LONGEST.days),
    default=domain.API_TOKEN_LIFE.days,
    show_default=True,
    help="How long it holds.",
)
@click.option("--read-only", is_flag=True, help="It may read only.")
@click.pass_obj
def token(settings: config.Settings, username: str, days: int, read_only: bool) -> None:
    """Print an API token for a person, alone on standard output."""
    running = _portal(settings)
    person_id = _person(running, username).id
    with running.unit_of_work() as uow:
        made, issued = commands.issue_token(
            uow,
            person_id=person_id,
            kind=domain.API,
            name="acm token",
            life=timedelta(days=days),
            secret=settings.secret,
            scope=domain.SCOPES[0] if read_only else domain.SCOPES[1],
        )
        uow.audit("token.created", issued.id, person=person_id, scope=issued.scope, days=days)
    click.echo(made)


@click.command()
@click.argument("username")
@click.pass_obj
def password(settings: config.Settings, username: str) -> None:
    """Set a person's password, for recovery; asks for it, or reads a line from standard input.

    Ends the person's sessions and API tokens.
    """
    running = _portal(settings)
    person = _person(running, username)
    if sys.stdin.isatty():
        chosen = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    else:
        chosen = sys.stdin.readline().rstrip("\n")
    fault = domain.password_fault(chosen, domain.own_words(person))
    if fault:
        raise click.ClickException(
            f"this password cannot be taken ({fault}); use 12 to 128 characters that nobody guesses"
        )
    password_hash = commands.hash_password(chosen)
    with running.unit_of_work() as uow:
        commands.set_password(uow, person_id=person.id, password_hash=password_hash)
    commands.forget_first_password(running)


@click.group()
def keys() -> None:
    """The keys that sign sessions and API tokens."""


@keys.command("rotate")
@click.option("--at-once", is_flag=True, help="A key has leaked: trust no older one, sign everybody out.")
@click.pass_obj
def rotate(settings: config.Settings, at_once: bool) -> None:
    """Sign with a new key. The older ones are trusted until the last token that they signed ends."""
    with _portal(settings).unit_of_work() as uow:
        key = commands.rotate_keys(uow, secret=settings.secret, at_once=at_once)
    click.echo(f"{key.id} signs from now on")


def _portal(settings: config.Settings) -> Runtime:
    running = Runtime(discover()["portal"], settings)
    if not running.database.exists():
        raise click.ClickException("there is no agency here yet; start it with make run, or set ACM_HOME")
    return running


def _person(running: Runtime, username: str) -> Person:
    """The employed person of that name, also when nobody has folded them yet."""
    found = _look_up(running, username)
    if found is None:
        for consumer in running.consumers(listen=False):
            while consumer.step():
                pass
            consumer.close()
        found = _look_up(running, username)
    if found is None:
        raise click.ClickException(f"nobody employed signs in as {username}")
    return found


def _look_up(running: Runtime, username: str) -> Person | None:
    with running.database.read() as session:
        book: Book = running.book(session, clock.now())
    person = domain.named(book.people.values(), username)
    return person if person is not None and person.status == "employed" else None
