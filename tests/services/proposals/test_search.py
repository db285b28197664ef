"""Proposals are found by search, with their labels and walls, once they are submitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Agency, people, small_world

DOCUMENTS = "/search/v1/documents"


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with small_world(tmp_path_factory.mktemp("agency"), "search") as world:
        yield people(world)


def found(agency: Agency, by: str, q: str) -> list[dict[str, Any]]:
    agency.world.settle()
    answer = agency.api(by).get(DOCUMENTS, query_string={"q": q, "kind": "proposal"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return list(answer.get_json()["items"])


def test_a_proposal_is_found_by_what_it_says_once_it_is_submitted(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "洞察", "body": "清晨第一杯冷藏奶"}])
    assert found(agency, "amy", "冷藏奶") == []
    agency.done("submit", made, "amy")
    (hit,) = found(agency, "adam", "冷藏奶")
    assert (hit["id"], hit["url"]) == (made["id"], f"/proposals/{made['id']}")
    assert [one["id"] for one in found(agency, "dora", made["number"])] == [made["id"]]
    for hidden in ("wally", "col", "rita", "audie"):
        assert found(agency, hidden, "冷藏奶") == []
    agency.patch(made, sections=[{"heading": "洞察", "body": "傍晚"}])
    assert found(agency, "adam", "冷藏奶") == [], "back in the making"
    agency.done("submit", made, "amy")
    agency.done("withdraw", made, "amy")
    assert found(agency, "adam", "傍晚") == []


def test_a_label_decides_who_finds_it(agency: Agency) -> None:
    green = agency.done("submit", agency.write(title="绿色提案", label="TLP:GREEN"), "amy")
    names = [agency.who("amy"), agency.who("col")]
    red = agency.write(title="红色提案", label="TLP:RED", recipients=names)
    agency.done("submit", red, "amy")
    assert [one["id"] for one in found(agency, "rita", "绿色提案")] == [green["id"]]
    assert [one["id"] for one in found(agency, "col", "红色提案")] == [red["id"]]
    assert red["id"] not in [one["id"] for one in found(agency, "dora", "红色提案")]
    assert found(agency, "wally", "绿色提案") == []


def test_what_a_proposal_cites_does_not_find_it(agency: Agency) -> None:
    finding = agency.finding(title="独特的金丝雀", label="TLP:RED", recipients=[agency.who("amy")])
    made = agency.write(sections=[{"heading": "h", "body": "b", "citations": [finding]}], label="TLP:GREEN")
    agency.done("submit", made, "amy")
    assert found(agency, "amy", "金丝雀") == []


def test_a_page_takes_findings_in_from_search(agency: Agency) -> None:
    from shared.tokens import session_cookie

    finding = agency.finding(title="低温奶增长", body="华东")
    agency.world.settle()
    for who, sees in {"amy": True, "wally": False}.items():
        client = agency.world.client("/search")
        client.set_cookie(session_cookie(tls=False), agency.api(who).token)
        answer = client.get("/search/panels/pick", query_string={"q": "低温奶", "kind": "finding"})
        assert answer.status_code == 200
        assert (f'data-pick="{finding}"' in answer.get_data(as_text=True)) == sees
