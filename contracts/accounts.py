"""What accounts publishes: clients and contacts; on the access topic people, assignments and walls."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.event import Shape, happening

TOPIC = "accounts"
ACCESS_TOPIC = "accounts.access"


@dataclass(frozen=True, kw_only=True)
class Client(Shape):
    """A client of the agency. `visibility`: `directory` (listed to all colleagues) or `team`."""

    TOPIC = TOPIC
    NAME = "client"

    id: str
    name: str = ""
    english_name: str = ""
    aliases: list[str] = field(default_factory=list)
    industry: str = ""
    parent_id: str | None = None
    branch: str = ""
    visibility: str = "directory"
    tier: str = ""
    status: str = ""
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Contact(Shape):
    """A person at the client. Personal data: kept only where it is used."""

    TOPIC = TOPIC
    NAME = "contact"

    id: str
    client_id: str = ""
    name: str = ""
    title: str = ""
    email: str = ""
    phone: str = ""
    preferred_language: str = ""
    removed: bool = False
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Person(Shape):
    """Somebody who works, or worked, at the agency. `status`: `employed` or `left`."""

    TOPIC = ACCESS_TOPIC
    NAME = "person"

    id: str
    username: str = ""
    name: str = ""
    email: str = ""
    roles: list[str] = field(default_factory=list)
    branch: str = ""
    status: str = "employed"
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Assignment(Shape):
    """A seat (CAE, AM, AD) on a client's team, from an instant until an instant (exclusive; none: open)."""

    TOPIC = ACCESS_TOPIC
    NAME = "assignment"

    id: str
    client_id: str = ""
    person_id: str = ""
    role: str = ""
    starts_at: str = ""
    ends_at: str | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Wall(Shape):
    """A conflict wall between two competing clients; it hides each from the other's team."""

    TOPIC = ACCESS_TOPIC
    NAME = "wall"

    id: str
    client_ids: list[str] = field(default_factory=list)
    reason: str = ""
    cooling_off_days: int = 0
    raised_at: str = ""
    lifted_at: str | None = None
    version: int = 0


ClientCreated = happening(Client, "created", "a client was added")
ClientChanged = happening(Client, "changed", "a client's facts were changed")
ContactAdded = happening(Contact, "added", "a contact was added to a client")
ContactChanged = happening(Contact, "changed", "a contact's facts were changed")
ContactRemoved = happening(Contact, "removed", "a contact was removed")
PersonJoined = happening(Person, "joined", "a person was added to the agency")
PersonChanged = happening(Person, "changed", "a person's name, roles or branch were changed")
PersonLeft = happening(Person, "left", "a person left the agency")
AssignmentStarted = happening(Assignment, "started", "a person was given a seat on a client's team")
AssignmentChanged = happening(Assignment, "changed", "the period of a seat was changed")
AssignmentEnded = happening(Assignment, "ended", "a person was taken off a client's team")
WallRaised = happening(Wall, "raised", "a wall was raised between two competing clients")
WallChanged = happening(Wall, "changed", "a wall's reason or cooling-off was changed")
WallLifted = happening(Wall, "lifted", "a wall was lifted")
