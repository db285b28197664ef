"""What a proposal says: sections, the hash that approvals bind to, differences, and merging what two people
typed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import rfc8785

SECTIONS = 60
BODY_LIMIT = 64_000
CONTENT_LIMIT = 600_000
"""Characters of all sections together; an event carries them whole, so they have a bound."""
CITATIONS = 200


def content_hash(
    *,
    kind: str,
    client_id: str | None,
    title: str,
    label: str,
    recipients: Iterable[str],
    valid_until: str | None,
    currency: str,
    sections: Iterable[Mapping[str, Any]],
    budget: Mapping[str, Any],
) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of everything that an approval approves.

    Whoever wrote it, when it is due, who looks after it and how likely it is are no content. The ids of
    sections are none either: they only tell editors apart. A copy has the same hash but approvals of its
    own: none.
    """
    canonical = {
        "kind": kind,
        "client_id": client_id,
        "title": title,
        "label": label,
        "recipients": sorted(recipients),
        "valid_until": valid_until,
        "currency": currency,
        "sections": [
            {
                "heading": section["heading"],
                "body": section["body"],
                "citations": list(section["citations"]),
            }
            for section in sections
        ],
        "budget": dict(budget),
    }
    return hashlib.sha256(rfc8785.dumps(canonical)).hexdigest()


def cited(sections: Iterable[Mapping[str, Any]]) -> list[str]:
    """The findings that some sections cite, each once, in order."""
    return list(dict.fromkeys(one for section in sections for one in section["citations"]))


# --- differences -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of lines: `same`, `removed` or `added`."""

    kind: str
    text: str


def difference(before: str, after: str) -> list[Piece]:
    """How one text became another, line by line."""
    old, new = before.split("\n"), after.split("\n")
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "\n".join(old[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("removed", "\n".join(old[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("added", "\n".join(new[j1:j2])))
    return pieces


@dataclass(frozen=True, slots=True)
class SectionChange:
    """One section in two versions: `added`, `removed`, `moved`, `changed` or `same`."""

    id: str
    change: str
    heading: str
    pieces: tuple[Piece, ...]
    citations_added: tuple[str, ...]
    citations_removed: tuple[str, ...]


def section_changes(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[SectionChange]:
    """What became of each section, in the order of the newer version; removed ones last."""
    old = {section["id"]: section for section in before}
    kept = [section["id"] for section in before if section["id"] in {new["id"] for new in after}]
    places = {section_id: place for place, section_id in enumerate(kept)}
    found: list[SectionChange] = []
    place = 0
    for section in after:
        earlier = old.get(section["id"])
        if earlier is None:
            found.append(_section_change("added", {}, section))
            continue
        same = all(earlier[name] == section[name] for name in ("heading", "body", "citations"))
        moved = places[section["id"]] != place
        place += 1
        found.append(
            _section_change("moved" if same and moved else "same" if same else "changed", earlier, section)
        )
    gone = [section for section in before if section["id"] not in {new["id"] for new in after}]
    return found + [_section_change("removed", section, {}) for section in gone]


def _section_change(change: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> SectionChange:
    old, new = _text(before), _text(after)
    was, now = before.get("citations", []), after.get("citations", [])
    return SectionChange(
        id=after.get("id") or before["id"],
        change=change,
        heading=after.get("heading") or before.get("heading", ""),
        pieces=tuple(difference(old, new)),
        citations_added=tuple(one for one in now if one not in was),
        citations_removed=tuple(one for one in was if one not in now),
    )


def _text(section: Mapping[str, Any]) -> str:
    return f"{section['heading']}\n{section['body']}" if section else ""


# --- merging -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Merged:
    """Two people's changes of one text put together; `clashes`: both changed the same lines."""

    text: str
    clashes: bool


def merge(base: str, mine: str, theirs: str) -> Merged:
    """Put together what two people made of one text, by lines.

    Where both changed the same lines, both versions stand one after the other, theirs first: nothing that
    somebody typed is lost, and a person decides.
    """
    if mine in (theirs, base):
        return Merged(theirs, False)
    if theirs == base:
        return Merged(mine, False)
    old, my, their = base.split("\n"), mine.split("\n"), theirs.split("\n")
    my_changes, their_changes = _changes(old, my), _changes(old, their)
    lines: list[str] = []
    clashes = False
    at = 0
    while my_changes or their_changes:
        start = min(c[0] for c in (my_changes[:1] + their_changes[:1]))
        lines += old[at:start]
        taken_mine, taken_theirs, end = _together(start, my_changes, their_changes)
        my_lines = _applied(old, start, end, taken_mine)
        their_lines = _applied(old, start, end, taken_theirs)
        if not taken_theirs or my_lines == their_lines:
            lines += my_lines
        elif not taken_mine:
            lines += their_lines
        else:
            clashes = True
            lines += [*their_lines, *my_lines]
        at = end
    return Merged("\n".join([*lines, *old[at:]]), clashes)


Change = tuple[int, int, list[str]]


def _changes(old: list[str], new: list[str]) -> list[Change]:
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(i1, i2, new[j1:j2]) for tag, i1, i2, j1, j2 in opcodes if tag != "equal"]


def _together(start: int, mine: list[Change], theirs: list[Change]) -> tuple[list[Change], list[Change], int]:
    """Take off both lists the changes that touch one another from `start` on; answers them and where they
    end.
    """
    taken: tuple[list[Change], list[Change]] = ([], [])
    end = start
    moved = True
    while moved:
        moved = False
        for changes, kept in ((mine, taken[0]), (theirs, taken[1])):
            while changes and changes[0][0] <= end:
                change = changes.pop(0)
                kept.append(change)
                end = max(end, change[1])
                moved = True
    return *taken, end


def _applied(old: list[str], start: int, end: int, changes: list[Change]) -> list[str]:
    lines: list[str] = []
    at = start
    for i1, i2, new in changes:
        lines += [*old[at:i1], *new]
        at = i2
    return lines + old[at:end]
