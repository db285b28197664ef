"""Seats and walls against a plain model: whatever happens in whatever order, the hidden set is as defined.

The definition (architecture): a wall between A and B hides B from whoever is, or within the cooling-off was,
on A's team, and A from B's. Time counts in days from the start of the run; what happens "now" is at 0.25.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.clock import now, rfc3339
from tests.services.accounts.conftest import CLIENTS, PEOPLE, WALLS, Agency

NOW = 0.25
AHEAD = [day + 0.5 for day in range(40)]
LOOKED_AT = [0.5, 1.5, 4.5, 9.5, 19.5]
PEOPLE_COUNT, CLIENTS_COUNT = 3, 3
days = st.integers(-12, 12)
people = st.integers(0, PEOPLE_COUNT - 1)
clients = st.integers(0, CLIENTS_COUNT - 1)
roles = st.sampled_from(["CAE", "AM"])


@dataclass
class Seat:
    """What the model knows of a seat; times in days."""

    id: str
    person: int
    client: int
    role: str
    start: float
    end: float | None
    version: int = 1

    def holds(self, at: float) -> bool:
        return self.start <= at and (self.end is None or at < self.end)

    def meets(self, start: float, end: float | None) -> bool:
        mine, theirs = self.end, end
        if (mine is not None and mine <= self.start) or (theirs is not None and theirs <= start):
            return False
        return (mine is None or start < mine) and (theirs is None or self.start < theirs)

    def binds(self, at: float, cooling: int) -> bool:
        """Held at this time, or left so lately that its holder still cools off."""
        began = self.start <= at and (self.end is None or self.end > self.start)
        return began and (self.end is None or at < self.end + cooling)


@dataclass
class Wall:
    """A standing wall."""

    id: str
    pair: frozenset[int]
    cooling: int
    version: int = 1


class Teams(RuleBasedStateMachine):
    """Every write through the API; every status foretold by the model."""

    agency: Agency

    @initialize()
    def begin(self) -> None:
        self.api = self.agency.api("admin")
        self.base = now()
        stamp = rfc3339(self.base)
        self.people = [self._person(f"{stamp}-{n}") for n in range(PEOPLE_COUNT)]
        self.clients = [self.agency.client(f"模型客 {n}") for n in range(CLIENTS_COUNT)]
        self.left: set[int] = set()
        self.seats: list[Seat] = []
        self.walls: list[Wall] = []

    def _person(self, name: str) -> str:
        username = "".join(c for c in name if c.isalnum())
        return str(self.api.make(PEOPLE, {"username": username, "name": name, "email": ""})["id"])

    def _at(self, day: float) -> datetime:
        return self.base + timedelta(days=day)

    def _team(self, client: int) -> str:
        return f"{CLIENTS}/{self.clients[client]}/assignments"

    # --- what the model foretells ---

    def _twice(self, person: int, client: int, role: str, start: float, end: float | None, but: str) -> bool:
        return any(
            seat.meets(start, end)
            for seat in self.seats
            if (seat.person, seat.client, seat.role) == (person, client, role) and seat.id != but
        )

    def _across(self, person: int, client: int, start: float, end: float | None) -> bool:
        new = Seat("", person, client, "", start, end)
        for wall in self.walls:
            if client not in wall.pair:
                continue
            (other,) = wall.pair - {client}
            for seat in self.seats:
                if (seat.person, seat.client) == (person, other) and any(
                    (new.binds(at, wall.cooling) and seat.holds(at))
                    or (new.holds(at) and seat.binds(at, wall.cooling))
                    for at in AHEAD
                ):
                    return True
        return False

    # --- what people do ---

    @rule(person=people, client=clients, role=roles, start=days, length=st.none() | st.integers(-1, 9))
    def assign(self, person: int, client: int, role: str, start: int, length: int | None) -> None:
        end = None if length is None else start + length
        expected = 201
        if (end is not None and end <= start) or person in self.left:
            expected = 422
        elif self._twice(person, client, role, start, end, ""):
            expected = 409
        elif self._across(person, client, start, end):
            expected = 422
        body = {
            "person_id": self.people[person],
            "role": role,
            "from": rfc3339(self._at(start)),
            "until": None if end is None else rfc3339(self._at(end)),
        }
        answer = self.api.post(self._team(client), body)
        assert answer.status_code == expected, answer.get_data(as_text=True)
        if expected == 201:
            self.seats.append(Seat(answer.get_json()["id"], person, client, role, start, end))

    @precondition(lambda self: self.seats)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        seat = data.draw(st.sampled_from(self.seats))
        over = seat.end is not None and (seat.end <= NOW or seat.end <= seat.start)
        answer = self.api.post(f"{self._team(seat.client)}/{seat.id}/end")
        assert answer.status_code == (409 if over else 200)
        if not over:
            seat.end, seat.version = NOW, seat.version + 1

    @precondition(lambda self: self.seats)
    @rule(data=st.data(), start=days, length=st.none() | st.integers(-1, 9))
    def move(self, data: st.DataObject, start: int, length: int | None) -> None:
        seat = data.draw(st.sampled_from(self.seats))
        end = None if length is None else start + length
        within = start >= seat.start and (seat.end is None or (end is not None and end <= seat.end))
        expected = 200
        if end is not None and end <= start:
            expected = 422
        elif not within:
            if seat.person in self.left or self._twice(
                seat.person, seat.client, seat.role, start, end, seat.id
            ):
                expected = 409
            elif self._across(seat.person, seat.client, start, end):
                expected = 422
        body = {
            "from": rfc3339(self._at(start)),
            "until": None if end is None else rfc3339(self._at(end)),
        }
        path = f"{self._team(seat.client)}/{seat.id}"
        answer = self.api.patch(path, body, match=f'"{seat.version}"')
        assert answer.status_code == expected, answer.get_data(as_text=True)
        if expected == 200:
            seat.start, seat.end, seat.version = start, end, seat.version + 1

    @rule(one=clients, other=clients, cooling=st.sampled_from([0, 1, 5, 30]))
    def raise_wall(self, one: int, other: int, cooling: int) -> None:
        body = {
            "client_ids": [self.clients[one], self.clients[other]],
            "reason": "x",
            "cooling_off_days": cooling,
        }
        pair = frozenset({one, other})
        expected = 201
        if one == other or any(wall.pair == pair for wall in self.walls):
            expected = 422 if one == other else 409
        elif any(
            mine.holds(at) and theirs.holds(at)
            for at in AHEAD
            for mine in self.seats
            for theirs in self.seats
            if (mine.client, theirs.client) == (one, other) and mine.person == theirs.person
        ):
            expected = 422
        answer = self.api.post(WALLS, body)
        assert answer.status_code == expected, answer.get_data(as_text=True)
        if expected == 201:
            self.walls.append(Wall(answer.get_json()["id"], pair, cooling))

    @precondition(lambda self: self.walls)
    @rule(data=st.data(), cooling=st.sampled_from([0, 3, 20]))
    def change_wall(self, data: st.DataObject, cooling: int) -> None:
        wall = data.draw(st.sampled_from(self.walls))
        answer = self.api.patch(
            f"{WALLS}/{wall.id}", {"cooling_off_days": cooling}, match=f'"{wall.version}"'
        )
        assert answer.status_code == 200
        wall.cooling, wall.version = cooling, wall.version + 1

    @precondition(lambda self: self.walls)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        wall = data.draw(st.sampled_from(self.walls))
        assert self.api.post(f"{WALLS}/{wall.id}/lift").status_code == 200
        self.walls.remove(wall)

    @precondition(lambda self: len(self.left) < PEOPLE_COUNT)
    @rule(person=people)
    def leave(self, person: int) -> None:
        answer = self.api.post(f"{PEOPLE}/{self.people[person]}/leave")
        assert answer.status_code == (409 if person in self.left else 200)
        self.left.add(person)
        for seat in self.seats:
            if seat.person == person and (seat.end is None or seat.end > max(NOW, seat.start)):
                seat.end, seat.version = NOW, seat.version + 1

    # --- what must hold ---

    def _hidden(self, person: int, at: float) -> set[int]:
        hidden = set()
        for wall in self.walls:
            for mine in wall.pair:
                seats = [seat for seat in self.seats if (seat.person, seat.client) == (person, mine)]
                if any(seat.binds(at, wall.cooling) for seat in seats):
                    hidden |= wall.pair - {mine}
        return hidden

    def _told(self, service: str) -> Any:
        running = self.agency.world.runtimes[service]
        with running.database.read() as session:
            return running.book(session, now())

    def _compare(self, service: str) -> None:
        book = self._told(service)
        for person, person_id in enumerate(self.people):
            for at in LOOKED_AT:
                told = book.hidden_by_wall(person_id, self._at(at))
                known = {n for n, client in enumerate(self.clients) if client in told}
                assert known == self._hidden(person, at), (service, person, at)

    @invariant()
    def the_hidden_set_is_as_defined(self) -> None:
        if hasattr(self, "walls"):
            self._compare("accounts")

    @invariant()
    def nobody_is_on_both_sides_of_a_wall_from_now_on(self) -> None:
        for wall in getattr(self, "walls", []):
            for person in range(PEOPLE_COUNT):
                for at in AHEAD:
                    on = {seat.client for seat in self.seats if seat.person == person and seat.holds(at)}
                    assert not wall.pair <= on

    def teardown(self) -> None:
        if hasattr(self, "walls"):
            self.agency.world.settle()
            self._compare("portal")


@pytest.mark.rule("P3")
def test_P3_seats_and_walls_keep_to_the_model(agency: Agency) -> None:
    class OfThisAgency(Teams):
        pass

    OfThisAgency.agency = agency
    run_state_machine_as_test(
        OfThisAgency,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
