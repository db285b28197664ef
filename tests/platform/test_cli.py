"""The operator's commands, on whichever engines: what holds, what waits, what could not be handled."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text, update

from shared import audit, cli, clock
from shared.cli import care, keeping
from shared.cli.ways import only_one
from shared.tables import DeadLetterRow, PositionRow
from shared.testing import World, on_real_engines
from tests.platform.agency import Agency
from tests.platform.logs import create

NOBODYS_PORT = 9  # where nothing listens, whatever runs on this machine meanwhile


@pytest.fixture
def agency(world: World) -> Agency:
    return Agency(world).founded()


def acm(agency: Agency, command: click.Command, *words: str) -> Result:
    """Run a command as `acm` does, once its settings are read."""
    settings = replace(agency.world.settings, port=NOBODYS_PORT)
    return CliRunner().invoke(command, words, obj=settings)


def lines(agency: Agency) -> dict[str, str]:
    """What `acm doctor` complains of, but for the web: nothing listens in these tests."""
    said = acm(agency, care.doctor).output
    complaints = (line[4:].partition(": ") for line in said.splitlines() if line.startswith("!!"))
    whole = {f"{a}: {b.partition(': ')[0]}": b.partition(": ")[2] for a, _, b in complaints if a != "web"}
    assert "Traceback" not in said
    return whole


def test_nothing_is_wrong_with_a_settled_installation(agency: Agency) -> None:
    assert lines(agency) == {}
    said = acm(agency, care.doctor)
    assert said.exit_code == 1  # the web does not answer
    assert "1 of these need attention" in said.output


def test_what_does_not_hold_is_told(agency: Agency) -> None:
    create(agency.world.runtimes["accounts"], "新客户")
    with agency.world.runtimes["portal"].database.write() as session:
        session.add(_letter("portal.events", "somebody"))
    with agency.world.runtimes["search"].database.write() as session:
        session.execute(update(PositionRow).values(at_end_at=None))
    accounts = agency.world.runtimes["accounts"]
    assert audit.link(accounts.database, accounts.settings.secret)
    with accounts.database.write() as session:
        session.execute(text("UPDATE audit SET action = 'forged' WHERE number = 1"))
    complaints = lines(agency)
    assert "acm dead-letters list" in complaints["portal: dead letters"]
    assert "accounts.access, portal.access" in complaints["search: access"]
    assert "entry 1 was changed" in complaints["accounts: audit trail"]
    # On Kafka the event is not even sent: no relay has run.
    assert "1 events wait" in complaints["accounts.relay: lag" if on_real_engines() else "search.events: lag"]


def test_a_schema_of_another_version_is_told(agency: Agency) -> None:
    with agency.world.runtimes["accounts"].database.write() as session:
        version = text("UPDATE alembic_version SET version_num = :new WHERE version_num LIKE 'platform%'")
        session.execute(version, {"new": "platform_0001"})
    assert "acm migrate accounts" in lines(agency)["accounts: database"]
    with agency.world.runtimes["accounts"].database.write() as session:
        session.execute(
            text("UPDATE alembic_version SET version_num = 'platform_9' WHERE version_num LIKE 'pl%'")
        )
    assert "newer version" in lines(agency)["accounts: database"]


def test_an_engine_that_is_away_is_a_line_and_no_crash(agency: Agency) -> None:
    away = {
        "ACM_DATABASE_URL": f"postgresql://acm@127.0.0.1:{NOBODYS_PORT}/acm",
        "ACM_LOG_URL": f"kafka://127.0.0.1:{NOBODYS_PORT}",
        "ACM_SEARCH_URL": f"http://127.0.0.1:{NOBODYS_PORT}",
    }
    settings = replace(agency.world.settings, engines=away)
    said = CliRunner().invoke(care.doctor, [], obj=settings)
    assert said.exit_code == 1
    assert "!!  accounts: database: the database says" in said.output


def test_lag_counts_what_waits_and_what_is_unpublished(agency: Agency) -> None:
    def waits() -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = json.loads(acm(agency, care.lag, "--json").output)
        return found

    assert sum(sum(topics.values()) for topics in waits().values()) == 0
    create(agency.world.runtimes["accounts"], "新客户")
    found = waits()
    if on_real_engines():
        assert found["accounts.relay"] == {"unpublished": 1}
    else:
        assert found["search.events"]["accounts"] == 1
    assert "search.events" in acm(agency, care.lag).output


def _letter(consumer: str, key: str, envelope: str = "{}") -> DeadLetterRow:
    return DeadLetterRow(
        consumer=consumer,
        source="accounts",
        key=key,
        parked=True,
        waiting=False,
        envelope=envelope,
        error="ValueError('poison')",
        at=clock.now(),
    )


def test_dead_letters_are_listed_shown_retried_and_dropped(agency: Agency) -> None:
    with agency.world.runtimes["accounts"].database.read() as session:
        envelope = session.scalar(text("SELECT envelope FROM events WHERE topic = 'accounts' ORDER BY id"))
    with agency.world.runtimes["search"].database.write() as session:
        session.add(_letter("search.events", "one", envelope or ""))
        session.add(_letter("search.events", "two", "no event"))
    listed = acm(agency, care.dead_letters, "list").output.splitlines()
    assert [line.split()[0] for line in listed] == ["search", "search"]
    first, second = (line.split()[1] for line in listed)
    assert "client.created" in acm(agency, care.dead_letters, "show", "search", first).output
    assert acm(agency, care.dead_letters, "retry", "search", first).exit_code == 0
    failing = acm(agency, care.dead_letters, "retry", "search", second)
    assert "it still fails" in failing.output
    assert acm(agency, care.dead_letters, "drop", "search", second).exit_code == 0
    assert acm(agency, care.dead_letters, "list").output == ""
    assert isinstance(acm(agency, care.dead_letters, "drop", "search", second).exception, LookupError)


def test_a_replay_tells_how_many_records_it_said_again(agency: Agency) -> None:
    said = acm(agency, care.replay, "intelligence")
    assert said.exit_code == 0
    assert "2 records were said again" in said.output
    agency.world.settle()
    agency.agrees()
    assert isinstance(acm(agency, care.replay, "nobody").exception, LookupError)


def test_backup_and_restore_on_the_command_line(agency: Agency, tmp_path: Path) -> None:
    file = str(tmp_path / "acm.backup")
    assert acm(agency, keeping.backup, file).exit_code == 0
    agency.client("新客户")
    with agency.world.stopped():
        said = acm(agency, keeping.restore, file, "--service", "accounts")
    assert said.exit_code == 0, said.output
    agency.world.settle()
    agency.agrees()
    assert "新客户" not in agency.titles()


def test_a_home_on_which_acm_runs_is_not_restored(agency: Agency, tmp_path: Path) -> None:
    file = str(tmp_path / "acm.backup")
    acm(agency, keeping.backup, file)
    with agency.world.stopped(), only_one(agency.world.settings):
        said = acm(agency, keeping.restore, file)
    assert said.exit_code == 1
    assert "running" in said.output


def test_a_refusal_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "no-backup").write_text("nothing")
    monkeypatch.setattr("sys.argv", ["acm", "restore", str(tmp_path / "no-backup")])
    for name in [name for name in os.environ if name.startswith("ACM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACM_HOME", str(tmp_path / "home"))
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    assert str(leaving.value).startswith("acm: the backup is damaged")
    assert "\n" not in str(leaving.value)
