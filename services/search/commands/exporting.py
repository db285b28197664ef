"""The trail of what left as a spreadsheet."""

from __future__ import annotations

from services.search.domain import Question
from shared.uow import UnitOfWork


def note_export(uow: UnitOfWork, question: Question, *, total: int) -> None:
    """Record that somebody exported what they found (C5): by which filters, how many. Words are not kept."""
    filters = {
        name: str(value)
        for name, value in (
            ("kind", question.kind),
            ("client_id", question.client_id),
            ("part", question.part),
            ("method", question.method),
            ("label", question.label),
            ("source_id", question.source_id),
            ("from", question.since),
            ("before", question.before),
        )
        if value
    }
    uow.audit("search.exported", uow.actor_id, total=total, worded=bool(question.q), **filters)
