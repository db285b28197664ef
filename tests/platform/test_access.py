"""Who may read what: the matrix of the design, walls, cooling off, and the SQL that must say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, create_engine, literal, select

from contracts.accounts import Client, Person, Wall
from shared.access import AMBER, CLEAR, GREEN, LABELS, NOBODY, RED, STRICT, Book, Seat, listed, readable

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
DAY = timedelta(days=1)
UPPER = (CLEAR, GREEN)
ALL_BUT_RED = (CLEAR, GREEN, AMBER, STRICT)


def person(name: str, *roles: str, branch: str = "", status: str = "employed") -> Person:
    return Person(id=name, username=name, name=name, roles=list(roles), branch=branch, status=status)


def seat(who: str, client: str, role: str = "AM", *, since: timedelta = 30 * DAY, until: Any = None) -> Seat:
    return Seat(f"{who}-{client}-{since}", client, who, role, NOW - since, until)


def book(*seats: Seat, walls: tuple[Wall, ...] = (), stale: bool = False) -> Book:
    people = [
        person("member"),
        person("rival"),
        person("colleague", "salesperson"),
        person("director", "director"),
        person("leader", "leadership", branch="沪"),
        person("other-leader", "leadership", branch="京"),
        person("chief", "leadership"),
        person("admin", "administrator"),
        person("auditor", "auditor"),
        person("gone", "director", status="left"),
    ]
    by_person: dict[str, tuple[Seat, ...]] = {}
    for found in seats:
        by_person[found.person_id] = (*by_person.get(found.person_id, ()), found)
    clients = {
        "A": Client(id="A", branch="沪"),
        "B": Client(id="B", branch="沪"),
        "shy": Client(id="shy", branch="京", visibility="team"),
    }
    return Book("r", {p.id: p for p in people}, {}, clients, walls, seats_of_person=by_person, stale=stale)


MATRIX = {
    "member": ALL_BUT_RED,
    "director": ALL_BUT_RED,
    "leader": ALL_BUT_RED,
    "chief": ALL_BUT_RED,
    "other-leader": UPPER,
    "colleague": UPPER,
    "rival": (),
    "admin": (),
    "auditor": (),
    "gone": (),
    "nobody": (),
}


@pytest.mark.parametrize("who", MATRIX)
def test_who_reads_which_label_of_a_client(who: str) -> None:
    facts = book(seat("member", "A"), seat("rival", "B"), walls=(Wall(id="w", client_ids=["A", "B"]),))
    scope = facts.scope(who, NOW)
    assert tuple(label for label in LABELS if scope.reads("A", label)) == MATRIX[who]


@pytest.mark.parametrize(
    ("who", "sees"), [("member", True), ("colleague", True), ("rival", False), ("gone", False)]
)
def test_a_named_recipient_reads_every_label_unless_walled_or_gone(who: str, sees: bool) -> None:
    facts = book(seat("member", "A"), seat("rival", "B"), walls=(Wall(id="w", client_ids=["A", "B"]),))
    scope = facts.scope(who, NOW)
    for label in LABELS:
        named = scope.reads("A", label, ["member", "colleague", "rival", "gone"])
        assert named == sees


def test_a_client_that_only_its_team_sees_shows_nothing_to_a_colleague() -> None:
    scope = book().scope("colleague", NOW)
    assert not scope.lists("shy")
    assert not scope.reads("shy", CLEAR)
    assert book().scope("director", NOW).lists("shy")
    assert book(seat("member", "shy")).scope("member", NOW).lists("shy")


def test_market_findings_are_read_by_everyone_employed_but_the_auditor() -> None:
    for who, sees in [
        ("colleague", True),
        ("member", True),
        ("admin", True),
        ("auditor", False),
        ("gone", False),
    ]:
        assert book().scope(who, NOW).reads(None, STRICT) == sees
        assert not book().scope(who, NOW).reads(None, RED)


def test_a_seat_counts_from_its_start_until_before_its_end() -> None:
    for since, until, holds in [
        (timedelta(0), None, True),
        (-timedelta(microseconds=1), None, False),
        (DAY, NOW, False),
        (DAY, NOW + timedelta(microseconds=1), True),
    ]:
        facts = book(seat("member", "A", since=since, until=until))
        assert facts.scope("member", NOW).clears("A") == holds


@pytest.mark.parametrize(("left_days_ago", "hidden"), [(89, True), (90, False), (91, False)])
def test_cooling_off_hides_the_rival_for_its_days(left_days_ago: int, hidden: bool) -> None:
    wall = Wall(id="w", client_ids=["A", "B"], cooling_off_days=90)
    facts = book(seat("member", "A", since=200 * DAY, until=NOW - left_days_ago * DAY), walls=(wall,))
    assert ("B" in facts.scope("member", NOW).hidden) == hidden


def test_stale_facts_close_walled_clients_and_red() -> None:
    wall = Wall(id="w", client_ids=["A", "B"])
    scope = book(seat("member", "A"), walls=(wall,), stale=True).scope("director", NOW)
    assert not scope.reads("A", CLEAR)
    assert not scope.reads("shy", RED, ["director"])
    assert scope.reads("shy", STRICT)


names = st.sampled_from(["A", "B", "shy", "new"])
people = st.sampled_from(sorted(MATRIX))
seats = st.lists(
    st.builds(
        lambda who, client, since, length: seat(
            who, client, since=since * DAY, until=None if length is None else NOW + (length - since) * DAY
        ),
        people, names, st.integers(-3, 60), st.none() | st.integers(1, 90),
    ),
    max_size=6,
)  # fmt: skip
walls = st.lists(
    st.builds(
        lambda pair, days: Wall(id="".join(pair), client_ids=list(pair), cooling_off_days=days),
        st.sampled_from([("A", "B"), ("B", "shy")]), st.sampled_from([0, 10, 90]),
    ),
    max_size=2, unique_by=lambda wall: wall.id,
)  # fmt: skip


@given(seats, walls, people)
def test_a_wall_hides_the_rival_from_whoever_is_or_cools_off_from_a_team(
    taken: list[Seat], raised: list[Wall], who: str
) -> None:
    hidden = book(*taken, walls=tuple(raised)).hidden_by_wall(who, NOW)
    expected = set()
    for wall in raised:
        for mine, other in [wall.client_ids, wall.client_ids[::-1]]:
            for held in taken:
                if held.person_id != who or held.client_id != mine or held.starts_at > NOW:
                    continue
                if held.ends_at is None or held.ends_at + timedelta(days=wall.cooling_off_days) > NOW:
                    expected.add(other)
    assert hidden == expected


TABLE = Table("items", MetaData(), Column("client", String), Column("label", String), Column("named", String))


@given(seats, walls, people, st.booleans())
def test_the_sql_filter_says_what_the_policy_says(
    taken: list[Seat], raised: list[Wall], who: str, stale: bool
) -> None:
    scope = book(*taken, walls=tuple(raised), stale=stale).scope(who, NOW)
    rows = [
        (client, label, named)
        for client in ("A", "B", "shy", "new", None)
        for label in LABELS
        for named in ("-", who)
    ]
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        TABLE.metadata.create_all(connection)
        connection.execute(
            TABLE.insert(), [dict(zip(("client", "label", "named"), r, strict=True)) for r in rows]
        )
        condition = readable(
            scope,
            client=TABLE.c.client,
            label=TABLE.c.label,
            is_recipient=TABLE.c.named == literal(scope.person_id),
        )
        found = {tuple(row) for row in connection.execute(select(TABLE).where(condition))}
        may_list = set(
            connection.scalars(
                select(TABLE.c.client).where(listed(scope, TABLE.c.client), TABLE.c.client.is_not(None))
            )
        )
    assert found == {row for row in rows if scope.reads(row[0], row[1], [row[2]])}
    assert may_list == {client for client in ("A", "B", "shy", "new") if scope.lists(client)}


def test_nobody_without_facts_sees_anything() -> None:
    assert Book().scope("member", NOW) == NOBODY
    assert not NOBODY.reads("A", CLEAR, ["member"])
    assert not NOBODY.reads(None, CLEAR)
