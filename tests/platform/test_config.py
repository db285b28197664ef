"""Settings that cannot hold stop the start with a sentence."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from shared import config

REFUSED = {
    "an unknown setting": ({"ACM_HOTS": "x"}, "ACM_HOTS"),
    "no number": ({"ACM_PORT": "http"}, "ACM_PORT"),
    "no switch": ({"ACM_DEMO": "perhaps"}, "ACM_DEMO"),
    "no time zone": ({"ACM_TIMEZONE": "Mars/Olympus"}, "ACM_TIMEZONE"),
    "a log that is none": ({"ACM_LOG_URL": "redis://x"}, "ACM_LOG_URL"),
    "PostgreSQL with the embedded log": ({"ACM_DATABASE_URL": "postgresql://h/db"}, "kafka"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_setting_that_cannot_hold_is_refused(what: str) -> None:
    environment, named = REFUSED[what]
    with pytest.raises(config.SettingsError, match=named):
        config.load(environment)


def test_each_service_may_have_a_database_of_its_own() -> None:
    environment = {"ACM_SEARCH_DATABASE_URL": "sqlite:////data/one.db", "ACM_HOME": "/data"}
    settings = config.load(environment)
    assert settings.database_url("search") == "sqlite:////data/one.db"
    assert settings.database_url("portal") == "sqlite:////data/data/portal.db"


def test_a_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    first = config.with_secret(config.load({"ACM_HOME": str(tmp_path)}))
    again = config.with_secret(config.load({"ACM_HOME": str(tmp_path)}))
    assert first.secret == again.secret
    assert len(first.secret) > 40
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_no_secret_is_made_up_outside_the_embedded_mode(tmp_path: Path) -> None:
    environment = {"ACM_HOME": str(tmp_path), "ACM_LOG_URL": "kafka://broker:9092"}
    with pytest.raises(config.SettingsError, match="ACM_SECRET"):
        config.with_secret(config.load(environment))
