"""The audit trail tells every later edit."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, text, update

from shared import audit
from shared.tables import AuditRow
from shared.testing import World

TAMPERINGS = {
    "an edited entry": update(AuditRow).where(AuditRow.number == 2).values(action="harmless"),
    "a changed actor": update(AuditRow).where(AuditRow.number == 1).values(actor="somebody"),
    "a removed entry": delete(AuditRow).where(AuditRow.number == 2),
    "a removed and closed gap": text(
        "DELETE FROM audit WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3"
    ),
    "swapped entries": text(
        "UPDATE audit SET number = CASE number WHEN 1 THEN -2 ELSE -1 END WHERE number IN (1, 2)"
    ),
}


@pytest.fixture
def trail(world: World) -> World:
    for username in ("a", "b", "c"):
        world.person(username)
    running = world.runtimes["accounts"]
    while audit.link(running.database, world.settings.secret):
        pass
    return world


def verdict(world: World, secret: str | None = None) -> audit.Verdict:
    with world.runtimes["accounts"].database.read() as session:
        return audit.verify(session, secret or world.settings.secret)


def test_an_untouched_trail_holds(trail: World) -> None:
    found = verdict(trail)
    assert found.entries >= 3
    assert found.problem == ""


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_told(trail: World, what: str) -> None:
    with trail.runtimes["accounts"].database.write() as session:
        statement = TAMPERINGS[what]
        for part in (
            str(statement).split(";") if what.startswith(("a removed and", "swapped")) else [statement]
        ):
            session.execute(text(part) if isinstance(part, str) else part)
    assert verdict(trail).problem


def test_a_chain_made_without_the_secret_is_told(trail: World) -> None:
    assert "signed" in verdict(trail, "another secret").problem
