"""The `acm` command line. Exit status 0 means that it holds; else one sentence on standard error says why."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from shared import config

READY_SECONDS = 60.0


class _Acm(click.Group):
    """Loads the services, and the commands that they bring, only when a command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our own and the services' commands."""
        return sorted({*super().list_commands(ctx), *self._of_services()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Our own command of that name, else a service's."""
        return super().get_command(ctx, name) or self._of_services().get(name)

    @staticmethod
    def _of_services() -> dict[str, click.Command]:
        from shared.service import discover

        return {str(c.name): c for service in discover().values() for c in service.commands}


def main() -> None:
    """Run the command line; any refusal becomes one sentence and a non-zero exit status."""
    try:
        acm.main(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.Abort:
        sys.exit("acm: stopped")
    except (click.ClickException, config.SettingsError, LookupError, OSError) as error:
        sentence = error.format_message() if isinstance(error, click.ClickException) else str(error)
        sys.exit(f"acm: {sentence}")


@click.group(cls=_Acm, no_args_is_help=True)
@click.pass_context
def acm(ctx: click.Context) -> None:
    """ACM: software on which an advertising agency runs its client work."""
    settings = config.load()
    settings.home.mkdir(parents=True, exist_ok=True)
    ctx.obj = config.with_secret(settings)


# --- running -----------------------------------------------------------------------------------------------


@acm.command()
@click.pass_obj
def run(settings: config.Settings) -> None:
    """Set up and start everything, in the foreground."""
    from shared import run as running
    from shared import telemetry

    running.prepare_metrics(settings)
    from shared.service import discover

    telemetry.configure_logging(settings.log_level)
    found = list(discover().values())
    with _only_one(settings):
        print("acm: preparing the databases …", flush=True)
        if not running.in_child(lambda: running.prepare(found, settings, _say)):
            raise click.ClickException("the databases could not be prepared; see above")
        if not running.in_child(lambda: _seed().found(settings, _say)):
            raise click.ClickException("the agency could not be founded; see above")
        supervisor = running.Supervisor(found, settings)
        supervisor.start("start", lambda: _announce(settings))
        sys.exit(supervisor.watch())


@acm.command()
@click.argument("service")
@click.pass_obj
def serve(settings: config.Settings, service: str) -> None:
    """Serve the web app of one service."""
    from shared import run as running
    from shared import telemetry

    running.prepare_metrics(settings)
    telemetry.configure_logging(settings.log_level)
    running.serve([_service(service)], settings)


@acm.command()
@click.argument("service")
@click.pass_obj
def work(settings: config.Settings, service: str) -> None:
    """Run the worker of one service: its consumers and tasks."""
    from shared import run as running
    from shared import telemetry

    telemetry.configure_logging(settings.log_level)
    running.work([_service(service)], settings)


@acm.command()
@click.argument("service", required=False)
@click.option("--all", "everything", is_flag=True, help="Every service.")
@click.pass_obj
def migrate(settings: config.Settings, service: str | None, everything: bool) -> None:
    """Bring the database of a service (or of all) to this version's schema."""
    from shared import run as running
    from shared.service import discover

    if bool(service) == everything:
        raise click.UsageError("name one service, or say --all")
    chosen = list(discover().values()) if everything else [_service(service or "")]
    running.prepare(chosen, settings, _say)


# --- care --------------------------------------------------------------------------------------------------


@acm.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def lag(settings: config.Settings, as_json: bool) -> None:
    """How many events each consumer has still to handle."""
    found = {c.name: behind for c in _consumers(settings) for behind in [c.lag()]}
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, topics in found.items():
        for topic, count in topics.items():
            click.echo(f"{name:28} {topic:20} {count}")


@acm.command()
@click.pass_obj
def doctor(settings: config.Settings) -> None:
    """Look at everything that must hold; exit status 1 when something does not."""
    from shared import audit
    from shared.service import Runtime, discover
    from shared.tables import DeadLetterRow

    wrong = 0

    def check(what: str, problem: str) -> None:
        nonlocal wrong
        wrong += bool(problem)
        click.echo(f"{'!!' if problem else 'ok'}  {what}{': ' + problem if problem else ''}")

    free = shutil.disk_usage(settings.home).free
    check("disk space", "" if free > 500_000_000 else f"only {free // 1_000_000} MB are free in ACM_HOME")
    for service in discover().values():
        running = Runtime(service, settings)
        missing = running.not_ready()
        check(f"{service.name}: database and keys", missing)
        if missing:
            continue
        with running.database.read() as session:
            dead = session.query(DeadLetterRow).count()
            check(f"{service.name}: dead letters", f"{dead}; see acm dead-letters list" if dead else "")
            check(f"{service.name}: audit trail", audit.verify(session, settings.secret).problem)
        for consumer in running.consumers(listen=False):
            behind = sum(consumer.lag().values())
            check(f"{consumer.name}: lag", f"{behind} events wait; is the worker running?" if behind else "")
    check("web", _not_answering(settings))
    if wrong:
        raise click.ClickException(f"{wrong} of these need attention")


@acm.group("dead-letters")
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


@acm.group()
def audit() -> None:
    """The audit trail."""


@audit.command("verify")
@click.pass_obj
def verify_audit(settings: config.Settings) -> None:
    """Recompute every service's chain; tells an edited, removed or reordered entry."""
    from shared import audit as trail
    from shared.service import Runtime, discover

    for service in discover().values():
        running = Runtime(service, settings)
        with running.database.read() as session:
            verdict = trail.verify(session, settings.secret)
            if verdict.problem:
                raise click.ClickException(f"{service.name}: {verdict.problem}")
            click.echo(
                f"{service.name}: {verdict.entries} entries hold, {trail.waiting(session)} not chained yet"
            )


@acm.command()
@click.option("--yes", is_flag=True, help="Really.")
@click.pass_obj
def reset(settings: config.Settings, yes: bool) -> None:
    """Throw away all data under ACM_HOME, so that the next start begins anew."""
    if not yes:
        raise click.UsageError(f"this deletes everything in {settings.home.name}/; say --yes if you mean it")
    with _only_one(settings):
        for entry in settings.home.iterdir():
            if entry.name != "lock":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


# --- the ways of the above ---------------------------------------------------------------------------------


def _say(sentence: str) -> None:
    print(f"acm: {sentence}", flush=True)


def _service(name: str) -> Any:
    from shared.service import discover

    found = discover()
    if name not in found:
        raise LookupError(f"there is no service {name}; there are {', '.join(found)}")
    return found[name]


def _consumers(settings: config.Settings) -> Iterator[Any]:
    from shared.service import Runtime, discover

    for service in discover().values():
        yield from Runtime(service, settings).consumers(listen=False)


def _dead_letters(settings: config.Settings) -> Iterator[tuple[str, Any]]:
    from sqlalchemy import select

    from shared.service import Runtime, discover
    from shared.tables import DeadLetterRow

    for service in discover().values():
        with Runtime(service, settings).database.read() as session:
            for row in session.scalars(select(DeadLetterRow).order_by(DeadLetterRow.id)):
                yield service.name, row


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


@contextmanager
def _only_one(settings: config.Settings) -> Iterator[None]:
    """Hold ACM_HOME alone, so that two starts do not share one set of files."""
    with (settings.home / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(
                "ACM is running on this ACM_HOME already; stop it first, or set another ACM_HOME"
            ) from None
        # Child processes must not hold the lock when this one is gone.
        os.set_inheritable(held.fileno(), False)
        yield


def _seed() -> Any:
    # Found by name: the platform stands below the services, which the demo agency is made through.
    return importlib.import_module("demo.seed")


def _announce(settings: config.Settings) -> None:
    """Say when it is usable, after the demo agency was filled on a first start."""
    if not _wait_until(lambda: not _not_answering(settings), READY_SECONDS):
        _say(f"it does not answer after {READY_SECONDS:.0f} s; acm doctor tells why")
        return
    if settings.demo:
        _seed().fill(settings, address(settings), _say)
    _say(f"ready at {address(settings)}")
    for line in _seed().how_to_sign_in(settings):
        _say(line)


def address(settings: config.Settings) -> str:
    """Where the product answers."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _not_answering(settings: config.Settings) -> str:
    from shared.service import discover

    for name in discover():
        try:
            with urllib.request.urlopen(f"{address(settings)}/{name}/readyz", timeout=5):
                pass
        except (urllib.error.URLError, OSError, TimeoutError) as error:
            return f"{name} does not answer: {error}"
    return ""


def _wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
