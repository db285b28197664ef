"""Proposals' API: writing, deciding, discussing, pitching, and what directors track."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import marshmallow as ma

from services.proposals import commands, store
from services.proposals.commands.fields import (
    Exact,
    JudgementFields,
    Money,
    PitchFields,
    ProposalFields,
    SectionFields,
    SpentFields,
    ThresholdFields,
    identifier,
)
from services.proposals.domain import approvals, pitching, workflows
from services.proposals.domain.templates import LANGUAGES, TEMPLATES, sections_of
from shared import http
from shared.http import ApiBlueprint
from shared.problem import invalid
from shared.uow import UnitOfWork

api = ApiBlueprint("proposals", "Internal, client and pitch proposals, tracked to their result.")
PATH = "/proposals/v1/proposals"


# --- what is answered --------------------------------------------------------------------------------------


class ProposalWarningSchema(ma.Schema):
    """What speaks against a citation; `finding_id` is empty (`hidden`) where you may not see the finding."""

    finding_id = ma.fields.String()
    reason = ma.fields.String()


class SectionSchema(ma.Schema):
    """A section without the citations that you may not see; `version` is its own."""

    id = ma.fields.String(required=True)
    heading = ma.fields.String()
    body = ma.fields.String()
    citations = ma.fields.List(ma.fields.String())
    version = ma.fields.Integer()


class BudgetLineSchema(ma.Schema):
    """One line of a budget and what it comes to."""

    item = ma.fields.String()
    quantity = Exact(0, 1_000_000, 4)
    unit_price = Money()
    discount_percent = Exact(0, 100, 2)
    net = Money()


class BudgetSchema(ma.Schema):
    """A budget and what it comes to, each line rounded once to the cent."""

    lines = ma.fields.List(ma.fields.Nested(BudgetLineSchema))
    tax_percent = Exact(0, 100, 2)
    gross = Money()
    discount = Money()
    net = Money()
    tax = Money()
    total = Money()


class ProposalSummary(ma.Schema):
    """A proposal as it stands in lists, without its texts."""

    id = ma.fields.String(required=True)
    number = ma.fields.String()
    kind = ma.fields.String()
    client_id = ma.fields.String(allow_none=True)
    client_pending = ma.fields.Boolean()
    title = ma.fields.String()
    language = ma.fields.String()
    label = ma.fields.String()
    recipients = ma.fields.List(ma.fields.String())
    state = ma.fields.String()
    state_since = http.Instant()
    author_id = ma.fields.String()
    owner_id = ma.fields.String()
    due_at = http.Instant(allow_none=True)
    is_late = ma.fields.Boolean()
    valid_until = ma.fields.Date(allow_none=True)
    amount = Money(metadata={"description": "the budget's net, without tax"})
    probability = ma.fields.Integer(allow_none=True)
    content_hash = ma.fields.String()
    waiting_for = ma.fields.List(ma.fields.String())
    family_id = ma.fields.String()
    alternative = ma.fields.String()
    result = ma.fields.String()
    outcome_reason = ma.fields.String()
    warnings = ma.fields.List(ma.fields.Nested(ProposalWarningSchema))
    notes = ma.fields.List(ma.fields.Nested(ProposalWarningSchema))
    created_at = http.Instant()
    closed_at = http.Instant(allow_none=True)
    version = ma.fields.Integer(required=True)


class ProposalSchema(ProposalSummary):
    """A proposal as you may see it. `verbs`: what you may do with it now."""

    sections = ma.fields.List(ma.fields.Nested(SectionSchema))
    budget = ma.fields.Nested(BudgetSchema)
    verbs = ma.fields.List(ma.fields.String())


class ProposalInput(ProposalFields):
    """A proposal to begin; `template`: where its sections come from when none are given."""

    template = http.Text(longest=50, load_default="")


class ProposalPatch(ProposalFields):
    """Some of a proposal's fields; `sections` and `budget` are replaced as a whole."""


class ProposalListArgs(http.PageArgs):
    """Which proposals. `owner` and `author`: a person's id, or `me`."""

    kind = http.Text(load_default="")
    client_id = http.Text(load_default="")
    state = http.Text(load_default="")
    label = http.Text(load_default="")
    owner = http.Text(load_default="")
    author = http.Text(load_default="")
    family_id = http.Text(load_default="")
    competitor = http.Text(load_default="")
    q = http.Text(load_default="")
    open = ma.fields.Boolean(load_default=None)
    late = ma.fields.Boolean(load_default=False)


def filter_of(args: dict[str, Any]) -> store.Filter:
    """What a list, a board or a report was asked for."""
    who = http.actor()

    def person(name: str) -> str:
        said = str(args.get(name, ""))
        return who.id if said == "me" else said

    names = ("kind", "client_id", "state", "label", "family_id", "competitor")
    return store.Filter(
        **{name: args.get(name, "") for name in names},
        owner_id=person("owner"),
        author_id=person("author"),
        title=args.get("q", ""),
        open=args.get("open"),
        late_at=who.now if args.get("late") else None,
    )


def _answer(unit: UnitOfWork, row: store.Proposal, *, created: bool = False) -> Any:
    seen = store.view(unit.session, unit.who, row)
    return http.tagged(seen, location=f"{PATH}/{row.id}" if created else None)


def _opened(proposal_id: str) -> tuple[UnitOfWork, store.Proposal]:
    """The transaction and the proposal in it, that the actor may see; If-Match is honoured where it is
    sent.
    """
    http.actor()
    unit = http.uow()
    row = store.proposal(unit.session, proposal_id, unit.who)
    return unit, row


# --- proposals ---------------------------------------------------------------------------------------------


@api.route("/proposals", methods=["GET"])
@api.arguments(ProposalListArgs, location="query")
@api.response(200, http.page_of(ProposalSummary))
def list_proposals(args: dict[str, Any]) -> dict[str, Any]:
    """The proposals that you may see, the last begun first."""
    session, who = http.reader(), http.actor()
    query = store.proposals(who, filter_of(args))
    paging = {name: args[name] for name in ("limit", "cursor")}
    page = http.paginate(session, query, [store.Proposal.id], newest_first=True, **paging)
    views = store.views(session, who, page["items"])
    commands.note_reads(http.uow, views)
    return {"items": views, "next": page["next"]}


@api.route("/proposals", methods=["POST"])
@api.arguments(ProposalInput)
@api.response(201, ProposalSchema)
def create_proposal(body: dict[str, Any]) -> Any:
    """Begin a proposal."""
    http.actor()
    chosen = body.pop("template")
    if chosen and not body["sections"]:
        body["sections"] = sections_of(chosen, body["kind"], body["language"])
    unit = http.uow()
    row = commands.create(unit, currency=http.runtime().settings.currency, **body)
    return _answer(unit, row, created=True)


@api.route("/proposals/<proposal_id>", methods=["GET"])
@api.response(200, ProposalSchema)
def read_proposal(proposal_id: str) -> Any:
    """One proposal."""
    session, who = http.reader(), http.actor()
    seen = store.view(session, who, store.proposal(session, proposal_id, who))
    commands.note_reads(http.uow, [seen])
    return http.tagged(seen)


@api.route("/proposals/<proposal_id>", methods=["PATCH"])
@api.arguments(ProposalPatch(partial=True))
@api.response(200, ProposalSchema)
def change_proposal(body: dict[str, Any], proposal_id: str) -> Any:
    """Change it. Other content voids the approvals given and returns it to its draft."""
    unit, row = _opened(proposal_id)
    http.check_match(row.version, required=True)
    return _answer(unit, commands.change(unit, row, **body))


class CopyFields(ma.Schema):
    """What the copy is called; empty: like the original."""

    title = http.Text(longest=300, load_default="")


def _copying(verb: str, alternative: bool, meaning: str) -> None:
    @api.arguments(CopyFields)
    @api.response(201, ProposalSchema)
    def take_copy(body: dict[str, Any], proposal_id: str) -> Any:
        unit, row = _opened(proposal_id)
        made = commands.copy(unit, row, alternative=alternative, title=body["title"])
        return _answer(unit, made, created=True)

    take_copy.__name__ = f"{verb}_proposal"
    take_copy.__doc__ = meaning
    api.route(f"/proposals/<proposal_id>/{verb}", methods=["POST"])(take_copy)


_copying("duplicate", False, "Begin a proposal with the same content, and nothing that was decided.")
_copying("alternative", True, "Begin another alternative; one of them can be accepted.")


# --- sections ----------------------------------------------------------------------------------------------


class SectionPatch(SectionFields):
    """What a section says; what is left out stays."""


@api.route("/proposals/<proposal_id>/sections", methods=["POST"])
@api.arguments(SectionFields)
@api.response(201, SectionSchema)
def add_section(body: dict[str, Any], proposal_id: str) -> Any:
    """Add a section at the end."""
    unit, row = _opened(proposal_id)
    body.pop("id", None)
    section = commands.add_section(unit, row, **body)
    return http.tagged(_seen(unit, section), location=f"{PATH}/{row.id}/sections/{section.id}")


@api.route("/proposals/<proposal_id>/sections/<section_id>", methods=["GET"])
@api.response(200, SectionSchema)
def read_section(proposal_id: str, section_id: str) -> Any:
    """One section with its own ETag."""
    session, who = http.reader(), http.actor()
    row = store.proposal(session, proposal_id, who)
    section = store.section(row, section_id)
    commands.note_reads(http.uow, [row])
    return http.tagged(store.section_view(section, store.visible_findings(session, who, section.cites)))


@api.route("/proposals/<proposal_id>/sections/<section_id>", methods=["PATCH"])
@api.arguments(SectionPatch(partial=True))
@api.response(200, SectionSchema)
def change_section(body: dict[str, Any], proposal_id: str, section_id: str) -> Any:
    """Change one section; `If-Match` is the section's own ETag, so that others may change other ones."""
    unit, row = _opened(proposal_id)
    section = store.section(row, section_id)
    http.check_match(section.version, required=True)
    body.pop("id", None)
    return http.tagged(_seen(unit, commands.change_section(unit, row, section, **body)))


@api.route("/proposals/<proposal_id>/sections/<section_id>", methods=["DELETE"])
@api.response(200, ProposalSchema)
def remove_section(proposal_id: str, section_id: str) -> Any:
    """Take a section out; earlier versions keep it."""
    unit, row = _opened(proposal_id)
    section = store.section(row, section_id)
    http.check_match(section.version, required=True)
    return _answer(unit, commands.remove_section(unit, row, section))


def _seen(unit: UnitOfWork, section: store.Section) -> store.SectionView:
    return store.section_view(section, store.visible_findings(unit.session, unit.who, section.cites))


# --- steps -------------------------------------------------------------------------------------------------


class Nothing(ma.Schema):
    """No fields."""


class ApprovalFields(ma.Schema):
    """What is approved, by its hash, and why."""

    content_hash = http.Text(longest=64, shortest=1, required=True)
    note = http.Text(longest=4000, load_default="")


class NoteFields(ma.Schema):
    """What should change."""

    note = http.Text(longest=4000, load_default="")


class OutcomeFields(ma.Schema):
    """What came of it. `content_hash` is needed to adopt an internal proposal, which approves its content."""

    result = http.Text(longest=20, shortest=1, required=True)
    reason = http.Text(longest=4000, load_default="")
    content_hash = http.Text(longest=64, load_default="")


class WhyFields(ma.Schema):
    """Why."""

    reason = http.Text(longest=4000, load_default="")


class DebriefFields(ma.Schema):
    """The debrief in both directions, and which agency won."""

    ours = http.Text(longest=20_000, load_default="")
    theirs = http.Text(longest=20_000, load_default="")
    winner = http.Text(longest=200, load_default="")


def _verb(verb: str, fields: type[ma.Schema], take: Callable[..., store.Proposal], meaning: str) -> None:
    @api.arguments(fields)
    @api.response(200, ProposalSchema)
    def take_step(body: dict[str, Any], proposal_id: str) -> Any:
        unit, row = _opened(proposal_id)
        http.check_match(row.version)
        return _answer(unit, take(unit, row, **body))

    take_step.__name__ = f"{verb.replace('-', '_')}_proposal"
    take_step.__doc__ = meaning
    api.route(f"/proposals/<proposal_id>/{verb}", methods=["POST"])(take_step)


def _step(verb: str) -> Callable[[UnitOfWork, store.Proposal], store.Proposal]:
    return lambda unit, row: commands.advance(unit, row, verb)


_verb("submit", Nothing, commands.submit, "Submit it for review; a pitch to its client.")
_verb("approve", ApprovalFields, commands.approve, "Approve exactly the content with this hash.")
_verb("request-changes", NoteFields, commands.request_changes, "Send it back, saying what should change.")
_verb("send", Nothing, commands.send, "Note that it was sent to the client.")
_verb("present", Nothing, commands.present, "Note that it was presented to the client.")
_verb("outcome", OutcomeFields, commands.outcome, "Note what came of it.")
_verb("withdraw", WhyFields, commands.withdraw, "Give it up.")
_verb("decide", JudgementFields, commands.judge, "Decide whether to take part in a pitch: go or no_go.")
_verb("brief", Nothing, _step("brief"), "Go on with the brief written down.")
_verb("plan", Nothing, _step("plan"), "Go on to the strategy.")
_verb("create", Nothing, _step("create"), "Go on to the creative work.")
_verb("rehearse", Nothing, _step("rehearse"), "Go on to the rehearsal.")
_verb("shortlist", Nothing, _step("shortlist"), "Note that the client put it on the short list.")
_verb("debrief", DebriefFields, commands.debrief, "Keep what was learnt, in both directions.")


class CitationFields(ma.Schema):
    """Which citation is kept in spite of a warning, and why; empty: those that you may not see."""

    finding_id = http.Text(longest=36, load_default="")
    reason = http.Text(longest=4000, load_default="")


_verb(
    "keep-citation",
    CitationFields,
    commands.decide_citation,
    "Keep a citation in spite of what speaks against it, with a reason.",
)


# --- what is kept beside -----------------------------------------------------------------------------------


class ApprovalEntry(ma.Schema):
    """An entry of the trail; `voided_at`: the content changed since, or changes were requested."""

    id = ma.fields.String()
    person_id = ma.fields.String()
    who = ma.fields.String(metadata={"description": "AM, AD or director: as which it was given"})
    stage = ma.fields.Integer()
    decision = ma.fields.String()
    note = ma.fields.String()
    content_hash = ma.fields.String()
    at = http.Instant()
    voided_at = http.Instant(allow_none=True)


class SlotSchema(ma.Schema):
    """An approval that is needed: by whom, at which stage, and the rules that ask for it."""

    stage = ma.fields.Integer()
    who = ma.fields.String()
    rules = ma.fields.List(ma.fields.String())
    given = ma.fields.Boolean()


class ApprovalsSchema(ma.Schema):
    """The trail, oldest first, and what the present content needs."""

    items = ma.fields.List(ma.fields.Nested(ApprovalEntry))
    next = ma.fields.String(allow_none=True)
    needed = ma.fields.List(ma.fields.Nested(SlotSchema))


@api.route("/proposals/<proposal_id>/approvals", methods=["GET"])
@api.response(200, ApprovalsSchema)
def list_approvals(proposal_id: str) -> Any:
    """Every decision on it, for ever, and the approvals that its content needs now."""
    session, who = http.reader(), http.actor()
    row = store.proposal(session, proposal_id, who)
    slots = store.needed(row)
    waiting = approvals.open_slots(slots, store.given(session, row))
    return {
        "items": store.approvals_of(session, row),
        "next": None,
        "needed": [
            {"stage": s.stage, "who": s.who, "rules": list(s.rules), "given": s not in waiting} for s in slots
        ],
    }


class VersionSchema(ma.Schema):
    """The content after one stretch of writing; `marks`: what happened to exactly this content."""

    version = ma.fields.Integer()
    at = http.Instant()
    actor_id = ma.fields.String()
    content_hash = ma.fields.String()
    marks = ma.fields.List(ma.fields.String())
    is_current = ma.fields.Boolean()


class VersionList(ma.Schema):
    """The versions, newest first."""

    items = ma.fields.List(ma.fields.Nested(VersionSchema))
    next = ma.fields.String(allow_none=True)


@api.route("/proposals/<proposal_id>/versions", methods=["GET"])
@api.response(200, VersionList)
def list_versions(proposal_id: str) -> Any:
    """The versions of its content that you may know, newest first."""
    session, who = http.reader(), http.actor()
    row = store.proposal(session, proposal_id, who)
    commands.note_reads(http.uow, [row])
    return {"items": store.versions(session, who, row), "next": None}


class StatedSchema(ma.Schema):
    """A proposal's content as it was at a version."""

    version = ma.fields.Integer()
    title = ma.fields.String()
    state = ma.fields.String()
    label = ma.fields.String()
    content_hash = ma.fields.String()
    sections = ma.fields.List(ma.fields.Nested(SectionSchema))
    budget = ma.fields.Dict()


@api.route("/proposals/<proposal_id>/versions/<int:version>", methods=["GET"])
@api.response(200, StatedSchema)
def read_version(proposal_id: str, version: int) -> Any:
    """The content at a version."""
    session, who = http.reader(), http.actor()
    row = store.proposal(session, proposal_id, who)
    commands.note_reads(http.uow, [row])
    return store.stated(session, who, row, version)


class PieceSchema(ma.Schema):
    """A run of lines: same, removed or added."""

    kind = ma.fields.String()
    text = ma.fields.String()


class SectionChangeSchema(ma.Schema):
    """What became of a section: same, moved, changed, added or removed."""

    id = ma.fields.String()
    change = ma.fields.String()
    heading = ma.fields.String()
    pieces = ma.fields.List(ma.fields.Nested(PieceSchema))
    citations_added = ma.fields.List(ma.fields.String())
    citations_removed = ma.fields.List(ma.fields.String())


class DifferenceSchema(ma.Schema):
    """How the content of one version became that of another."""

    sections = ma.fields.List(ma.fields.Nested(SectionChangeSchema))


class DifferenceArgs(ma.Schema):
    """The two versions."""

    class Meta:
        unknown = ma.EXCLUDE

    since = ma.fields.Integer(required=True)


@api.route("/proposals/<proposal_id>/versions/<int:version>/changes", methods=["GET"])
@api.arguments(DifferenceArgs, location="query")
@api.response(200, DifferenceSchema)
def read_changes(args: dict[str, Any], proposal_id: str, version: int) -> Any:
    """What changed from the version `since` to this one."""
    session, who = http.reader(), http.actor()
    row = store.proposal(session, proposal_id, who)
    commands.note_reads(http.uow, [row])
    return {"sections": store.changes(session, who, row, args["since"], version)}


class CommentFields(ma.Schema):
    """A comment; `mentions`: people who may read the proposal."""

    body = http.Text(longest=8000, shortest=1, required=True)
    section_id = identifier(load_default=None, allow_none=True)
    mentions = ma.fields.List(identifier(), load_default=list, validate=ma.validate.Length(0, 50))


class CommentSchema(ma.Schema):
    """A comment."""

    id = ma.fields.String(required=True)
    section_id = ma.fields.String(allow_none=True)
    author_id = ma.fields.String()
    body = ma.fields.String()
    mentions = ma.fields.List(ma.fields.String())
    at = http.Instant()
    resolved_at = http.Instant(allow_none=True)
    resolved_by = ma.fields.String(allow_none=True)


class CommentList(ma.Schema):
    """The comments, oldest first."""

    items = ma.fields.List(ma.fields.Nested(CommentSchema))
    next = ma.fields.String(allow_none=True)


@api.route("/proposals/<proposal_id>/comments", methods=["GET"])
@api.response(200, CommentList)
def list_comments(proposal_id: str) -> Any:
    """The comments on it."""
    session, who = http.reader(), http.actor()
    return {"items": store.comments(session, store.proposal(session, proposal_id, who)), "next": None}


@api.route("/proposals/<proposal_id>/comments", methods=["POST"])
@api.arguments(CommentFields)
@api.response(201, CommentSchema)
def comment(body: dict[str, Any], proposal_id: str) -> Any:
    """Comment on it, or on one of its sections."""
    unit, row = _opened(proposal_id)
    made = commands.comment(unit, row, **body)
    return made, 201, {"Location": f"{PATH}/{row.id}/comments/{made.id}"}


@api.route("/proposals/<proposal_id>/comments/<comment_id>/resolve", methods=["POST"])
@api.arguments(Nothing)
@api.response(200, CommentSchema)
def resolve_comment(body: dict[str, Any], proposal_id: str, comment_id: str) -> Any:
    """Say that a comment is dealt with."""
    unit, row = _opened(proposal_id)
    return commands.resolve_comment(unit, row, store.comment(unit.session, row, comment_id))


# --- pitches -----------------------------------------------------------------------------------------------


class CriterionSchema(ma.Schema):
    """A criterion with its weight."""

    id = ma.fields.String()
    name = ma.fields.String()
    weight = ma.fields.Integer()


class QuestionSchema(ma.Schema):
    """A clarifying question and its answer."""

    id = ma.fields.String()
    text = ma.fields.String()
    person_id = ma.fields.String()
    at = ma.fields.String()
    answer = ma.fields.String()
    answered_at = ma.fields.String(allow_none=True)


class ScoredSchema(ma.Schema):
    """A criterion over all scorers. `discuss`: the points lie more than 2 apart."""

    criterion_id = ma.fields.String()
    name = ma.fields.String()
    weight = ma.fields.Integer()
    mean = Exact(0, 10, 2)
    spread = ma.fields.Integer()
    discuss = ma.fields.Boolean()


class ScoringSchema(ma.Schema):
    """The scores: closed until three scorers gave theirs."""

    scorers = ma.fields.Integer()
    is_open = ma.fields.Boolean()
    total = Exact(0, 10, 2, allow_none=True)
    criteria = ma.fields.List(ma.fields.Nested(ScoredSchema))


class AdviceSchema(ma.Schema):
    """The expected gain of taking part, against its expected cost."""

    expected_gain = Money()
    expected_cost = Money()
    pays = ma.fields.Boolean()


class PitchSchema(ma.Schema):
    """What a pitch has besides its proposal."""

    id = ma.fields.String(attribute="pitch.id")
    proposal_id = ma.fields.String(attribute="pitch.proposal_id")
    brief = ma.fields.String(attribute="pitch.brief")
    incumbent = ma.fields.Boolean(attribute="pitch.incumbent")
    competitors = ma.fields.List(ma.fields.String(), attribute="pitch.competitors")
    questions = ma.fields.List(ma.fields.Nested(QuestionSchema), attribute="pitch.questions")
    criteria = ma.fields.List(ma.fields.Nested(CriterionSchema), attribute="pitch.criteria")
    weights_locked_at = http.Instant(attribute="pitch.weights_locked_at", allow_none=True)
    scoring = ma.fields.Nested(ScoringSchema)
    my_points = ma.fields.Dict(allow_none=True)
    cost = Money()
    go_no_go = ma.fields.Dict(attribute="pitch.go_no_go")
    advice = ma.fields.Nested(AdviceSchema, allow_none=True)
    override = ma.fields.Dict()
    winner = ma.fields.String(attribute="pitch.winner")
    debrief = ma.fields.Dict(attribute="pitch.debrief")
    version = ma.fields.Integer(required=True)


def _pitch_answer(unit: UnitOfWork, row: store.Proposal) -> Any:
    return http.tagged(store.pitch_view(unit.session, unit.who, row))


@api.route("/proposals/<proposal_id>/pitch", methods=["GET"])
@api.response(200, PitchSchema)
def read_pitch(proposal_id: str) -> Any:
    """The brief, rivals, scores and costs of a pitch."""
    session, who = http.reader(), http.actor()
    row = store.proposal(session, proposal_id, who)
    commands.note_reads(http.uow, [row])
    return http.tagged(store.pitch_view(session, who, row))


@api.route("/proposals/<proposal_id>/pitch", methods=["PATCH"])
@api.arguments(PitchFields)
@api.response(200, PitchSchema)
def change_pitch(body: dict[str, Any], proposal_id: str) -> Any:
    """Change the brief, the rivals or, until they are locked, the criteria."""
    unit, row = _opened(proposal_id)
    http.check_match(store.pitch(unit.session, row).version, required=True)
    commands.change_pitch(unit, row, **body)
    return _pitch_answer(unit, row)


class QuestionFields(ma.Schema):
    """A clarifying question."""

    text = http.Text(longest=4000, shortest=1, required=True)


class AnswerFields(ma.Schema):
    """What the client answered."""

    answer = http.Text(longest=8000, shortest=1, required=True)


class PointsFields(ma.Schema):
    """Points, 0 to 10, for every criterion by its id."""

    points = ma.fields.Dict(
        keys=identifier(),
        values=ma.fields.Integer(strict=True, validate=ma.validate.Range(0, pitching.MOST_POINTS)),
        required=True,
    )


def _pitch_verb(path: str, name: str, fields: type[ma.Schema], take: Any, meaning: str) -> None:
    @api.arguments(fields)
    @api.response(200, PitchSchema)
    def take_part(body: dict[str, Any], proposal_id: str, **ids: str) -> Any:
        unit, row = _opened(proposal_id)
        take(unit, row, **body, **ids)
        return _pitch_answer(unit, row)

    take_part.__name__ = name
    take_part.__doc__ = meaning
    api.route(f"/proposals/<proposal_id>/pitch/{path}", methods=["POST"])(take_part)


_pitch_verb("questions", "ask_question", QuestionFields, commands.ask, "Note a clarifying question.")
_pitch_verb(
    "questions/<question_id>/answer",
    "answer_question",
    AnswerFields,
    commands.answer_question,
    "Note the client's answer.",
)
_pitch_verb("lock-weights", "lock_weights", Nothing, commands.lock_weights, "Lock the weights for good.")
_pitch_verb("scores", "score_pitch", PointsFields, commands.score, "Give your points.")
_pitch_verb("costs", "spend_on_pitch", SpentFields, commands.spend, "Record hours and expenses.")
_pitch_verb(
    "override-conflict",
    "override_conflict",
    WhyFields,
    commands.override_conflict,
    "Override the conflicts of interest that you may know of (account director or director).",
)


class ConflictSchema(ma.Schema):
    """A client that stands against the invitation, and why: name, industry or parent."""

    client_id = ma.fields.String()
    why = ma.fields.String()


class ConflictList(ma.Schema):
    """The conflicts, of clients that you may list."""

    items = ma.fields.List(ma.fields.Nested(ConflictSchema))
    next = ma.fields.String(allow_none=True)


@api.route("/proposals/<proposal_id>/pitch/conflicts", methods=["GET"])
@api.response(200, ConflictList)
def list_conflicts(proposal_id: str) -> Any:
    """The conflicts of interest that you may know of."""
    session, who = http.reader(), http.actor()
    row = store.proposal(session, proposal_id, who)
    store.pitch(session, row)
    return {"items": store.conflicts(who, row.client_id or ""), "next": None}


# --- rules and templates -----------------------------------------------------------------------------------


class RuleSchema(ma.Schema):
    """Who must approve when; empty conditions always hold."""

    id = ma.fields.String()
    stage = ma.fields.Integer()
    who = ma.fields.String()
    kinds = ma.fields.List(ma.fields.String())
    of_client = ma.fields.Boolean(allow_none=True)
    amount_from = Money(allow_none=True)
    discount_over = Exact(0, 100, 2, allow_none=True)
    labels = ma.fields.List(ma.fields.String())
    threshold = ma.fields.String(metadata={"description": "The field that directors set; empty: none."})
    version = ma.fields.Integer()
    since = http.Instant(allow_none=True)


class RuleList(ma.Schema):
    """The rules for approving."""

    items = ma.fields.List(ma.fields.Nested(RuleSchema))
    next = ma.fields.String(allow_none=True)


@api.route("/approval-rules", methods=["GET"])
@api.response(200, RuleList)
def list_rules() -> Any:
    """The rules for approving, as data."""
    http.actor()
    return {"items": [_told(one) for one in store.rules_in_force(http.reader())], "next": None}


@dataclass(frozen=True, slots=True)
class _RuleTold(approvals.Rule):
    """A rule with what directors did to it."""

    threshold: str = ""
    version: int = 0
    since: datetime | None = None


def _told(one: store.RuleInForce) -> _RuleTold:
    rule = {name.name: getattr(one.rule, name.name) for name in fields(one.rule)}
    return _RuleTold(**rule, threshold=one.threshold, version=one.version, since=one.since)


@api.route("/approval-rules/<rule_id>", methods=["GET"])
@api.response(200, RuleSchema)
def read_rule(rule_id: str) -> Any:
    """One rule for approving."""
    http.actor()
    return http.tagged(_told(store.rule_in_force(http.reader(), rule_id)))


@api.route("/approval-rules/<rule_id>", methods=["PATCH"])
@api.arguments(ThresholdFields)
@api.response(200, RuleSchema)
def change_rule(body: dict[str, Any], rule_id: str) -> Any:
    """Set from which amount or discount a rule asks (directors); it holds for what is submitted from now
    on.
    """
    http.actor()
    unit = http.uow()
    found = store.rule_in_force(unit.session, rule_id)
    unit.require("proposal.rules")
    http.check_match(found.version, required=True)
    if not found.threshold or list(body) != [found.threshold]:
        raise invalid(dict.fromkeys(body or ["threshold"], "This rule does not look at that."))
    return http.tagged(_told(commands.set_threshold(unit, rule_id=rule_id, value=body[found.threshold])))


class TransitionSchema(ma.Schema):
    """A verb of a workflow: from which states to which."""

    verb = ma.fields.String()
    sources = ma.fields.List(ma.fields.String())
    target = ma.fields.String()
    needs_reason = ma.fields.Boolean()


class WorkflowSchema(ma.Schema):
    """A kind's workflow."""

    kind = ma.fields.String(attribute="name")
    initial = ma.fields.String()
    states = ma.fields.List(ma.fields.String())
    transitions = ma.fields.List(ma.fields.Nested(TransitionSchema))


class WorkflowList(ma.Schema):
    """The workflows."""

    items = ma.fields.List(ma.fields.Nested(WorkflowSchema))
    next = ma.fields.String(allow_none=True)


@api.route("/workflows", methods=["GET"])
@api.response(200, WorkflowList)
def list_workflows() -> Any:
    """The workflow of each kind, as data."""
    http.actor()
    found = [
        {
            "name": one.name,
            "initial": one.initial,
            "states": workflows.states(one.name),
            "transitions": [
                {
                    "verb": step.verb,
                    "sources": sorted(step.sources),
                    "target": step.target,
                    "needs_reason": step.needs_reason,
                }
                for step in one.transitions
            ],
        }
        for one in workflows.WORKFLOWS.values()
    ]
    return {"items": found, "next": None}


class TemplateSection(ma.Schema):
    """A heading and what belongs under it."""

    heading = ma.fields.String()
    body = ma.fields.String()


class TemplateSchema(ma.Schema):
    """A beginning for a kind of proposal."""

    id = ma.fields.String()
    kind = ma.fields.String()
    language = ma.fields.String()
    name = ma.fields.String()
    sections = ma.fields.List(ma.fields.Nested(TemplateSection))


class TemplateList(ma.Schema):
    """The templates."""

    items = ma.fields.List(ma.fields.Nested(TemplateSchema))
    next = ma.fields.String(allow_none=True)


class TemplateArgs(ma.Schema):
    """Which templates."""

    class Meta:
        unknown = ma.EXCLUDE

    kind = http.Choice(workflows.KINDS, load_default=None)
    language = http.Choice(LANGUAGES, load_default=None)


@api.route("/templates", methods=["GET"])
@api.arguments(TemplateArgs, location="query")
@api.response(200, TemplateList)
def list_templates(args: dict[str, Any]) -> Any:
    """What proposals can begin with."""
    http.actor()
    found = [
        {
            "id": one.id,
            "kind": one.kind,
            "language": one.language,
            "name": one.name,
            "sections": sections_of(one.id, one.kind, one.language),
        }
        for one in TEMPLATES
        if all(args[name] in (None, getattr(one, name)) for name in ("kind", "language"))
    ]
    return {"items": found, "next": None}


# --- what directors track ----------------------------------------------------------------------------------


class ColumnSchema(ma.Schema):
    """The proposals in a state, those that wait longest first; `count`: how many there are."""

    state = ma.fields.String()
    count = ma.fields.Integer()
    items = ma.fields.List(ma.fields.Nested(ProposalSummary))


class BoardSchema(ma.Schema):
    """The board."""

    columns = ma.fields.List(ma.fields.Nested(ColumnSchema))
    as_of = http.Instant()


class BoardArgs(ProposalListArgs):
    """Which proposals; `limit`: at most so many in each column."""

    limit = ma.fields.Integer(load_default=20, validate=ma.validate.Range(1, 100))


@api.route("/board", methods=["GET"])
@api.arguments(BoardArgs, location="query")
@api.response(200, BoardSchema)
def read_board(args: dict[str, Any]) -> dict[str, Any]:
    """Where every proposal stands that you may see."""
    session, who = http.reader(), http.actor()
    columns = store.board(session, who, filter_of(args), limit=args["limit"])
    commands.note_reads(http.uow, [item for column in columns for item in column.items])
    return {"columns": columns, "as_of": who.now}


class ReportArgs(ProposalListArgs):
    """Which proposals; what was decided from `from` until before `to` (default: the last 365 days)."""

    since = http.Instant(dates=True, load_default=None, data_key="from")
    until = http.Instant(dates=True, load_default=None, data_key="to")


class RateSchema(ma.Schema):
    """What was won and lost; `few`: fewer than ten cases, so the rate says little."""

    key = ma.fields.String()
    won = ma.fields.Integer()
    lost = ma.fields.Integer()
    decided = ma.fields.Integer()
    rate = Exact(0, 1, 4, allow_none=True)
    few = ma.fields.Boolean()


class WinRatesSchema(ma.Schema):
    """Win rates by kind, client, industry, author and competing agency."""

    kind = ma.fields.List(ma.fields.Nested(RateSchema))
    client = ma.fields.List(ma.fields.Nested(RateSchema))
    industry = ma.fields.List(ma.fields.Nested(RateSchema))
    author = ma.fields.List(ma.fields.Nested(RateSchema))
    competitor = ma.fields.List(ma.fields.Nested(RateSchema))


class CycleSchema(ma.Schema):
    """How long proposals stayed in a state, on average."""

    kind = ma.fields.String()
    state = ma.fields.String()
    count = ma.fields.Integer()
    mean_hours = Exact(0, 1_000_000_000, 2)


class AgeingSchema(ma.Schema):
    """How many open ones have been in a state for up to 7, 14, 30, 60 and more days."""

    state = ma.fields.String()
    counts = ma.fields.List(ma.fields.Integer())


class LoadSchema(ma.Schema):
    """What somebody looks after."""

    person_id = ma.fields.String()
    open = ma.fields.Integer()
    late = ma.fields.Integer()


class StageSchema(ma.Schema):
    """What is open to clients in one state."""

    state = ma.fields.String()
    count = ma.fields.Integer()
    amount = Money()
    weighted = Money()


class ForecastSchema(ma.Schema):
    """What is open, what it comes to by its probability, and how good past guesses were (0 is perfect)."""

    count = ma.fields.Integer()
    amount = Money()
    guessed = ma.fields.Integer()
    weighted = Money()
    brier = Exact(0, 1, 4, allow_none=True)
    brier_of = ma.fields.Integer()
    few = ma.fields.Boolean()
    stages = ma.fields.List(ma.fields.Nested(StageSchema))


class PitchCostSchema(ma.Schema):
    """What pitches cost, by how they ended."""

    result = ma.fields.String()
    count = ma.fields.Integer()
    cost = Money()


class ReportSchema(ma.Schema):
    """The figures that you may know."""

    since = http.Instant(data_key="from")
    until = http.Instant(data_key="to")
    win_rates = ma.fields.Nested(WinRatesSchema)
    cycle_times = ma.fields.List(ma.fields.Nested(CycleSchema))
    ageing = ma.fields.List(ma.fields.Nested(AgeingSchema))
    workload = ma.fields.List(ma.fields.Nested(LoadSchema))
    forecast = ma.fields.Nested(ForecastSchema)
    pitch_costs = ma.fields.List(ma.fields.Nested(PitchCostSchema))
    warned = ma.fields.List(ma.fields.Nested(ProposalSummary))


@api.route("/report", methods=["GET"])
@api.arguments(ReportArgs, location="query")
@api.response(200, ReportSchema)
def read_report(args: dict[str, Any]) -> store.Report:
    """Win rates, cycle times, ageing, workload, forecast, cost of pitches, and what cannot go out because a
    cited finding fell, of what you may see.
    """
    who = http.actor()
    until = args["until"] or who.now + timedelta(seconds=1)
    since = args["since"] or until - timedelta(days=365)
    told = store.report(http.reader(), who, filter_of(args), since=since, until=until)
    commands.note_reads(http.uow, told.warned)
    return told
