"""Refusals that people can act on: RFC 9457 problem details, raised anywhere, answered by `shared.http`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Problem(Exception):
    """A refusal. `kind` is stable and ends the problem's `type`; `errors` maps field paths to what to do.

    Messages are English message ids, translated where they are answered; `values` fills their `%(name)s`.
    """

    status: int
    kind: str
    title: str
    detail: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail or self.title


def invalid(errors: Mapping[str, str], **values: Any) -> Problem:
    """422: these fields cannot be taken as they are; each message names the remedy."""
    return Problem(422, "invalid", "Some fields need attention.", errors=errors, values=values)


def missing(what: str = "") -> Problem:
    """404: there is no such thing, or none that this reader may know of."""
    return Problem(404, "not-found", "There is nothing here, or nothing that you may see.", detail=what)


def forbidden(detail: str = "") -> Problem:
    """403: the reader may see it but not do this."""
    return Problem(403, "forbidden", "You may not do this.", detail=detail)


def conflict(detail: str, kind: str = "conflict", **values: Any) -> Problem:
    """409: this does not fit the present state."""
    return Problem(409, kind, "This does not fit the present state.", detail=detail, values=values)
