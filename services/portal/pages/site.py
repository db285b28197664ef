"""What the portal's screens share: the blueprint and the session's cookie."""

from __future__ import annotations

from flask import Response, g, request

from services.portal import commands, domain, store
from shared import clock, http
from shared.pages import Pages
from shared.tokens import session_cookie

pages = Pages("portal", __name__)


def give_session(response: Response, token: str) -> Response:
    """Let the browser keep a session: for this host only, out of reach of scripts and of other sites."""
    tls = http.runtime().settings.tls
    response.set_cookie(
        session_cookie(tls),
        token,
        max_age=int(domain.SESSION_LIFE.total_seconds()),
        path="/",
        secure=tls,
        httponly=True,
        samesite="Lax",
    )
    return response


def take_session(response: Response) -> Response:
    """Let the browser forget its session."""
    tls = http.runtime().settings.tls
    response.delete_cookie(session_cookie(tls), path="/", secure=tls, httponly=True, samesite="Lax")
    return response


def my_token() -> store.IssuedToken | None:
    """The token that this request came with."""
    return http.reader().get(store.IssuedToken, http.actor().session_id)


@pages.after_request
def _renew(response: Response) -> Response:
    """Go on with a session that is used. Every screen of every service asks for the portal's badge."""
    running, tls = http.runtime(), http.runtime().settings.tls
    if request.method != "GET" or g.get("actor") is None or session_cookie(tls) not in request.cookies:
        return response
    token = my_token()
    if token is None or not domain.worth_renewing(token.expires_at, token.started_at, clock.now()):
        return response
    with running.unit_of_work() as uow:
        renewed = commands.renew_session(uow, token_id=token.id, secret=running.settings.secret)
    return give_session(response, renewed[0]) if renewed else response
