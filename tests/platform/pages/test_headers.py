"""What every answer carries, how assets are served, and who sees a page at all."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from shared.pages.vendor import CHECKSUMS, checksums, pins

from .agency import make_app


@pytest.mark.parametrize("path", ["/notes/list", "/notes/nothing", "/notes/fails", "/notes/v1/notes"])
def test_every_answer_is_locked_down(browser: FlaskClient, path: str) -> None:
    headers = browser.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


def test_under_tls_transport_is_strict_and_cookies_are_secure() -> None:
    for service, name in (("notes", "__Secure-acm_notes"), ("portal", "__Host-acm_portal")):
        client = make_app(service, tls=True).test_client()
        client.set_cookie("who", "ann")
        answer = client.get("/notes/list" if service == "notes" else "/list")
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        (cookie,) = answer.headers.getlist("Set-Cookie")
        assert cookie.startswith(f"{name}=")
        assert "Secure" in cookie
        assert "Path=/notes" in cookie if service == "notes" else "Path=/;" in f"{cookie};"


def test_a_session_cookie_belongs_to_its_service(browser: FlaskClient) -> None:
    (cookie,) = browser.get("/notes/list").headers.getlist("Set-Cookie")
    assert cookie.startswith("acm_notes=")
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/notes"))


def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(browser: FlaskClient) -> None:
    for path in ("/notes/list", "/notes/new", "/notes/nothing"):
        html = browser.get(path).text
        assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
        assert not re.search(r"<style|\sstyle=|\son\w+=|https?://|javascript:", html)


def test_assets_are_kept_for_ever_under_their_version(browser: FlaskClient) -> None:
    for url in re.findall(r'(?:src|href)="(/notes/static/[^"#]+)', browser.get("/notes/list").text):
        answer = browser.get(url, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, url
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Set-Cookie" not in answer.headers
    old = browser.get("/notes/static/0123/acm.css")
    assert old.headers["Cache-Control"] == "no-cache"
    assert browser.get("/notes/static/0123/vendor/VERSIONS.json").status_code == 404
    assert browser.get("/notes/static/0123/../pages/__init__.py").status_code == 404


def test_the_portal_serves_its_assets_below_its_own_name() -> None:
    client = make_app("portal").test_client()
    assert 'href="/portal/static/' in client.get("/refuses/404").text


def test_echarts_comes_only_with_charts(browser: FlaskClient) -> None:
    assert "echarts" in browser.get("/notes/list").text
    assert "echarts" not in browser.get("/notes/new").text


def test_vendored_files_are_as_they_were_fetched() -> None:
    import json

    assert checksums() == json.loads(CHECKSUMS.read_text())
    stored = {file for package in pins()["packages"].values() for file in package.get("files", {})}
    assert stored | {"icons.svg"} == set(checksums())


def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(browser_of) -> None:
    answer = browser_of(person="").get("/notes/list?q=%E8%8C%B6&sort=name")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=%2Fnotes%2Flist%3Fq%3D%25E8%258C%25B6%26sort%3Dname"
    assert browser_of(person="").get("/notes/open").text == "open"


def test_a_script_is_told_that_nobody_is_signed_in(browser_of) -> None:
    for header in ("HX-Request", "ACM-Form"):
        answer = browser_of(person="").get("/notes/panel", headers={header: "1"})
        assert (answer.status_code, answer.data) == (401, b"")
