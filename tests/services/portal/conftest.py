"""One agency per module, and browsers that sign in to it as people do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from services.portal import commands, store
from shared.tables import AuditRow, Platform
from shared.testing import World
from shared.testing import world as make_world
from shared.tokens import session_cookie

PASSWORD = "a calm sentence of hers"
OTHER = "another quiet morning here"
COOKIE = session_cookie(tls=False)


def kept(agency: World) -> str:
    """All that the portal's database holds; of SQLite's files also what is only left behind in them."""
    running = agency.runtimes["portal"]
    running.database.engine.dispose()
    files = (agency.settings.home / "data").glob("portal.db*")
    held = [file.read_bytes().decode(errors="replace") for file in files]
    tables = (*store.Base.metadata.sorted_tables, *Platform.metadata.sorted_tables)
    with running.database.read() as session:
        held += [repr(session.execute(select(table)).all()) for table in tables]
    return "\n".join(held)


class Browser:
    """A browser, in English, from an address of its own."""

    def __init__(self, world: World, *, address: str = "192.0.2.1") -> None:
        self.world = world
        self.client = world.client("/")
        self._environ = {"REMOTE_ADDR": address}

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.client.get(
            path, environ_overrides=self._environ, headers={"Accept-Language": "en"}, **kwargs
        )

    def page(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return str(answer.get_data(as_text=True))

    def send(self, form: str, fields: dict[str, Any], *, to: str = "") -> Any:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.page(form))
        assert token is not None, f"{form} has no form"
        return self.client.post(
            to or form,
            data={"csrf_token": token[1], **fields},
            environ_overrides=self._environ,
            headers={"Accept-Language": "en", "User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"},
        )

    def sign_in(self, username: str, password: str = PASSWORD, **fields: str) -> Any:
        return self.send("/sign-in", {"username": username, "password": password, **fields})

    @property
    def cookie(self) -> str:
        """The session's token as the browser holds it; empty when it holds none."""
        held = self.client.get_cookie(COOKIE)
        return held.value if held is not None else ""

    def reaches(self, path: str) -> bool:
        """Whether a page of any service is shown to this browser's session."""
        elsewhere = self.world.client(path)
        elsewhere.set_cookie(COOKIE, self.cookie)
        return bool(elsewhere.get(path).status_code == 200)


def set_password(world: World, username: str, password: str = PASSWORD) -> None:
    """Give a person a password, as a set-up does."""
    password_hash = commands.hash_password(password)
    with world.runtimes["portal"].unit_of_work() as uow:
        commands.set_first_password(
            uow, person_id=world.people[username], password_hash=password_hash, must_change=False
        )


def forget_guesses(world: World) -> None:
    """Begin counting attempts anew."""
    with world.runtimes["portal"].database.write() as session:
        for row in session.scalars(select(store.Guesses)):
            session.delete(row)


def audited(world: World, subject: str) -> list[str]:
    """What the audit trail says of something, oldest first."""
    with world.runtimes["portal"].database.read() as session:
        rows = select(AuditRow.action).where(AuditRow.subject == subject).order_by(AuditRow.id)
        return list(session.scalars(rows))


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("portal"), demo=False) as world:
        world.found()
        world.person("dora", roles=["director"], name="周敏")
        world.person("anna", name="李娜")
        world.person("audie", roles=["auditor"])
        set_password(world, "admin")
        set_password(world, "anna")
        set_password(world, "dora")
        yield world
