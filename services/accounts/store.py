"""Accounts' rows and queries. What a reader may not see is missing (404), existing or not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    String,
    Text,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, Session, mapped_column

from contracts import accounts as contract
from services.accounts import domain
from shared import access, clock
from shared.db import UtcDateTime
from shared.problem import missing


class Base(DeclarativeBase):
    """Base of accounts' tables."""

    type_annotation_map = {datetime: UtcDateTime, list[str]: JSON}


class Client(Base):
    """A client of the agency. `names_key` and `sort_key` follow from its names."""

    __tablename__ = "clients"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    english_name: Mapped[str] = mapped_column(String(200))
    aliases: Mapped[list[str]]
    names_key: Mapped[str] = mapped_column(Text)
    sort_key: Mapped[str] = mapped_column(String(512))
    industry: Mapped[str] = mapped_column(String(100))
    parent_id: Mapped[str | None] = mapped_column(String(36), index=True)
    branch: Mapped[str] = mapped_column(String(100))
    visibility: Mapped[str] = mapped_column(String(16))
    tier: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]

    def shape(self) -> contract.Client:
        """What other services are told."""
        return contract.Client(**{name: getattr(self, name) for name in _names(contract.Client)})


class Contact(Base):
    """A person at the client. A removed one keeps nothing but its id, so that its events keep counting."""

    __tablename__ = "contacts"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(36), index=True)
    name: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    phone: Mapped[str] = mapped_column(String(64))
    preferred_language: Mapped[str] = mapped_column(String(35))
    removed: Mapped[bool]
    version: Mapped[int]

    def shape(self) -> contract.Contact:
        """What other services are told."""
        return contract.Contact(**{name: getattr(self, name) for name in _names(contract.Contact)})


class Person(Base):
    """Somebody who works, or worked, at the agency. `username_key`: unique in any letter case."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    username_key: Mapped[str] = mapped_column(String(256), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    names_key: Mapped[str] = mapped_column(Text)
    sort_key: Mapped[str] = mapped_column(String(512))
    email: Mapped[str] = mapped_column(String(254))
    roles: Mapped[list[str]]
    branch: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]

    def shape(self) -> contract.Person:
        """What other services are told."""
        return contract.Person(**{name: getattr(self, name) for name in _names(contract.Person)})


class Assignment(Base):
    """A seat on a client's team for a period."""

    __tablename__ = "assignments"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(36), index=True)
    person_id: Mapped[str] = mapped_column(String(36), index=True)
    role: Mapped[str] = mapped_column(String(8))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    version: Mapped[int]

    @property
    def period(self) -> domain.Period:
        """When the seat is taken."""
        return domain.Period(self.starts_at, self.ends_at)

    def shape(self) -> contract.Assignment:
        """What other services are told."""
        return contract.Assignment(
            id=self.id,
            client_id=self.client_id,
            person_id=self.person_id,
            role=self.role,
            starts_at=clock.rfc3339(self.starts_at),
            ends_at=clock.rfc3339(self.ends_at) if self.ends_at else None,
            version=self.version,
        )


class Wall(Base):
    """A conflict wall between two clients; lifted ones stay as a record."""

    __tablename__ = "walls"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    one_id: Mapped[str] = mapped_column(String(36), index=True)
    other_id: Mapped[str] = mapped_column(String(36), index=True)
    reason: Mapped[str] = mapped_column(Text)
    cooling_off_days: Mapped[int]
    raised_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    version: Mapped[int]

    @property
    def client_ids(self) -> list[str]:
        """Both clients."""
        return [self.one_id, self.other_id]

    def beyond(self, client_id: str) -> str:
        """The client on the other side."""
        return self.other_id if client_id == self.one_id else self.one_id

    def shape(self) -> contract.Wall:
        """What other services are told."""
        return contract.Wall(
            id=self.id,
            client_ids=self.client_ids,
            reason=self.reason,
            cooling_off_days=self.cooling_off_days,
            raised_at=clock.rfc3339(self.raised_at),
            lifted_at=clock.rfc3339(self.lifted_at) if self.lifted_at else None,
            version=self.version,
        )


def _names(shape: Any) -> list[str]:
    return list(shape.__dataclass_fields__)


# --- clients -----------------------------------------------------------------------------------------------


def clients(
    scope: access.Scope,
    *,
    q: str = "",
    industry: str = "",
    branch: str = "",
    status: str = "",
    tier: str = "",
) -> Select[Client]:
    """The clients that a reader may list, narrowed by name (`q`: part of any name) and facts."""
    query = select(Client).where(access.listed(scope, Client.id))
    if q:
        query = query.where(_named(Client.names_key, q))
    for column, wanted in (
        (Client.industry, industry),
        (Client.branch, branch),
        (Client.status, status),
        (Client.tier, tier),
    ):
        if wanted:
            query = query.where(column == wanted)
    return query


def held_by(person_id: str, now: datetime) -> ColumnElement[bool]:
    """On whose team the person now is."""
    seats = select(Assignment.client_id).where(Assignment.person_id == person_id, _in_state("current", now))
    return Client.id.in_(seats)


def without_ad(now: datetime) -> ColumnElement[bool]:
    """Which no account director (T3) leads now."""
    led = select(Assignment.client_id).where(Assignment.role == "AD", _in_state("current", now))
    return Client.id.not_in(led)


def _named(key: InstrumentedAttribute[str], q: str) -> ColumnElement[bool]:
    """Every word is part of some name."""
    words = domain.folded(q).split()
    return and_(true(), *[key.contains(word, autoescape=True) for word in words])


def client(session: Session, client_id: str | None, scope: access.Scope) -> Client:
    """A client that the reader may list. Raises 404 otherwise, existing or not."""
    if client_id is None or not scope.lists(client_id):
        raise missing()
    found = session.get(Client, client_id)
    if found is None:
        raise missing()
    return found


def clients_by_id(session: Session, ids: Collection[str], scope: access.Scope) -> dict[str, Client]:
    """Of these clients, those that the reader may list."""
    if not ids:
        return {}
    found = session.scalars(clients(scope).where(Client.id.in_(sorted(set(ids)))))
    return {client.id: client for client in found}


def parent_of(session: Session, client_id: str) -> str | None:
    """The id of a client's parent, whoever may see it: for the refusal of circles."""
    return session.scalar(select(Client.parent_id).where(Client.id == client_id))


def same_name(session: Session, scope: access.Scope, names: Iterable[str], *, but: str = "") -> list[Client]:
    """Clients that the reader may list and that already go by one of these names."""
    keys = [f"\n{domain.folded(name)}\n" for name in names if name]
    if not keys:
        return []
    alike = or_(*[Client.names_key.contains(key, autoescape=True) for key in keys])
    return list(
        session.scalars(clients(scope).where(alike, Client.id != but).order_by(Client.sort_key).limit(5))
    )


def values_of(session: Session, scope: access.Scope, column: InstrumentedAttribute[str]) -> list[str]:
    """The values of a column among the clients that the reader may list (for filters and suggestions)."""
    query = clients(scope).with_only_columns(column).where(column != "").distinct().order_by(column)
    return list(session.scalars(query))


# --- contacts ----------------------------------------------------------------------------------------------


def contacts(client_id: str) -> Select[Contact]:
    """A client's contacts. Ask `contact.read` first."""
    return select(Contact).where(Contact.client_id == client_id, ~Contact.removed)


def contact(session: Session, client_id: str, contact_id: str) -> Contact:
    """One of a client's contacts, or 404."""
    found = session.get(Contact, contact_id)
    if found is None or found.client_id != client_id or found.removed:
        raise missing()
    return found


# --- people ------------------------------------------------------------------------------------------------


def people(*, q: str = "", role: str = "", branch: str = "", status: str = "") -> Select[Person]:
    """People, narrowed by name or username (`q`), agency or department role, branch and status."""
    query = select(Person)
    if q:
        query = query.where(_named(Person.names_key, q))
    if role:
        # JSON lists are compared as text, which both databases can.
        query = query.where(cast(Person.roles, Text).contains(f'"{role}"', autoescape=True))
    if branch:
        query = query.where(Person.branch == branch)
    if status:
        query = query.where(Person.status == status)
    return query


def has_people(session: Session) -> bool:
    """Whether anybody was ever added."""
    return session.scalar(select(Person.id).limit(1)) is not None


def person_named(session: Session, username: str) -> Person | None:
    """Who signs in with a name."""
    return session.scalars(select(Person).where(Person.username == username)).first()


def person(session: Session, person_id: str) -> Person:
    """A person, employed or not, or 404."""
    found = session.get(Person, person_id)
    if found is None:
        raise missing()
    return found


def people_by_id(session: Session, ids: Collection[str]) -> dict[str, Person]:
    """These people."""
    if not ids:
        return {}
    return {
        found.id: found for found in session.scalars(select(Person).where(Person.id.in_(sorted(set(ids)))))
    }


def username_taken(session: Session, username: str, *, but: str = "") -> bool:
    """Whether somebody, employed or not, has this username in any letter case."""
    query = select(Person.id).where(Person.username_key == domain.folded(username), Person.id != but)
    return session.scalar(query) is not None


def administrators(session: Session) -> list[Person]:
    """Every employed administrator."""
    query = people(role="administrator", status=domain.EMPLOYED).order_by(Person.id)
    return list(session.scalars(query))


def branches_of_people(session: Session) -> list[str]:
    """The branches in which somebody works or worked."""
    query = select(Person.branch).where(Person.branch != "").distinct().order_by(Person.branch)
    return list(session.scalars(query))


# --- assignments -------------------------------------------------------------------------------------------


def team(client_id: str, *, state: str = "", now: datetime | None = None) -> Select[Assignment]:
    """The seats on a client's team: all of them, or those in one of `domain.SEAT_STATES` at `now`."""
    query = select(Assignment).where(Assignment.client_id == client_id)
    return query.where(_in_state(state, now)) if state and now else query


def seats_of(
    scope: access.Scope, person_id: str, *, state: str = "", now: datetime | None = None
) -> Select[Assignment]:
    """A person's seats on clients that the reader may list."""
    query = select(Assignment).where(
        Assignment.person_id == person_id, access.listed(scope, Assignment.client_id)
    )
    return query.where(_in_state(state, now)) if state and now else query


def seats_ending(scope: access.Scope, now: datetime, before: datetime) -> Select[Assignment]:
    """Seats now taken that end before an instant, on clients that the reader may list."""
    return select(Assignment).where(
        access.listed(scope, Assignment.client_id), _in_state("current", now), Assignment.ends_at < before
    )


def _in_state(state: str, now: datetime) -> ColumnElement[bool]:
    taken = or_(Assignment.ends_at.is_(None), Assignment.ends_at > Assignment.starts_at)
    running = or_(Assignment.ends_at.is_(None), Assignment.ends_at > now)
    conditions = {
        "current": and_(taken, Assignment.starts_at <= now, running),
        "future": and_(taken, Assignment.starts_at > now),
        "past": and_(taken, Assignment.ends_at.is_not(None), Assignment.ends_at <= now),
        "cancelled": and_(Assignment.ends_at.is_not(None), Assignment.ends_at <= Assignment.starts_at),
    }
    return conditions.get(state, false())


def assignment(session: Session, client_id: str, assignment_id: str) -> Assignment:
    """A seat on this client's team, or 404."""
    found = session.get(Assignment, assignment_id)
    if found is None or found.client_id != client_id:
        raise missing()
    return found


def seats(
    session: Session, *, person_id: str | None = None, client_ids: Sequence[str] | None = None
) -> list[Assignment]:
    """Every seat of a person, or on some clients, whoever may see it: for rules, never for answers."""
    query = select(Assignment).order_by(Assignment.id)
    if person_id is not None:
        query = query.where(Assignment.person_id == person_id)
    if client_ids is not None:
        query = query.where(Assignment.client_id.in_(client_ids))
    return list(session.scalars(query))


def teams(session: Session, client_ids: Sequence[str], now: datetime) -> dict[str, list[Assignment]]:
    """The seats now taken on several clients' teams, by client."""
    found: dict[str, list[Assignment]] = {client_id: [] for client_id in client_ids}
    query = select(Assignment).where(Assignment.client_id.in_(client_ids), _in_state("current", now))
    for seat in session.scalars(query.order_by(Assignment.starts_at, Assignment.id)):
        found[seat.client_id].append(seat)
    return found


def seat_counts(
    session: Session, scope: access.Scope, person_ids: Sequence[str], now: datetime
) -> dict[str, int]:
    """How many seats each of these people holds now on clients that the reader may list."""
    query = (
        select(Assignment.person_id, func.count())
        .where(
            Assignment.person_id.in_(person_ids),
            access.listed(scope, Assignment.client_id),
            _in_state("current", now),
        )
        .group_by(Assignment.person_id)
    )
    return dict(session.execute(query).all())


# --- walls -------------------------------------------------------------------------------------------------


def walls(scope: access.Scope, *, lifted: bool | None = None, client_id: str = "") -> Select[Wall]:
    """The walls both of whose clients the reader may list. Ask `wall.list` first."""
    query = select(Wall).where(access.listed(scope, Wall.one_id), access.listed(scope, Wall.other_id))
    if lifted is not None:
        query = query.where(Wall.lifted_at.is_not(None) if lifted else Wall.lifted_at.is_(None))
    if client_id:
        query = query.where(or_(Wall.one_id == client_id, Wall.other_id == client_id))
    return query


def wall(session: Session, wall_id: str, scope: access.Scope) -> Wall:
    """A wall both of whose clients the reader may list, or 404."""
    found = session.get(Wall, wall_id)
    if found is None or not all(scope.lists(client_id) for client_id in found.client_ids):
        raise missing()
    return found


def standing_walls(session: Session, client_id: str) -> list[Wall]:
    """The walls that stand around a client, whoever may see them: for rules, never for answers."""
    query = select(Wall).where(
        or_(Wall.one_id == client_id, Wall.other_id == client_id), Wall.lifted_at.is_(None)
    )
    return list(session.scalars(query.order_by(Wall.id)))
