"""A cited finding falls: who cites it is warned, and the director sees it within two seconds (PR2, F4)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.apart import product as a_product
from tests.product import Client, Product, wait_until

WITHIN_SECONDS = 2.0
PROPOSALS = "/proposals/v1/proposals"


@dataclass
class Agency:
    """One client with its account manager, an account director, a director, and somebody across a wall."""

    product: Product
    client_id: str
    source_id: str
    people: dict[str, Client]

    def finding(self, **facts: Any) -> str:
        body = {"client_id": self.client_id, "part": "market_status", "source_id": self.source_id}
        body |= {"title": "份额 30.6%", "label": "TLP:GREEN", **facts}
        _, made, headers = self.people["amy"].call("POST", "/intelligence/v1/findings", body)
        self.people["amy"].call("GET", PROPOSALS, headers={"ACM-Wait-For": headers["ACM-Token"]})
        return str(made["id"])

    def citing(self, finding_id: str) -> str:
        section = {"heading": "依据", "body": "…", "citations": [finding_id]}
        body = {"kind": "client", "client_id": self.client_id, "title": "方案", "sections": [section]}
        return str(self.people["amy"].make(PROPOSALS, body)["id"])

    def take(self, finding_id: str, verb: str, **body: Any) -> None:
        self.people["adam"].make(f"/intelligence/v1/findings/{finding_id}/{verb}", body | {"reason": "x"})

    def warned(self, who: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """What board and report warn somebody of: proposals and reasons."""
        board = self.people[who].get("/proposals/v1/board?limit=100")
        report = self.people[who].get("/proposals/v1/report")
        cards = [item for column in board["columns"] for item in column["items"]]
        return reasons(cards), reasons(report["warned"])


def reasons(items: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(item["id"], warning["reason"]) for item in items for warning in item["warnings"]}


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with a_product(tmp_path_factory.mktemp("fallen")) as product:
        admin = product.client("admin")
        ids = {
            name: admin.make("/accounts/v1/clients", {"name": name})["id"]
            for name in ("青鸟饮料", "白鹭饮料")
        }
        seats = {
            "amy": ("青鸟饮料", "AM"),
            "adam": ("青鸟饮料", "AD"),
            "wally": ("白鹭饮料", "AM"),
            "dora": None,
        }
        for username, seat in seats.items():
            roles = ["director"] if seat is None else []
            person = admin.make(
                "/accounts/v1/people", {"username": username, "name": username, "roles": roles}
            )
            if seat is not None:
                body = {"person_id": person["id"], "role": seat[1], "from": "2026-01-01"}
                admin.make(f"/accounts/v1/clients/{ids[seat[0]]}/assignments", body)
        wall = {"client_ids": list(ids.values()), "reason": "竞争", "cooling_off_days": 30}
        admin.make("/accounts/v1/walls", wall)
        wait_until(product.rests, 60, "the teams are known everywhere")
        people = {username: product.client(username) for username in seats}
        wait_until(product.rests, 60, "the tokens are known everywhere")
        source = people["amy"].make("/intelligence/v1/sources", {"name": "panel", "reliability": "A"})
        yield Agency(product, ids["青鸟饮料"], source["id"], people)


@pytest.mark.rule("F4")
@pytest.mark.parametrize(
    ("verb", "facts", "reason"),
    [
        ("dispute", {}, "disputed"),
        ("retract", {}, "retracted"),
        ("correct", {"title": "份额 31%"}, "superseded"),
        ("correct", {"label": "TLP:AMBER"}, "superseded"),
    ],
)
def test_the_director_sees_within_two_seconds_that_a_cited_finding_fell(
    agency: Agency, verb: str, facts: dict[str, Any], reason: str
) -> None:
    finding, other = agency.finding(), agency.finding()
    citing, bystander = {agency.citing(finding), agency.citing(finding)}, agency.citing(other)
    before = agency.warned("dora")
    agency.take(finding, verb, **facts)
    fell = time.monotonic()
    expected = tuple(told | {(one, reason) for one in citing} for told in before)
    wait_until(lambda: agency.warned("dora") == expected, WITHIN_SECONDS, "board and report warn")
    print(f"{reason}: on board and report {time.monotonic() - fell:.2f} s after it fell")
    assert bystander not in {one for told in expected for one, _ in told}
    assert agency.warned("wally") == (set(), set())
