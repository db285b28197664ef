"""The screen platform: layout, languages, forms, navigation and security headers of every service's pages.

How to build a screen: docs/screens.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, flash, g, redirect, request
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined

from shared import clock
from shared.pages import assets, guard, language, navigation, terms
from shared.pages.choosing import FIRST, client_options
from shared.pages.errors import error_page
from shared.pages.forms import Form, again, check_version, idempotency_key, read_form, refused, saved
from shared.pages.guard import Pages, own_origin, public
from shared.pages.language import N_, gettext, in_language, lazy_gettext, ngettext, translate
from shared.pages.messages import missing_translations
from shared.pages.navigation import local_path, sort_of, url_with

__all__ = [
    "FIRST",
    "N_",
    "Form",
    "Pages",
    "again",
    "check_version",
    "client_options",
    "error_page",
    "flash",
    "gettext",
    "in_language",
    "install",
    "lazy_gettext",
    "local_path",
    "missing_translations",
    "ngettext",
    "own_origin",
    "public",
    "read_form",
    "refused",
    "saved",
    "sort_of",
    "translate",
    "url_with",
    "warm",
]

TEMPLATES = Path(__file__).parents[1] / "templates"
THEMES = ("auto", "light", "dark")
THEME_COOKIE = "acm_theme"
_YEAR_SECONDS = 365 * 24 * 3600


def install(app: Flask, *, service: str, templates: Path, locale: Path) -> None:
    """Give a service's app its pages: templates, languages, assets, form checks and headers."""
    app.extensions["acm_catalogue"] = language.read_catalogue(locale)
    # Before anything asks for the environment, which is made once.
    app.jinja_options = {
        "loader": ChoiceLoader([FileSystemLoader(templates), FileSystemLoader(TEMPLATES)]),
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        # Else Jinja works out `"AD"|term("seat")` once, in the language of whoever comes first.
        "optimized": False,
        "extensions": ["jinja2.ext.i18n", "jinja2.ext.do"],
    }
    guard.install(app, service)
    environment = app.jinja_env
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        language.raw_gettext, language.raw_ngettext, newstyle=True
    )
    environment.filters.update(_filters())
    environment.globals.update(_globals(service))
    app.register_blueprint(assets.blueprint(service))
    app.register_blueprint(_preferences(service))


def _filters() -> dict[str, Any]:
    return {
        "date": language.format_date,
        "datetime": language.format_datetime,
        "time": language.format_time,
        "since": lambda value: language.format_since(value, clock.now()),
        "number": language.format_number,
        "percent": language.format_percent,
        "money": language.format_money,
        "term": terms.term,
    }


def _globals(service: str) -> dict[str, Any]:
    # Plain functions, not a context: macros that are imported see only these.
    return {
        "service": service,
        "asset": assets.asset,
        "icon": assets.icon,
        "url_with": url_with,
        "sort_of": sort_of,
        "here": navigation.here,
        "navigation": navigation.navigation,
        "active_path": navigation.active_path,
        "paths": navigation,
        "me": lambda: g.get("actor"),
        "language": language.language,
        "language_names": language.NAMES,
        "language_tag": lambda: language.TAGS[language.language()],
        "timezone": lambda: language.timezone().key,
        "theme": theme,
        "themes": THEMES,
        "choices": terms.choices,
        "states": terms.STATES,
        "idempotency_key": idempotency_key,
        "local_time": language.local,
    }


def theme() -> str:
    """`auto`, `light` or `dark`, as this browser chose."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else THEMES[0]


def _preferences(service: str) -> Blueprint:
    """Links that keep the language or theme in a cookie and lead back to where they stood."""
    links = Blueprint("acm_preferences", __name__)

    @links.get(f"/{service}/language/<any({','.join(language.LANGUAGES)}):value>")
    def choose_language(value: str) -> Response:
        return _remembered(language.COOKIE, value)

    @links.get(f"/{service}/theme/<any({','.join(THEMES)}):value>")
    def choose_theme(value: str) -> Response:
        return _remembered(THEME_COOKIE, value)

    return links


def _remembered(cookie: str, value: str) -> Response:
    answer = redirect(local_path(request.args.get("next")), 303)
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    answer.set_cookie(cookie, value, max_age=_YEAR_SECONDS, secure=secure, samesite="Lax", path="/")
    return answer  # type: ignore[return-value]
