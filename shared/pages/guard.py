"""Who may see a page at all, whether a form was really sent from here, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, g, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from shared.pages.language import N_
from shared.pages.navigation import here, sign_in_url
from shared.problem import Problem

View = TypeVar("View", bound=Callable[..., Any])
FORM_HEADER = "ACM-Form"  # acm.js sends a form itself and wants to be told where to go on
GO_ON_HEADER = "ACM-Location"
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: under TLS the check of forms wants to see that they come from here.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
_csrf = CSRFProtect()


class Pages(Blueprint):
    """The pages of a service, below `/<service>` (the portal's below `/`).

    Signing in is needed unless a page is marked `public`.
    """

    def __init__(self, service: str, import_name: str, *, name: str = "pages") -> None:
        super().__init__(name, import_name, url_prefix=None if service == "portal" else f"/{service}")
        self.before_request(_require_sign_in)


def public(view: View) -> View:
    """Mark a page that needs no signing in (put it below the route decorator)."""
    view.acm_public = True  # type: ignore[attr-defined]
    return view


def own_origin(view: View) -> View:
    """Mark a form's target that every service's pages post to: it needs the same origin in place of a token.

    Each service keeps its own form tokens, so the portal cannot know those of another one's page.
    """
    view.acm_own_origin = True  # type: ignore[attr-defined]
    return view


def _marked(mark: str) -> bool:
    return bool(getattr(current_app.view_functions.get(request.endpoint or ""), mark, False))


def by_script() -> bool:
    """Whether a script of a page asks (a panel or a form), which wants a status and no other page."""
    return "HX-Request" in request.headers or FORM_HEADER in request.headers


def _require_sign_in() -> ResponseReturnValue | None:
    if g.get("actor") is not None or _marked("acm_public"):
        return None
    return sign_in_answer()


def sign_in_answer() -> ResponseReturnValue:
    """To the sign-in page and back; a script is told 401."""
    if by_script():
        return Response(status=401)
    return redirect(sign_in_url(here() if request.method == "GET" else request.path), 303)


def _bind_session() -> None:
    """Give another person on the same browser neither notices nor form tokens of the one before."""
    who = g.get("actor")
    if who is None or "Authorization" in request.headers or session.get("person") == who.id:
        return
    if "person" in session:
        session.clear()
    session.pop("csrf_token", None)
    session["person"] = who.id


def _check_form() -> None:
    """Refuse an unsafe request that may have been sent by another site: 400.

    Exempt is what no browser sends by itself: a bearer token, or a program's call without any cookie.
    """
    if request.endpoint is None or request.headers.get("Authorization", "").lower().startswith("bearer "):
        return
    if is_api() and not request.cookies:
        return
    if _marked("acm_own_origin"):
        if request.method not in {"GET", "HEAD", "OPTIONS"} and not _from_here():
            raise _not_from_here()
        return
    try:
        _csrf.protect()
    except CSRFError as error:
        raise _not_from_here() from error


def _from_here() -> bool:
    source = request.headers.get("Origin") or request.headers.get("Referer", "")
    return urlsplit(source).netloc == request.host


def _not_from_here() -> Problem:
    return Problem(
        400,
        "form-expired",
        N_("This form is too old, or was not sent from here."),
        detail=N_("Nothing was changed. Open the page again and send the form once more."),
    )


def is_api() -> bool:
    """Whether a program asks (its answers are JSON)."""
    return f"{request.path}/".startswith(f"/{current_app.config['ACM_SERVICE']}/v1/")


def _head(response: Response) -> Response:
    held = {name.lower() for name, _ in response.headers}
    response.headers.extend([(name, value) for name, value in HEADERS.items() if name.lower() not in held])
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
    # What was shown may be confidential: after signing out, "back" must not show it again.
    response.headers.setdefault("Cache-Control", "no-store")
    if response.mimetype == "text/html":
        response.vary.update(["Cookie", "Accept-Language"])
    if FORM_HEADER in request.headers and response.status_code in {302, 303}:
        # A script cannot see where a redirect leads, and following it would use up the notice.
        response.headers[GO_ON_HEADER] = response.headers.pop("Location")
        response.status_code = 200
        response.set_data(b"")
    return response


def install(app: Flask, service: str) -> None:
    """Cookies, the check of forms, and headers."""
    tls = bool(getattr(app.config.get("ACM_SETTINGS"), "tls", False))
    path = "/" if service == "portal" else f"/{service}"
    prefix = ("__Host-" if path == "/" else "__Secure-") if tls else ""
    app.config.update(
        ACM_SERVICE=service,
        SESSION_COOKIE_NAME=f"{prefix}acm_{service}",
        SESSION_COOKIE_PATH=path,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=tls,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # a form may stay open for a day; the session ends it
    )
    _csrf.init_app(app)
    app.before_request(_bind_session)
    app.before_request(_check_form)
    # First in the list means last to run: the answer that is kept for a repeated form is the plain redirect.
    app.after_request_funcs.setdefault(None, []).insert(0, _head)
