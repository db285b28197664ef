"""Writing: begin from a template, edit sections beside others, the budget, and what stands around it."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from services.proposals import commands, store
from services.proposals.commands.fields import BudgetFields, ProposalFields, SectionFields
from services.proposals.domain import content, workflows
from services.proposals.domain.templates import sections_of
from services.proposals.pages.proposal import may_edit
from services.proposals.pages.site import (
    KINDS,
    LABELS,
    LANGUAGES,
    opened,
    pages,
    people_options,
    template_options,
)
from shared import access, http
from shared.pages import Form, again, check_version, client_options, read_form, saved
from shared.pages import gettext as _
from shared.pages.language import local
from shared.problem import Problem, conflict, forbidden

EMPTY_LINES = 4
FACTS = ("title", "label", "owner_id", "due_at", "valid_until", "probability")


# --- a new one ---------------------------------------------------------------------------------------------


@pages.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Begin a proposal from a template."""
    who = http.actor()
    if not who.scope.market and not who.scope.cleared and not who.scope.everything:
        raise forbidden("Only people who work on clients write proposals.")
    if request.method == "GET":
        chosen = {"template": "client:client:zh", "client_id": request.args.get("client", "")}
        return render_template("new.html", form=Form(chosen), **_new_context(who))
    try:
        kind, template_id, language = [*request.form.get("template", "").split(":"), "", ""][:3]
        facts: dict[str, Any] = {
            "kind": kind,
            "language": language or "zh",
            "title": request.form.get("title", ""),
            "client_id": request.form.get("client_id") or None,
            "due_at": request.form.get("due_at") or None,
        }
        said = read_form(ProposalFields(), facts)
        said["sections"] = sections_of(template_id, kind, said["language"])
        row = commands.create(http.uow(), currency=http.runtime().settings.currency, **said)
    except Problem as problem:
        return again(problem, "new.html", **_new_context(who))
    return saved(f"/proposals/{row.id}/edit", _("The proposal was begun; write it now."))


def _new_context(who: access.Actor) -> dict[str, Any]:
    chosen = request.form.get("client_id", "") or request.args.get("client", "")
    return {
        "templates": template_options(),
        "clients": client_options(who, chosen=chosen, cleared=True),
    }


# --- sections ----------------------------------------------------------------------------------------------


@pages.get("/<proposal_id>/edit")
def edit(proposal_id: str) -> ResponseReturnValue:
    """The editor: each section is a form of its own, saved while it is typed."""
    who, session = http.actor(), http.reader()
    row = _editable(who, store.proposal(session, proposal_id, who))
    seen = store.view(session, who, row)
    commands.note_reads(http.uow, [seen])
    return render_template(
        "editor.html",
        proposal=seen,
        voids=row.state not in ("draft", "invited", "go", "briefed", "strategy", "creative"),
        forms={one.id: Form({"heading": one.heading, "body": one.body}) for one in seen.sections},
        form=Form(),
        limit=content.BODY_LIMIT,
    )


def _editable(who: access.Actor, row: store.Proposal) -> store.Proposal:
    if not who.may("proposal.change", row.subject()):
        raise forbidden()
    if not may_edit(who, row):
        raise conflict(
            "What was sent or decided stays as it is. Write an alternative, or note that it is renegotiated.",
            "immutable",
        )
    return row


@pages.route("/<proposal_id>/sections/<section_id>", methods=["GET", "POST"])
def section(proposal_id: str, section_id: str) -> ResponseReturnValue:
    """Save a section; when somebody else saved it meanwhile, both texts are merged before one's eyes."""
    if request.method == "GET":
        return redirect(f"/proposals/{proposal_id}/edit#section-{section_id}")
    try:
        unit, row = opened(proposal_id)
        found = store.section(row, section_id)
        said = read_form(
            SectionFields(),
            {
                "heading": request.form.get("heading", ""),
                "body": request.form.get("body", ""),
                "citations": request.form.getlist("citations"),
            },
        )
        check_version(found.version)
        commands.change_section(unit, row, found, **said)
    except Problem as problem:
        if problem.status == 412:
            return _merge(problem, proposal_id, section_id)
        return again(problem, "section.html", **_section_context(proposal_id, section_id))
    return saved(_section_url(row, section_id), _("The section was saved."))


def _section_url(row: store.Proposal, section_id: str) -> str:
    # With the version, because a browser that is there already would not load a place of the same page again.
    return f"/proposals/{row.id}/edit?v={row.version}#section-{section_id}"


def _section_context(proposal_id: str, section_id: str) -> dict[str, Any]:
    who, session = http.actor(), http.reader()
    row = store.proposal(session, proposal_id, who)
    found = store.section(row, section_id)
    typed = request.form.getlist("citations")
    return {
        "proposal": store.view(session, who, row),
        "section": found,
        "version": request.form.get("version", found.version),
        "cited": store.visible_findings(session, who, [*found.cites, *typed]),
        "citations": typed,
        "limit": content.BODY_LIMIT,
    }


def _merge(problem: Problem, proposal_id: str, section_id: str) -> Response:
    """Both texts, and their lines put together, to be saved over the newer version."""
    context = _section_context(proposal_id, section_id)
    found: store.Section = context["section"]
    session = http.reader()
    row = store.proposal(session, proposal_id, http.actor())
    version = request.form.get("version", "")
    mine = request.form.get("body", "").replace("\r\n", "\n").strip()
    base = store.section_at(session, row, section_id, int(version) if version.isdigit() else 0)
    merged = content.merge(base, mine, found.body)
    form = Form({"heading": request.form.get("heading", ""), "body": merged.text})
    kept = [*found.cites, *(one for one in context["citations"] if one not in found.cites)]
    shown = render_template(
        "merge.html",
        **context
        | {
            "form": form,
            "version": found.version,
            "citations": [one for one in kept if one in context["cited"]],
            "clashes": merged.clashes,
            "mine": content.difference(base, mine),
            "theirs": content.difference(base, found.body),
        },
    )
    return make_response(shown, problem.status)


@pages.route("/<proposal_id>/sections", methods=["GET", "POST"])
def add_section(proposal_id: str) -> ResponseReturnValue:
    """Add a section at the end."""
    if request.method == "GET":
        return redirect(f"/proposals/{proposal_id}/edit")
    unit, row = opened(proposal_id)
    said = read_form(SectionFields(), {"heading": request.form.get("heading", "") or _("New section")})
    made = commands.add_section(unit, row, heading=said["heading"])
    return saved(_section_url(row, made.id), _("The section was added."))


@pages.post("/<proposal_id>/sections/<section_id>/remove")
def remove_section(proposal_id: str, section_id: str) -> ResponseReturnValue:
    """Take a section out."""
    unit, row = opened(proposal_id)
    found = store.section(row, section_id)
    check_version(found.version)
    commands.remove_section(unit, row, found)
    return saved(f"/proposals/{proposal_id}/edit", _("The section was taken out; earlier versions keep it."))


# --- budget ------------------------------------------------------------------------------------------------


@pages.route("/<proposal_id>/budget", methods=["GET", "POST"])
def budget(proposal_id: str) -> ResponseReturnValue:
    """The budget as a table of lines."""
    who, session = http.actor(), http.reader()
    row = _editable(who, store.proposal(session, proposal_id, who))
    commands.note_reads(http.uow, [row])
    if request.method == "GET":
        table = row.table
        form = Form(
            {
                "item": [line.item for line in table.lines],
                "quantity": [f"{line.quantity:f}" for line in table.lines],
                "unit_price": [f"{line.unit_price:f}" for line in table.lines],
                "discount_percent": [f"{line.discount_percent:f}" for line in table.lines],
                "tax_percent": f"{table.tax_percent:f}" if table.lines else "6",
            }
        )
        return render_template("budget.html", form=form, **_budget_context(row, form))
    try:
        typed = {"lines": _lines(), "tax_percent": request.form.get("tax_percent", "0")}
        said: Any = read_form(BudgetFields(), typed)
        unit, held = opened(proposal_id)
        check_version(held.version)
        commands.change(unit, held, budget=said)
    except Problem as problem:
        return again(problem, "budget.html", **_budget_context(row, Form.typed()))
    return saved(f"/proposals/{proposal_id}", _("The budget was saved."))


def _lines() -> list[dict[str, Any]]:
    """The typed lines; a line without any text or price is none."""
    sent = [request.form.getlist(name) for name in ("item", "quantity", "unit_price", "discount_percent")]
    return [
        {
            "item": item,
            "quantity": quantity or "1",
            "unit_price": {"amount": price or "0", "currency": http.runtime().settings.currency},
            "discount_percent": discount or "0",
        }
        for item, quantity, price, discount in zip(*sent, strict=False)
        if item.strip() or price.strip()
    ]


def _budget_context(row: store.Proposal, form: Form) -> dict[str, Any]:
    rows = list(
        zip(*(form.all(n) for n in ("item", "quantity", "unit_price", "discount_percent")), strict=False)
    )
    return {
        "row": row,
        "lines": rows + [("", "", "", "")] * EMPTY_LINES,
        "currency": row.currency,
        "errors": list(form.errors.items()),
    }


# --- what stands around it ---------------------------------------------------------------------------------


@pages.route("/<proposal_id>/facts", methods=["GET", "POST"])
def facts(proposal_id: str) -> ResponseReturnValue:
    """Title, label, owner, deadline, validity, probability."""
    who, session = http.actor(), http.reader()
    row = store.proposal(session, proposal_id, who)
    if not who.may("proposal.change", row.subject()):
        raise forbidden()
    commands.note_reads(http.uow, [row])
    if request.method == "GET":
        return render_template("facts.html", form=Form(_values(row)), **_facts_context(who, row))
    try:
        said = read_form(ProposalFields(partial=True), _typed(row))
        unit, held = opened(proposal_id)
        check_version(held.version)
        commands.change(unit, held, **said)
    except Problem as problem:
        return again(problem, "facts.html", **_facts_context(who, row))
    return saved(f"/proposals/{proposal_id}", _("The proposal was saved."))


def _values(row: store.Proposal) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FACTS} | {
        "due_at": local(row.due_at).date().isoformat() if row.due_at else "",
        "valid_until": row.valid_until.isoformat() if row.valid_until else "",
        "recipients": row.recipients,
    }


def _typed(row: store.Proposal) -> dict[str, Any]:
    """The form as the API's fields; a deadline keeps its hour where its day is kept."""
    sent: dict[str, Any] = {name: request.form[name] for name in FACTS if name in request.form}
    for name in ("due_at", "valid_until", "owner_id", "probability"):
        if name in sent:
            sent[name] = sent[name] or None
    if sent.get("probability", "").isdigit() if isinstance(sent.get("probability"), str) else False:
        sent["probability"] = int(sent["probability"])
    if row.due_at is not None and sent.get("due_at") == local(row.due_at).date().isoformat():
        del sent["due_at"]
    if not may_edit(http.actor(), row):
        return {name: value for name, value in sent.items() if name not in ("title", "label", "valid_until")}
    return sent | {"recipients": request.form.getlist("recipients")}


def _facts_context(who: access.Actor, row: store.Proposal) -> dict[str, Any]:
    return {
        "row": row,
        "kind_word": str(KINDS[row.kind]),
        "labels": LABELS,
        "languages": LANGUAGES,
        "people": people_options(who, row.client_id),
        "content_open": may_edit(who, row),
        "is_internal": row.kind == workflows.INTERNAL,
    }
