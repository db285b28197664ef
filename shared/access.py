"""Who may do what with which client's what: the only policy module.

Pure functions over an immutable `Book` of facts (people, assignments, walls, clients, keys, ended sessions),
which each service folds from the access topics. API, pages, search, exports and downloads ask it when they
answer. Deny by default: no fact, no access. The matrix is `docs/decisions/0003-who-sees-what.md`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, false, or_, select, true
from sqlalchemy.orm import Session

from contracts.accounts import Assignment, Client, Person, Wall
from contracts.event import Event, Shape
from contracts.portal import Key
from contracts.portal import Session as EndedSession
from shared.clock import instant
from shared.db import new_id
from shared.tables import AccessFactRow, AccessRevisionRow, PositionRow

CLEAR, GREEN, AMBER, STRICT, RED = "TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"
LABELS = (CLEAR, GREEN, AMBER, STRICT, RED)
SEATS = ("CAE", "AM", "AD")
ROLES = (
    "director", "salesperson", "sales_clerk", "department_manager", "branch_manager", "finance",
    "warehouse_keeper", "technical_support", "leadership", "administrator", "auditor",
)  # fmt: skip
FACTS: tuple[type[Shape], ...] = (Person, Assignment, Wall, Client, Key, EndedSession)
LOOK_EVERY = timedelta(seconds=1)
_ROLES_WITHOUT_CONTENT = {"administrator", "auditor"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What one person may see at one instant; queries are filtered by it."""

    person_id: str
    everything: bool = False  # cleared for all clients but the hidden ones
    cleared: frozenset[str] = frozenset()  # clients whose AMBER and AMBER+STRICT they read
    hidden: frozenset[str] = frozenset()  # behind a wall or cooling off: for them these do not exist
    shy: frozenset[str] = frozenset()  # `visibility: team` and not cleared: not listed, nothing shown
    colleague: bool = False  # reads CLEAR and GREEN of clients without an assignment
    market: bool = False  # reads what belongs to no client, up to AMBER+STRICT
    directory: bool = False  # may list clients (name, industry, team)
    red: bool = True  # False while access facts are stale: RED fails closed

    def clears(self, client_id: str) -> bool:
        """Whether they read the client's AMBER."""
        return client_id not in self.hidden and (self.everything or client_id in self.cleared)

    def lists(self, client_id: str) -> bool:
        """Whether they may know that the client exists."""
        return client_id not in self.hidden and (
            self.clears(client_id) or (self.directory and client_id not in self.shy)
        )

    def reads(self, client_id: str | None, label: str, recipients: Collection[str] = ()) -> bool:
        """Whether they may read something of a client (or of none) with this label."""
        if client_id in self.hidden:
            return False
        if self.person_id in recipients and (label != RED or self.red):
            return True
        if label == RED:
            return False
        if client_id is None:
            return self.market
        if self.clears(client_id):
            return True
        return label in (CLEAR, GREEN) and self.colleague and client_id not in self.shy


NOBODY = Scope("")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action is about. `author_ids`: who asked for it, for the four-eyes rule."""

    client_id: str | None = None
    label: str = CLEAR
    recipients: tuple[str, ...] = ()
    author_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seat:
    """An assignment with its instants read."""

    id: str
    client_id: str
    person_id: str
    role: str
    starts_at: datetime
    ends_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether the seat is taken at this instant (the end is exclusive)."""
        return self.starts_at <= now and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True, slots=True)
class Book:
    """Every access fact that a service knows, as of one revision."""

    revision: str = ""
    people: dict[str, Person] = field(default_factory=dict)
    usernames: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    walls: tuple[Wall, ...] = ()
    keys: dict[str, Key] = field(default_factory=dict)
    ended_sessions: frozenset[str] = frozenset()
    seats_of_person: dict[str, tuple[Seat, ...]] = field(default_factory=dict)
    seats_of_client: dict[str, tuple[Seat, ...]] = field(default_factory=dict)
    stale: bool = False

    def person(self, person_id: str) -> Person | None:
        """The person, if employed."""
        person = self.people.get(person_id)
        return person if person is not None and person.status == "employed" else None

    def team(self, client_id: str, now: datetime) -> list[Seat]:
        """The seats of a client's team that are taken now."""
        return [seat for seat in self.seats_of_client.get(client_id, ()) if seat.holds(now)]

    def seats(self, person_id: str, now: datetime) -> list[Seat]:
        """The seats that a person takes now."""
        return [seat for seat in self.seats_of_person.get(person_id, ()) if seat.holds(now)]

    def client_name(self, client_id: str | None) -> str:
        """The client's name, or empty while it has not arrived here."""
        client = self.clients.get(client_id or "")
        return client.name if client else ""

    def person_name(self, person_id: str | None) -> str:
        """The person's name, or empty while it has not arrived here."""
        person = self.people.get(person_id or "")
        return person.name if person else ""

    def hidden_by_wall(self, person_id: str, now: datetime) -> frozenset[str]:
        """Clients that do not exist for a person: across a wall from a team they are on, or cool off from."""
        hidden: set[str] = set()
        for wall in self.walls:
            for mine, other in (wall.client_ids, wall.client_ids[::-1]):
                if self._bound(person_id, mine, wall.cooling_off_days, now):
                    hidden.add(other)
        return frozenset(hidden)

    def walled_clients(self) -> frozenset[str]:
        """Every client that stands behind some wall."""
        return frozenset(client_id for wall in self.walls for client_id in wall.client_ids)

    def _bound(self, person_id: str, client_id: str, cooling_off_days: int, now: datetime) -> bool:
        # A seat that was called off before it began (its end is not after its start) binds nobody.
        cooled = now - timedelta(days=cooling_off_days)
        return any(
            seat.client_id == client_id
            and seat.starts_at <= now
            and (seat.ends_at is None or seat.ends_at > max(cooled, seat.starts_at))
            for seat in self.seats_of_person.get(person_id, ())
        )

    def scope(self, person_id: str, now: datetime) -> Scope:
        """What a person may see now. Nobody that is not employed sees anything, named or not."""
        person = self.person(person_id)
        if person is None:
            return NOBODY
        roles = set(person.roles)
        hidden = self.hidden_by_wall(person_id, now)
        if self.stale:
            hidden |= self.walled_clients()
        cleared = {seat.client_id for seat in self.seats(person_id, now)}
        leads = "leadership" in roles
        if leads and person.branch:
            cleared |= {client.id for client in self.clients.values() if client.branch == person.branch}
        everything = "director" in roles or (leads and not person.branch)
        # An administrator's or auditor's role alone reads no client content.
        content = not roles or bool(roles - _ROLES_WITHOUT_CONTENT) or bool(cleared)
        shy: set[str] = set()
        if not everything:
            shy = {c.id for c in self.clients.values() if c.visibility == "team" and c.id not in cleared}
        return Scope(
            person_id=person_id,
            everything=everything,
            cleared=frozenset(cleared - hidden),
            hidden=hidden,
            shy=frozenset(shy) - (frozenset(self.clients) if "administrator" in roles else frozenset()),
            colleague=content,
            market=content or "administrator" in roles,
            directory=content or "administrator" in roles,
            red=not self.stale,
        )


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking, at this instant."""

    person: Person
    book: Book
    now: datetime
    scope: Scope
    session_id: str = ""
    can_write: bool = True

    @property
    def id(self) -> str:
        """The person's id."""
        return self.person.id

    @property
    def name(self) -> str:
        """The person's name."""
        return self.person.name

    @property
    def username(self) -> str:
        """The name they sign in with."""
        return self.person.username

    @property
    def roles(self) -> frozenset[str]:
        """Agency-wide and department roles (not seats)."""
        return frozenset(self.person.roles)

    def seat(self, client_id: str | None, roles: Iterable[str] = SEATS) -> bool:
        """Whether they hold one of these seats on the client's team now."""
        wanted = set(roles)
        return any(
            seat.client_id == client_id and seat.role in wanted for seat in self.book.seats(self.id, self.now)
        )

    def may(self, action: str, subject: Subject | None = None) -> bool:
        """Whether they may do this. Raises KeyError for an action that no rule names."""
        return may(self, action, subject or Subject())


def actor(
    book: Book, person_id: str, now: datetime, *, session_id: str = "", can_write: bool = True
) -> Actor | None:
    """The actor for an employed person, else None."""
    person = book.person(person_id)
    if person is None:
        return None
    return Actor(person, book, now, book.scope(person_id, now), session_id, can_write)


Rule = Callable[[Actor, Subject], bool]


def _agency(who: Actor, _: Subject) -> bool:
    return bool(who.roles & {"administrator", "director"})


def _listed(rule: Rule) -> Rule:
    return lambda who, it: (it.client_id is None or who.scope.lists(it.client_id)) and rule(who, it)


def _readable(rule: Rule) -> Rule:
    return lambda who, it: who.scope.reads(it.client_id, it.label, it.recipients) and rule(who, it)


def _leads_client(who: Actor, it: Subject) -> bool:
    return _agency(who, it) or who.seat(it.client_id, ("AM", "AD"))


def _works_on(who: Actor, it: Subject) -> bool:
    return who.scope.market if it.client_id is None else who.scope.clears(it.client_id)


def _judges(who: Actor, it: Subject) -> bool:
    if it.client_id is None:
        return who.scope.market
    leads = "leadership" in who.roles and who.scope.clears(it.client_id)  # of its own branch only
    return "director" in who.roles or who.seat(it.client_id, ("AM", "AD")) or leads


def _four_eyes(rule: Rule) -> Rule:
    return lambda who, it: who.id not in it.author_ids and rule(who, it)


def _drafts(who: Actor, it: Subject) -> bool:
    """Drafts are their author's and the client's team's; the author of a RED one need not be named."""
    wrote = who.id in it.author_ids
    label = STRICT if wrote and it.label == RED else it.label
    return (wrote or who.seat(it.client_id)) and who.scope.reads(it.client_id, label, it.recipients)


def _making(who: Actor, it: Subject) -> bool:
    """Proposals in the making are their author's, the client's team's and those people's who lead it.

    One of no client is the directors' besides its author. The author of a RED one need not be named.
    """
    wrote = who.id in it.author_ids
    label = STRICT if wrote and it.label == RED else it.label
    return (wrote or _writes(who, it)) and who.scope.reads(it.client_id, label, it.recipients)


def _writes(who: Actor, it: Subject) -> bool:
    if it.client_id is None:
        return who.id in it.author_ids or "director" in who.roles
    return who.scope.clears(it.client_id)


def _approves(who: Actor, it: Subject) -> bool:
    if it.client_id is None:
        return bool(who.roles & {"director", "leadership"})
    return "director" in who.roles or who.seat(it.client_id, ("AM", "AD"))


def _authors_or_judges(who: Actor, it: Subject) -> bool:
    return who.id in it.author_ids or _judges(who, it)


RULES: dict[str, Rule] = {
    "client.create": lambda who, it: (
        _agency(who, it) or any(seat.role in ("AM", "AD") for seat in who.book.seats(who.id, who.now))
    ),
    "client.list": _listed(lambda who, it: True),
    "client.change": _listed(_leads_client),
    "client.contacts": lambda who, it: it.client_id is not None and who.scope.clears(it.client_id),
    "contact.read": lambda who, it: it.client_id is not None and who.scope.clears(it.client_id),
    "team.manage": _listed(_leads_client),
    "team.correct": _listed(_agency),
    "person.manage": _agency,
    "person.grant": lambda who, it: "administrator" in who.roles,
    "wall.manage": _agency,
    "wall.list": _agency,
    "finding.read": _readable(lambda who, it: True),
    "finding.capture": _works_on,
    "finding.change": _readable(_works_on),
    "finding.verify": _readable(_four_eyes(_judges)),
    "finding.dispute": _readable(lambda who, it: True),
    # Settling in a finding's favour approves it again, so it needs other eyes than its author's, too.
    "finding.settle": _readable(_four_eyes(_judges)),
    "finding.retract": _readable(_authors_or_judges),
    "draft.read": _drafts,
    "draft.change": lambda who, it: _drafts(who, it) and _works_on(who, it),
    "source.read": _readable(lambda who, it: True),
    "source.manage": _works_on,
    "proposal.read": _readable(lambda who, it: True),
    "proposal.making.read": _making,
    "proposal.create": _works_on,
    "proposal.change": _writes,
    "proposal.withdraw": lambda who, it: _writes(who, it) or who.id in it.author_ids,
    # Which of the approvals that are needed is theirs to give, the rules for approving say.
    "proposal.approve": _four_eyes(_approves),
    "proposal.judge": _judges,
    "proposal.override": lambda who, it: "director" in who.roles or who.seat(it.client_id, ("AD",)),
    "proposal.rules": lambda who, it: "director" in who.roles,
    "proposal.discuss": lambda who, it: True,
    "audit.read": lambda who, it: bool(who.roles & {"auditor", "administrator"}),
}


def may(who: Actor, action: str, subject: Subject) -> bool:
    """Answer one rule. Writing needs a token that may write."""
    if not who.can_write and not action.endswith((".read", ".list")):
        return False
    return RULES[action](who, subject)


def readable(
    scope: Scope,
    *,
    client: SQLColumnExpression[Any],
    label: SQLColumnExpression[Any],
    is_recipient: ColumnElement[bool] | None = None,
) -> ColumnElement[bool]:
    """`Scope.reads` as an SQL condition. `is_recipient`: whether the reader is named on the row."""
    named: ColumnElement[bool] = false() if is_recipient is None else is_recipient
    if not scope.red:
        named = and_(named, label != RED)
    open_label = label.in_([CLEAR, GREEN])
    openly = and_(open_label, client.not_in(sorted(scope.shy))) if scope.colleague else false()
    team = true() if scope.everything else or_(client.in_(sorted(scope.cleared)), openly)
    of_client = and_(client.is_not(None), label != RED, team)
    of_none = and_(client.is_(None), label != RED) if scope.market else false()
    not_hidden = or_(client.is_(None), client.not_in(sorted(scope.hidden)))
    return and_(not_hidden, or_(named, of_client, of_none))


def drafts(
    who: Actor,
    *,
    client: SQLColumnExpression[Any],
    label: SQLColumnExpression[Any],
    author: SQLColumnExpression[Any],
    is_recipient: ColumnElement[bool] | None = None,
) -> ColumnElement[bool]:
    """`draft.read` as an SQL condition."""
    wrote = author == who.id
    seats = sorted({seat.client_id for seat in who.book.seats(who.id, who.now)})
    kept = case((and_(wrote, label == RED), STRICT), else_=label)
    seen = readable(who.scope, client=client, label=kept, is_recipient=is_recipient)
    return and_(or_(wrote, client.in_(seats)), seen)


def making(
    who: Actor,
    *,
    client: SQLColumnExpression[Any],
    label: SQLColumnExpression[Any],
    author: SQLColumnExpression[Any],
    is_recipient: ColumnElement[bool] | None = None,
) -> ColumnElement[bool]:
    """`proposal.making.read` as an SQL condition."""
    wrote = author == who.id
    cleared = true() if who.scope.everything else client.in_(sorted(who.scope.cleared))
    of_none = client.is_(None) if "director" in who.roles else false()
    kept = case((and_(wrote, label == RED), STRICT), else_=label)
    seen = readable(who.scope, client=client, label=kept, is_recipient=is_recipient)
    return and_(or_(wrote, and_(client.is_not(None), cleared), of_none), seen)


def listed(scope: Scope, client: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """`Scope.lists` as an SQL condition."""
    visible: ColumnElement[bool] = true() if scope.everything else client.in_(sorted(scope.cleared))
    if scope.directory and not scope.everything:
        visible = or_(visible, client.not_in(sorted(scope.shy)))
    return and_(client.not_in(sorted(scope.hidden)), visible)


# --- keeping the facts -------------------------------------------------------------------------------------


def keep_fact(session: Session, event: Event, shape: Shape) -> None:
    """Fold one access fact; the newest (epoch, version) of a key wins."""
    row = session.get(AccessFactRow, (shape.NAME, shape.id))
    if row is not None and (row.epoch, row.version) > (event.epoch, event.version):
        return
    if row is None:
        row = AccessFactRow(kind=shape.NAME, id=shape.id, epoch=0, version=0, state={})
        session.add(row)
    row.epoch, row.version, row.state = event.epoch, event.version, shape.to_dict()
    session.flush()
    _tell_readers(session)


def drop_fact(session: Session, kind: str, key: str) -> None:
    """Let go of a fact that its source does not have any more."""
    row = session.get(AccessFactRow, (kind, key))
    if row is not None:
        session.delete(row)
        session.flush()
        _tell_readers(session)


def _tell_readers(session: Session) -> None:
    session.merge(AccessRevisionRow(id=1, revision=new_id()))
    session.flush()


class Reader:
    """Gives a process the current Book, reading the tables again only when their revision moved."""

    def __init__(self, stale_after: float, *, follows: tuple[str, ...]) -> None:
        self._stale_after = timedelta(seconds=stale_after)
        self._follows = follows
        self._book = Book()
        self._stale = (datetime.min.replace(tzinfo=UTC), True)

    def book(self, session: Session, now: datetime) -> Book:
        """The facts as this session sees them; marked stale when their topics were not heard for too long."""
        revision = session.connection().scalar(_REVISION) or ""
        if revision != self._book.revision:
            self._book = read_book(session, revision)
        return replace(self._book, stale=True) if self._is_stale(session, now) else self._book

    def _is_stale(self, session: Session, now: datetime) -> bool:
        # Looked at once a second: staleness is a matter of minutes, and every request asks.
        looked_at, stale = self._stale
        if stale or not timedelta(0) <= now - looked_at < LOOK_EVERY:
            stale = self._look(session, now)
            self._stale = (now, stale)
        return stale

    def _look(self, session: Session, now: datetime) -> bool:
        if not self._follows:
            return False
        query = select(PositionRow.at_end_at).where(PositionRow.topic.in_(self._follows))
        heard = session.scalars(query).all()
        return len(heard) < len(self._follows) or any(
            at is None or now - at > self._stale_after for at in heard
        )


_REVISION = select(AccessRevisionRow.__table__.c.revision)


def read_book(session: Session, revision: str) -> Book:
    """Read every access fact."""
    facts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for kind, state in session.execute(select(AccessFactRow.kind, AccessFactRow.state)):
        facts[kind].append(state)
    people = {state["id"]: Person.read(state) for state in facts[Person.NAME]}
    of_person: dict[str, list[Seat]] = defaultdict(list)
    of_client: dict[str, list[Seat]] = defaultdict(list)
    for state in facts[Assignment.NAME]:
        seat = _seat(Assignment.read(state))
        of_person[seat.person_id].append(seat)
        of_client[seat.client_id].append(seat)
    ended = [EndedSession.read(state) for state in facts[EndedSession.NAME]]
    return Book(
        revision=revision,
        people=people,
        usernames={person.username: person.id for person in people.values()},
        clients={state["id"]: Client.read(state) for state in facts[Client.NAME]},
        walls=tuple(wall for wall in map(Wall.read, facts[Wall.NAME]) if wall.lifted_at is None),
        keys={state["id"]: Key.read(state) for state in facts[Key.NAME]},
        ended_sessions=frozenset(session.id for session in ended if session.revoked_at),
        seats_of_person={key: tuple(seats) for key, seats in of_person.items()},
        seats_of_client={key: tuple(seats) for key, seats in of_client.items()},
    )


def _seat(shape: Assignment) -> Seat:
    return Seat(
        id=shape.id,
        client_id=shape.client_id,
        person_id=shape.person_id,
        role=shape.role,
        starts_at=instant(shape.starts_at),
        ends_at=instant(shape.ends_at) if shape.ends_at else None,
    )
