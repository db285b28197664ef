"""What a form holds while it is shown, refused and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import marshmallow as ma
from flask import Response, flash, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict

from shared import http
from shared.pages.language import translate
from shared.problem import Problem


@dataclass(frozen=True, slots=True)
class Form:
    """The values of a form's fields, by name, and what was refused about them."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problem: Problem | None = None

    @classmethod
    def typed(cls) -> Form:
        """What was typed into the form of this request."""
        return cls(request.form)

    def value(self, name: str, otherwise: Any = "") -> Any:
        """The field's value as it is shown; empty for None."""
        found = self.values.get(name, otherwise)
        return "" if found is None else found

    def all(self, name: str) -> list[str]:
        """Every value of a field that may have several."""
        if isinstance(self.values, MultiDict):
            return self.values.getlist(name)
        found = self.values.get(name) or ()
        return [found] if isinstance(found, str) else [str(value) for value in found]

    def error(self, name: str) -> str:
        """What to do about the field, in the reader's language; empty when nothing is."""
        return " ".join(text for path, text in self.errors.items() if path.split(".")[0] == name)

    @property
    def errors(self) -> dict[str, str]:
        """What to do, by field path."""
        if self.problem is None:
            return {}
        values = self.problem.values
        return {path: translate(message, values) for path, message in self.problem.errors.items()}

    @property
    def summary(self) -> str:
        """What was refused as a whole; empty when nothing was."""
        if self.problem is None:
            return ""
        text = self.problem.detail or self.problem.title
        return translate(text, self.problem.values)


def idempotency_key() -> str:
    """The key of this form instance: the one that was sent, else a fresh one."""
    return request.form.get("idempotency_key") or uuid4().hex


def refused(problem: Problem, template: str, **context: Any) -> Response:
    """The same form again with what was typed and what to do about it, under the problem's status."""
    form = Form(request.form, problem)
    return make_response(render_template(template, form=form, **context), problem.status)


def again(problem: Problem, template: str, **context: Any) -> Response:
    """Show the form again for what its reader can put right; anything else is an error page."""
    if problem.status not in {409, 412, 422}:
        raise problem
    return refused(problem, template, **context)


def check_version(version: int) -> None:
    """Refuse with 412 a form that was opened before somebody else's change."""
    if request.form.get("version", str(version)) != str(version):
        raise Problem(412, "stale", "Somebody changed this meanwhile; read it again and repeat your change.")


def saved(location: str, message: str) -> Response:
    """After a form was stored: on to `location` (a local path) with a short notice.

    A redirect in answer to a form is what tells the browser that the typed text is safe to forget, so never
    redirect from a POST that stored nothing.
    """
    flash(message, "success")
    return make_response(redirect(location, 303))


def read_form(schema: ma.Schema, data: dict[str, Any]) -> dict[str, Any]:
    """A form's values as the API would take them. Raises 422 with the fields' paths."""
    try:
        loaded: dict[str, Any] = schema.load(data)
    except ma.ValidationError as error:
        raise http.invalid_fields({"form": error.messages}) from None
    return loaded
