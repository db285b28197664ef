"""Signing in and out, and setting a password with a one-time link."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import Response, g, make_response, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from services.portal import commands, domain, store
from services.portal.pages.site import give_session, pages, take_session
from shared import clock, http
from shared.access import Book
from shared.pages import gettext as _
from shared.pages import local_path, own_origin, public, refused, saved
from shared.pages.forms import Form
from shared.pages.navigation import SIGN_IN
from shared.problem import Problem, missing

DEMO_SIGN_INS = "demo-sign-ins.json"


@pages.get("/sign-in")
@public
def sign_in_form() -> ResponseReturnValue:
    """The form; who is signed in goes on."""
    if g.get("actor") is not None:
        return redirect(_next(), 303)
    return render_template("sign_in.html", form=Form(), **_context())


@pages.post("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """Sign in with a username and a password."""
    running = http.runtime()
    username, password = request.form.get("username", ""), request.form.get("password", "")
    known = domain.named(_book().people.values(), username)
    person = known if known is not None and known.status == "employed" else None
    try:
        attempt = commands.try_password(
            running, person=person, username=username, password=password, address=_address()
        )
        with running.unit_of_work(person.username if person else None) as uow:
            commands.accept(uow, attempt)
            token = _begin_session(uow, attempt.person_id, by="password")
            must_change = uow.session.get_one(store.Credential, attempt.person_id).must_change
    except Problem as problem:
        return _refused(problem, "sign_in.html", **_context())
    target = f"/account/password?{urlencode({'next': _next()})}" if must_change else _next()
    return give_session(make_response(redirect(target, 303)), token)


@pages.post("/sign-out")
@public
@own_origin
def sign_out() -> ResponseReturnValue:
    """End this session, everywhere."""
    who = g.get("actor")
    if who is not None:
        commands.sign_out(http.uow(), token_id=who.session_id)
    session.clear()
    return take_session(make_response(redirect(SIGN_IN, 303)))


@pages.get("/welcome/<secret>")
@public
def welcome_form(secret: str) -> ResponseReturnValue:
    """Where an invited person sets a password. Looking uses nothing up: mail programs look at links, too."""
    try:
        return render_template("welcome.html", form=Form(), **_invited(secret))
    except Problem:
        return render_template("link_over.html"), 404


@pages.post("/welcome/<secret>")
@public
def welcome(secret: str) -> ResponseReturnValue:
    """Set the password and sign in."""
    running = http.runtime()
    try:
        context = _invited(secret)
    except Problem:
        return render_template("link_over.html"), 404
    password = request.form.get("password", "")
    try:
        commands.check_password(password, domain.own_words(context["person"]))
    except Problem as problem:
        return refused(problem, "welcome.html", **context)
    password_hash = commands.hash_password(password)
    with running.unit_of_work(context["person"].username) as uow:
        person_id = commands.follow_link(uow, secret=secret, password_hash=password_hash)
        token = _begin_session(uow, person_id, by="link")
    session.clear()
    commands.forget_first_password(running)
    return give_session(saved("/", _("Your password is set, and you are signed in.")), token)


def _invited(secret: str) -> dict[str, Any]:
    link = store.open_link(http.reader(), commands.digest(secret), clock.now())
    person = _book().person(link.person_id) if link is not None else None
    if link is None or person is None:
        raise missing()
    return {"person": person, "link": link}


def _begin_session(uow: Any, person_id: str, *, by: str) -> str:
    secret = http.runtime().settings.secret
    return commands.sign_in(
        uow,
        person_id=person_id,
        device=domain.device(request.user_agent.string),
        secret=secret,
        address=domain.guess_key(secret, "address", _address()),
        by=by,
    )


def _refused(problem: Problem, template: str, **context: Any) -> Response:
    answer = refused(problem, template, **context)
    if problem.status == 429:
        answer.headers["Retry-After"] = str(int(problem.values["minutes"]) * 60)
    return answer


def _address() -> str:
    return request.remote_addr or ""


def _book() -> Book:
    return http.runtime().book(http.reader(), clock.now())


def _next() -> str:
    target = local_path(request.values.get("next"))
    return "/" if target.partition("?")[0] in {SIGN_IN, "/sign-out"} else target


def _context() -> dict[str, Any]:
    return {"next": _next(), "demo": _demo_sign_ins()}


def _demo_sign_ins() -> list[dict[str, Any]]:
    """Whom a newcomer may try the demo agency as; written when it was filled."""
    settings = http.runtime().settings
    if not settings.demo:
        return []
    try:
        listed: list[dict[str, Any]] = json.loads((settings.home / DEMO_SIGN_INS).read_text("utf-8"))
    except (OSError, ValueError):
        return []  # not filled yet, or not on this machine
    return listed
