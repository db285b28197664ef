"""A small service for the tests of the screen platform: notes that are kept in memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from flask import Flask, Response, g, jsonify, render_template, render_template_string, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from shared import pages
from shared.config import Settings
from shared.pages import gettext as _
from shared.problem import Problem, conflict, invalid, missing

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 24, 20, 15, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    username: str
    roles: frozenset[str] = frozenset()


PEOPLE = {
    "ann": Person("p-ann", "Ann <Lee>", "ann", frozenset({"director"})),
    "bo": Person("p-bo", "Bo", "bo"),
    "admin": Person("p-admin", "Admin", "admin", frozenset({"administrator"})),
    "audit": Person("p-audit", "Audit", "audit", frozenset({"auditor"})),
}


@dataclass
class Notes:
    """What was stored, by key, and how the server misbehaves."""

    stored: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    fails_after_storing: bool = False
    suggests: bool = True
    commit_fails: bool = False


def make_app(service: str = "notes", *, tls: bool = False) -> Flask:
    app = Flask("notes", static_folder=None, template_folder=None)
    app.config.update(
        ACM_SETTINGS=Settings(home=HERE, secret="for tests", tls=tls), SECRET_KEY="for tests", TESTING=False
    )
    notes = app.extensions["notes"] = Notes()

    @app.before_request
    def who() -> None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        g.actor = PEOPLE.get(bearer or request.cookies.get("who", ""))
        g.trace = "trace-1"

    def answer(error: Exception) -> Any:
        problem = error if isinstance(error, Problem) else _problem(error)
        if request.path.startswith(f"/{service}/v1/"):
            return jsonify(status=problem.status, kind=problem.kind), problem.status
        return pages.error_page(problem)

    for kind in (Problem, HTTPException, Exception):
        app.register_error_handler(kind, answer)
    pages.install(app, service=service, templates=HERE / "templates", locale=HERE / "locale")
    app.register_blueprint(_pages(service, notes))
    _commits_after_the_page(app, notes)
    _elsewhere(app, service, notes)
    return app


def _problem(error: Exception) -> Problem:
    if isinstance(error, HTTPException):
        return missing() if error.code == 404 else Problem(error.code or 500, "http", error.name)
    return Problem(500, "internal", "Something went wrong here; nothing was changed.")


def _pages(service: str, notes: Notes) -> pages.Pages:
    screens = pages.Pages(service, __name__)

    @screens.get("/list")
    def listed() -> str:
        rows = [{"name": name, "cost": {"amount": "1234.5", "currency": "CNY"}} for name in ("a", "b", "c")]
        empty = "none" in request.args
        return render_template("list.html", rows=[] if empty else rows, next="c2", now=NOW)

    @screens.route("/new", methods=["GET", "POST"])
    def new() -> Any:
        people = [(f"p{number}", f"Person {number}", "CAE") for number in range(9)]
        if request.method == "GET":
            form = pages.Form({"label": "TLP:GREEN"})
            return render_template("form.html", form=form, people=people, clients=[])
        name = request.form["name"]
        if len(name) > 10:
            problem = invalid({"name": "At most ten characters, not %(count)d."}, count=len(name))
            return pages.refused(problem, "form.html", people=people, clients=[("c7", "Hoi Ming")])
        if name == "taken":
            raise conflict("The first request with this key is still running.")
        notes.stored.setdefault(request.form["idempotency_key"], dict(request.form.lists()))
        if notes.fails_after_storing:
            raise RuntimeError("the answer is lost")
        return pages.saved(f"/{service}/list", _("The note “%(name)s” was saved.", name=name))

    @screens.get("/clients")
    def clients() -> str:
        macro = "{% import 'components.html' as ui %}{{ ui.options([('c7', 'Hoi Ming')], empty='None') }}"
        return render_template_string(macro)

    @screens.get("/panel")
    def panel() -> str:
        return "<p>The other service’s panel</p>"

    @screens.get("/open")
    @pages.public
    def everyone() -> str:
        return "open"

    @screens.get("/refuses/<int:status>")
    @pages.public
    def refuses(status: int) -> str:
        raise Problem(status, "some-kind", "Sign in first.")

    @screens.get("/fails")
    def fails() -> str:
        raise RuntimeError("a secret in a traceback")

    return screens


def _commits_after_the_page(app: Flask, notes: Notes) -> None:
    """As `shared.http` does: the answer is made first, then the transaction is committed."""

    def commit(response: Response) -> Response:
        if notes.commit_fails:
            notes.commit_fails = False
            raise Problem(503, "unavailable", "The database cannot answer just now; try again.")
        return response

    app.after_request(commit)


def _elsewhere(app: Flask, service: str, notes: Notes) -> None:
    @app.post(f"/{service}/v1/notes")
    def api() -> Any:
        if g.actor is None:
            raise Problem(401, "unauthenticated", "Sign in first.")
        return jsonify(ok=True)

    @app.post("/sign-out")
    @pages.own_origin
    def sign_out() -> Response:
        return Response("bye")

    @app.get("/search/suggest")
    def suggest() -> Any:
        if not notes.suggests:
            return Response(status=503)
        macro = "{% import 'components.html' as ui %}{{ ui.suggestions(items) }}"
        items = [
            {"title": f"{request.args['q']} {number}", "url": f"/{service}/list?n={number}", "kind": "note"}
            for number in range(3)
        ]
        return render_template_string(macro, items=items)


@contextmanager
def served(app: WSGIApplication, port: int = 0) -> Iterator[str]:
    """The app on a loopback port."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def field_of(html: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return found[1]
