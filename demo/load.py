"""Reads the demo agency's files; pure: no database, no network, no clock of its own.

The files under `data/` are TOML. Every record becomes the body of the API call that creates it
(`/accounts/v1/…`, `/intelligence/v1/…`, `/proposals/v1/…`), except that ids are still symbolic: a username
for a person, a slug for a client, source or finding. Whoever seeds replaces them by the ids that the
services answer.

Nothing ages: the files hold days (`collected_days_ago = 40`, `from_in_days = 21`), resolved against `today`,
and texts may hold `{Y}`, `{Y-1}` or `{Y+1}`: the year in which the finding was collected, the one before, the
one after. Texts are wrapped in the files only. Records come in an order in which references point backwards.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

DATA = Path(__file__).parent / "data"
AGENCY_ZONE = ZoneInfo("Asia/Shanghai")
STATES = ("draft", "submitted", "verified", "disputed", "retracted", "corrected")

_WRAPPED = re.compile(r"(?<=([^\n]))\n(?=([^\n]))")
_YEAR = re.compile(r"\{Y([+-]\d+)?\}")
_FINDING_DEFAULTS: dict[str, Any] = {"label": "TLP:AMBER+STRICT", "corroborated_by": [], "recipients": []}
_FINDING_OWN = {"author", "state", "by", "reason", "correction"}


class DemoError(Exception):
    """The demo files contradict themselves; the message names the file's record and what to mend."""


@dataclass(frozen=True, slots=True)
class Person:
    """Body of `POST /accounts/v1/people`."""

    username: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """Body of `POST /accounts/v1/clients` (`parent_id`: a client's slug), its contacts and its team.

    Assignments are bodies of `…/assignments` with a username as `person_id`; past, open and future ones.
    """

    slug: str
    body: dict[str, Any]
    contacts: tuple[dict[str, Any], ...]
    assignments: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Body of `POST /intelligence/v1/sources` (`origin_id`: a source's slug, `client_id`: a client's)."""

    slug: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """Body of `POST /intelligence/v1/findings`, who writes it and what becomes of it.

    `state` is where it ends up: `draft` (the body says so), `submitted`, or, after one more verb by `by`,
    `verified`, `disputed` {reason}, `retracted` {reason} or `corrected` (`correction`: the changed fields).
    """

    slug: str
    body: dict[str, Any]
    author: str
    state: str
    by: str | None
    reason: str
    correction: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Body of `POST /proposals/v1/proposals` (`client_id`: a client's slug, citations: findings' slugs).

    `state` is where it ends up; `by` approves and decides, `second` approves besides. `pitch`: what a pitch
    has besides its proposal. With `alternative_of` it begins as another proposal's alternative.
    """

    slug: str
    body: dict[str, Any]
    author: str
    state: str
    by: str | None
    second: str | None
    reason: str
    note: str
    alternative_of: str | None
    comment: str
    pitch: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Demo:
    """The whole agency. `agency`: name, english_name, slogan. Walls: bodies of `POST /accounts/v1/walls`."""

    agency: dict[str, Any]
    people: tuple[Person, ...]
    clients: tuple[Client, ...]
    walls: tuple[dict[str, Any], ...]
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]
    proposals: tuple[Proposal, ...]

    def origin(self, source: str) -> str:
        """The independent origin behind a source: itself, unless it repeats another."""
        bodies = {known.slug: known.body for known in self.sources}
        while repeated := bodies[source]["origin_id"]:
            source = repeated
        return source


def load(today: date, folder: Path = DATA) -> Demo:
    """Read the demo as of a day. Raises DemoError on a dangling reference or a repeated slug."""
    agency = _read(folder / "agency.toml")
    accounts = _read(folder / "clients.toml")
    files = sorted((folder / "findings").glob("*.toml"))
    demo = Demo(
        agency=agency["agency"],
        people=tuple(Person(body["username"], body) for body in agency["people"]),
        clients=tuple(_client(record, today) for record in accounts["clients"]),
        walls=tuple(accounts["walls"]),
        sources=tuple(_source(record) for record in _read(folder / "sources.toml")["sources"]),
        findings=tuple(finding for file in files for finding in _findings(_read(file), today)),
        proposals=tuple(_proposal(record, today) for record in _read(folder / "proposals.toml")["proposals"]),
    )
    _check(demo)
    return demo


def _read(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        return tomllib.load(stream)


def _client(record: dict[str, Any], today: date) -> Client:
    body = {"parent_id": None, "visibility": "directory"} | record
    contacts, team = body.pop("contacts"), body.pop("team")
    return Client(body.pop("slug"), body, tuple(contacts), tuple(_assignment(seat, today) for seat in team))


def _assignment(seat: dict[str, Any], today: date) -> dict[str, Any]:
    """Days in the files count from today: negative ones are past."""
    until = seat.get("until_in_days")
    return {
        "person_id": seat["person"],
        "role": seat["role"],
        "from": _day(today, -seat["from_in_days"]),
        "until": None if until is None else _day(today, -until),
    }


def _source(record: dict[str, Any]) -> Source:
    body = {"url": "", "origin_id": None, "client_id": None} | record
    body["origin_id"] = body.pop("origin", None)
    body["client_id"] = body.pop("client", None)
    return Source(body.pop("slug"), body)


def _findings(file: dict[str, Any], today: date) -> Iterable[Finding]:
    """The findings of one file, whose head says client or market, author and verifier for all of them."""
    for record in file["findings"]:
        yield _finding(record, file, today)


def _finding(record: dict[str, Any], file: dict[str, Any], today: date) -> Finding:
    state = record.get("state", "submitted")
    author = record.get("author", file["author"])
    body = _FINDING_DEFAULTS | {key: value for key, value in record.items() if key not in _FINDING_OWN}
    slug = body.pop("slug")
    body["client_id"] = file.get("client")
    body["source_id"] = body.pop("source")
    days = body.pop("collected_days_ago")
    body["collected_at"] = _working_hour(today, days, slug)
    for bound in ("valid_from", "valid_until"):
        ago = body.pop(f"{bound}_days_ago", None)
        body[bound] = None if ago is None else _day(today, ago)
    if state == "draft":
        body["draft"] = True
    year = (today - timedelta(days=days)).year
    correction = record.get("correction")
    return Finding(
        slug=slug,
        body=_texts(body, year),
        author=author,
        state=state,
        by=_actor(record, file, state),
        reason=record.get("reason", ""),
        correction=None if correction is None else _texts(correction, year),
    )


def _proposal(record: dict[str, Any], today: date) -> Proposal:
    """Days in the file count from today: negative ones are past."""
    due, valid = record.get("due_in_days"), record.get("valid_in_days")
    body = {
        "kind": record["kind"],
        "client_id": record.get("client"),
        "title": record["title"],
        "language": record.get("language", "zh"),
        "due_at": None if due is None else _day(today, -due),
        "valid_until": None if valid is None else _day(today, -valid),
        "probability": record.get("probability"),
        "sections": [
            {"heading": one["heading"], "body": one["body"], "citations": list(one.get("cites", ()))}
            for one in record["sections"]
        ],
    }
    if lines := record.get("lines"):
        body["budget"] = {"tax_percent": "6", "lines": [_line(line) for line in lines]}
    return Proposal(
        slug=record["slug"],
        body=body,
        author=record["author"],
        state=record["state"],
        by=record.get("by"),
        second=record.get("second"),
        reason=record.get("reason", ""),
        note=record.get("note", ""),
        alternative_of=record.get("alternative_of"),
        comment=record.get("comment", ""),
        pitch=record.get("pitch"),
    )


def _line(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"unit_price": money(line["unit_price"])}


def money(amount: str) -> dict[str, str]:
    """Money as the API writes it, in the demo agency's currency."""
    return {"amount": amount, "currency": "CNY"}


def _actor(record: dict[str, Any], file: dict[str, Any], state: str) -> str | None:
    """Who takes the last step: the file's verifier judges, authors withdraw or correct their own."""
    if state in ("draft", "submitted"):
        return None
    own = record.get("author", file["author"])
    return str(record.get("by", own if state in ("retracted", "corrected") else file["verifier"]))


def _day(today: date, ago: int) -> str:
    return (today - timedelta(days=ago)).isoformat()


def _working_hour(today: date, ago: int, slug: str) -> str:
    """An instant of that day in office hours, the same for a slug; today's is midnight, so never ahead."""
    minutes = int.from_bytes(hashlib.sha256(slug.encode()).digest()[:2]) % 540 if ago else -540
    local = datetime.combine(today - timedelta(days=ago), time(9), AGENCY_ZONE) + timedelta(minutes=minutes)
    return local.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _texts(body: dict[str, Any], year: int) -> dict[str, Any]:
    """The body with its texts unwrapped and their years written out."""

    def text(value: str) -> str:
        return _YEAR.sub(lambda mark: str(year + int(mark[1] or 0)), _unwrap(value))

    return {key: text(value) if isinstance(value, str) else value for key, value in body.items()}


def _unwrap(text: str) -> str:
    """Join the lines of a paragraph: Latin words with a space, Chinese ones without; blank lines stay."""
    return _WRAPPED.sub(lambda ends: " " if ends[1].isascii() or ends[2].isascii() else "", text.strip())


# --- references --------------------------------------------------------------------------------------------


def _check(demo: Demo) -> None:
    people = _distinct("person", (person.username for person in demo.people))
    clients = _distinct("client", (client.slug for client in demo.clients))
    sources = _distinct("source", (source.slug for source in demo.sources))
    _distinct("finding", (finding.slug for finding in demo.findings))
    seen: set[str] = set()
    for client in demo.clients:
        _known(client.slug, "an earlier client", client.body["parent_id"], seen)
        for seat in client.assignments:
            _known(client.slug, "a person", seat["person_id"], people)
        seen.add(client.slug)
    for wall in demo.walls:
        for slug in wall["client_ids"]:
            _known("wall", "a client", slug, clients)
    seen = set()
    for source in demo.sources:
        _known(source.slug, "an earlier source", source.body["origin_id"], seen)
        _known(source.slug, "a client", source.body["client_id"], clients)
        seen.add(source.slug)
    seen = set()
    for finding in demo.findings:
        _check_finding(finding, people, clients, sources, seen)
        seen.add(finding.slug)
    earlier: set[str] = set()
    _distinct("proposal", (proposal.slug for proposal in demo.proposals))
    for proposal in demo.proposals:
        _check_proposal(proposal, people, clients, seen, earlier)
        earlier.add(proposal.slug)


def _check_finding(
    finding: Finding, people: set[str], clients: set[str], sources: set[str], earlier: set[str]
) -> None:
    body, slug = finding.body, finding.slug
    if finding.state not in STATES:
        raise DemoError(f"{slug}: no such state as {finding.state!r}")
    if bool(body["client_id"]) == bool(body.get("market")):
        raise DemoError(f"{slug}: belongs to one client or to one market")
    _known(slug, "a client", body["client_id"], clients)
    _known(slug, "a source", body["source_id"], sources)
    for username in (finding.author, finding.by, *body["recipients"]):
        _known(slug, "a person", username, people)
    for other in body["corroborated_by"]:
        _known(slug, "an earlier finding", other, earlier)


def _check_proposal(
    proposal: Proposal, people: set[str], clients: set[str], findings: set[str], earlier: set[str]
) -> None:
    slug = proposal.slug
    _known(slug, "a client", proposal.body["client_id"], clients)
    _known(slug, "an earlier proposal", proposal.alternative_of, earlier)
    for username in (proposal.author, proposal.by, proposal.second):
        _known(slug, "a person", username, people)
    for section in proposal.body["sections"]:
        for finding in section["citations"]:
            _known(slug, "a finding", finding, findings)


def _distinct(what: str, names: Iterable[str]) -> set[str]:
    known: set[str] = set()
    for name in names:
        if name in known:
            raise DemoError(f"{what} {name!r} is there twice")
        known.add(name)
    return known


def _known(owner: str, what: str, name: str | None, known: set[str]) -> None:
    if name is not None and name not in known:
        raise DemoError(f"{owner}: {name!r} is not {what}")
