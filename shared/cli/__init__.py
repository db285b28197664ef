"""The `acm` command line. Exit status 0 means that it holds; else one sentence on standard error says why."""

from __future__ import annotations

import sys

import click

from shared import config
from shared.cli import care, keeping, running, ways


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
    except Exception as error:
        sentence = ways.engine_fault(error)
        if not sentence:
            raise
        sys.exit(f"acm: {sentence}")


@click.group(cls=_Acm, no_args_is_help=True)
@click.pass_context
def acm(ctx: click.Context) -> None:
    """ACM: software on which an advertising agency runs its client work."""
    settings = config.load()
    settings.home.mkdir(parents=True, exist_ok=True)
    ctx.obj = config.with_secret(settings)


for _command in (*running.commands, *care.commands, *keeping.commands):
    acm.add_command(_command)
