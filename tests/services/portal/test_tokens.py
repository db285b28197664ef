"""Sessions and API tokens: listed, revoked in every service, limited to what they may; keys that change."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.accounts import commands as people
from services.portal import cli, commands, domain
from shared import clock
from shared.testing import Api, World
from shared.testing import world as make_world
from tests.platform.logs import publish
from tests.services.portal.conftest import PASSWORD, Browser, forget_guesses, set_password

EVERYWHERE = (
    "/portal/v1/me",
    "/accounts/v1/clients",
    "/intelligence/v1/findings",
    "/search/v1/documents?q=x",
)


@pytest.fixture(autouse=True)
def _counting_from_nothing(agency: World) -> None:
    forget_guesses(agency)


def statuses(agency: World, token: str) -> set[int]:
    return {Api(agency, token).get(path).status_code for path in EVERYWHERE}


def test_me_tells_roles_and_seats(agency: World) -> None:
    client = agency.api("dora").make("/accounts/v1/clients", {"name": "某客户"})
    agency.api("dora").make(
        f"/accounts/v1/clients/{client['id']}/assignments", {"person_id": agency.people["anna"], "role": "AM"}
    )
    agency.settle()
    me = agency.api("anna").get("/portal/v1/me").get_json()
    assert (me["username"], me["name"], me["roles"]) == ("anna", "李娜", [])
    assert [(seat["client_id"], seat["role"]) for seat in me["seats"]] == [(client["id"], "AM")]
    assert agency.api("dora").get("/portal/v1/me").get_json()["roles"] == ["director"]
    assert agency.client("/portal/v1/me").get("/portal/v1/me").status_code == 401


def test_a_token_is_made_shown_once_listed_and_revoked_everywhere(agency: World) -> None:
    api = agency.api("anna")
    answer = api.post("/portal/v1/tokens", {"name": "report", "days": 7, "scope": "read"})
    assert answer.status_code == 201
    made = answer.get_json()
    assert answer.headers["Location"] == f"/portal/v1/tokens/{made['id']}"
    agency.settle()
    assert statuses(agency, made["token"]) == {200}
    shown = api.get(answer.headers["Location"])
    assert "token" not in shown.get_json()
    assert shown.headers["ETag"] == answer.headers["ETag"]
    assert made["id"] in [t["id"] for t in api.get("/portal/v1/tokens").get_json()["items"]]
    assert agency.api("dora").post(f"/portal/v1/tokens/{made['id']}/revoke").status_code == 404
    assert agency.api("admin").get(f"/portal/v1/tokens/{made['id']}").status_code == 404
    ended = api.post(f"/portal/v1/tokens/{made['id']}/revoke")
    assert ended.get_json()["revoked_at"] is not None
    assert ended.headers["ACM-Token"].startswith("portal.access:")
    agency.settle()
    assert statuses(agency, made["token"]) == {401}
    assert api.post(f"/portal/v1/tokens/{made['id']}/revoke").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x", "days": 0},
        {"name": "x", "days": 367},
        {"name": "x", "scope": "admin"},
        {"name": "x", "person_id": "another"},
    ],
)
def test_a_token_is_refused(agency: World, body: dict[str, Any]) -> None:
    assert agency.api("anna").post("/portal/v1/tokens", body).status_code == 422


def test_a_repeated_key_answers_the_same_token_and_keeps_it_sealed(agency: World) -> None:
    api = agency.api("anna")
    send = {"headers": {"Idempotency-Key": "one-token"}}
    first = api.post("/portal/v1/tokens", {"name": "same"}, **send).get_json()
    assert api.post("/portal/v1/tokens", {"name": "same"}, **send).get_json() == first
    with agency.runtimes["portal"].database.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT body FROM idempotency").fetchall()
    assert kept
    assert all(first["token"] not in row[0] for row in kept)


def test_a_token_that_may_only_read_writes_nowhere(agency: World) -> None:
    admin = agency.api("admin")
    token = admin.make("/portal/v1/tokens", {"name": "reader", "scope": "read"})
    agency.settle()
    reader = Api(agency, token["token"])
    assert statuses(agency, token["token"]) == {200}
    anna = agency.people["anna"]
    writes = [
        ("/accounts/v1/clients", {"name": "x"}),
        ("/accounts/v1/people", {"username": "x", "name": "x"}),
        ("/intelligence/v1/sources", {"name": "x", "kind": "website", "reliability": "B"}),
        ("/portal/v1/tokens", {"name": "more", "scope": "read write"}),
        (f"/portal/v1/tokens/{token['id']}/revoke", {}),
        ("/portal/v1/links", {"person_id": anna}),
        (f"/portal/v1/people/{anna}/end-sessions", {}),
        ("/portal/v1/me/password", {"present": PASSWORD, "password": "yet another long one"}),
    ]
    for path, body in writes:
        assert reader.post(path, body).status_code == 403, path


def test_an_expired_token_is_refused(agency: World) -> None:
    token = agency.api("anna").make("/portal/v1/tokens", {"name": "short", "days": 1})["token"]
    agency.settle()
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1)):
        assert Api(agency, token).get("/portal/v1/me").status_code == 401


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _signature = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(p + "==")) for p in (header, claims))  # type: ignore[return-value]


def raw(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed_with(key: bytes, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token under HS256, made by hand: libraries refuse to take a public key for a secret."""
    text = f"{raw(header)}.{raw(claims)}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_tokens_that_the_portal_did_not_sign_are_refused(agency: World) -> None:
    token = agency.api("anna").token
    header, claims = parts(token)
    claims["sub"] = agency.people["admin"]
    public = OKPKey.import_key(_public_key(agency, header["kid"])).as_pem(private=False)
    forged = {
        "none": f"{raw(header | {'alg': 'none'})}.{raw(claims)}.",
        "HS256 with the public key": signed_with(public, header | {"alg": "HS256"}, claims),
        "another key": jwt.encode(header, claims, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"]),
        "changed claims": f"{token.split('.')[0]}.{raw(claims)}.{token.split('.')[2]}",
        "unknown key": jwt.encode(
            header | {"kid": "x"}, claims, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"]
        ),
        "own key in the header": jwt.encode(
            header | {"jwk": OKPKey.generate_key("Ed25519").as_dict(private=False)},
            claims,
            OKPKey.generate_key("Ed25519"),
            algorithms=["Ed25519"],
        ),
        "noise": "a.b.c",
    }
    for kind, fake in forged.items():
        assert statuses(agency, fake) == {401}, kind


def _public_key(agency: World, key_id: str) -> dict[str, str]:
    running = agency.runtimes["accounts"]
    with running.database.read() as session:
        return dict(running.book(session, clock.now()).keys[key_id].jwk)


def test_sessions_are_listed_and_ended_everywhere(agency: World) -> None:
    here, there = Browser(agency), Browser(agency)
    here.sign_in("anna")
    there.sign_in("anna")
    agency.settle()
    assert "Firefox · Linux" in here.page("/account/sessions")
    listed = Api(agency, here.cookie).get("/portal/v1/sessions").get_json()["items"]
    assert len(listed) >= 2
    answer = here.send("/account/sessions", {}, to=f"/account/sessions/{listed[0]['id']}/end")
    assert answer.status_code == 303
    agency.settle()
    assert not there.reaches("/accounts/clients")
    assert here.reaches("/accounts/clients")
    third = Browser(agency)
    third.sign_in("anna")
    assert here.send("/account/sessions", {}, to="/account/sessions/end-others").status_code == 303
    agency.settle()
    assert not third.reaches("/accounts/clients")
    assert here.reaches("/accounts/clients")


def test_a_token_is_made_and_ended_on_screen(agency: World) -> None:
    browser = Browser(agency)
    browser.sign_in("anna")
    answer = browser.send("/account/tokens", {"name": "", "days": "5", "scope": "read"})
    assert answer.status_code == 422
    answer = browser.send("/account/tokens", {"name": "屏幕", "days": "5", "scope": "read"})
    page = answer.get_data(as_text=True)
    token = page.split('id="token" value="')[1].split('"')[0]
    agency.settle()
    assert statuses(agency, token) == {200}
    assert token not in browser.page("/account/tokens")
    made = [t for t in agency.api("anna").get("/portal/v1/tokens").get_json()["items"] if t["name"] == "屏幕"]
    browser.send("/account/tokens", {}, to=f"/account/tokens/{made[0]['id']}/end")
    agency.settle()
    assert statuses(agency, token) == {401}


def test_an_administrator_signs_somebody_out_everywhere(agency: World) -> None:
    agency.person("outi")
    set_password(agency, "outi")
    browser = Browser(agency)
    browser.sign_in("outi")
    agency.settle()
    path = f"/portal/v1/people/{agency.people['outi']}/end-sessions"
    assert agency.api("anna").post(path).status_code == 403
    assert agency.api("dora").post(path).status_code == 403
    assert browser.reaches("/accounts/clients")
    assert agency.api("admin").post(path).status_code == 204
    agency.settle()
    assert not browser.reaches("/accounts/clients")
    assert Browser(agency).sign_in("outi").status_code == 303


def test_keys_rotate_while_both_are_trusted(agency: World) -> None:
    old = agency.api("anna").make("/portal/v1/tokens", {"name": "old", "days": 30})["token"]
    running, secret = agency.runtimes["portal"], agency.settings.secret
    with running.unit_of_work() as uow:
        key = commands.rotate_keys(uow, secret=secret)
    agency.settle()
    soon = agency.api("anna").make("/portal/v1/tokens", {"name": "soon", "days": 30})["token"]
    assert parts(soon)[0]["kid"] == parts(old)[0]["kid"]
    with time_machine.travel(clock.now() + domain.KEY_SPREAD + timedelta(seconds=1)):
        new = agency.api("anna").make("/portal/v1/tokens", {"name": "new", "days": 30})["token"]
        assert parts(new)[0]["kid"] == key.id
        assert statuses(agency, old) == statuses(agency, new) == {200}
    with time_machine.travel(clock.now() + timedelta(days=29)):
        assert Api(agency, old).get("/portal/v1/me").status_code == 200


def test_a_leaked_key_is_trusted_no_longer(tmp_path_factory: pytest.TempPathFactory) -> None:
    with make_world(tmp_path_factory.mktemp("leak")) as world:
        api = world.found()
        with world.runtimes["portal"].unit_of_work() as uow:
            commands.rotate_keys(uow, secret=world.settings.secret, at_once=True)
        world.settle()
        assert {api.get(p).status_code for p in EVERYWHERE} == {401}
        set_password(world, "admin")
        browser = Browser(world)
        browser.sign_in("admin")
        world.settle()
        assert browser.reaches("/accounts/clients")


def test_the_command_line_prints_a_token_alone(agency: World) -> None:
    runner = CliRunner()
    done = runner.invoke(cli.token, ["anna", "--days", "3"], obj=agency.settings)
    assert done.exit_code == 0
    token = done.stdout.strip()
    assert len(done.stdout.splitlines()) == 1
    assert Api(agency, token).get("/portal/v1/me").get_json()["username"] == "anna"
    assert parts(token)[1]["exp"] - parts(token)[1]["iat"] == 3 * 86400
    unknown = runner.invoke(cli.token, ["nobody"], obj=agency.settings)
    assert unknown.exit_code == 1
    assert unknown.stdout == ""
    assert "nobody employed signs in as nobody" in unknown.stderr
    reading = runner.invoke(cli.token, ["anna", "--read-only"], obj=agency.settings).stdout.strip()
    assert Api(agency, reading).get("/portal/v1/me").get_json()["can_write"] is False


def test_the_command_line_finds_somebody_whom_no_worker_has_folded_yet(agency: World) -> None:
    with agency.runtimes["accounts"].unit_of_work() as uow:
        people.add_person(uow, username="brandnew", name="x", email="", roles=[], branch="")
    publish(agency.runtimes["accounts"])
    done = CliRunner().invoke(cli.token, ["brandnew"], obj=agency.settings)
    assert done.exit_code == 0, done.stderr


def test_the_command_line_recovers_a_password(agency: World) -> None:
    agency.person("lost")
    set_password(agency, "lost")
    browser = Browser(agency)
    browser.sign_in("lost")
    weak = CliRunner().invoke(cli.password, ["lost"], obj=agency.settings, input="short\n")
    assert weak.exit_code == 1
    done = CliRunner().invoke(cli.password, ["lost"], obj=agency.settings, input="a recovered sentence\n")
    assert done.exit_code == 0
    agency.settle()
    assert not browser.reaches("/accounts/clients")
    assert Browser(agency).sign_in("lost", "a recovered sentence").status_code == 303
