"""Founds the agency on a first start and fills the demo agency, as people would: through the API.

Every record goes in under an Idempotency-Key of its own, so that a filling which was interrupted goes on at
the next start and doubles nothing.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from demo import load
from demo.proposing import Proposing
from services.accounts import commands as accounts
from services.accounts import service as accounts_service
from services.portal import commands as portal
from services.portal import service as portal_service
from shared.config import Settings
from shared.service import Runtime

Say = Callable[[str], None]
ADMINISTRATOR = accounts.FIRST
PASSWORD_FILE = "admin-password"
SIGN_INS_FILE = "demo-sign-ins.json"
DONE_FILE = "demo-filled"
STARTED_FILE = "demo-started"
DEMO_PASSWORD = "hengchuan-2026"
TOKEN_LIFE = timedelta(hours=1)
EVERY = 50


class DemoFailed(Exception):
    """The product refused a record of the demo agency; the message says which and why."""


def found(settings: Settings, say: Say) -> None:
    """Give an empty agency its administrator. Does nothing where there is one already."""
    running = Runtime(accounts_service.SERVICE, settings)
    with running.unit_of_work() as uow:
        admin = accounts.found_agency(uow)
    if admin is not None:
        _give_first_password(settings, admin.id, say)


def _give_first_password(settings: Settings, person_id: str, say: Say) -> None:
    running = Runtime(portal_service.SERVICE, settings)
    with running.database.read() as session:
        if portal.has_password(session, person_id):
            return
    password = DEMO_PASSWORD if settings.demo else secrets.token_urlsafe(12)
    if not settings.demo:
        kept = settings.home / PASSWORD_FILE
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{password}\n")
        say(
            f"sign in as {ADMINISTRATOR} with the password {password} (kept in {PASSWORD_FILE} until changed)"
        )
    password_hash = portal.hash_password(password)
    with running.unit_of_work() as uow:
        portal.set_first_password(
            uow, person_id=person_id, password_hash=password_hash, must_change=not settings.demo
        )


def fill(settings: Settings, address: str, say: Say) -> None:
    """Fill the demo agency, or go on filling it. Raises DemoFailed where the product refuses a record."""
    if (settings.home / DONE_FILE).exists():
        return
    today = _day_of_start(settings)
    _Filling(settings, address, say).fill(load.load(today))
    (settings.home / DONE_FILE).write_text(f"{today.isoformat()}\n")


def _day_of_start(settings: Settings) -> date:
    # A filling that goes on after midnight must send what it sent before.
    kept = settings.home / STARTED_FILE
    if not kept.exists():
        kept.write_text(datetime.now(ZoneInfo(settings.timezone)).date().isoformat())
    return date.fromisoformat(kept.read_text())


def how_to_sign_in(settings: Settings) -> list[str]:
    """What to tell somebody who has just started the product."""
    if settings.demo:
        return [
            f"sign in as zhou.min (director), li.na (account director) or admin; password {DEMO_PASSWORD}"
        ]
    if (settings.home / PASSWORD_FILE).exists():
        return [f"sign in as {ADMINISTRATOR}; the first password is in {settings.home.name}/{PASSWORD_FILE}"]
    return ["sign in with your own name and password"]


class _Filling:
    """One run over the demo's records; ids are those that the services answered."""

    def __init__(self, settings: Settings, address: str, say: Say) -> None:
        self._settings = settings
        self._address = urlsplit(address)
        self._connection = http.client.HTTPConnection(self._address.netloc, timeout=60)
        self._say = say
        self._tokens: dict[str, str] = {}
        self._people: dict[str, str] = {}
        self._password_hash = portal.hash_password(DEMO_PASSWORD)  # slow by intent; one for all will do
        self._clients: dict[str, str] = {}
        self._sources: dict[str, str] = {}
        self._findings: dict[str, str] = {}
        self._wait_for = ""

    def fill(self, demo: load.Demo) -> None:
        self._say(f"filling the demo agency {demo.agency['name']} …")
        self._find_admin()
        for person in demo.people:
            self._add_person(person)
        self._write_sign_ins(demo)
        for client in demo.clients:
            self._add_client(client)
        for wall in demo.walls:
            body = wall | {"client_ids": [self._clients[slug] for slug in wall["client_ids"]]}
            self._post("zhou.min", "/accounts/v1/walls", body, "wall-" + "-".join(wall["client_ids"]))
        for source in demo.sources:
            self._add_source(source, demo)
        for number, finding in enumerate(demo.findings, 1):
            self._add_finding(finding)
            if number % EVERY == 0:
                self._say(f"filling the demo agency: {number} of {len(demo.findings)} findings")
        self._propose(demo)

    def _propose(self, demo: load.Demo) -> None:
        proposing = Proposing(self._post, self._patch, self._get)
        for proposal in demo.proposals:
            body = proposal.body | {
                "sections": [
                    one | {"citations": [self._findings[slug] for slug in one["citations"]]}
                    for one in proposal.body["sections"]
                ]
            }
            if body["client_id"]:
                body["client_id"] = self._clients[body["client_id"]]
            if "@" in proposal.comment:
                named = [name for name in self._people if f"@{name}" in proposal.comment]
                mentions = [self._people[name] for name in named]
            else:
                mentions = []
            proposing.take(proposal, body, mentions)
        self._say(f"filling the demo agency: {len(demo.proposals)} proposals")

    def _find_admin(self) -> None:
        running = Runtime(accounts_service.SERVICE, self._settings)
        with running.unit_of_work() as uow:
            admin = accounts.found_agency(uow)
        if admin is None:
            raise DemoFailed(f"nobody signs in as {ADMINISTRATOR}, who fills the demo agency")
        self._people[ADMINISTRATOR] = admin.id

    def _add_person(self, person: load.Person) -> None:
        if person.username != ADMINISTRATOR:
            made = self._post(ADMINISTRATOR, "/accounts/v1/people", person.body, f"person-{person.username}")
            self._people[person.username] = made["id"]
            self._set_password(made["id"])

    def _set_password(self, person_id: str) -> None:
        running = Runtime(portal_service.SERVICE, self._settings)
        with running.database.read() as session:
            if portal.has_password(session, person_id):
                return
        with running.unit_of_work() as uow:
            portal.set_first_password(
                uow, person_id=person_id, password_hash=self._password_hash, must_change=False
            )

    def _write_sign_ins(self, demo: load.Demo) -> None:
        seats: dict[str, set[str]] = {}
        for client in demo.clients:
            for seat in client.assignments:
                seats.setdefault(seat["person_id"], set()).add(seat["role"])
        listed = [
            {
                "username": person.username,
                "name": person.body["name"],
                "roles": person.body["roles"],
                "seats": sorted(seats.get(person.username, ())),
                "password": DEMO_PASSWORD,
            }
            for person in demo.people
        ]
        (self._settings.home / SIGN_INS_FILE).write_text(json.dumps(listed, ensure_ascii=False, indent=1))

    def _add_client(self, client: load.Client) -> None:
        body = client.body | {"parent_id": self._clients.get(client.body["parent_id"] or "")}
        made = self._post(ADMINISTRATOR, "/accounts/v1/clients", body, f"client-{client.slug}")
        self._clients[client.slug] = made["id"]
        here = f"/accounts/v1/clients/{made['id']}"
        for number, seat in enumerate(client.assignments):
            taken = seat | {"person_id": self._people[seat["person_id"]]}
            self._post(ADMINISTRATOR, f"{here}/assignments", taken, f"seat-{client.slug}-{number}")
        manager = next(seat["person_id"] for seat in client.assignments if seat["role"] in ("AM", "AD"))
        for number, contact in enumerate(client.contacts):
            who = manager if self._on_team(manager, client) else "zhou.min"
            self._post(who, f"{here}/contacts", contact, f"contact-{client.slug}-{number}")

    @staticmethod
    def _on_team(username: str, client: load.Client) -> bool:
        return any(seat["person_id"] == username and not seat["until"] for seat in client.assignments)

    def _add_source(self, source: load.Source, demo: load.Demo) -> None:
        body = source.body | {
            "origin_id": self._sources.get(source.body["origin_id"] or ""),
            "client_id": self._clients.get(source.body["client_id"] or ""),
        }
        client = next((c for c in demo.clients if c.slug == source.body["client_id"]), None)
        team = [s["person_id"] for s in client.assignments if not s["until"]] if client else []
        made = self._post(
            (team or ["zhou.min"])[0], "/intelligence/v1/sources", body, f"source-{source.slug}"
        )
        self._sources[source.slug] = made["id"]

    def _add_finding(self, finding: load.Finding) -> None:
        body = finding.body | {
            "source_id": self._sources[finding.body["source_id"]],
            "corroborated_by": [self._findings[slug] for slug in finding.body["corroborated_by"]],
            "recipients": [self._people[username] for username in finding.body["recipients"]],
        }
        if body.get("client_id"):
            body["client_id"] = self._clients[body["client_id"]]
        made = self._post(finding.author, "/intelligence/v1/findings", body, f"finding-{finding.slug}")
        self._findings[finding.slug] = made["id"]
        verb = {
            "verified": "verify",
            "disputed": "dispute",
            "retracted": "retract",
            "corrected": "correct",
        }.get(finding.state)
        if verb is not None:
            said = dict(finding.correction or {})
            if finding.reason:
                said["reason"] = finding.reason
            path = f"/intelligence/v1/findings/{made['id']}/{verb}"
            self._post(finding.by or finding.author, path, said, f"{verb}-{finding.slug}")

    def _post(self, username: str, path: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        return self._call("POST", username, path, body, {"Idempotency-Key": f"demo-{key}"})

    def _patch(self, username: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("PATCH", username, path, body, {"If-Match": "*"})

    def _get(self, username: str, path: str) -> dict[str, Any]:
        return self._call("GET", username, path, None, {})

    def _call(
        self, method: str, username: str, path: str, body: Mapping[str, Any] | None, more: Mapping[str, str]
    ) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {self._token(username)}",
            "Content-Type": "application/json",
            "Accept-Language": "en",
            **more,
        }
        if self._wait_for:
            headers["ACM-Wait-For"] = self._wait_for
        sent = None if body is None else json.dumps({k: v for k, v in body.items() if v is not None})
        self._connection.request(method, path, sent, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        if answer.status not in (200, 201):
            raise DemoFailed(f"{method} {path} answered {answer.status} {text}")
        self._wait_for = answer.headers.get("ACM-Token", self._wait_for)
        made: dict[str, Any] = json.loads(text)
        return made

    def _token(self, username: str) -> str:
        if username not in self._tokens:
            running = Runtime(portal_service.SERVICE, self._settings)
            with running.unit_of_work() as uow:
                self._tokens[username], _ = portal.issue_token(
                    uow,
                    person_id=self._people[username],
                    kind="api",
                    name="demo",
                    life=TOKEN_LIFE,
                    secret=self._settings.secret,
                )
        return self._tokens[username]
