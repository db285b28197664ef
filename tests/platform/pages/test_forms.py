"""Forms: only from here, refused with what was typed, saved once, and errors that say what was kept."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from .agency import field_of


def typed(browser: FlaskClient, **fields: str) -> dict[str, str]:
    page = browser.get("/notes/new").text
    hidden = {name: field_of(page, name) for name in ("csrf_token", "idempotency_key")}
    return {"name": "tea", **hidden, **fields}


def test_a_form_with_its_token_is_stored_and_leads_on_with_a_notice(app: Flask, browser: FlaskClient) -> None:
    answer = browser.post("/notes/new", data=typed(browser))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/notes/list")
    assert len(app.extensions["notes"].stored) == 1
    assert "The note “tea” was saved." in browser.get("/notes/list").text
    assert "The note “tea” was saved." not in browser.get("/notes/list").text


@pytest.mark.parametrize("token", ["", "forged", None])
def test_a_form_without_its_token_changes_nothing(
    app: Flask, browser: FlaskClient, token: str | None
) -> None:
    fields = typed(browser)
    del fields["csrf_token"]
    if token is not None:
        fields["csrf_token"] = token
    answer = browser.post("/notes/new", data=fields)
    assert answer.status_code == 400
    assert "was not sent from here" in answer.text
    assert "kept in this browser" in answer.text
    assert app.extensions["notes"].stored == {}


def test_the_token_may_come_as_a_header(browser: FlaskClient) -> None:
    fields = typed(browser)
    token = fields.pop("csrf_token")
    assert browser.post("/notes/new", data=fields, headers={"X-CSRFToken": token}).status_code == 303


def test_a_token_of_another_browser_is_refused(browser: FlaskClient, browser_of) -> None:
    theirs = typed(browser_of("bo"))
    browser.get("/notes/new")
    assert browser.post("/notes/new", data=theirs).status_code == 400


def test_the_next_person_on_this_browser_gets_neither_token_nor_notice(browser: FlaskClient) -> None:
    fields = typed(browser)
    browser.post("/notes/new", data=fields)
    browser.set_cookie("who", "bo")
    assert "was saved" not in browser.get("/notes/list").text
    assert browser.post("/notes/new", data=fields).status_code == 400


def test_a_program_with_a_bearer_token_needs_no_form_token(app: Flask) -> None:
    client = app.test_client()
    assert client.post("/notes/v1/notes", headers={"Authorization": "Bearer ann"}).status_code == 200
    assert client.post("/notes/v1/notes").status_code == 401


def test_an_api_call_with_cookies_needs_the_form_token(browser: FlaskClient) -> None:
    token = typed(browser)["csrf_token"]
    assert browser.post("/notes/v1/notes").status_code == 400
    assert browser.post("/notes/v1/notes", headers={"Authorization": "Basic YTpi"}).status_code == 400
    assert browser.post("/notes/v1/notes", headers={"X-CSRFToken": token}).status_code == 200


def test_signing_out_takes_the_same_origin_in_place_of_a_token(browser: FlaskClient) -> None:
    assert browser.post("/sign-out", headers={"Origin": "http://localhost"}).status_code == 200
    assert browser.post("/sign-out", headers={"Referer": "http://localhost/notes/list"}).status_code == 200
    for origin in (
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Referer": "http://evil.example/localhost"},
    ):
        assert browser.post("/sign-out", headers=origin).status_code == 400


def test_a_refused_form_keeps_what_was_typed_and_says_what_to_do(browser: FlaskClient) -> None:
    fields = typed(
        browser, name="much too long <b>", body="line\r\nline", kind="b", urgent="true", secret="s3cret"
    )
    answer = browser.post(
        "/notes/new", data=fields | {"parts": ["dealer"], "people": ["p3"], "label": "TLP:CLEAR"}
    )
    assert answer.status_code == 422
    html = answer.text
    assert 'value="much too long &lt;b&gt;"' in html
    assert "line\r\nline</textarea>" in html
    assert '<option value="b" selected>' in html
    for value in ("dealer", "p3", "TLP:CLEAR", "true"):
        assert f'value="{value}" checked' in html
    assert "At most ten characters, not 17." in html
    assert 'href="#field-name"' in html
    assert 'aria-describedby="field-name-hint field-name-error" aria-invalid="true"' in html
    assert field_of(html, "idempotency_key") == fields["idempotency_key"]
    assert "s3cret" not in html


def test_field_errors_speak_the_readers_language(browser_of) -> None:
    browser = browser_of(language="zh")
    assert "最多十个字，现在是 11 个。" in browser.post("/notes/new", data=typed(browser, name="a" * 11)).text


def test_a_script_is_told_where_a_stored_form_leads(browser: FlaskClient) -> None:
    answer = browser.post("/notes/new", data=typed(browser), headers={"ACM-Form": "1"})
    assert answer.status_code == 200
    assert answer.headers["ACM-Location"] == "/notes/list"
    assert "was saved" in browser.get("/notes/list").text
    refused = browser.post("/notes/new", data=typed(browser, name="taken"), headers={"ACM-Form": "1"})
    assert refused.status_code == 409
    assert "data-problem" in refused.text
    assert "<html" not in refused.text


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 412, 413, 418, 422, 429, 500, 503])
@pytest.mark.parametrize(("language", "home"), [("en", "Go to the first page"), ("zh", "回到首页")])
def test_error_pages_in_both_languages(browser_of, status: int, language: str, home: str) -> None:
    for person in ("ann", ""):
        answer = browser_of(person, language).get(f"/notes/refuses/{status}")
        assert answer.status_code == status
        assert answer.mimetype == "text/html"
        assert home in answer.text
        assert "data-problem-heading" in answer.text


def test_a_full_disk_is_said(browser: FlaskClient) -> None:
    answer = browser.get("/notes/refuses/507")
    assert answer.status_code == 507
    assert "Sign in first" in answer.text  # the problem's own title
    assert "Try again in a moment." in answer.text


def test_a_failure_shows_its_number_and_no_more(browser: FlaskClient) -> None:
    answer = browser.get("/notes/fails")
    assert answer.status_code == 500
    assert "trace-1" in answer.text
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_what_could_not_be_committed_is_never_called_saved(app: Flask, browser: FlaskClient) -> None:
    fields = typed(browser)
    app.extensions["notes"].commit_fails = True
    answer = browser.post("/notes/new", data=fields)
    assert answer.status_code == 500
    assert "kept in this browser" in answer.text
    assert "was saved" not in answer.text
    assert "was saved" not in browser.get("/notes/list").text


def test_even_a_broken_error_page_answers(app: Flask, browser: FlaskClient) -> None:
    app.jinja_env.globals.pop("navigation")
    answer = browser.get("/notes/fails")
    assert answer.status_code == 500
    assert "出错了" in answer.text


def test_a_missing_sign_in_leads_to_sign_in_not_to_an_error(browser_of) -> None:
    assert browser_of("").get("/notes/refuses/401").headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize(
    ("person", "offered", "not_offered"),
    [
        ("ann", ["/accounts/clients", "/accounts/walls", "/search"], ["/audit"]),
        ("bo", ["/accounts/clients", "/intelligence/capture"], ["/accounts/walls", "/audit"]),
        ("admin", ["/accounts/people", "/accounts/walls", "/audit"], []),
        ("audit", ["/audit", "/"], ["/accounts/clients", "/intelligence/findings", "/accounts/walls"]),
    ],
)
def test_the_navigation_offers_what_the_roles_allow(browser_of, person, offered, not_offered) -> None:
    html = browser_of(person).get("/notes/list").text
    for path in offered:
        assert f'<a class="acm-menu-link" href="{path}"' in html
    for path in not_offered:
        assert f'<a class="acm-menu-link" href="{path}"' not in html
