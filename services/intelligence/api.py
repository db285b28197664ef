"""Intelligence's API: sources, findings and their workflow, dossiers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import marshmallow as ma

from services.intelligence import commands, store
from services.intelligence.commands.fields import FindingFields, SourceFields
from shared import http

api = http.ApiBlueprint(
    "intelligence", "Where facts come from, what is known, and how far it can be believed."
)


# --- sources -----------------------------------------------------------------------------------------------


class SourcePatch(SourceFields):
    """Some of a source's fields."""


class SourceSchema(SourceFields):
    """A source."""

    id = ma.fields.String(required=True)
    version = ma.fields.Integer(required=True)


class SourceListArgs(http.PageArgs):
    """Which sources. `name`: a part of it."""

    client_id = http.Text(load_default="")
    reliability = http.Text(load_default="")
    kind = http.Text(load_default="")
    name = http.Text(load_default="")


class ChangeSchema(ma.Schema):
    """One field that became another."""

    field = ma.fields.String()
    old = ma.fields.Raw(allow_none=True)
    new = ma.fields.Raw(allow_none=True)


class EntrySchema(ma.Schema):
    """One version of a record: what happened, who did it, when, why, and what changed."""

    version = ma.fields.Integer()
    at = ma.fields.String()
    actor_id = ma.fields.String()
    actor_name = ma.fields.String()
    happening = ma.fields.String()
    reason = ma.fields.String()
    changes = ma.fields.List(ma.fields.Nested(ChangeSchema))


HistorySchema = http.page_of(EntrySchema)


@api.route("/sources", methods=["GET"])
@api.arguments(SourceListArgs, location="query")
@api.response(200, http.page_of(SourceSchema))
def list_sources(args: dict[str, Any]) -> dict[str, Any]:
    """The sources that you may see, in the order in which they were added."""
    paging = {name: args.pop(name) for name in ("limit", "cursor")}
    query = store.sources(http.actor(), **args)
    return http.paginate(http.reader(), query, [store.Source.id], **paging)


@api.route("/sources", methods=["POST"])
@api.arguments(SourceFields)
@api.response(201, SourceSchema)
def add_source(body: dict[str, Any]) -> Any:
    """Add a source."""
    http.actor()
    source = commands.add_source(http.uow(), **body)
    return http.tagged(source, location=f"/intelligence/v1/sources/{source.id}")


@api.route("/sources/<source_id>", methods=["GET"])
@api.response(200, SourceSchema)
def read_source(source_id: str) -> Any:
    """One source."""
    return http.tagged(store.source(http.reader(), source_id, http.actor()))


@api.route("/sources/<source_id>", methods=["PATCH"])
@api.arguments(SourcePatch(partial=True))
@api.response(200, SourceSchema)
def change_source(body: dict[str, Any], source_id: str) -> Any:
    """Change some of a source's fields."""
    http.actor()
    unit = http.uow()
    source = store.source(unit.session, source_id, unit.who)
    http.check_match(source.version, required=True)
    return http.tagged(commands.change_source(unit, source, **body))


@api.route("/sources/<source_id>/history", methods=["GET"])
@api.response(200, HistorySchema)
def source_history(source_id: str) -> dict[str, Any]:
    """Who changed what of a source, and when."""
    session, who = http.reader(), http.actor()
    source = store.source(session, source_id, who)
    return {"items": store.source_history(session, who, source), "next": None}


# --- findings ----------------------------------------------------------------------------------------------


class FindingInput(FindingFields):
    """A finding to record: submitted at once unless `draft`."""

    draft = ma.fields.Boolean(load_default=False)


class FindingPatch(FindingFields):
    """Some of a draft's fields."""


class FindingCorrection(FindingFields):
    """What differs from the finding that is corrected, and why."""

    reason = http.Text(longest=2000, load_default="")


class Reason(ma.Schema):
    """Why."""

    reason = http.Text(longest=2000, load_default="")


class WarningSchema(ma.Schema):
    """Something to know before relying on a finding; `finding_id`: the other finding that it is about."""

    finding_id = ma.fields.String(allow_none=True)
    reason = ma.fields.String()


class FindingSchema(ma.Schema):
    """A finding as you may see it: what it refers to and you may not see is left out."""

    id = ma.fields.String(required=True)
    client_id = ma.fields.String(allow_none=True)
    market = ma.fields.String()
    territory_id = ma.fields.String(allow_none=True)
    part = ma.fields.String()
    title = ma.fields.String()
    body = ma.fields.String()
    method = ma.fields.String()
    source_id = ma.fields.String(metadata={"description": "empty where you may not see the source"})
    corroborated_by = ma.fields.List(ma.fields.String())
    credibility = ma.fields.Integer()
    label = ma.fields.String()
    recipients = ma.fields.List(ma.fields.String())
    quote = ma.fields.String()
    locator = ma.fields.String()
    valid_from = ma.fields.String(allow_none=True)
    valid_until = ma.fields.String(allow_none=True)
    collected_at = ma.fields.String()
    recorded_at = ma.fields.String()
    verified_at = ma.fields.String(allow_none=True)
    state = ma.fields.String()
    author_id = ma.fields.String()
    supersedes_id = ma.fields.String(allow_none=True)
    superseded_by_id = ma.fields.String(allow_none=True)
    freshness = ma.fields.Float(metadata={"description": "0–100, now"})
    client_pending = ma.fields.Boolean(metadata={"description": "the client has not arrived here yet"})
    warnings = ma.fields.List(ma.fields.Nested(WarningSchema))
    version = ma.fields.Integer(required=True)


class FindingListArgs(http.PageArgs):
    """Which findings. `author`: a person's id, or `me`."""

    client_id = http.Text(load_default="")
    market = http.Text(load_default="")
    part = http.Text(load_default="")
    method = http.Text(load_default="")
    label = http.Text(load_default="")
    state = http.Text(load_default="")
    source_id = http.Text(load_default="")
    author = http.Text(load_default="")


class KnownAt(ma.Schema):
    """As it was known at an instant (a plain date: its start)."""

    class Meta:
        unknown = ma.EXCLUDE

    known_at = http.Instant(dates=True, load_default=None)


@api.route("/findings", methods=["GET"])
@api.arguments(FindingListArgs, location="query")
@api.response(200, http.page_of(FindingSchema))
def list_findings(args: dict[str, Any]) -> dict[str, Any]:
    """The findings that you may see, the last recorded first."""
    return findings_page(args)


def findings_page(args: dict[str, Any]) -> dict[str, Any]:
    """A page of findings for this request's reader, RED ones noted in the audit trail."""
    session, who = http.reader(), http.actor()
    author = args.get("author", "")
    names = ("client_id", "market", "part", "method", "label", "state", "source_id")
    which = store.Filter(
        author_id=who.id if author == "me" else author, **{name: args.get(name, "") for name in names}
    )
    page = http.paginate(
        session,
        store.findings(session, who, which),
        [store.Finding.id],
        limit=args["limit"],
        cursor=args["cursor"],
        newest_first=True,
    )
    views = store.views(session, who, page["items"])
    commands.note_reads(http.uow, views)
    return {"items": views, "next": page["next"]}


@api.route("/findings", methods=["POST"])
@api.arguments(FindingInput)
@api.response(201, FindingSchema)
def capture_finding(body: dict[str, Any]) -> Any:
    """Record a finding."""
    http.actor()
    unit = http.uow()
    finding = commands.capture(unit, **body)
    return http.tagged(
        store.view(unit.session, unit.who, finding), location=f"/intelligence/v1/findings/{finding.id}"
    )


@api.route("/findings/<finding_id>", methods=["GET"])
@api.arguments(KnownAt, location="query")
@api.response(200, FindingSchema)
def read_finding(args: dict[str, Any], finding_id: str) -> Any:
    """One finding, now or as it was known at an instant."""
    session, who = http.reader(), http.actor()
    finding = store.finding(session, finding_id, who)
    at: datetime | None = args["known_at"]
    view = (
        store.view(session, who, finding) if at is None else store.finding_known_at(session, who, finding, at)
    )
    commands.note_reads(http.uow, [view])
    return http.tagged(view)


@api.route("/findings/<finding_id>", methods=["PATCH"])
@api.arguments(FindingPatch(partial=True))
@api.response(200, FindingSchema)
def change_draft(body: dict[str, Any], finding_id: str) -> Any:
    """Change a draft; what was submitted can only be corrected (409)."""
    http.actor()
    unit = http.uow()
    finding = store.finding(unit.session, finding_id, unit.who)
    http.check_match(finding.version, required=True)
    return http.tagged(store.view(unit.session, unit.who, commands.change_draft(unit, finding, **body)))


@api.route("/findings/<finding_id>/history", methods=["GET"])
@api.response(200, HistorySchema)
def finding_history(finding_id: str) -> dict[str, Any]:
    """Who changed which field of a finding, when, from what to what, and why; oldest first."""
    session, who = http.reader(), http.actor()
    finding = store.finding(session, finding_id, who)
    entries = store.finding_history(session, who, finding)
    commands.note_reads(http.uow, [finding])
    return {"items": entries, "next": None}


def _verb(verb: str, meaning: str) -> None:
    @api.arguments(Reason)
    @api.response(200, FindingSchema)
    def take_step(body: dict[str, Any], finding_id: str) -> Any:
        http.actor()
        unit = http.uow()
        finding = store.finding(unit.session, finding_id, unit.who)
        http.check_match(finding.version)
        moved = commands.advance(unit, finding, verb, reason=body["reason"])
        return http.tagged(store.view(unit.session, unit.who, moved))

    take_step.__name__ = f"{verb}_finding"
    take_step.__doc__ = meaning
    api.route(f"/findings/<finding_id>/{verb}", methods=["POST"])(take_step)


_verb("submit", "Submit a draft to the client's team.")
_verb("verify", "Say that you checked it: not for those who wrote or submitted it. Renews its freshness.")
_verb("dispute", "Doubt it, with a reason.")
_verb("resolve", "Settle a dispute in its favour, with a reason: it is again what it was before.")
_verb("retract", "Withdraw it, with a reason; it stays readable as such.")


@api.route("/findings/<finding_id>/correct", methods=["POST"])
@api.arguments(FindingCorrection(partial=True))
@api.response(200, FindingSchema)
def correct_finding(body: dict[str, Any], finding_id: str) -> Any:
    """Correct it: answers the new finding, which supersedes this one; both stay readable."""
    http.actor()
    unit = http.uow()
    finding = store.finding(unit.session, finding_id, unit.who)
    http.check_match(finding.version)
    correction = commands.correct(unit, finding, **body)
    resource, status, headers = http.tagged(store.view(unit.session, unit.who, correction))
    return resource, status, headers | {"Location": f"/intelligence/v1/findings/{correction.id}"}


# --- dossiers ----------------------------------------------------------------------------------------------


class DossierArgs(ma.Schema):
    """Which dossier: as it holds on a day, as it was known at an instant (a plain date: its start)."""

    class Meta:
        unknown = ma.EXCLUDE

    valid_at = ma.fields.Date(load_default=None)
    known_at = http.Instant(dates=True, load_default=None)


class PartSchema(ma.Schema):
    """One part of a dossier."""

    part = ma.fields.String()
    findings = ma.fields.List(ma.fields.Nested(FindingSchema))


class LoweredSchema(ma.Schema):
    """What lowers a score: a finding, or a part without one."""

    reason = ma.fields.String()
    finding_id = ma.fields.String(allow_none=True)
    part = ma.fields.String(allow_none=True)


class PrincipleSchema(ma.Schema):
    """A principle of collection (C1–C5); `score` 0–100, null where nothing can be judged."""

    id = ma.fields.String()
    principle = ma.fields.String()
    score = ma.fields.Float(allow_none=True)
    unjudged = ma.fields.Integer(metadata={"description": "findings that cannot be judged; not averaged"})
    lowered_by = ma.fields.List(ma.fields.Nested(LoweredSchema))


class DossierSchema(ma.Schema):
    """What is known of a client, as far as you may see."""

    client_id = ma.fields.String()
    client_name = ma.fields.String()
    valid_at = ma.fields.Date(allow_none=True)
    known_at = http.Instant()
    parts = ma.fields.List(ma.fields.Nested(PartSchema))
    principles = ma.fields.List(ma.fields.Nested(PrincipleSchema))


@api.route("/clients/<client_id>/dossier", methods=["GET"])
@api.arguments(DossierArgs, location="query")
@api.response(200, DossierSchema)
def read_dossier(args: dict[str, Any], client_id: str) -> Any:
    """The dossier of a client (I1–I4) with how well it keeps the principles of collection (C1–C5)."""
    found = store.dossier(http.reader(), http.actor(), client_id, **args)
    commands.note_reads(http.uow, found.findings)
    return found
