"""One proposal: what it says, where it stands, who is next; its steps, comments, versions and approvals."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from services.proposals import commands, store
from services.proposals.domain import approvals, workflows
from services.proposals.pages.site import (
    DECISIONS,
    KINDS,
    MAINLINE,
    NEEDS_REASON,
    REASONS,
    VERBS,
    WHO,
    WITH_REASON,
    opened,
    pages,
    state_word,
)
from shared import access, http
from shared.pages import N_, Form, again, lazy_gettext, refused, saved, translate
from shared.pages import gettext as _
from shared.problem import Problem, invalid, missing

HAPPENED = {
    "drafted": (lazy_gettext("Begun"), "note"),
    "edited": (lazy_gettext("Edited"), "pencil"),
    "planned": (lazy_gettext("Planned"), "calendar"),
    "submitted": (lazy_gettext("Submitted"), "send"),
    "approved": (lazy_gettext("Approved"), "circle-check"),
    "returned": (lazy_gettext("Changes requested"), "arrow-back-up"),
    "presented": (lazy_gettext("Presented"), "presentation"),
    "sent": (lazy_gettext("Sent"), "mail"),
    "decided": (lazy_gettext("Decided"), "gavel"),
    "reopened": (lazy_gettext("To be renegotiated"), "refresh"),
    "withdrawn": (lazy_gettext("Withdrawn"), "x"),
    "advanced": (lazy_gettext("Went on"), "arrow-right"),
    "commented": (lazy_gettext("Commented"), "message"),
    "warned": (lazy_gettext("A cited finding fell"), "alert-triangle"),
    "citation_decided": (lazy_gettext("Kept a citation"), "scale"),
}
SHOWN_HISTORY = 20
_MENTION = re.compile(r"@([A-Za-z0-9._-]+)")


@pages.get("/<proposal_id>")
def proposal(proposal_id: str) -> ResponseReturnValue:
    """One proposal, as far as its reader may see."""
    return render_template("proposal.html", form=Form(), **_context(proposal_id))


def _context(proposal_id: str) -> dict[str, Any]:
    who, session = http.actor(), http.reader()
    row = store.proposal(session, proposal_id, who)
    seen = store.view(session, who, row)
    commands.note_reads(http.uow, [seen])
    family = list(
        session.scalars(
            store.proposals(who, store.Filter(family_id=row.family_id)).order_by(store.Proposal.id)
        )
    )
    history = store.happenings(session, who, row)
    return {
        "proposal": seen,
        "kind_word": str(KINDS[row.kind]),
        "why": translate(row.outcome_reason),
        "buttons": [
            (verb, *VERBS[verb], verb in WITH_REASON, verb in NEEDS_REASON)
            for verb in seen.verbs
            if verb in VERBS and not (verb == "submit" and row.kind == workflows.PITCH and row.waiting_for)
        ],
        "may_edit": may_edit(who, row),
        "may_plan": who.may("proposal.change", row.subject()),
        "may_copy": who.may("proposal.create", access.Subject(client_id=row.client_id)),
        "may_review": _may_review(who, row),
        "may_override": who.may("proposal.override", row.subject()),
        "steps": _steps(row),
        "turns": [(str(WHO[turn.who]), turn.people) for turn in store.turns(session, who, row)],
        "reasons": REASONS,
        "family": [one for one in family if one.id != row.id],
        "approvals": _approvals(who, row),
        "comments": _comments(who, row),
        "headings": {section.id: section.heading for section in row.sections},
        "recipients": [who.book.person_name(one) or one for one in row.recipients],
        "history": [
            {
                "at": one.at,
                "by": one.actor_name or _("The system"),
                "title": HAPPENED[one.happening][0],
                "glyph": HAPPENED[one.happening][1],
                "text": translate(one.reason),
            }
            for one in history[:SHOWN_HISTORY]
        ],
    }


def may_edit(who: access.Actor, row: store.Proposal) -> bool:
    """Whether its content may be edited now, and by this person."""
    return workflows.is_editable(row.kind, row.state) and who.may("proposal.change", row.subject())


def _may_review(who: access.Actor, row: store.Proposal) -> bool:
    return row.state == workflows.UNDER_REVIEW[row.kind] and who.may(
        "proposal.approve", row.approval_subject()
    )


def _steps(row: store.Proposal) -> list[dict[str, Any]]:
    """The workflow as it is drawn: where it was and since when, where it stands, what may come."""
    query = store.steps_of(row)
    passed = list(http.reader().scalars(query))
    drawn = [
        {
            "word": state_word(step.state),
            "at": step.entered_at,
            "seconds": step.seconds,
            "now": step.left_at is None,
            "ahead": False,
        }
        for step in passed
    ]
    main = MAINLINE[row.kind]
    if row.state in main and workflows.is_open(row.state):
        for state in main[main.index(row.state) + 1 :]:
            drawn.append(
                {"word": state_word(state), "at": None, "seconds": None, "now": False, "ahead": True}
            )
    return drawn


def _approvals(who: access.Actor, row: store.Proposal) -> dict[str, Any]:
    session = http.reader()
    slots = store.needed(row)
    waiting = approvals.open_slots(slots, store.given(session, row))
    return {
        "needed": [(str(WHO[slot.who]), slot.stage, slot not in waiting) for slot in slots],
        "trail": [
            {
                "name": who.book.person_name(entry.person_id),
                "who": str(WHO[entry.who]) if entry.who else "",
                "word": str(DECISIONS[entry.decision]),
                "tone": "green" if entry.decision == "approved" else "orange",
                "at": entry.at,
                "voided_at": entry.voided_at,
                "note": entry.note,
                "hash": entry.content_hash,
            }
            for entry in reversed(store.approvals_of(session, row))
        ],
    }


def _comments(who: access.Actor, row: store.Proposal) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "by": who.book.person_name(one.author_id),
            "at": one.at,
            "body": one.body,
            "section_id": one.section_id,
            "mentions": [who.book.person_name(person_id) for person_id in one.mentions],
            "resolved": who.book.person_name(one.resolved_by) if one.resolved_at else "",
        }
        for one in store.comments(http.reader(), row)
    ]


# --- steps -------------------------------------------------------------------------------------------------


@pages.get("/<proposal_id>/do/<verb>")
def step_again(proposal_id: str, verb: str) -> ResponseReturnValue:
    """A reload of a refused step shows the proposal."""
    return redirect(f"/proposals/{proposal_id}")


@pages.post("/<proposal_id>/do/<verb>")
def take_step(proposal_id: str, verb: str) -> ResponseReturnValue:
    """Take a proposal a step through its workflow."""
    try:
        unit, row = opened(proposal_id)
        _take(unit, row, verb)
    except Problem as problem:
        return _refused(problem, proposal_id)
    return saved(f"/proposals/{proposal_id}", _("It is now: %(state)s.", state=state_word(row.state)))


def _take(unit: Any, row: store.Proposal, verb: str) -> None:
    reason = request.form.get("reason", "")[:4000]
    results = {step: result for result, step in workflows.RESULTS[row.kind].items() if step != "approve"}
    if verb in results:
        commands.outcome(unit, row, result=results[verb], reason=reason)
    elif verb in workflows.STEPS:
        commands.advance(unit, row, verb)
    elif verb == "withdraw":
        commands.withdraw(unit, row, reason=reason)
    elif verb in ("submit", "send", "present"):
        {"submit": commands.submit, "send": commands.send, "present": commands.present}[verb](unit, row)
    else:
        raise missing("verb")


def _refused(problem: Problem, proposal_id: str) -> Response:
    if problem.status not in {409, 422}:
        raise problem
    return refused(problem, "proposal.html", **_context(proposal_id))


@pages.route("/<proposal_id>/copy", methods=["GET", "POST"])
def copy(proposal_id: str) -> ResponseReturnValue:
    """Copy it: another alternative, or a proposal of its own."""
    if request.method == "GET":
        return redirect(f"/proposals/{proposal_id}")
    alternative = request.form.get("as") == "alternative"
    try:
        unit, row = opened(proposal_id)
        made = commands.copy(unit, row, alternative=alternative)
    except Problem as problem:
        return _refused(problem, proposal_id)
    told = _("The alternative was begun.") if alternative else _("The copy was begun.")
    return saved(f"/proposals/{made.id}", told)


@pages.post("/<proposal_id>/citations")
def decide_citation(proposal_id: str) -> ResponseReturnValue:
    """Keep a citation in spite of a warning, with a reason."""
    try:
        unit, row = opened(proposal_id)
        commands.decide_citation(
            unit,
            row,
            finding_id=request.form.get("finding_id", "")[:36],
            reason=request.form.get("reason", "")[:4000],
        )
    except Problem as problem:
        return _refused(problem, proposal_id)
    return saved(f"/proposals/{proposal_id}", _("The citation is kept."))


@pages.get("/<proposal_id>/citations")
def citations_again(proposal_id: str) -> ResponseReturnValue:
    """A reload of a refused decision shows the proposal."""
    return redirect(f"/proposals/{proposal_id}")


# --- review, on a phone as anywhere ------------------------------------------------------------------------


@pages.route("/<proposal_id>/review", methods=["GET", "POST"])
def review(proposal_id: str) -> ResponseReturnValue:
    """Read what is to be approved, and approve exactly that, or say what should change."""
    http.actor()
    if request.method == "GET":
        return render_template("review.html", form=Form(), **_review(proposal_id))
    note = request.form.get("note", "")[:4000]
    try:
        unit, row = opened(proposal_id)
        match request.form.get("decision", ""):
            case "approve":
                seen = request.form.get("content_hash", "")
                commands.approve(unit, row, content_hash=seen, note=note)
                told = _("You approved exactly what you read.")
            case "changes":
                commands.request_changes(unit, row, note=note)
                told = _("Its authors are told what should change.")
            case "reject":
                commands.outcome(unit, row, result="rejected", reason=note)
                told = _("It was rejected.")
            case _:
                raise invalid({"note": N_("Choose what you decide.")})
    except Problem as problem:
        if problem.errors:
            problem.errors = {"note": " ".join(problem.errors.values())}
        return again(problem, "review.html", **_review(proposal_id))
    return saved(f"/proposals/{proposal_id}", told)


def _review(proposal_id: str) -> dict[str, Any]:
    who, session = http.actor(), http.reader()
    row = store.proposal(session, proposal_id, who)
    seen = store.view(session, who, row)
    commands.note_reads(http.uow, [seen])
    return {
        "proposal": seen,
        "kind_word": str(KINDS[row.kind]),
        "may_review": _may_review(who, row),
        "may_reject": "reject" in seen.verbs,
        "approvals": _approvals(who, row),
        "reasons": REASONS,
        "needs_note": row.kind == workflows.INTERNAL,
    }


# --- comments ----------------------------------------------------------------------------------------------


@pages.route("/<proposal_id>/comments", methods=["GET", "POST"])
def add_comment(proposal_id: str) -> ResponseReturnValue:
    """Comment; `@username` mentions somebody."""
    if request.method == "GET":
        return redirect(f"/proposals/{proposal_id}#comments")
    body = request.form.get("body", "").replace("\r\n", "\n").strip()[:8000]
    try:
        unit, row = opened(proposal_id)
        if not body:
            raise invalid({"body": N_("Write something.")})
        commands.comment(
            unit,
            row,
            body=body,
            section_id=request.form.get("section_id") or None,
            mentions=_mentions(unit.who, body),
        )
    except Problem as problem:
        if any(name.startswith("mentions") for name in problem.errors):
            problem.errors = {"body": N_("Somebody whom you mention does not exist or may not read this.")}
        return _refused(problem, proposal_id)
    return saved(f"/proposals/{proposal_id}?v={row.version}#comments", _("Your comment was kept."))


def _mentions(who: access.Actor, body: str) -> list[str]:
    """The ids of `@username`s; an unknown one is refused like one who may not read it."""
    names = dict.fromkeys(name.rstrip(".-_") for name in _MENTION.findall(body))
    return [who.book.usernames.get(name, name) for name in names]


@pages.post("/<proposal_id>/comments/<comment_id>/resolve")
def resolve_comment(proposal_id: str, comment_id: str) -> ResponseReturnValue:
    """Say that a comment is dealt with."""
    unit, row = opened(proposal_id)
    commands.resolve_comment(unit, row, store.comment(unit.session, row, comment_id))
    return saved(f"/proposals/{proposal_id}?v={row.version}#comments", _("The comment is dealt with."))


# --- versions ----------------------------------------------------------------------------------------------


@pages.get("/<proposal_id>/versions")
def versions(proposal_id: str) -> ResponseReturnValue:
    """The versions of its content, and how two of them differ."""
    who, session = http.actor(), http.reader()
    row = store.proposal(session, proposal_id, who)
    commands.note_reads(http.uow, [row])
    found = store.versions(session, who, row)
    newer, older = _chosen(found)
    return render_template(
        "versions.html",
        proposal=store.view(session, who, row),
        versions=found,
        newer=newer,
        older=older,
        changes=store.changes(session, who, row, older, newer) if newer and older else [],
        after=store.stated(session, who, row, newer) if newer else None,
        before=store.stated(session, who, row, older) if older else None,
        marks={name: word for name, (word, _glyph) in HAPPENED.items()},
    )


def _chosen(found: list[store.Version]) -> tuple[int, int]:
    """The two versions to compare: those of the URL, else the newest and the one before it."""
    numbers = [one.version for one in found]

    def asked(name: str, otherwise: int) -> int:
        text = request.args.get(name, "")
        return int(text) if text.isdigit() and int(text) in numbers else otherwise

    newer = asked("version", numbers[0] if numbers else 0)
    earlier = [number for number in numbers if number < newer]
    return newer, asked("since", earlier[0] if earlier else 0)
