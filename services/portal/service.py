"""The portal's manifest."""

from __future__ import annotations

from services.portal import api, cli, commands, store
from services.portal.pages import pages
from shared import clock
from shared.service import Runtime, Service, Task


def _publish_first_key(running: Runtime) -> None:
    with running.unit_of_work() as uow:
        commands.ensure_key(uow, secret=running.settings.secret)


def _forget(running: Runtime) -> bool:
    commands.forget_first_password(running)
    with running.database.write() as session:
        return store.forget(session, clock.now())


SERVICE = Service(
    name="portal",
    package="services.portal",
    description="Sign-in, sessions and API tokens, home, agency settings.",
    tables=store.Base.metadata,
    published=[store.SigningKey, store.IssuedToken],
    api=api.apis,
    pages=[pages],
    tasks=[Task("forget", _forget, every_seconds=300)],
    commands=[cli.token, cli.password, cli.keys],
    started=_publish_first_key,
)
