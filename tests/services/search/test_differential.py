"""INV5: what a reader may not see moves nothing: the same requests give the same bytes before and after."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from shared.testing import world as make_world
from tests.services.search.conftest import CLIENTS, DOCUMENTS, EXPORT, SUGGESTIONS, Desk, furnish

NOW = datetime.fromisoformat("2026-11-24T08:00:00+00:00")
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    (DOCUMENTS, {}),
    (DOCUMENTS, {"q": "份额"}),
    (DOCUMENTS, {"q": "份额", "explain": "1"}),
    (DOCUMENTS, {"q": "市场份额 低温奶"}),
    (DOCUMENTS, {"q": '"市场份额"'}),
    (DOCUMENTS, {"q": "份额 -价格"}),
    (DOCUMENTS, {"q": "云岭"}),
    (DOCUMENTS, {"q": "client:云岭"}),
    (DOCUMENTS, {"q": "Yunling"}),
    (DOCUMENTS, {"q": "campaing"}),
    (DOCUMENTS, {"q": "canary"}),
    (DOCUMENTS, {"q": "乳业 周刊"}),
    (DOCUMENTS, {"q": "source:周刊"}),
    (DOCUMENTS, {"q": "title:份额"}),
    (DOCUMENTS, {"q": "part:dealer"}),
    (DOCUMENTS, {"q": "label:TLP:RED"}),
    (DOCUMENTS, {"kind": "client"}),
    (DOCUMENTS, {"kind": "source"}),
    (DOCUMENTS, {"kind": "finding", "sort": "newest"}),
    (DOCUMENTS, {"kind": "finding", "sort": "oldest", "limit": "2"}),
    (DOCUMENTS, {"q": "份额", "limit": "1"}),
    (DOCUMENTS, {"method": "interview"}),
    (DOCUMENTS, {"from": "2026-10-01", "to": "2026-11-30"}),
    (DOCUMENTS, {"label": "TLP:GREEN"}),
    (SUGGESTIONS, {"q": "云"}),
    (SUGGESTIONS, {"q": "camp"}),
    (SUGGESTIONS, {"q": "can"}),
    (SUGGESTIONS, {"q": "份"}),
    (EXPORT, {}),
    (EXPORT, {"q": "份额", "sort": "newest"}),
]
READERS = ("anna", "ben", "cat", "audie")


def _answers(desk: Desk, username: str) -> list[bytes]:
    found = []
    for path, query in REQUESTS:
        answer = desk.api(username).get(path, query_string=query)
        assert answer.status_code == 200
        found.append(answer.get_data())
        following = answer.get_json().get("next") if answer.is_json else None
        if following:
            more = desk.api(username).get(path, query_string={**query, "cursor": following})
            found.append(more.get_data())
    return found


@pytest.mark.rule("INV5")
def test_hidden_data_changes_no_byte_of_any_answer(tmp_path: Path) -> None:
    with time_machine.travel(NOW, tick=False), make_world(tmp_path) as world:
        desk = furnish(world)
        for n in range(6):
            title = f"市场份额第{n}次调查"
            facts = {"label": "TLP:GREEN", "collected_at": f"2026-1{n % 2}-0{n + 1}T00:00:00Z"}
            desk.finding(title, "低温奶的市场份额上升，campaign 进行中。", client="云岭乳业", **facts)
            desk.finding(f"禾澜{title}", "价格下调。", client="禾澜乳业", **facts, method="interview")
        desk.client("蓝亭酒店", english_name="Lanting Hotels")
        world.settle()
        walled = [desk.ids["云岭乳业"], desk.ids["禾澜乳业"]]
        wall = {"client_ids": walled, "reason": "competitors", "cooling_off_days": 0}
        desk.api("admin").make("/accounts/v1/walls", wall)
        world.settle()
        before = {username: _answers(desk, username) for username in READERS}

        _hide(desk)
        world.settle()
        for username in READERS:
            _compare(desk, username, before[username])

        _hide_behind_the_wall(desk)
        world.settle()
        for username in ("ben", "audie"):
            _compare(desk, username, before[username])
        # Others see it, so it was there.
        assert desk.found("canary", by="dora")["total"] > 100
        assert desk.found("穿墙", by="cat")["total"] == 10


def _compare(desk: Desk, username: str, before: list[bytes]) -> None:
    after = _answers(desk, username)
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        assert one == other, (username, number)


def _hide(desk: Desk) -> None:
    """Data that none of the readers may see, full of the words that they ask for."""
    desk.client("云岭影业", english_name="Yunling Canary", aliases=["云岭", "份额"], visibility="team")
    desk.source("云岭影业的周刊 canary", client="云岭影业")
    for n in range(120):
        desk.finding(
            f"份额 市场份额 canary campaing {n}",
            "低温奶 市场份额 价格 campaign campaing canary " * 3,
            client="云岭影业",
            label=("TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT")[n % 4],
            part="dealer",
            method="interview",
            source="云岭影业的周刊 canary",
        )
    for n in range(10):
        red = {"label": "TLP:RED", "recipients": [desk.world.people["dora"]]}
        desk.finding(f"云岭 canary 份额 {n}", "市场份额 campaign", client="云岭乳业", **red)
        desk.finding(f"蓝亭 canary 份额 {n}", "市场份额 campaign", client="蓝亭酒店")
        desk.finding(f"草稿 canary 份额 {n}", "市场份额 campaign", client="云岭乳业", draft=True)


def _hide_behind_the_wall(desk: Desk) -> None:
    """What every colleague reads but those across the wall."""
    desk.api("admin").patch(f"{CLIENTS}/{desk.ids['云岭乳业']}", {"aliases": ["云岭", "份额", "价格"]})
    for n in range(10):
        desk.finding(f"穿墙 份额 canary {n}", "市场份额 campaign", client="云岭乳业", label="TLP:GREEN")
