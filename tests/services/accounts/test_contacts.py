"""Contacts: for the client's team and whoever is cleared for it (F1)."""

from __future__ import annotations

import pytest

from tests.services.accounts.conftest import CLIENTS, Agency, every

CONTACT = {
    "name": "罗启明",
    "title": "首席营销官",
    "email": "luo.qiming@yunling.example",
    "phone": "+86 871 5550 0110",
    "preferred_language": "zh",
}


@pytest.fixture(scope="module")
def contacts(agency: Agency) -> str:
    return f"{CLIENTS}/{agency.ids['云岭乳业']}/contacts"


def test_F1_a_contact_is_added_read_changed_and_removed(agency: Agency, contacts: str) -> None:
    anna = agency.api("anna")
    answer = anna.post(contacts, CONTACT)
    made = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{contacts}/{made['id']}"
    assert made == CONTACT | {"id": made["id"], "client_id": agency.ids["云岭乳业"], "version": 1}
    changed = anna.patch(f"{contacts}/{made['id']}", {"title": "总裁"}).get_json()
    assert (changed["title"], changed["name"]) == ("总裁", "罗启明")
    assert anna.call("DELETE", f"{contacts}/{made['id']}").status_code == 428
    gone = anna.call("DELETE", f"{contacts}/{made['id']}", headers={"If-Match": '"2"'})
    assert gone.status_code == 204
    assert anna.get(f"{contacts}/{made['id']}").status_code == 404
    assert made["id"] not in [item["id"] for item in every(anna, contacts)]


def test_contacts_are_for_those_cleared_for_the_client(agency: Agency, contacts: str) -> None:
    made = agency.api("anna").make(contacts, CONTACT)
    path = f"{contacts}/{made['id']}"
    for username in ("anna", "dora"):
        assert agency.api(username).get(path).status_code == 200
    for username in ("cat", "ben", "lea", "admin"):
        api = agency.api(username)
        assert api.get(contacts).status_code == 403
        assert api.post(contacts, CONTACT).status_code == 403
        assert api.get(path).status_code == 404
        assert api.call("PATCH", path, json={"name": "x"}, headers={"If-Match": "*"}).status_code == 404
        assert api.call("DELETE", path, headers={"If-Match": "*"}).status_code == 404


def test_a_contact_of_another_client_is_not_found_here(agency: Agency, contacts: str) -> None:
    made = agency.api("anna").make(contacts, CONTACT)
    elsewhere = f"{CLIENTS}/{agency.ids['禾澜乳业']}/contacts/{made['id']}"
    assert agency.api("dora").get(elsewhere).status_code == 404


def test_an_address_that_is_none_is_refused(agency: Agency, contacts: str) -> None:
    answer = agency.api("anna").post(contacts, CONTACT | {"email": "not an address"})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "email"
