"""The envelope in which services tell one another what happened, and how shapes are read tolerantly.

An event carries what happened (`change`) and the whole public shape after it (`state`), so that a
projection is "keep the newest (epoch, version) of this key" and heals at the next event. Shapes only grow:
every field but `id` has a default, readers ignore fields that they do not know, and a changed meaning gets a
new name (`contracts/snapshot.json` refuses anything else).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Self

RESTATED = "restated"
EPOCH = "epoch"
EPOCH_COMPLETE = f"{EPOCH}.complete"


@dataclass(frozen=True, slots=True)
class Event:
    """One committed happening of one aggregate.

    `source` is the topic; `type` reads `<shape>.<happening>` (for example `finding.submitted`), so that a
    consumer older than its producer still knows which shape `state` has. `version` counts 1..n per key,
    through all epochs.

    A source that was restored from a backup opens a new `epoch`: it says again what it has, each key at the
    version that it has, and then `epoch.complete` with the key `epoch`. Whoever keeps something of that
    source by then drops the keys of an older epoch, and takes nothing of an older one any more.

    `replay`: nothing has happened, the state that holds is only said again (`<shape>.restated`). Projections
    keep it; nobody reacts to it. The envelope has the field only where it is true.
    """

    id: str
    type: str
    source: str
    epoch: int
    key: str
    version: int
    at: str
    actor: str | None = None
    cause: str | None = None
    trace: str | None = None
    change: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    replay: bool = False

    @property
    def completes_epoch(self) -> bool:
        """Whether all that the source still has in this epoch was said before this event."""
        return self.type == EPOCH_COMPLETE

    @property
    def shape_name(self) -> str:
        """The shape that `state` has: the part of `type` before the dot."""
        return self.type.partition(".")[0]

    def to_json(self) -> str:
        """The envelope as one line of JSON."""
        said = _values(self)
        if not self.replay:
            del said["replay"]
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read an envelope; fields unknown to this version are ignored. Raises ValueError when it is none."""
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("an event is a JSON object")
        try:
            return cls(**_known(cls, data))
        except TypeError as error:
            raise ValueError(f"not an event: {error}") from error


class Shape:
    """Base of the public shapes: frozen dataclasses of JSON values, `id` first, defaults for all the rest."""

    TOPIC: ClassVar[str]
    NAME: ClassVar[str]
    id: str

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> Self:
        """The shape in an event's state, whatever newer fields the producer added."""
        return cls(**_known(cls, state))

    def parts(self) -> tuple[Shape, ...]:
        """What travels: the shape; where only some may read it all, what all are told, then the whole."""
        return (self,)

    def to_dict(self) -> dict[str, Any]:
        """The shape as JSON values."""
        return _values(self)


@dataclass(frozen=True, slots=True)
class Happening:
    """A kind of event: the shape that it carries and what has happened to it."""

    shape: type[Shape]
    name: str
    meaning: str

    @property
    def type(self) -> str:
        """The envelope's `type`."""
        return f"{self.shape.NAME}.{self.name}"


HAPPENINGS: dict[str, Happening] = {}
SHAPES: dict[str, type[Shape]] = {}


def happening(shape: type[Shape], name: str, meaning: str) -> Happening:
    """Declare a kind of event. Raises ValueError when the type is declared twice."""
    declared = Happening(shape, name, meaning)
    if declared.type in HAPPENINGS:
        raise ValueError(f"{declared.type} is declared twice")
    HAPPENINGS[declared.type] = declared
    SHAPES[shape.NAME] = shape
    return declared


def topics_of(publisher: str) -> list[str]:
    """The topics that a service publishes: its name, or begun with it."""
    topics = {shape.TOPIC for shape in SHAPES.values()}
    return sorted(topic for topic in topics if topic.partition(".")[0] == publisher)


@cache
def _names(cls: Any) -> frozenset[str]:
    return frozenset(f.name for f in fields(cls))


def _values(instance: Any) -> dict[str, Any]:
    # They are JSON values already; `asdict` would copy every list and mapping, for each write.
    return {f.name: getattr(instance, f.name) for f in fields(instance)}


def _known(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    names = _names(cls)
    return {name: value for name, value in data.items() if name in names}
