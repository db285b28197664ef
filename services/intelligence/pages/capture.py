"""Writing a finding: capture it within half a minute, go on with a draft, correct what was submitted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape
from sqlalchemy import func, select

from services.intelligence import commands, store
from services.intelligence.commands.fields import FindingFields, SourceFields
from services.intelligence.domain import evidence
from services.intelligence.pages.site import (
    SOURCE_KINDS,
    finding_options,
    numbered,
    pages,
    people_options,
    source_options,
)
from shared import access, http
from shared.access import Subject
from shared.clock import start_of_day
from shared.pages import Form, again, check_version, client_options, read_form, saved
from shared.pages import gettext as _
from shared.pages.language import local
from shared.problem import Problem, conflict, forbidden
from shared.uow import UnitOfWork

PLAIN = (
    "client_id", "market", "territory_id", "part", "title", "body", "method", "source_id", "label", "quote",
    "locator", "valid_from", "valid_until",
)  # fmt: skip
SEVERAL = ("corroborated_by", "recipients")
NEW_SOURCE = {"new_source_name": "name", "new_source_kind": "kind", "new_source_url": "url"}


@pages.route("/capture", methods=["GET", "POST"])
def capture() -> ResponseReturnValue:
    """Capture a finding: the client and the source used last are offered again."""
    who = http.actor()
    if not who.scope.market and not who.scope.cleared and not who.scope.everything:
        raise forbidden("Only people who work on clients or markets record findings.")
    if request.method == "GET":
        return render_template("capture.html", form=Form(_defaults(who)), **_context(who))
    draft = bool(request.form.get("draft"))
    try:
        facts = _typed(who)
        new_source = _typed_source(facts["client_id"])
        unit = http.uow()
        if new_source is not None:
            facts["source_id"] = commands.add_source(unit, **new_source).id
        captured = commands.capture(unit, draft=draft, **read_form(FindingFields(), facts))
    except Problem as problem:
        return again(_about_new_source(problem), "capture.html", **_context(who))
    # The next one mostly comes from the same place: client and source stay chosen.
    return saved("/intelligence/capture", _told(unit, captured))


@pages.route("/findings/<finding_id>/edit", methods=["GET", "POST"])
def edit_draft(finding_id: str) -> ResponseReturnValue:
    """Go on with a draft; it may be submitted at once."""
    who = http.actor()
    row = store.finding(http.reader(), finding_id, who)
    if row.state != evidence.DRAFT:
        raise conflict(
            "What was submitted is evidence and stays as it is; correct it with a new finding instead.",
            "immutable",
        )
    if not who.may("draft.change", row.subject()):
        raise forbidden()
    if request.method == "GET":
        return render_template("finding_form.html", form=Form(_values(row)), **_context(who, row))
    try:
        facts = read_form(FindingFields(partial=True), _keep_hidden(who, row, _typed(who, row)))
        unit = http.uow()
        held = store.finding(unit.session, finding_id, unit.who)
        check_version(held.version)
        commands.change_draft(unit, held, **facts)
        if request.form.get("submit"):
            commands.advance(unit, held, "submit")
    except Problem as problem:
        return again(problem, "finding_form.html", **_context(who, row))
    submitted = bool(request.form.get("submit"))
    told = _("The finding was submitted to the team.") if submitted else _("The draft was saved.")
    return saved(f"/intelligence/findings/{finding_id}", told)


@pages.route("/findings/<finding_id>/correct", methods=["GET", "POST"])
def correct(finding_id: str) -> ResponseReturnValue:
    """Correct a finding with a new one that takes its place."""
    who = http.actor()
    row = store.finding(http.reader(), finding_id, who)
    if not who.may("finding.change", row.subject()):
        raise forbidden()
    evidence.WORKFLOW.step(row.state, "correct")
    commands.note_reads(http.uow, [row])
    if request.method == "GET":
        return render_template("finding_form.html", form=Form(_values(row)), **_context(who, row))
    try:
        facts = read_form(FindingFields(partial=True), _keep_hidden(who, row, _typed(who, row)))
        unit = http.uow()
        held = store.finding(unit.session, finding_id, unit.who)
        check_version(held.version)
        correction = commands.correct(unit, held, reason=request.form.get("reason", ""), **facts)
    except Problem as problem:
        return again(problem, "finding_form.html", **_context(who, row))
    told = _("The correction was submitted; the old finding points to it.")
    return saved(f"/intelligence/findings/{correction.id}", told)


# --- reading the form --------------------------------------------------------------------------------------


def _typed(who: access.Actor, row: store.Finding | None = None) -> dict[str, Any]:
    """The form as the API's fields. Whoever writes TLP:RED stays among its readers."""
    facts: dict[str, Any] = {name: request.form[name] for name in PLAIN if name in request.form}
    facts |= {name: request.form.getlist(name) for name in SEVERAL}
    for name in ("client_id", "territory_id", "valid_from", "valid_until"):
        facts[name] = facts.get(name) or None
    if request.form.get("credibility", "").isdigit():
        facts["credibility"] = int(request.form["credibility"])
    if day := request.form.get("collected_on"):
        facts |= _collected(day, row)
    if facts.get("label") == access.RED and who.id not in facts["recipients"]:
        facts["recipients"] = [*facts["recipients"], who.id]
    if row is not None:
        facts |= {name: getattr(row, name) for name in commands.ABOUT}
    return facts


def _collected(day: str, row: store.Finding | None) -> dict[str, Any]:
    """The day on which it was collected; the hour is kept where the day is, and today means now."""
    at = row.collected_at if row is not None else http.actor().now
    if local(at).date().isoformat() == day:
        return {"collected_at": at.isoformat()} if row is not None else {}
    try:
        noon = start_of_day(type(local(at).date()).fromisoformat(day), http.runtime().settings.timezone)
    except ValueError:
        return {"collected_at": day}
    return {"collected_at": (noon + timedelta(hours=12)).isoformat()}


def _typed_source(client_id: str | None) -> dict[str, Any] | None:
    if not request.form.get("new_source_name", "").strip():
        return None
    facts: dict[str, Any] = {field: request.form.get(name, "") for name, field in NEW_SOURCE.items()}
    facts["reliability"] = request.form.get("new_source_reliability") or "F"
    facts["client_id"] = client_id if request.form.get("new_source_own") else None
    try:
        return read_form(SourceFields(), facts)
    except Problem as problem:
        problem.errors = {f"new_source_{name}": text for name, text in problem.errors.items()}
        raise


def _about_new_source(problem: Problem) -> Problem:
    """A source that was typed but not chosen: say where to choose it."""
    if "source_id" in problem.errors and not request.form.get("source_id"):
        problem.errors = {**problem.errors, "source_id": "Choose the source, or add one below."}
    return problem


def _keep_hidden(who: access.Actor, row: store.Finding, facts: dict[str, Any]) -> dict[str, Any]:
    """What the reader could not see they did not take away."""
    seen = store.visible_findings(http.reader(), who, row.corroborated_by)
    facts["corroborated_by"] = [*facts["corroborated_by"], *(x for x in row.corroborated_by if x not in seen)]
    if not facts.get("source_id") and not store.visible_sources(http.reader(), who, [row.source_id]):
        facts["source_id"] = row.source_id
    return facts


# --- showing it --------------------------------------------------------------------------------------------


def _defaults(who: access.Actor) -> dict[str, Any]:
    """What a new finding most likely is: about the client, and from the source, that came last."""
    mine = store.findings(http.reader(), who, store.Filter(author_id=who.id))
    last = http.reader().scalar(mine.order_by(store.Finding.id.desc()).limit(1))
    asked = request.args.get("client", "")
    client_id = asked or (last.client_id if last else "") or ""
    if not who.may("finding.capture", Subject(client_id=client_id or None)) or not who.scope.lists(client_id):
        client_id = ""
    same = last is not None and (last.client_id or "") == client_id
    source_id = request.args.get("source", "") or (last.source_id if last and same else "")
    return {
        "client_id": client_id,
        "source_id": source_id,
        "method": last.method if last else "intelligence",
        "label": access.STRICT,
        "credibility": "6",
        "part": last.part if last else "company_basics",
        "collected_on": local(who.now).date().isoformat(),
        "new_source_reliability": "F",
    }


def _values(row: store.Finding) -> dict[str, Any]:
    names = (*PLAIN, *SEVERAL, "credibility")
    return {name: getattr(row, name) for name in names} | {
        "collected_on": local(row.collected_at).date().isoformat(),
        "credibility": str(row.credibility),
    }


def _context(who: access.Actor, row: store.Finding | None = None) -> dict[str, Any]:
    """What the form offers, around what was typed or is there already."""
    sent = request.form if request.method == "POST" else _values(row) if row else _defaults(who)
    client_id = (row.client_id if row else sent.get("client_id")) or ""
    return {
        "finding": row,
        "client_name": who.book.client_name(row.client_id) if row else "",
        "clients": client_options(who, chosen=client_id, cleared=True),
        "sources": source_options(who, chosen=sent.get("source_id") or "", client_id=client_id),
        "people": people_options(who),
        "confirming": finding_options(who, client_id, but=row.id if row else ""),
        "labels": [(label, label) for label in access.LABELS],
        "kinds": [(kind, str(word)) for kind, word in SOURCE_KINDS.items()],
        "credibilities": numbered("credibility"),
        "reliabilities": numbered("reliability"),
    }


def _told(unit: UnitOfWork, row: store.Finding) -> Markup:
    """The notice after saving: a link to what was saved, and how many there are now."""
    who = unit.who
    today = start_of_day(local(unit.now).date(), http.runtime().settings.timezone)
    mine = unit.session.scalar(
        select(func.count()).where(store.Finding.author_id == who.id, store.Finding.recorded_at >= today)
    )
    link = Markup('<a class="alert-link" href="/intelligence/findings/{}">{}</a>').format(row.id, row.title)
    state = _("Draft kept") if row.state == evidence.DRAFT else _("Saved")
    counts = _("You recorded %(count)s today.", count=mine)
    return Markup("{}: {}. {}").format(state, link, escape(counts) + _of_client(unit, row))


def _of_client(unit: UnitOfWork, row: store.Finding) -> str:
    if row.client_id is None:
        return ""
    seen = store.findings(unit.session, unit.who, store.Filter(client_id=row.client_id))
    total = unit.session.scalar(select(func.count()).select_from(seen.subquery()))
    name = unit.who.book.client_name(row.client_id)
    return " " + _("%(count)s findings on %(client)s.", count=total, client=name)
