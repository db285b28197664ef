"""Refusals and failures as pages that say what happened and what was kept."""

from __future__ import annotations

from flask import Response, g, make_response, render_template, request, session
from flask.typing import ResponseReturnValue

from shared.pages.forms import Form
from shared.pages.guard import by_script, sign_in_answer
from shared.pages.language import N_, translate
from shared.problem import Problem

# Where the problem's own title is a program's word, or says more than it should.
_HEADINGS = {
    404: N_("There is nothing here"),
    405: N_("This cannot be done here"),
    413: N_("This is too large"),
    429: N_("Too many attempts"),
    500: N_("Something went wrong here"),
}
_ADVICE = {
    400: N_("Go back and try again."),
    403: N_("If you need it for your work, ask an administrator or the client's account director."),
    404: N_("The address may be wrong, the record may be gone, or it may be one that you may not see."),
    405: N_("Go back and try again."),
    409: N_("Open the record again to see its present state, then decide."),
    412: N_("Open the record again to see the change, then repeat yours."),
    413: N_("Make it smaller or split it, then try again."),
    422: N_("Go back to the form and change what is named above."),
    429: N_("Wait a little, then try again."),
    500: N_("The failure was recorded. Try again; if it comes back, tell an administrator the number below."),
    503: N_("Try again in a moment."),
}
_LAST_RESORT = (
    "<!doctype html><html lang=zh-CN><meta charset=utf-8><title>ACM</title>"
    "<h1>出错了</h1><p>系统未能显示此页面。请稍后再试。"
    "<h1 lang=en>Something went wrong</h1><p lang=en>This page could not be shown. Try again in a moment."
)


def error_page(problem: Problem) -> ResponseReturnValue:
    """The page for a refusal. Who is not signed in is sent to sign in; a script gets a short notice."""
    session.pop("_flashes", None)  # a notice that something was saved, before saving it failed, is not true
    if problem.status == 401:
        return sign_in_answer()
    try:
        return _page(problem)
    except Exception:
        # Also the error page may fail; what failed first has been logged by the caller.
        if problem.status < 500:
            raise
        return Response(_LAST_RESORT, problem.status, mimetype="text/html")


def _page(problem: Problem) -> Response:
    status = problem.status
    known = status if status in _ADVICE else (503 if status >= 500 else 400)
    heading = translate(_HEADINGS[known]) if known in _HEADINGS else translate(problem.title, problem.values)
    answer = make_response(
        render_template(
            "notice.html" if by_script() else "error.html",
            status=status,
            heading=heading.rstrip(".。"),
            said="" if status >= 500 else translate(problem.detail, problem.values),
            advice=translate(_ADVICE[known]),
            errors=Form(problem=problem).errors,
            typed=request.method not in {"GET", "HEAD"},
            trace=g.get("trace", "") if status >= 500 else "",
        ),
        status,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer
