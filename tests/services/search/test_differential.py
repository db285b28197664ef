"""INV5: what a reader may not see moves nothing: the same requests give the same bytes before and after."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from shared.testing import world as make_world
from shared.tokens import session_cookie
from tests.services.search.conftest import CLIENTS, DOCUMENTS, EXPORT, FINDINGS, SUGGESTIONS, Desk, furnish

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
PROPOSALS = "/proposals/v1/proposals"
OF_PROPOSALS = [
    PROPOSALS,
    f"{PROPOSALS}?limit=1",
    f"{PROPOSALS}?state=in_review",
    f"{PROPOSALS}?client_id={{hidden}}",
    f"{PROPOSALS}?q=canary",
    f"{PROPOSALS}/{{hidden_proposal}}",
    f"{PROPOSALS}/{{own}}",
    f"{PROPOSALS}/{{own}}/approvals",
    f"{PROPOSALS}/{{own}}/versions",
    f"{PROPOSALS}/{{own}}/comments",
    f"{PROPOSALS}/{{pitch}}/pitch",
    f"{PROPOSALS}/{{pitch}}/pitch/conflicts",
    "/proposals/v1/board",
    "/proposals/v1/report",
    "/proposals/v1/report?client_id={hidden}",
    "/search/v1/documents?kind=proposal",
    "/search/v1/documents?q=份额&kind=proposal",
    "/search/v1/suggestions?q=份额",
    "/proposals/",
    "/proposals/?q=canary",
    "/proposals/?client_id={hidden}",
    "/proposals/board",
    "/proposals/board?lane=client",
    "/proposals/board?lane=owner",
    "/proposals/calendar?month=2026-11",
    "/proposals/report",
    "/proposals/report/workload.csv",
    "/proposals/report/warned.csv",
    "/proposals/new",
    "/proposals/pick/clients?q=云",
    "/proposals/pick/clients?q=云&filter=1",
    "/proposals/rules",
    "/proposals/v1/approval-rules",
    "/proposals/panels/home",
    "/proposals/panels/client/{hidden}",
    "/proposals/panels/client/{client}",
    "/proposals/{own}",
    "/proposals/{own}/edit",
    "/proposals/{own}/review",
    "/proposals/{own}/versions",
    "/proposals/{pitch}/pitch",
    "/proposals/{hidden_proposal}",
    "/search?q=份额&kind=proposal",
]
"""What is asked of proposals, through API and pages."""
CHANCE = re.compile(
    r'(name="(?:csrf_token|idempotency_key|csrf-token)" (?:value|content)=)"[^"]*"|"instance":"[^"]*"'
    r"|<code>[0-9a-f-]{36}</code>"
)
"""What differs from one answer to the next whatever is in them."""
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


@pytest.mark.rule("INV5")
def test_hidden_proposals_change_no_byte_of_any_answer(tmp_path: Path) -> None:
    with time_machine.travel(NOW, tick=False), make_world(tmp_path) as world:
        desk = furnish(world)
        world.person("dan", roles=["director"])
        desk.client("云岭影业", english_name="Canary Pictures", visibility="team", industry="食品饮料")
        walled = [desk.ids["云岭乳业"], desk.ids["禾澜乳业"]]
        wall = {"client_ids": walled, "reason": "competitors", "cooling_off_days": 0}
        desk.api("admin").make("/accounts/v1/walls", wall)
        world.settle()
        own = _proposal(desk, "ben", "禾澜乳业", "份额提案", submit=True)
        green = _proposal(desk, "ben", "禾澜乳业", "绿色提案", submit=True, label="TLP:GREEN")
        pitch = _proposal(desk, "ben", "禾澜乳业", "比稿", kind="pitch")
        ids = {"own": own, "pitch": pitch, "client": desk.ids["禾澜乳业"], "hidden": desk.ids["云岭乳业"]}
        ids["hidden_proposal"] = "0198d000-0000-7000-8000-000000000000"
        world.settle()
        before = {username: _asked(desk, username, ids) for username in ("ben", "cat", "audie")}
        assert green in before["cat"][0], "what may be seen is in the answers"

        # In the making, of a client that only its team knows, and TLP:RED: not for a colleague either.
        for name in ("云岭乳业", "云岭影业"):
            _canaries(desk, name, label="TLP:AMBER+STRICT", submit=False)
            _canaries(desk, name, label="TLP:RED", recipients=[world.people["dan"]])
        world.settle()
        for username, answers in before.items():
            assert _asked(desk, username, ids) == answers, username

        # What every colleague reads, but those across the wall.
        canary = _canaries(desk, "云岭乳业", label="TLP:GREEN")
        world.settle()
        assert _asked(desk, "ben", ids) == before["ben"]
        assert _asked(desk, "audie", ids) == before["audie"]
        found = {one["id"] for one in desk.found("份额", by="cat", kind="proposal")["items"]}
        assert canary in found, "others see it, so it was there"
        hidden = [f"{PROPOSALS}/{canary}", f"/proposals/{canary}"]
        assert [desk.api("ben").get(path).status_code for path in hidden] == [404, 404]


def _proposal(desk: Desk, by: str, client: str, title: str, *, submit: bool = False, **facts: Any) -> str:
    section = {"heading": "份额", "body": "市场份额 canary", "citations": facts.pop("citations", [])}
    body = {"kind": "client", "client_id": desk.ids[client], "title": title, "sections": [section]}
    made = desk.api(by).make(PROPOSALS, body | facts)
    if submit:
        desk.api(by).make(f"{PROPOSALS}/{made['id']}/submit")
    return str(made["id"])


def _canaries(desk: Desk, client: str, *, submit: bool = True, **facts: Any) -> str:
    """Hidden proposals, with a mention, an approval, a cited finding that falls; answers the last."""
    fallen = desk.finding("canary 份额", client=client, label="TLP:GREEN", by="dan")
    desk.world.settle()
    made = ""
    for kind in ("client", "pitch", "client"):
        due = {"due_at": "2026-11-20", "probability": 90, "kind": kind, "citations": [fallen]}
        title = f"份额 canary {client}"
        made = _proposal(desk, "dan", client, title, submit=submit and kind == "client", **due, **facts)
    desk.api("dan").make(f"{FINDINGS}/{fallen}/retract", {"reason": "x"})
    return made


def _asked(desk: Desk, username: str, ids: dict[str, str]) -> list[str]:
    """The status and text of every answer, without what is drawn anew for each."""
    found = []
    for path in OF_PROPOSALS:
        address = path.format(**ids)
        answer = _reader(desk, username, address).get(address, headers={"Accept-Language": "en"})
        assert answer.status_code in (200, 403, 404), f"{address}: {answer.status_code}"
        found.append(f"{address} {answer.status_code} {CHANCE.sub('', answer.get_data(as_text=True))}")
    return found


def _reader(desk: Desk, username: str, path: str) -> Any:
    """Somebody signed in for pages, or a program for the API."""
    client = desk.world.client(path)
    token = desk.api(username).token
    if "/v1/" in path:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    else:
        client.set_cookie(session_cookie(tls=False), token)
    return client
