"""Sources: the list, one source with what its independence means, adding and editing."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.intelligence import commands, store
from services.intelligence.commands.fields import SourceFields
from services.intelligence.domain import evidence
from services.intelligence.pages.site import (
    PAGE_ROWS,
    SOURCE_KINDS,
    numbered,
    pages,
    source_options,
    timeline,
    wanted,
)
from shared import access, http
from shared.pages import FIRST, Form, again, check_version, client_options, read_form, saved
from shared.pages import gettext as _
from shared.problem import Problem, forbidden

FINDING_ROWS = 10


@pages.get("/sources")
def sources() -> ResponseReturnValue:
    """The sources that the reader may see, the last added first."""
    who = http.actor()
    query = store.sources(
        who,
        name=request.args.get("q", "").strip(),
        kind=request.args.get("kind", ""),
        reliability=wanted("reliability", evidence.RELIABILITIES),
        client_id=request.args.get("client_id", ""),
    )
    page = http.paginate(
        http.reader(),
        query,
        [store.Source.id],
        limit=PAGE_ROWS,
        cursor=request.args.get("cursor", ""),
        newest_first=True,
    )
    rows = page["items"]
    clients = client_options(who, chosen=request.args.get("client_id", ""), cleared=True)
    return render_template(
        "sources.html",
        rows=rows,
        next=page["next"],
        origins=store.visible_sources(http.reader(), who, [row.origin_id for row in rows if row.origin_id]),
        names={row.client_id: who.book.client_name(row.client_id) for row in rows if row.client_id},
        clients=clients,
        narrow_clients="/intelligence/pick/clients?filter=cleared" if len(clients) == FIRST else "",
        kinds=_kinds(),
        reliabilities=numbered("reliability"),
        kind_words=SOURCE_KINDS,
        may_add=who.may("source.manage"),
    )


@pages.get("/sources/<source_id>")
def source(source_id: str) -> ResponseReturnValue:
    """One source: how reliable, how independent, and what was taken from it."""
    who, session = http.actor(), http.reader()
    row = store.source(session, source_id, who)
    query = store.findings(session, who, store.Filter(source_id=row.id)).order_by(store.Finding.id.desc())
    found = store.views(session, who, list(session.scalars(query.limit(FINDING_ROWS))))
    commands.note_reads(http.uow, found)
    return render_template(
        "source.html",
        source=row,
        chain=_chain(who, row),
        repeaters=store.repeaters(session, row.id, who),
        client_name=who.book.client_name(row.client_id),
        kind=SOURCE_KINDS.get(row.kind, row.kind),
        findings=found,
        history=timeline(who, store.source_history(session, who, row)),
        may_change=who.may("source.manage", row.subject()),
    )


def _chain(who: access.Actor, row: store.Source) -> list[store.Source]:
    """The sources that this one repeats, the nearest first, the independent origin last."""
    origins = store.origins(http.reader(), [row.id])
    seen = store.visible_sources(http.reader(), who, origins)
    chain: list[store.Source] = []
    following = row.origin_id
    while following in seen and seen[following] not in chain:
        chain.append(seen[following])
        following = seen[following].origin_id
    return chain


@pages.route("/sources/new", methods=["GET", "POST"])
def new_source() -> ResponseReturnValue:
    """Add a source."""
    who = http.actor()
    if not who.may("source.manage") and not who.scope.cleared:
        raise forbidden()
    if request.method == "GET":
        form = Form({"reliability": "F", "client_id": request.args.get("client", "")})
        return render_template("source_form.html", form=form, **_context(who))
    try:
        added = commands.add_source(http.uow(), **read_form(SourceFields(), _typed()))
    except Problem as problem:
        return again(problem, "source_form.html", **_context(who))
    return saved(f"/intelligence/sources/{added.id}", _("“%(name)s” was added.", name=added.name))


@pages.route("/sources/<source_id>/edit", methods=["GET", "POST"])
def edit_source(source_id: str) -> ResponseReturnValue:
    """Change a source's facts."""
    who = http.actor()
    row = store.source(http.reader(), source_id, who)
    if not who.may("source.manage", row.subject()):
        raise forbidden()
    if request.method == "GET":
        form = Form({name: getattr(row, name) for name in SourceFields().fields})
        return render_template("source_form.html", form=form, **_context(who, row))
    try:
        facts = read_form(SourceFields(), _typed() | {"client_id": row.client_id})
        unit = http.uow()
        held = store.source(unit.session, source_id, unit.who)
        check_version(held.version)
        commands.change_source(unit, held, **facts)
    except Problem as problem:
        return again(problem, "source_form.html", **_context(who, row))
    return saved(f"/intelligence/sources/{row.id}", _("The changes were saved."))


def _typed() -> dict[str, Any]:
    names = ("name", "kind", "url", "reliability")
    return {name: request.form[name] for name in names if name in request.form} | {
        name: request.form.get(name) or None for name in ("origin_id", "client_id")
    }


def _context(who: access.Actor, row: store.Source | None = None) -> dict[str, Any]:
    chosen = request.form.get("origin_id") or (row.origin_id if row else "") or ""
    client_id = request.form.get("client_id") or (row.client_id if row else "") or ""
    return {
        "source": row,
        "clients": client_options(who, chosen=client_id, cleared=True),
        "origins": [
            option
            for option in source_options(who, chosen=chosen, client_id=client_id)
            if row is None or option[0] != row.id
        ],
        "kinds": _kinds(),
        "reliabilities": numbered("reliability"),
        "client_name": who.book.client_name(row.client_id) if row else "",
    }


def _kinds() -> list[tuple[str, str]]:
    return [(kind, str(word)) for kind, word in SOURCE_KINDS.items()]
