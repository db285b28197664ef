"""Typed settings, read from the environment once. Unknown or contradictory ones stop the start."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

_PLAIN = {
    "ACM_HOST", "ACM_PORT", "ACM_HOME", "ACM_DEMO", "ACM_TIMEZONE", "ACM_SECRET", "ACM_WEB_PROCESSES",
    "ACM_WEB_THREADS", "ACM_ACCESS_STALE_AFTER", "ACM_LOG_LEVEL", "ACM_TLS", "ACM_CURRENCY",
    "ACM_TRUSTED_PROXIES",
}  # fmt: skip
_DATABASE, _LOG, _SEARCH = _ENGINES = ("DATABASE_URL", "LOG_URL", "SEARCH_URL")
_SCHEMES = {
    _DATABASE: ("sqlite", "postgresql"),
    _LOG: ("kafka", "kafkas"),
    _SEARCH: ("http", "https"),
}
_FORMS = {
    _DATABASE: "sqlite:///FILE or postgresql://[user:password@]host[:port]/database",
    _LOG: "embedded or kafka://[user:password@]host:port[,host:port][/prefix] (kafkas:// over TLS)",
    _SEARCH: "embedded or http(s)://[user:password@]host:port[/prefix]",
}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
SHORTEST_SECRET = 24
_PREFIX = re.compile(r"(/[a-z0-9][a-z0-9-]{0,39})?/?")


class SettingsError(Exception):
    """A setting is missing, unknown or contradicts another; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How this installation runs. Durations are in seconds."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8080
    demo: bool = True
    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    secret: str = field(default="", repr=False)
    tls: bool = False
    trusted_proxies: int = 0  # gateways in front of us, whose word on address and scheme is taken
    web_processes: int = 1
    web_threads: int = 8
    access_stale_after: float = 900.0
    log_level: str = "WARNING"
    engines: dict[str, str] = field(default_factory=dict, repr=False)  # may hold passwords

    def database_url(self, service: str) -> str:
        """The URL of a service's own database."""
        return self._engine(_DATABASE, service) or f"sqlite:///{self.home / 'data' / service}.db"

    def log_url(self, service: str) -> str:
        """Where the service's events travel: `embedded`, `kafka://…` or `kafkas://…`."""
        return self._engine(_LOG, service) or "embedded"

    def search_url(self, service: str) -> str:
        """Where the index lives: `embedded` or `http(s)://…`."""
        return self._engine(_SEARCH, service) or "embedded"

    def _engine(self, what: str, service: str) -> str:
        own = self.engines.get(f"ACM_{service.upper()}_{what}", "")
        return own or self.engines.get(f"ACM_{what}", "")


def load(environ: dict[str, str] | None = None) -> Settings:
    """Read the settings. Raises SettingsError with a sentence that says what to do."""
    variables = dict(os.environ if environ is None else environ)
    mine = {name: value for name, value in variables.items() if name.startswith("ACM_")}
    engines = {name: value for name, value in mine.items() if name.endswith(_ENGINES) and value}
    for name in sorted(set(mine) - set(engines) - _PLAIN):
        if not name.endswith(_ENGINES):
            raise SettingsError(f"{name} is no setting of this product; remove it (see docs/operations)")
    try:
        settings = _read(variables, engines)
        ZoneInfo(settings.timezone)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"ACM_TIMEZONE names no time zone: {error}") from error
    _refuse_contradictions(settings)
    return settings


def with_secret(settings: Settings) -> Settings:
    """The settings with a secret: the one given, or, embedded, one made once and kept in ACM_HOME."""
    if settings.secret:
        if settings.engines and len(settings.secret) < SHORTEST_SECRET:
            raise SettingsError(f"ACM_SECRET is easily guessed: take {SHORTEST_SECRET} random characters")
        return settings
    if settings.engines:
        raise SettingsError("set ACM_SECRET to a long random text: outside the embedded mode none is made up")
    kept = settings.home / "secret"
    if not kept.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        try:
            # Whoever links first wins, so that two processes starting at once agree on one secret.
            os.link(fresh, kept)
        except FileExistsError:
            pass  # the other process's secret is read below
        finally:
            fresh.unlink()
    return replace(settings, secret=kept.read_text())


def _read(variables: dict[str, str], engines: dict[str, str]) -> Settings:
    def text(name: str, default: str) -> str:
        return variables.get(name, "") or default

    def number(name: str, default: float) -> float:
        value = text(name, str(default))
        try:
            return float(value)
        except ValueError:
            raise SettingsError(f"{name}={value!r} is not a number") from None

    def switch(name: str, default: bool) -> bool:
        value = text(name, "1" if default else "0").lower()
        if value not in {"0", "1", "true", "false", "yes", "no"}:
            raise SettingsError(f"{name}={value!r} is neither 0 nor 1")
        return value in {"1", "true", "yes"}

    return Settings(
        home=Path(text("ACM_HOME", "var")).resolve(),
        host=text("ACM_HOST", "127.0.0.1"),
        port=int(number("ACM_PORT", 8080)),
        demo=switch("ACM_DEMO", True),
        timezone=text("ACM_TIMEZONE", "Asia/Shanghai"),
        currency=text("ACM_CURRENCY", "CNY"),
        secret=text("ACM_SECRET", ""),
        tls=switch("ACM_TLS", False),
        trusted_proxies=int(number("ACM_TRUSTED_PROXIES", 0)),
        web_processes=int(number("ACM_WEB_PROCESSES", 1)),
        web_threads=int(number("ACM_WEB_THREADS", 8)),
        access_stale_after=number("ACM_ACCESS_STALE_AFTER", 900.0),
        log_level=text("ACM_LOG_LEVEL", "WARNING"),
        engines=engines,
    )


def _refuse_contradictions(settings: Settings) -> None:
    for name, url in settings.engines.items():
        what = next(ending for ending in _ENGINES if name.endswith(ending))
        if not _can_be_read(what, url):
            # Without what was given, which may hold a password.
            raise SettingsError(f"{name} must be {_FORMS[what]}")
        service = name.removeprefix("ACM_").removesuffix(what).rstrip("_")
        on_server = settings.database_url(service).startswith("postgresql")
        if on_server and settings.log_url(service) == "embedded":
            raise SettingsError(
                "PostgreSQL needs ACM_LOG_URL=kafka://…: the embedded log reads SQLite files only"
            )


def _can_be_read(what: str, url: str) -> bool:
    if url == "embedded":
        return what != _DATABASE
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in _SCHEMES[what]:
        return False
    if what == _DATABASE:
        return len(parts.path) > 1
    hosts = parts.netloc.rpartition("@")[2].split(",")
    most = len(hosts) if what == _LOG else 1
    return (
        len(hosts) <= most
        and all(_HOST.fullmatch(host) for host in hosts)
        and _PREFIX.fullmatch(parts.path) is not None
        and not parts.query + parts.fragment
    )
