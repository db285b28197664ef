"""One's own account: profile, language, theme, password, sessions, API tokens."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.portal import commands, domain, store
from services.portal.pages.site import my_token, pages
from shared import http
from shared.pages import Form, local_path, refused, saved
from shared.pages import gettext as _
from shared.problem import Problem

LISTED = 200


@pages.get("/account")
def account() -> ResponseReturnValue:
    """Who one is here, and what one may set."""
    who = http.actor()
    seats = [seat for seat in who.book.seats(who.id, who.now) if who.scope.lists(seat.client_id)]
    return render_template(
        "account.html",
        person=who.person,
        seats=[(seat, who.book.client_name(seat.client_id)) for seat in seats],
        credential=http.reader().get(store.Credential, who.id),
        sessions=len(_sessions()),
        tokens=len(_tokens()),
    )


@pages.route("/account/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """Change one's password."""
    who = http.actor()
    credential = http.reader().get(store.Credential, who.id)
    context = {"first": credential is not None and credential.must_change}
    if request.method == "GET":
        return render_template("password.html", form=Form(), **context)
    chosen = request.form.get("password", "")
    try:
        commands.check_password(chosen, domain.own_words(who.person))
        commands.change_own_password(
            http.runtime(),
            who=who,
            present=request.form.get("present", ""),
            password=chosen,
            address=request.remote_addr or "",
        )
    except Problem as problem:
        return refused(problem, "password.html", **context)
    target = local_path(request.args.get("next"), "/account")
    return saved(target, _("Your password was changed. Your other sessions were ended."))


# --- sessions ----------------------------------------------------------------------------------------------


@pages.get("/account/sessions")
def sessions() -> ResponseReturnValue:
    """Where one is signed in."""
    mine = my_token()
    return render_template("sessions.html", rows=_sessions(), present=mine.session_id if mine else "")


@pages.post("/account/sessions/<token_id>/end")
def end_session(token_id: str) -> ResponseReturnValue:
    """End one session."""
    _revoke(token_id)
    return saved("/account/sessions", _("The session was ended."))


@pages.post("/account/sessions/end-others")
def end_other_sessions() -> ResponseReturnValue:
    """End every session but this one."""
    mine = my_token()
    commands.end_other_sessions(http.uow(), keep=mine.session_id if mine else "")
    return saved("/account/sessions", _("Your other sessions were ended."))


# --- API tokens --------------------------------------------------------------------------------------------


@pages.route("/account/tokens", methods=["GET", "POST"])
def tokens() -> ResponseReturnValue:
    """One's API tokens; a new one is shown once, in the answer to its making."""
    if request.method == "GET":
        form = Form({"days": domain.API_TOKEN_LIFE.days, "scope": domain.SCOPES[0]})
        return render_template("tokens.html", form=form, rows=_tokens(), token="", **_choices())
    try:
        days = _whole(request.form.get("days", ""))
        name, scope = request.form.get("name", "").strip(), request.form.get("scope", "")
        http.keep_sealed()
        token, _issued = commands.create_token(
            http.uow(), name=name, days=days, scope=scope, secret=http.runtime().settings.secret
        )
    except Problem as problem:
        return refused(problem, "tokens.html", rows=_tokens(), token="", **_choices())
    form = Form({"days": domain.API_TOKEN_LIFE.days, "scope": domain.SCOPES[0]})
    return render_template("tokens.html", form=form, rows=_tokens(), token=token, **_choices())


@pages.post("/account/tokens/<token_id>/end")
def end_token(token_id: str) -> ResponseReturnValue:
    """End one API token."""
    _revoke(token_id)
    return saved("/account/tokens", _("The API token was ended."))


def _revoke(token_id: str) -> None:
    commands.revoke_token(http.uow(), token_id=token_id)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _choices() -> dict[str, Any]:
    return {
        "scopes": [(domain.SCOPES[0], _("Read only")), (domain.SCOPES[1], _("Read and write"))],
        "longest": domain.API_TOKEN_LONGEST.days,
    }


def _sessions() -> list[store.IssuedToken]:
    who = http.actor()
    query = store.sessions(who.id, who.now).order_by(store.IssuedToken.started_at.desc()).limit(LISTED)
    return list(http.reader().scalars(query))


def _tokens() -> list[store.IssuedToken]:
    who = http.actor()
    query = store.tokens(who.id, domain.API, who.now).order_by(store.IssuedToken.id.desc()).limit(LISTED)
    return list(http.reader().scalars(query))
