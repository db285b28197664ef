"""What directors track: every figure equals a slow recomputation from the history, for each reader."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from contracts.event import Event
from contracts.proposals import Proposal
from services.proposals import store
from services.proposals.domain import pitching, workflows
from shared.clock import instant
from shared.uow import history

from .conftest import PROPOSALS, Agency, money, people, small_world

BEGAN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DAYS = 22  # a token lives 30
WRITERS = {"Yunling": ["amy", "adam", "dora"], "Qingwu": ["rita", "adam", "dora"]}
VERBS = {
    "draft": ["submit"], "in_review": ["approve", "approve", "request-changes", "reject"],
    "approved": ["send", "present", "edit"], "sent": ["accept", "decline"],
    "presented": ["accept", "decline", "renegotiate"], "renegotiating": ["accept", "decline"],
    "invited": ["go", "go", "no_go"], "go": ["brief"], "briefed": ["plan"], "strategy": ["create"],
    "creative": ["rehearse"], "rehearsal": ["approve", "submit"], "submitted": ["present", "win", "lose"],
    "shortlisted": ["win", "lose"], "won": ["debrief"], "lost": ["debrief"],
}  # fmt: skip
RESULTS = {
    "accept": "accepted", "decline": "declined", "renegotiate": "renegotiating", "win": "won",
    "lose": "lost", "reject": "rejected",
}  # fmt: skip
Replay = list[tuple[Event, Proposal]]


class Life:
    """Four weeks of an agency that proposes, by chance but always the same."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.dice = random.Random(7)
        self.living: list[tuple[str, str]] = []

    def day(self) -> None:
        for _ in range(3):
            self._begin()
        for proposal_id, client in list(self.living):
            if self.dice.random() < 0.45:
                self._step(proposal_id, client)

    def _begin(self) -> None:
        client = self.dice.choice(["Yunling", "Qingwu", ""])
        kind = self.dice.choice(["client", "pitch"]) if client else "internal"
        who = self.dice.choice(WRITERS[client]) if client else "col"
        body: dict[str, Any] = {"kind": kind, "title": "t", "sections": [{"heading": "h", "body": "b"}]}
        body["label"] = self.dice.choice(["TLP:GREEN", "TLP:AMBER"])
        if client:
            body["client_id"] = self.agency.ids[client]
            amount = f"{self.dice.randint(1, 90_000_000) / 100:.2f}"
            body["budget"] = {"lines": [{"item": "x", "unit_price": money(amount)}]}
            body["probability"] = self.dice.choice([None, 10, 30, 50, 80])
            body["due_at"] = datetime.now(UTC).date().isoformat()
        made = self.agency.api(who).make(PROPOSALS, {k: v for k, v in body.items() if v is not None})
        if kind == "pitch":
            rivals = self.dice.sample(["山海广告", "北岸", "Tidewater"], 2)
            path = f"{PROPOSALS}/{made['id']}/pitch"
            self.agency.api(who).patch(path, {"brief": "b", "competitors": rivals})
            spent = {"on": "2026-03-01", "hours": "3.5", "hour_rate": money("333.33")}
            self.agency.api(who).post(f"{path}/costs", spent)
        self.living.append((made["id"], client))

    def _step(self, proposal_id: str, client: str) -> None:
        seen = self.agency.api("dora").get(f"{PROPOSALS}/{proposal_id}").get_json()
        choices = VERBS.get(seen["state"])
        if not choices:
            return
        verb = self.dice.choice(choices)
        bodies: dict[str, dict[str, Any]] = {
            "approve": {"content_hash": seen["content_hash"], "note": "n"},
            "request-changes": {"note": "n"},
            "debrief": {"ours": "o", "theirs": "t"},
        }
        path = verb
        if verb in RESULTS:
            path, bodies[verb] = "outcome", {"result": RESULTS[verb], "reason": "r"}
        if verb in ("go", "no_go"):
            path = "decide"
            bodies[verb] = {
                "decision": verb,
                "probability": self.dice.choice([20, 60]),
                "expected_margin": money("10"),
                "expected_cost": money("1"),
                "reason": "r",
            }
        for who in self.dice.sample(["amy", "adam", "rita", "dora", "dan", "col"], 6):
            here = f"{PROPOSALS}/{proposal_id}"
            if verb == "edit":
                body = {"title": seen["title"] + "!"}
                self.agency.api(who).call("PATCH", here, json=body, headers={"If-Match": "*"})
                continue
            answer = self.agency.api(who).post(f"{here}/{path}", bodies.get(verb, {}))
            if answer.status_code == 200:
                return


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with (
        time_machine.travel(BEGAN, tick=True) as clock,
        small_world(tmp_path_factory.mktemp("agency"), access_stale_after=10**9) as world,
    ):
        agency = people(world)
        life = Life(agency)
        for _ in range(DAYS):
            life.day()
            clock.shift(timedelta(days=1, hours=life.dice.randint(0, 2)))
        world.settle()
        yield agency


def known(agency: Agency, who: str) -> list[Replay]:
    """The whole history of every proposal that somebody reads."""
    ids = []
    cursor = ""
    while True:
        query = {"limit": 200, "cursor": cursor}
        page = agency.api(who).get(PROPOSALS, query_string=query).get_json()
        ids += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if not cursor:
            break
    with agency.world.runtimes["proposals"].database.read() as session:
        return [[(e, Proposal.read(e.state)) for e in history(session, key)] for key in ids]


def closed_at(replay: Replay) -> datetime | None:
    now = replay[-1][1].state
    if workflows.is_open(now):
        return None
    return next(instant(said.state_since) for _, said in replay if not workflows.is_open(said.state))


@pytest.mark.parametrize(
    ("who", "kind"),
    [("dora", ""), ("dora", "client"), ("amy", ""), ("rita", ""), ("rita", "pitch"), ("col", "")],
)
def test_every_figure_equals_a_slow_recomputation(lived: Agency, who: str, kind: str) -> None:
    now = datetime.now(UTC)
    since, until = now - timedelta(days=17), now - timedelta(days=2)
    query = {"from": since.isoformat(), "to": until.isoformat()} | ({"kind": kind} if kind else {})
    answer = lived.api(who).get("/proposals/v1/report", query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    told = answer.get_json()
    replays = [one for one in known(lived, who) if one[-1][1].kind in (kind or workflows.KINDS)]
    assert len(replays) > 5
    decided = []
    for replay in replays:
        at = closed_at(replay)
        if replay[-1][1].result and at is not None and since <= at < until:
            decided.append(replay[-1][1])
    assert told["win_rates"]["kind"] == rates(decided, lambda said: [said.kind])
    assert told["win_rates"]["client"] == rates(decided, lambda said: [said.client_id])
    assert told["win_rates"]["author"] == rates(decided, lambda said: [said.author_id])
    industries = {lived.ids["Yunling"]: "dairy", lived.ids["Qingwu"]: "tea"}
    assert told["win_rates"]["industry"] == rates(
        decided, lambda said: [industries.get(said.client_id or "")]
    )
    rivals = rivals_of(lived)
    by_rival = rates(decided, lambda said: rivals.get(said.id, []))
    assert sorted(told["win_rates"]["competitor"], key=lambda r: r["key"]) == sorted(
        by_rival, key=lambda r: r["key"]
    )
    assert told["cycle_times"] == cycles(replays, since, until)
    opened = [replay[-1][1] for replay in replays if workflows.is_open(replay[-1][1].state)]
    assert told["workload"] == loads(opened, now)
    assert told["ageing"] == ages(opened, now)
    worth = [said for said in opened if said.kind != "internal"]
    weighted = sum(
        (Decimal(said.amount) * said.probability / 100 for said in worth if said.probability is not None),
        Decimal(0),
    )
    guesses = [
        (said.probability, said.result in workflows.WON)
        for said in decided
        if said.probability is not None and said.kind != "internal"
    ]
    brier = pitching.brier(guesses)
    assert told["forecast"] == {
        "count": len(worth),
        "amount": money(f"{sum((Decimal(said.amount) for said in worth), Decimal(0)):.2f}"),
        "guessed": sum(said.probability is not None for said in worth),
        "weighted": money(to_cents(weighted)),
        "brier": None if brier is None else str(brier),
        "brier_of": len(guesses),
        "few": len(guesses) < 10,
        "stages": stages(worth),
    }


def stages(worth: list[Proposal]) -> list[dict[str, Any]]:
    found = []
    for state in workflows.BOARD:
        here = [said for said in worth if said.state == state]
        weighted = sum((Decimal(said.amount) * (said.probability or 0) / 100 for said in here), Decimal(0))
        amount = sum((Decimal(said.amount) for said in here), Decimal(0))
        one = {"state": state, "count": len(here)}
        one |= {"amount": money(f"{amount:.2f}"), "weighted": money(to_cents(weighted))}
        found += [one] if here else []
    return found


def to_cents(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.01"), "ROUND_HALF_UP"))


def rivals_of(agency: Agency) -> dict[str, list[str]]:
    with agency.world.runtimes["proposals"].database.read() as session:
        return {pitch.proposal_id: pitch.competitors for pitch in session.scalars(select(store.Pitch))}


def rates(decided: list[Proposal], keys: Any) -> list[dict[str, Any]]:
    won: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for said in decided:
        for key in keys(said):
            if key:
                (won if said.result in workflows.WON else lost)[key] += 1
    found = []
    for key in sorted(won.keys() | lost.keys(), key=lambda k: (-(won[k] + lost[k]), k)):
        total = won[key] + lost[key]
        rate = (Decimal(won[key]) / total).quantize(Decimal("0.0001"))
        one = {"key": key, "won": won[key], "lost": lost[key], "decided": total, "few": total < 10}
        found.append(one | {"rate": str(rate)})
    return found


def cycles(replays: list[Replay], since: datetime, until: datetime) -> list[dict[str, Any]]:
    stays: dict[tuple[str, str], list[int]] = defaultdict(list)
    for replay in replays:
        entered: dict[str, Any] = {"state": "", "at": None}
        for event, said in replay:
            moved = said.state_since != entered["at"]
            if moved and entered["at"] is not None:
                left = instant(event.at)
                if since <= left < until:
                    seconds = int((left - instant(entered["at"])).total_seconds())
                    stays[said.kind, entered["state"]].append(seconds)
            if moved:
                entered = {"state": said.state, "at": said.state_since}
    order = {state: place for place, state in enumerate(workflows.BOARD)}
    return [
        {
            "kind": kind,
            "state": state,
            "count": len(seconds),
            "mean_hours": str(
                (Decimal(sum(seconds)) / len(seconds) / 3600).quantize(Decimal("0.01"), "ROUND_HALF_UP")
            ),
        }
        for (kind, state), seconds in sorted(
            stays.items(), key=lambda item: (workflows.KINDS.index(item[0][0]), order[item[0][1]])
        )
    ]


def loads(opened: list[Proposal], now: datetime) -> list[dict[str, Any]]:
    count = Counter(said.owner_id for said in opened)
    late = Counter(said.owner_id for said in opened if said.due_at and instant(said.due_at) < now)
    people_ = sorted(count, key=lambda key: (-count[key], key))
    return [{"person_id": key, "open": count[key], "late": late[key]} for key in people_]


def ages(opened: list[Proposal], now: datetime) -> list[dict[str, Any]]:
    found: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for said in opened:
        days = (now - instant(said.state_since)) / timedelta(days=1)
        found[said.state][sum(days >= bound for bound in (7, 14, 30, 60))] += 1
    return [{"state": state, "counts": found[state]} for state in workflows.BOARD if state in found]


@pytest.mark.parametrize("who", ["dora", "amy", "col"])
def test_the_board_holds_what_the_list_holds(lived: Agency, who: str) -> None:
    board = lived.api(who).get("/proposals/v1/board", query_string={"limit": 100}).get_json()
    assert [column["state"] for column in board["columns"]] == list(workflows.BOARD)
    listed = [replay[-1][1] for replay in known(lived, who)]
    counts = Counter(said.state for said in listed)
    assert {c["state"]: c["count"] for c in board["columns"] if c["count"]} == dict(counts)
    for column in board["columns"]:
        assert {item["state"] for item in column["items"]} <= {column["state"]}
        waited = [item["state_since"] for item in column["items"]]
        assert waited == sorted(waited), "who waits longest stands first"
        assert len(column["items"]) == min(column["count"], 100)


def test_a_board_of_one_kind_has_its_states(lived: Agency) -> None:
    board = lived.api("dora").get("/proposals/v1/board", query_string={"kind": "internal"}).get_json()
    assert [column["state"] for column in board["columns"]] == workflows.states("internal")


def test_nothing_of_a_hidden_client_moves_a_figure(lived: Agency) -> None:
    """INV5: the same requests give the same bytes before and after hidden data is added."""
    paths = ("/proposals/v1/board", "/proposals/v1/report", PROPOSALS)
    with time_machine.travel(datetime.now(UTC), tick=False):
        before = [lived.api("wally").get(path).get_data() for path in paths]
        made = lived.write("amy", title="canary", probability=99)
        lived.done("submit", made, "amy")
        lived.world.settle()
        after = [lived.api("wally").get(path).get_data() for path in paths]
    assert before == after
