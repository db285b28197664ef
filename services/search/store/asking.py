"""How a question is put, to the API and to the page alike."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from typing import Any

import marshmallow as ma

from services.search import domain
from services.search.domain import Question
from services.search.store.answers import Page, find
from shared import clock, http
from shared.access import LABELS


class Until(http.Instant):
    """The end of a range: a plain date means all of that day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dates=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        given: datetime = super()._deserialize(value, attr, data, **kwargs)
        if len(str(value)) == 10:
            tomorrow = date.fromisoformat(value) + timedelta(days=1)
            return clock.start_of_day(tomorrow, http.runtime().settings.timezone)
        # The index knows seconds.
        return given.replace(microsecond=0) + timedelta(seconds=1)


class QuestionArgs(ma.Schema):
    """A search: the query language in `q`, and filters beside it."""

    class Meta:
        unknown = ma.EXCLUDE

    q = http.Text(
        longest=domain.QUERY_LENGTH,
        load_default="",
        metadata={"description": 'Words, "a phrase", -not, title: part: method: label: client: source:'},
    )
    kind = http.Choice(("", *domain.KINDS), load_default="")
    client_id = http.Text(longest=36, load_default="")
    part = http.Choice(("", *domain.PARTS), load_default="")
    method = http.Choice(("", *domain.METHODS), load_default="")
    label = http.Choice(("", *LABELS), load_default="")
    source_id = http.Text(longest=36, load_default="")
    since = http.Instant(
        dates=True, data_key="from", load_default=None, metadata={"description": "On collected_at; included."}
    )
    before = Until(
        data_key="to", load_default=None, metadata={"description": "On collected_at; a date is included."}
    )
    sort = http.Choice(domain.SORTS, load_default="relevance")

    @ma.pre_load
    def _drop_empty(self, data: Any, **_: Any) -> dict[str, Any]:
        # An empty field of a form is no date.
        return {name: value for name, value in data.items() if value != ""}


class SearchArgs(QuestionArgs):
    """A page of a search."""

    limit = ma.fields.Integer(load_default=20, validate=ma.validate.Range(1, 100))
    cursor = ma.fields.String(load_default="", validate=ma.validate.Length(0, 2000))
    explain = ma.fields.Boolean(
        load_default=False, metadata={"description": "Say how each score came about."}
    )


def question_of(args: dict[str, Any]) -> Question:
    """The question in the arguments of a request."""
    return Question(**{field.name: args[field.name] for field in fields(Question)})


def asked(args: dict[str, Any]) -> Page:
    """What the request's reader finds, with a signed cursor."""
    page = find(
        http.runtime(),
        http.reader(),
        http.actor(),
        question_of(args),
        limit=args["limit"],
        cursor=http.read_cursor(args["cursor"])[0] if args["cursor"] else "",
        explain=args["explain"],
    )
    return replace(page, next=http.sign_cursor([page.next]) if page.next else "")
