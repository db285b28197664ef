"""Findings: the list, one finding with its evidence and history, and its workflow."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from services.intelligence import commands, store
from services.intelligence.domain import evidence
from services.intelligence.pages.site import PAGE_ROWS, WARNINGS, pages, timeline, wanted
from shared import access, http
from shared.pages import FIRST, Form, client_options, lazy_gettext, refused, saved
from shared.pages.terms import STATES as TERMS
from shared.problem import Problem

LABELS = tuple((label, label) for label in access.LABELS)
DONE = {
    "submit": lazy_gettext("The finding was submitted to the team."),
    "verify": lazy_gettext("You verified the finding; its freshness starts again."),
    "dispute": lazy_gettext("The finding is in dispute."),
    "resolve": lazy_gettext("The dispute was settled in the finding's favour."),
    "retract": lazy_gettext("The finding was retracted; it stays readable as such."),
}


@pages.get("/")
def start() -> ResponseReturnValue:
    """The service's first page."""
    return redirect("/intelligence/findings")


@pages.get("/findings")
def findings() -> ResponseReturnValue:
    """The findings that the reader may see, the last recorded first."""
    who, session = http.actor(), http.reader()
    author = request.args.get("author", "")
    which = store.Filter(
        client_id=request.args.get("client_id", ""),
        market=request.args.get("market", "").strip(),
        part=wanted("part", evidence.PARTS),
        method=wanted("method", evidence.METHODS),
        label=wanted("label", access.LABELS),
        state=wanted("state", evidence.STATES),
        source_id=request.args.get("source_id", ""),
        author_id=who.id if author == "me" else author,
    )
    page = http.paginate(
        session,
        store.findings(session, who, which),
        [store.Finding.id],
        limit=PAGE_ROWS,
        cursor=request.args.get("cursor", ""),
        newest_first=True,
    )
    views = store.views(session, who, page["items"])
    commands.note_reads(http.uow, views)
    cited = store.visible_sources(session, who, [which.source_id]) if which.source_id else {}
    clients = client_options(who, chosen=which.client_id, cleared=False)
    return render_template(
        "findings.html",
        rows=views,
        next=page["next"],
        clients=clients,
        narrow_clients="/intelligence/pick/clients?filter=listed" if len(clients) == FIRST else "",
        states_of=[(state, str(TERMS[state].text)) for state in evidence.STATES],
        labels=LABELS,
        source=cited.get(which.source_id),
    )


@pages.get("/findings/<finding_id>")
def finding(finding_id: str) -> ResponseReturnValue:
    """One finding: evidence, source, how far it can be believed, what to do, and its history."""
    return render_template("finding.html", form=Form(), **_finding_context(finding_id))


@pages.get("/findings/<finding_id>/<any(submit,verify,dispute,resolve,retract):verb>")
def finding_again(finding_id: str, verb: str) -> ResponseReturnValue:
    """A reload of a refused step shows the finding."""
    return redirect(f"/intelligence/findings/{finding_id}")


@pages.post("/findings/<finding_id>/<any(submit,verify,dispute,resolve,retract):verb>")
def take_step(finding_id: str, verb: str) -> ResponseReturnValue:
    """Take a finding a step through its workflow."""
    http.actor()
    try:
        unit = http.uow()
        row = store.finding(unit.session, finding_id, unit.who)
        commands.advance(unit, row, verb, reason=request.form.get("reason", ""))
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        return _refused_step(problem, finding_id)
    return saved(f"/intelligence/findings/{finding_id}", str(DONE[verb]))


def _refused_step(problem: Problem, finding_id: str) -> Response:
    return refused(problem, "finding.html", **_finding_context(finding_id))


def _finding_context(finding_id: str) -> dict[str, Any]:
    who, session = http.actor(), http.reader()
    row = store.finding(session, finding_id, who)
    view = store.view(session, who, row)
    entries = store.finding_history(session, who, row)
    linked = [*view.corroborated_by, view.supersedes_id or "", view.superseded_by_id or ""]
    others = store.visible_findings(session, who, [one for one in linked if one])
    commands.note_reads(http.uow, [view])
    source = view.source
    return {
        "finding": view,
        "source": source,
        "origin": _origin(who, source),
        "others": others,
        "other_sources": store.visible_sources(session, who, (other.source_id for other in others.values())),
        "recipients": [who.book.person_name(person_id) or person_id for person_id in view.recipients],
        "history": timeline(who, entries),
        "may": _verbs(who, row),
        "warnings": WARNINGS,
        "wrote": who.id in row.contributor_ids,
    }


def _origin(who: access.Actor, source: store.Source | None) -> store.Source | None:
    """The independent origin behind a source, where it is another one."""
    if source is None or source.origin_id is None:
        return None
    root = evidence.root(source.id, store.origins(http.reader(), [source.id]))
    return store.visible_sources(http.reader(), who, [root]).get(root)


def _verbs(who: access.Actor, row: store.Finding) -> set[str]:
    """The steps that the workflow and the reader's rights allow now."""
    return {
        step.verb for step in evidence.WORKFLOW.verbs(row.state) if who.may(step.action, row.subject())
    } | ({"edit"} if row.state == evidence.DRAFT and who.may("draft.change", row.subject()) else set())
