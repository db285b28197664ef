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
    "a log without a host": ({"ACM_LOG_URL": "kafka://"}, "ACM_LOG_URL"),
    "a prefix that no topic can have": ({"ACM_LOG_URL": "kafka://h:9092/a/b"}, "ACM_LOG_URL"),
    "a search engine that is none": ({"ACM_SEARCH_URL": "solr://x"}, "ACM_SEARCH_URL"),
    "two search engines": ({"ACM_SEARCH_URL": "http://one:9200,two:9200"}, "ACM_SEARCH_URL"),
    "one service's search engine that is none": ({"ACM_X_SEARCH_URL": "h:9200"}, "ACM_X_SEARCH_URL"),
    "a database that is none": ({"ACM_DATABASE_URL": "mysql://h/db"}, "ACM_DATABASE_URL"),
    "a server without a database": ({"ACM_DATABASE_URL": "postgresql://h"}, "ACM_DATABASE_URL"),
    "PostgreSQL with the embedded log": ({"ACM_DATABASE_URL": "postgresql://h/db"}, "kafka"),
    "PostgreSQL with the embedded log for one service": (
        {"ACM_DATABASE_URL": "postgresql://h/db", "ACM_LOG_URL": "kafka://h:9", "ACM_X_LOG_URL": "embedded"},
        "kafka",
    ),
}
TAKEN = {
    "ACM_LOG_URL": (
        "embedded",
        "kafka://h:9092",
        "kafka://one:9092,two:9092/north",
        "kafkas://acm:p%40ss@[::1]:9093/north-2",
    ),
    "ACM_SEARCH_URL": ("embedded", "http://h:9200", "https://elastic:p%2Fss@h:9200/north"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_setting_that_cannot_hold_is_refused(what: str) -> None:
    environment, named = REFUSED[what]
    with pytest.raises(config.SettingsError, match=named):
        config.load(environment)


@pytest.mark.parametrize(("name", "url"), [(name, url) for name, urls in TAKEN.items() for url in urls])
def test_an_engines_address_may_name_a_user_and_a_prefix(name: str, url: str) -> None:
    settings = config.load({name: url})
    assert url == (settings.log_url("x") if name == "ACM_LOG_URL" else settings.search_url("x"))


def test_no_refusal_tells_a_password() -> None:
    environment = {"ACM_LOG_URL": "redis://u:pass-word@h", "ACM_SECRET": "pass-word"}
    with pytest.raises(config.SettingsError) as refused:
        config.load(environment)
    settings = config.load({**environment, "ACM_LOG_URL": "kafka://u:pass-word@h:9092"})
    assert "pass-word" not in f"{refused.value} {settings!r}"


def test_an_easily_guessed_secret_is_refused_outside_the_embedded_mode() -> None:
    environment = {"ACM_SECRET": "secret", "ACM_LOG_URL": "kafka://broker:9092"}
    with pytest.raises(config.SettingsError, match="ACM_SECRET"):
        config.with_secret(config.load(environment))


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
