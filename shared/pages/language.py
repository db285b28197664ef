"""Chinese and English: message catalogues read from .po files, and dates, numbers and money by locale.

Messages are written in English in code and templates; their Chinese lies in the `messages.po` of the service,
else of `shared`. Values are named, `%(name)s`; in templates a plain per cent sign is `%%`.
"""

from __future__ import annotations

import gettext as python_gettext
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import current_app, g, has_app_context, has_request_context, request
from markupsafe import escape

LANGUAGES = ("zh", "en")
NAMES = {"zh": "中文", "en": "English"}
TAGS = {"zh": "zh-CN", "en": "en"}
COOKIE = "acm_lang"
NOTHING = "–"
SHARED_LOCALE = Path(__file__).parents[1] / "locale"
_LOCALES = {"zh": Locale.parse("zh_Hans_CN"), "en": Locale.parse("en_GB")}
_forced: ContextVar[str] = ContextVar("acm_language", default="")


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(template)))


_FILLED = {
    template: _pattern(template)
    for template in (
        "Shorter than minimum length %(min)s.",
        "Longer than maximum length %(max)s.",
        "Length must be between %(min)s and %(max)s.",
        "Must be one of: %(choices)s.",
        "Must be greater than or equal to %(min)s and less than or equal to %(max)s.",
        "Must be greater than or equal to %(min)s.",
        "Must be less than or equal to %(max)s.",
    )
}


# --- which language ----------------------------------------------------------------------------------------


def language() -> str:
    """`zh` or `en`: as forced, else as this browser chose, else as it prefers, else Chinese."""
    if forced := _forced.get():
        return forced
    if not has_request_context():
        return LANGUAGES[0]
    if "language" not in g:
        chosen = request.cookies.get(COOKIE, "")
        g.language = chosen if chosen in LANGUAGES else _preferred()
    return str(g.language)


def _preferred() -> str:
    return request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]


@contextmanager
def in_language(name: str) -> Iterator[None]:
    """Speak this language in the block, whatever the request says (for mails and exports)."""
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


# --- messages ----------------------------------------------------------------------------------------------


def po_file(locale: Path) -> Path:
    """Where the Chinese catalogue of a locale folder lies."""
    return locale / "zh" / "LC_MESSAGES" / "messages.po"


def read_catalogue(locale: Path) -> python_gettext.NullTranslations:
    """The Chinese messages of a locale folder, with the shared ones behind them."""
    shared = _shared_catalogue()
    if locale == SHARED_LOCALE or not po_file(locale).exists():
        return shared
    own = _read(po_file(locale))
    own.add_fallback(shared)
    return own


@lru_cache(maxsize=1)
def _shared_catalogue() -> python_gettext.NullTranslations:
    return _read(po_file(SHARED_LOCALE))


def _read(path: Path) -> python_gettext.NullTranslations:
    with path.open("rb") as source:
        catalogue = read_po(source, locale="zh", abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return python_gettext.GNUTranslations(compiled)


def _catalogue() -> python_gettext.NullTranslations:
    if language() == "en":
        return python_gettext.NullTranslations()
    installed = current_app.extensions.get("acm_catalogue") if has_app_context() else None
    return installed or _shared_catalogue()


def raw_gettext(message: str) -> str:
    """The message in the present language, its placeholders untouched (what Jinja fills itself)."""
    return _catalogue().gettext(message) if message else ""


def raw_ngettext(one: str, many: str, count: int) -> str:
    """The singular or plural in the present language, its placeholders untouched."""
    return _catalogue().ngettext(one, many, count)


def translate(message: str, values: Mapping[str, Any] | None = None) -> str:
    """The message in the present language, `%(name)s` filled from `values`."""
    text = raw_gettext(message)
    if text == message and not values:
        return _translate_filled(message)
    return text % values if values else text


def _translate_filled(message: str) -> str:
    """A message that came with its values in it, which is what marshmallow's validators make."""
    for template, pattern in _FILLED.items():
        if found := pattern.fullmatch(message):
            return raw_gettext(template) % found.groupdict()
    return message


def gettext(message: str, **values: Any) -> str:
    """The message in the present language; usually imported as `_`."""
    return translate(message, values)


def ngettext(one: str, many: str, count: int, **values: Any) -> str:
    """The singular or plural in the present language; `%(num)d` is the count."""
    return raw_ngettext(one, many, count) % {"num": count, **values}


def N_(message: str) -> str:
    """Mark a message for translation without translating it here."""
    return message


class LazyText:
    """A message that is translated when it is shown, for constants that are made before a request."""

    __slots__ = ("message", "values")

    def __init__(self, message: str, values: Mapping[str, Any]) -> None:
        self.message = message
        self.values = values

    def __str__(self) -> str:
        return translate(self.message, self.values)

    def __repr__(self) -> str:
        return f"LazyText({self.message!r})"

    def __html__(self) -> str:
        return str(escape(str(self)))


def lazy_gettext(message: str, **values: Any) -> LazyText:
    """A message that is translated when it is shown."""
    return LazyText(message, values)


# --- dates, numbers, money ---------------------------------------------------------------------------------


def timezone() -> ZoneInfo:
    """The agency's time zone."""
    settings = current_app.config.get("ACM_SETTINGS")
    return ZoneInfo(getattr(settings, "timezone", "Asia/Shanghai"))


def _locale() -> Locale:
    return _LOCALES[language()]


def local(value: datetime | str) -> datetime:
    """The instant (or its RFC 3339 text) in the agency's time zone."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.astimezone(timezone())


def _day(value: date | datetime | str) -> date:
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    return local(value).date() if isinstance(value, datetime) else value


def format_date(value: date | datetime | str | None, form: str = "medium") -> str:
    """A day, such as `24 Nov 2026`; instants are taken in the agency's time zone."""
    return dates.format_date(_day(value), form, locale=_locale()) if value else NOTHING


def format_datetime(value: datetime | str | None, form: str = "short") -> str:
    """An instant in the agency's time zone, to the minute (`short`) or second (`medium`)."""
    if not value:
        return NOTHING
    moment = local(value)
    day = dates.format_date(moment, "medium", locale=_locale())
    clock = moment.strftime("%H:%M:%S" if form == "medium" else "%H:%M")
    return f"{day} {clock}"


def format_time(value: datetime | str | None) -> str:
    """The time of day in the agency's time zone."""
    return local(value).strftime("%H:%M") if value else NOTHING


def format_since(value: datetime | str | None, now: datetime) -> str:
    """How long ago (or ahead) something is, such as `3 days ago`."""
    if not value:
        return NOTHING
    passed: timedelta = local(value) - now
    return str(dates.format_timedelta(passed, add_direction=True, locale=_locale()))


def format_number(value: int | float | Decimal | str | None, places: int | None = None) -> str:
    """A number with the locale's separators; `places` fixes the decimals."""
    if value is None or value == "":
        return NOTHING
    number = Decimal(str(value))
    pattern = None if places is None else "#,##0" + ("." + "0" * places if places else "")
    return numbers.format_decimal(number, format=pattern, locale=_locale())


def format_percent(value: int | float | Decimal | str | None, places: int = 0) -> str:
    """A share of 1 as a percentage."""
    if value is None or value == "":
        return NOTHING
    pattern = "#,##0" + ("." + "0" * places if places else "") + "%"
    return numbers.format_percent(Decimal(str(value)), format=pattern, locale=_locale())


def format_money(value: Any, currency: str = "") -> str:
    """Money: an amount with its currency, or `{"amount", "currency"}` as the API writes it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, Mapping):
        value, currency = value["amount"], value["currency"]
    settings = current_app.config.get("ACM_SETTINGS")
    code = currency or getattr(settings, "currency", "CNY")
    return numbers.format_currency(Decimal(str(value)), code, locale=_locale())
