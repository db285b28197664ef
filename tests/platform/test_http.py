"""The HTTP conventions, as a program meets them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shared.testing import Api, World
from shared.testing import world as make_world

CLIENTS = "/accounts/v1/clients"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with make_world(tmp_path_factory.mktemp("http")) as made:
        yield made.found()


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.mimetype == "application/problem+json"
    found: dict[str, Any] = answer.get_json()
    assert found["status"] == status
    assert found["type"].startswith("urn:acm:problem:")
    return found


def names(admin: Api) -> list[str]:
    return [item["name"] for item in admin.get(f"{CLIENTS}?limit=200").get_json()["items"]]


def test_creation_answers_the_resource_with_location_etag_and_token(admin: Api) -> None:
    answer = admin.post(CLIENTS, {"name": "新客户"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{CLIENTS}/{answer.get_json()['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["ACM-Token"].startswith("accounts:")


def test_a_repeated_key_repeats_the_answer_and_not_the_effect(admin: Api) -> None:
    first = admin.post(CLIENTS, {"name": "只一次"}, headers={"Idempotency-Key": "once"})
    again = admin.post(CLIENTS, {"name": "只一次"}, headers={"Idempotency-Key": "once"})
    assert again.status_code == 201
    assert again.get_data() == first.get_data()
    for name in ("ETag", "Location", "ACM-Token"):
        assert again.headers[name] == first.headers[name]
    assert names(admin).count("只一次") == 1
    problem(admin.post(CLIENTS, {"name": "另一个"}, headers={"Idempotency-Key": "once"}), 422)


def test_concurrent_twins_take_effect_once_and_get_one_answer(admin: Api) -> None:
    answers: list[str] = []

    def post() -> None:
        answer = admin.post(CLIENTS, {"name": "双胞胎"}, headers={"Idempotency-Key": "twins"})
        answers.append(answer.get_json()["id"])

    twins = [threading.Thread(target=post) for _ in range(6)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert len(answers) == 6
    assert len(set(answers)) == 1
    assert names(admin).count("双胞胎") == 1


def test_a_refused_request_leaves_its_key_free(admin: Api) -> None:
    problem(admin.post(CLIENTS, {"name": ""}, headers={"Idempotency-Key": "free"}), 422)
    assert admin.post(CLIENTS, {"name": "后来"}, headers={"Idempotency-Key": "free"}).status_code == 201


def test_a_change_needs_the_version_that_was_read(admin: Api) -> None:
    path = f"{CLIENTS}/{admin.make(CLIENTS, {'name': '版本'})['id']}"
    problem(admin.call("PATCH", path, json={"name": "x"}), 428)
    problem(admin.patch(path, {"name": "x"}, match='"7"'), 412)
    assert admin.patch(path, {"name": "版本二"}, match='"1"').headers["ETag"] == '"2"'
    problem(admin.patch(path, {"name": "x"}, match='"1"'), 412)


def test_errors_name_the_field_and_keep_nothing(admin: Api) -> None:
    before = names(admin)
    found = problem(admin.post(CLIENTS, {"nam": "x", "aliases": ["", "ok"]}), 422)
    assert {error["field"] for error in found["errors"]} == {"name", "nam", "aliases.0"}
    for body in ({"name": "a\x00b"}, {"name": "x" * 300}, {"name": 5}, {"name": None}, []):
        problem(admin.post(CLIENTS, body), 422)
    half_a_pair = r'{"name": "\ud800"}'
    problem(admin.call("POST", CLIENTS, data=half_a_pair, content_type="application/json"), 422)
    for broken in ("{", b"\xff"):
        problem(admin.call("POST", CLIENTS, data=broken, content_type="application/json"), 400)
    assert names(admin) == before


def test_an_address_with_nul_names_nothing(admin: Api) -> None:
    for path in ("%00", "a%00b"):
        problem(admin.get(f"{CLIENTS}/{path}"), 404)
    found = problem(admin.get(f"{CLIENTS}?industry=%00&cursor="), 422)
    assert [error["field"] for error in found["errors"]] == ["industry"]
    assert admin.get("/accounts/clients?q=%00").status_code == 422
    assert admin.get("/accounts/clients/%00").status_code == 404


def test_errors_come_in_the_readers_language(admin: Api) -> None:
    for language, words in [("zh-CN", "登录"), ("en", "Sign in")]:
        answer = Api(admin._world, "").get(
            CLIENTS, headers={"Accept-Language": language, "Authorization": ""}
        )
        assert words in problem(answer, 401)["title"]


def test_what_does_not_exist_and_what_may_not_be_seen_answer_alike(admin: Api) -> None:
    problem(admin.get(f"{CLIENTS}/nothing"), 404)
    problem(admin.get("/accounts/v1/nowhere"), 404)
    problem(admin.call("DELETE", CLIENTS), 405)


def test_pages_of_a_list_join_without_gap_or_double(admin: Api) -> None:
    for number in range(7):
        admin.make(CLIENTS, {"name": f"页{number}"})
    whole = [item["id"] for item in admin.get(f"{CLIENTS}?limit=200").get_json()["items"]]
    joined: list[str] = []
    following: str | None = ""
    while following is not None:
        page = admin.get(f"{CLIENTS}?limit=3&cursor={following}").get_json()
        joined += [item["id"] for item in page["items"]]
        following = page["next"]
    assert joined == whole
    problem(admin.get(f"{CLIENTS}?cursor=WyJ4Il0.forged"), 400)
    problem(admin.get(f"{CLIENTS}?limit=0"), 422)


def test_a_token_that_is_none_is_refused(admin: Api) -> None:
    world: World = admin._world
    good = admin.token
    head, body, signature = good.split(".")
    none = "eyJhbGciOiJub25lIn0"
    for token in ("", "x", "a.b.c", f"{none}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA", good + "x"):
        problem(Api(world, token).get(CLIENTS), 401)


def test_what_a_write_answered_can_be_waited_for(admin: Api) -> None:
    token = admin.post(CLIENTS, {"name": "等"}).headers["ACM-Token"]
    assert admin.get(CLIENTS, headers={"ACM-Wait-For": token}).status_code == 200
    problem(admin.get(CLIENTS, headers={"ACM-Wait-For": "junk"}), 400)
