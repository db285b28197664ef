"""Intelligence's rows."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from contracts import intelligence as contract
from shared import access, clock
from shared.db import UtcDateTime, in_places


class Base(DeclarativeBase):
    """Base of intelligence's tables."""

    type_annotation_map = {datetime: UtcDateTime, date: Date, list[str]: JSON}


class Source(Base):
    """Where facts come from. Without a client it is public; else it is seen like the client's AMBER."""

    __tablename__ = "sources"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(50))
    url: Mapped[str] = mapped_column(String(2000))
    reliability: Mapped[str] = mapped_column(String(1))
    origin_id: Mapped[str | None] = mapped_column(String(36), index=True)
    client_id: Mapped[str | None] = mapped_column(String(36), index=True)
    version: Mapped[int]

    def shape(self) -> contract.Source:
        """What other services are told."""
        return contract.Source(**{name: getattr(self, name) for name in contract.Source.__dataclass_fields__})

    def subject(self) -> access.Subject:
        """What access rules are asked about."""
        return access.Subject(client_id=self.client_id, label=access.AMBER)


class FindingRecipient(Base):
    """A person whom a finding names as its reader; `place` keeps the order in which they were named."""

    __tablename__ = "finding_recipients"
    finding_id: Mapped[str] = mapped_column(ForeignKey("findings.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    place: Mapped[int]
    __table_args__ = (Index("finding_recipients_person", "person_id", "finding_id"),)


class Finding(Base):
    """One fact about one client, market or territory, with its evidence.

    `contributor_ids`: who wrote, changed or submitted it, and so may not approve it.
    `fresh_since`: when it was last verified, else collected.
    """

    __tablename__ = "findings"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    client_id: Mapped[str | None] = mapped_column(String(36))
    market: Mapped[str] = mapped_column(String(200))
    territory_id: Mapped[str | None] = mapped_column(String(36))
    part: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(String(32))
    source_id: Mapped[str] = mapped_column(String(36))
    corroborated_by: Mapped[list[str]]
    credibility: Mapped[int]
    label: Mapped[str] = mapped_column(String(32))
    quote: Mapped[str] = mapped_column(Text)
    locator: Mapped[str] = mapped_column(String(500))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    collected_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    fresh_since: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    author_id: Mapped[str] = mapped_column(String(36))
    contributor_ids: Mapped[list[str]]
    supersedes_id: Mapped[str | None] = mapped_column(String(36))
    superseded_by_id: Mapped[str | None] = mapped_column(String(36))
    version: Mapped[int]
    named: Mapped[list[FindingRecipient]] = relationship(
        cascade="all, delete-orphan", order_by=FindingRecipient.place, lazy="selectin"
    )
    __table_args__ = (
        Index("findings_client", "client_id", "id", "label", "state", "author_id"),
        Index("findings_source", "source_id", "id"),
        Index("findings_author", "author_id", "id"),
        Index("findings_author_state", "author_id", "state", "id"),
        Index("findings_ageing", "client_id", "part", "fresh_since"),
        Index("findings_market", "market", "id"),
        # Hold all that permission asks for, so that a list passes over what is hidden without reading it.
        Index("findings_access", "id", "client_id", "label", "state", "author_id"),
        Index("findings_state", "state", "id", "client_id", "label", "author_id"),
    )

    @property
    def recipients(self) -> list[str]:
        """The people named as readers."""
        return [name.person_id for name in self.named]

    @recipients.setter
    def recipients(self, person_ids: list[str]) -> None:
        self.named = in_places(
            self.named,
            "person_id",
            person_ids,
            lambda one: FindingRecipient(finding_id=self.id, person_id=one),
        )

    def shape(self) -> contract.Finding:
        """What other services are told."""
        plain = {name: getattr(self, name) for name in contract.Finding.__dataclass_fields__}
        return contract.Finding(
            **plain
            | {
                "valid_from": _day(self.valid_from),
                "valid_until": _day(self.valid_until),
                "collected_at": clock.rfc3339(self.collected_at),
                "verified_at": clock.rfc3339(self.verified_at) if self.verified_at else None,
            }
        )

    def subject(self) -> access.Subject:
        """What access rules are asked about: for a draft its author, later whoever had a hand in it."""
        return access.Subject(
            client_id=self.client_id,
            label=self.label,
            recipients=tuple(self.recipients),
            author_ids=(self.author_id,) if self.state == "draft" else tuple(self.contributor_ids),
        )


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
