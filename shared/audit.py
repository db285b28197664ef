"""The audit trail: entries are chained after commit, in commit order, so that any later edit shows.

Each entry's hash covers its canonical JSON (RFC 8785) and the hash before it (SHA-256); heads are signed with
the installation's secret (HMAC), so that somebody who can write the database alone cannot forge a chain.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import rfc8785
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import clock
from shared.db import Database
from shared.tables import AuditRow

BATCH = 500
START = "0" * 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain holds; `problem` says where it does not."""

    entries: int
    problem: str = ""


def link(database: Database, secret: str) -> bool:
    """Chain the entries committed since the last time; answers whether there were any."""
    with database.read() as session:
        if session.scalar(select(AuditRow.id).where(AuditRow.number.is_(None)).limit(1)) is None:
            return False
    with database.write() as session:
        head = session.scalar(
            select(AuditRow).where(AuditRow.number.is_not(None)).order_by(AuditRow.number.desc()).limit(1)
        )
        number, before = (head.number or 0, head.hash or START) if head else (0, START)
        fresh = select(AuditRow).where(AuditRow.number.is_(None)).order_by(AuditRow.id).limit(BATCH)
        for row in session.scalars(fresh):
            number += 1
            row.number = number
            row.hash = before = _hash(row, before)
            row.signature = _sign(before, secret)
    return True


def verify(session: Session, secret: str) -> Verdict:
    """Recompute the chain from its start: tells an edited, removed, reordered or inserted entry."""
    before, expected = START, 0
    rows = session.scalars(
        select(AuditRow)
        .where(AuditRow.number.is_not(None))
        .order_by(AuditRow.number)
        .execution_options(yield_per=BATCH)
    )
    for row in rows:
        expected += 1
        if row.number != expected:
            return Verdict(expected, f"entry {expected} is missing")
        if row.hash != _hash(row, before):
            return Verdict(expected, f"entry {expected} was changed, or the one before it removed")
        before = row.hash
        if not hmac.compare_digest(row.signature or "", _sign(before, secret)):
            return Verdict(expected, f"entry {expected} was not signed by this installation")
    return Verdict(expected)


def waiting(session: Session) -> int:
    """How many entries are not chained yet."""
    return session.scalar(select(func.count()).where(AuditRow.number.is_(None))) or 0


def _hash(row: AuditRow, before: str) -> str:
    entry: dict[str, Any] = {
        "number": row.number,
        "at": clock.rfc3339(row.at),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "details": row.details,
        "trace": row.trace,
        "before": before,
    }
    return hashlib.sha256(rfc8785.dumps(entry)).hexdigest()


def _sign(head: str, secret: str) -> str:
    return hmac.new(secret.encode(), head.encode(), hashlib.sha256).hexdigest()
