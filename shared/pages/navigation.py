"""What stands in the navigation, in one place, and links that keep the present page's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import g, request

from shared.pages.language import LazyText
from shared.pages.language import lazy_gettext as _

SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
ACCOUNT = "/account"
SEARCH = "/search"
SUGGEST = "/search/suggest"
Allowed = Callable[[frozenset[str]], bool]


def _everyone(_roles: frozenset[str]) -> bool:
    return True


def _not_only_auditor(roles: frozenset[str]) -> bool:
    return not roles or bool(roles - {"auditor"})


def _any_of(*wanted: str) -> Allowed:
    return lambda roles: bool(roles & set(wanted))


@dataclass(frozen=True, slots=True)
class Entry:
    """One link. `allowed` decides by agency-wide roles whether it is offered; the page decides for itself."""

    label: LazyText
    path: str
    icon: str
    allowed: Allowed = _not_only_auditor


@dataclass(frozen=True, slots=True)
class Section:
    """Entries that belong together; the first section needs no title."""

    title: LazyText | None
    entries: tuple[Entry, ...]


TOPOLOGY = (
    Section(
        None,
        (
            Entry(_("Home"), "/", "home", _everyone),
            Entry(_("Search"), SEARCH, "search"),
        ),
    ),
    Section(
        _("Accounts"),
        (
            Entry(_("Clients"), "/accounts/clients", "building"),
            Entry(_("People"), "/accounts/people", "users"),
            Entry(_("Walls"), "/accounts/walls", "wall", _any_of("administrator", "director")),
        ),
    ),
    Section(
        _("Intelligence"),
        (
            Entry(_("Capture"), "/intelligence/capture", "bulb"),
            Entry(_("Findings"), "/intelligence/findings", "notes"),
            Entry(_("Sources"), "/intelligence/sources", "news"),
        ),
    ),
    Section(
        _("Proposals"),
        (
            Entry(_("All proposals"), "/proposals/", "file-text"),
            Entry(_("Board"), "/proposals/board", "list-details"),
            Entry(_("Report"), "/proposals/report", "chart-bar"),
        ),
    ),
    Section(
        _("Supervision"),
        (Entry(_("Audit trail"), "/audit", "shield-check", _any_of("auditor", "administrator")),),
    ),
)


def navigation() -> list[Section]:
    """The sections that the signed-in person is offered."""
    who = g.get("actor")
    if who is None:
        return []
    offered = []
    for section in TOPOLOGY:
        entries = tuple(entry for entry in section.entries if entry.allowed(who.roles))
        if entries:
            offered.append(Section(section.title, entries))
    return offered


def active_path() -> str:
    """The path of the entry that the present page belongs to (the longest that it begins with)."""
    fitting = [
        entry.path
        for section in TOPOLOGY
        for entry in section.entries
        if request.path == entry.path or request.path.startswith(entry.path.rstrip("/") + "/")
    ]
    inner = [path for path in fitting if path != "/"] or ["/" if request.path == "/" else ""]
    return max(inner, key=len)


def here() -> str:
    """The present page as a local path with its parameters."""
    query = request.query_string.decode(errors="replace")
    return quote(request.path, safe="/~@:+,;=!$&'()*") + (f"?{query}" if query else "")


def url_with(**changes: Any) -> str:
    """The present page with some parameters changed (None removes one); paging starts again."""
    kept = [(key, value) for key, value in request.args.items(multi=True) if key not in {*changes, "cursor"}]
    kept += [(key, str(value)) for key, value in changes.items() if value not in (None, "")]
    return quote(request.path, safe="/~@:+,;=!$&'()*") + (f"?{urlencode(kept)}" if kept else "")


def sort_of(default: str = "") -> tuple[str, bool]:
    """The column that the URL asks to sort by and whether it is descending: `sort=name`, `sort=-name`."""
    wanted = request.args.get("sort", default)
    return wanted.removeprefix("-"), wanted.startswith("-")


def local_path(target: str | None, otherwise: str = "/") -> str:
    """`target` if it is a path of this site, else `otherwise`: redirects never lead elsewhere."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return otherwise
    if "\\" in target or any(ord(character) < 0x21 or ord(character) == 0x7F for character in target):
        return otherwise
    try:
        parts = urlsplit(target)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else target


def sign_in_url(after: str) -> str:
    """The sign-in page that leads back to a local path."""
    return f"{SIGN_IN}?{urlencode({'next': after})}"
