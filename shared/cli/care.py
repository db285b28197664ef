"""Looking after a running installation: does everything hold, what waits, what could not be handled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click

from shared import config
from shared.cli.ways import engine_fault, not_answering, service_named

DISK_BYTES = 500_000_000
CLOCK_SECONDS = 5.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def lag(settings: config.Settings, as_json: bool) -> None:
    """How many events each consumer has still to handle, and each relay to send."""
    found = {name: topics for running in _runtimes(settings) for name, topics in _waiting(running)}
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, topics in found.items():
        for topic, count in topics.items():
            click.echo(f"{name:28} {topic:20} {count}")


@click.command()
@click.pass_obj
def doctor(settings: config.Settings) -> None:
    """Look at everything that must hold; exit status 1 when something does not."""
    wrong = 0

    def check(what: str, look: Callable[[], str]) -> bool:
        nonlocal wrong
        try:
            problem = look()
        except Exception as error:
            problem = engine_fault(error)
            if not problem:
                raise
        wrong += bool(problem)
        click.echo(f"{'!!' if problem else 'ok'}  {what}{': ' + problem if problem else ''}")
        return not problem

    free = shutil.disk_usage(settings.home).free
    check(
        "disk space", lambda: "" if free > DISK_BYTES else f"only {free // 1_000_000} MB are free in ACM_HOME"
    )
    for running in _runtimes(settings):
        _examine(running, check)
    check("web", lambda: not_answering(settings))
    if wrong:
        raise click.ClickException(f"{wrong} of these need attention")


def _examine(running: Any, check: Callable[[str, Callable[[], str]], bool]) -> None:
    """What must hold of one service; what stands on something that is missing is not asked."""
    name, database = running.service.name, running.database
    if check(f"{name}: database", lambda: _not_migrated(running)):
        check(f"{name}: keys", running.not_ready)
        check(f"{name}: access", lambda: _access(running))
        check(f"{name}: clock", lambda: _clock(database))
        check(f"{name}: dead letters", lambda: _dead(database))
        check(f"{name}: audit trail", lambda: _audit(running))
        if check(f"{name}: log", lambda: _topics(running)):
            for consumer, topics in _waiting(running):
                check(f"{consumer}: lag", partial(_behind, sum(topics.values())))
        if running.service.examine is not None:
            for what, look in running.service.examine(running).items():
                check(f"{name}: {what}", look)
    running.close()


def _behind(count: int) -> str:
    return f"{count} events wait; is the worker running?" if count else ""


def _not_migrated(running: Any) -> str:
    from shared import migrations

    if not running.database.exists():
        return f"there is none yet: acm migrate {running.service.name}"
    with running.database.read() as session:
        present = migrations.present(session.connection())
    if present == migrations.heads(running.service):
        return ""
    if not migrations.knows(running.service, present):
        return "its schema is of a newer version of this service: run that version"
    return f"its schema is of an older version: acm migrate {running.service.name}"


def _clock(database: Any) -> str:
    from datetime import timedelta

    from sqlalchemy import func, select

    from shared import clock
    from shared.tables import EventRow

    with database.read() as session:
        newest = session.scalar(select(EventRow.at).order_by(EventRow.id.desc()).limit(1))
        servers = None if database.is_sqlite else session.scalar(select(func.now()))
    now, most = clock.now(), timedelta(seconds=CLOCK_SECONDS)
    if servers is not None and abs(now - servers) > most:
        return (
            f"it is {(now - servers).total_seconds():.0f} s off the database's: set both by one time server"
        )
    if newest is not None and newest - now > most:
        return (
            f"the newest event is of {(newest - now).total_seconds():.0f} s from now: the clock was set back"
        )
    return ""


def _access(running: Any) -> str:
    from datetime import timedelta

    from sqlalchemy import select

    from shared import clock
    from shared.tables import PositionRow

    query = select(PositionRow.topic, PositionRow.at_end_at).where(
        PositionRow.topic.in_(running.access_topics)
    )
    with running.database.read() as session:
        heard = {row.topic: row.at_end_at for row in session.execute(query)}
    oldest = clock.now() - timedelta(seconds=running.settings.access_stale_after)
    silent = [t for t in running.access_topics if (heard.get(t) or oldest) <= oldest]
    return (
        f"nothing was heard of {', '.join(silent)} for long: what is walled or RED is closed"
        if silent
        else ""
    )


def _dead(database: Any) -> str:
    from sqlalchemy import func, select

    from shared.tables import DeadLetterRow

    with database.read() as session:
        dead = session.scalar(select(func.count()).select_from(DeadLetterRow))
    return f"{dead}; see acm dead-letters list" if dead else ""


def _audit(running: Any) -> str:
    from shared import audit

    with running.database.read() as session:
        return str(audit.verify(session, running.settings.secret).problem)


def _topics(running: Any) -> str:
    missing = running.log.missing()
    return f"there is no topic {', '.join(missing)}: acm migrate {running.service.name}" if missing else ""


def _waiting(running: Any) -> Iterator[tuple[str, dict[str, int]]]:
    """How many events wait, by consumer and topic; those that the relay has still to send, likewise."""
    if running.relay is not None:
        yield f"{running.service.name}.relay", {"unpublished": running.unpublished()}
    for consumer in running.consumers(listen=False):
        yield consumer.name, consumer.lag()
        consumer.close()


@click.group("dead-letters")
def dead_letters() -> None:
    """Events that could not be handled."""


@dead_letters.command("list")
@click.pass_obj
def list_dead_letters(settings: config.Settings) -> None:
    """Every dead letter: service, id, consumer, key, and whether its key is parked."""
    for service, row in _dead_letters(settings):
        state = "waiting" if row.waiting else "parked" if row.parked else "dead"
        click.echo(f"{service:14} {row.id:6} {state:8} {row.consumer:24} {row.key} {row.error}")


@dead_letters.command("show")
@click.argument("service")
@click.argument("number", type=int)
@click.pass_obj
def show_dead_letter(settings: config.Settings, service: str, number: int) -> None:
    """The envelope of a dead letter and what failed."""
    for owner, row in _dead_letters(settings):
        if (owner, row.id) == (service, number):
            click.echo(json.dumps(json.loads(row.envelope), ensure_ascii=False, indent=2))
            click.echo(row.error)
            return
    raise LookupError(f"{service} has no dead letter {number}")


@dead_letters.command("retry")
@click.argument("service")
@click.argument("number", type=int)
@click.pass_obj
def retry_dead_letter(settings: config.Settings, service: str, number: int) -> None:
    """Handle a dead letter again, then what waits behind it."""
    _release(settings, service, number, "retry")


@dead_letters.command("drop")
@click.argument("service")
@click.argument("number", type=int)
@click.pass_obj
def drop_dead_letter(settings: config.Settings, service: str, number: int) -> None:
    """Give a dead letter up and go on with what waits behind it."""
    _release(settings, service, number, "drop")


@click.group()
def audit() -> None:
    """The audit trail."""


@audit.command("verify")
@click.pass_obj
def verify_audit(settings: config.Settings) -> None:
    """Recompute every service's chain; tells an edited, removed or reordered entry."""
    from shared import audit as trail

    for running in _runtimes(settings):
        name = running.service.name
        with running.database.read() as session:
            verdict = trail.verify(session, settings.secret)
            if verdict.problem:
                raise click.ClickException(f"{name}: {verdict.problem}")
            click.echo(f"{name}: {verdict.entries} entries hold, {trail.waiting(session)} not chained yet")


@click.command()
@click.argument("service")
@click.pass_obj
def replay(settings: config.Settings, service: str) -> None:
    """Say the current state of every record of a service again, for consumers whose rows are wrong.

    It runs beside the product, and goes on where it was when it is interrupted. Nobody reacts to it.
    """
    from shared import epochs
    from shared.service import Runtime

    running = Runtime(service_named(service), settings)
    shown = -1

    def progress(done: int, total: int) -> None:
        nonlocal shown
        percent = done * 100 // max(total, done)
        if percent // 10 != shown // 10:
            click.echo(f"{percent} %")
        shown = percent

    said = epochs.replay(running, progress)
    click.echo(f"{service}: {said} records were said again; acm lag tells when they are handled")


def _dead_letters(settings: config.Settings) -> Iterator[tuple[str, Any]]:
    from sqlalchemy import select

    from shared.tables import DeadLetterRow

    for running in _runtimes(settings):
        with running.database.read() as session:
            for row in session.scalars(select(DeadLetterRow).order_by(DeadLetterRow.id)):
                yield running.service.name, row


def _release(settings: config.Settings, service: str, number: int, verb: str) -> None:
    owner = next(
        (row.consumer for name, row in _dead_letters(settings) if (name, row.id) == (service, number)), None
    )
    consumer = next((c for c in _consumers(settings) if c.name == owner), None)
    if consumer is None:
        raise LookupError(f"{service} has no dead letter {number}")
    try:
        getattr(consumer, verb)(number)
    except Exception as error:
        raise click.ClickException(f"it still fails: {error!r}") from error


def _runtimes(settings: config.Settings) -> Iterator[Any]:
    from shared.service import Runtime, discover

    for service in discover().values():
        yield Runtime(service, settings)


def _consumers(settings: config.Settings) -> Iterator[Any]:
    for running in _runtimes(settings):
        yield from running.consumers(listen=False)


commands = (lag, doctor, dead_letters, audit, replay)
