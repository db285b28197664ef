"""What is known of a client, as one reader may see it: on a day (valid time), as known at an instant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from services.intelligence.domain import evidence, principles
from services.intelligence.store import queries, views
from services.intelligence.store.rows import Finding
from shared import access
from shared.problem import missing

CONFIDENTIAL_METHODS = ("interview",)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the dossier with the findings that stand in it, the freshest first."""

    part: str
    findings: list[views.FindingView]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A client's dossier; `pending`: the client's own record has not arrived here yet."""

    client_id: str
    client_name: str
    pending: bool
    valid_at: date | None
    known_at: datetime
    parts: list[Part]
    principles: list[principles.Principle]

    @property
    def findings(self) -> list[views.FindingView]:
        """Every finding of the dossier."""
        return [finding for part in self.parts for finding in part.findings]


def client_name(who: access.Actor, client_id: str) -> str:
    """The name of a client that the reader may know of. Raises 404 otherwise, existing or not."""
    known = client_id in who.book.clients or who.seat(client_id)
    if not known or not who.scope.lists(client_id):
        raise missing("client")
    return who.book.client_name(client_id)


def dossier(
    session: Session,
    who: access.Actor,
    client_id: str,
    *,
    valid_at: date | None = None,
    known_at: datetime | None = None,
) -> Dossier:
    """The dossier of a client: findings that stood at `known_at` (now) and held on `valid_at` (any day).

    A later correction changes the dossier as of a day, but never the dossier as it was known on that day.
    """
    name = client_name(who, client_id)
    at = known_at or who.now
    query = queries.findings(session, who, queries.Filter(client_id=client_id))
    rows = list(session.scalars(query.order_by(Finding.id.desc())))
    stated = views.known_at(session, who, rows, at) if known_at else [(row, row.shape()) for row in rows]
    standing = [
        (row, shape)
        for row, shape in stated
        if shape.state in evidence.LIVE
        and (valid_at is None or evidence.holds_on(valid_at, row.valid_from, row.valid_until))
    ]
    shown = views.stated_views(session, who, standing, at)
    shown.sort(key=lambda view: (-view.freshness, view.id))
    return Dossier(
        client_id=client_id,
        client_name=name,
        pending=client_id not in who.book.clients,
        valid_at=valid_at,
        known_at=at,
        parts=[Part(part, [v for v in shown if v.part == part]) for part in _parts(shown)],
        principles=principles.judge([_judged(view) for view in shown]),
    )


def _parts(shown: Iterable[views.FindingView]) -> list[str]:
    """The four parts of a dossier always, the others where something is known."""
    known = {view.part for view in shown}
    return [part for part in evidence.PARTS if part in evidence.DOSSIER_PARTS or part in known]


def _judged(view: views.FindingView) -> principles.Judged:
    source = view.source
    expired = any(warning.reason == "expired" for warning in view.warnings)
    return principles.Judged(
        finding_id=view.id,
        part=view.part,
        state=view.state,
        credibility=view.credibility,
        reliability=source.reliability if source else None,
        repeats=source is not None and source.origin_id is not None,
        freshness=0.0 if expired else view.freshness,
        label=view.label,
        confidential=view.method in CONFIDENTIAL_METHODS or bool(source and source.client_id),
    )
