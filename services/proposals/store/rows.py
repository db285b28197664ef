"""Proposals' rows."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from contracts import proposals as contract
from services.proposals.domain import pitching, workflows
from services.proposals.domain.budget import CENT, Budget
from shared import access, clock
from shared.db import UtcDateTime, in_places


class Base(DeclarativeBase):
    """Base of proposals' tables."""

    type_annotation_map = {
        datetime: UtcDateTime,
        date: Date,
        list[str]: JSON,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
    }


class Recipient(Base):
    """A person whom a proposal names as its reader; `place` keeps the order in which they were named."""

    __tablename__ = "proposal_recipients"
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    place: Mapped[int]
    __table_args__ = (Index("proposal_recipients_person", "person_id", "proposal_id"),)


class Citation(Base):
    """A finding that a section cites. `cited_label`: the finding's label when it was put in."""

    __tablename__ = "citations"
    section_id: Mapped[str] = mapped_column(ForeignKey("sections.id"), primary_key=True)
    finding_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(String(36), index=True)
    place: Mapped[int]
    cited_label: Mapped[str] = mapped_column(String(32))
    __table_args__ = (Index("citations_finding", "finding_id", "proposal_id"),)


class Section(Base):
    """A part of a proposal with a version of its own, so that several people write at once."""

    __tablename__ = "sections"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), index=True)
    place: Mapped[int]
    heading: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    citations: Mapped[list[Citation]] = relationship(
        cascade="all, delete-orphan", order_by=Citation.place, lazy="selectin"
    )

    @property
    def cites(self) -> list[str]:
        """The findings that it cites."""
        return [citation.finding_id for citation in self.citations]

    def to_json(self) -> dict[str, Any]:
        """As it is published."""
        return {
            "id": self.id,
            "heading": self.heading,
            "body": self.body,
            "citations": self.cites,
            "version": self.version,
        }


class Proposal(Base):
    """A proposal. Its row is narrow: texts lie in its sections, so that boards and reports read little.

    `contributor_ids`: who had a hand in its content and so may not approve it. `closed_at`: when nothing
    more was to come of it. `result`: what came of it (a debriefed pitch was won or lost).
    """

    __tablename__ = "proposals"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    client_id: Mapped[str | None] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(String(300))
    language: Mapped[str] = mapped_column(String(8))
    label: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    state_since: Mapped[datetime]
    author_id: Mapped[str] = mapped_column(String(36))
    owner_id: Mapped[str] = mapped_column(String(36))
    contributor_ids: Mapped[list[str]]
    due_at: Mapped[datetime | None]
    valid_until: Mapped[date | None]
    currency: Mapped[str] = mapped_column(String(3))
    budget: Mapped[dict[str, Any]]
    amount_cents: Mapped[int] = mapped_column(BigInteger)
    probability: Mapped[int | None]
    content_hash: Mapped[str] = mapped_column(String(64))
    waiting_for: Mapped[list[str]]
    family_id: Mapped[str] = mapped_column(String(36), index=True)
    alternative: Mapped[str] = mapped_column(String(4))
    result: Mapped[str] = mapped_column(String(16))
    outcome_reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    version: Mapped[int]
    sections: Mapped[list[Section]] = relationship(
        cascade="all, delete-orphan", order_by=Section.place, lazy="select"
    )
    named: Mapped[list[Recipient]] = relationship(
        cascade="all, delete-orphan", order_by=Recipient.place, lazy="selectin"
    )
    decisions: Mapped[list[Decision]] = relationship(order_by="Decision.id", lazy="select")
    __table_args__ = (
        Index("proposals_client", "client_id", "id"),
        # Hold all that permission asks for, so that lists pass over what is hidden without reading it.
        Index("proposals_access", "id", "client_id", "label", "state", "author_id"),
        Index("proposals_board", "state", "state_since", "id", "client_id", "label", "author_id"),
        Index("proposals_owner", "owner_id", "state", "id"),
        Index("proposals_due", "due_at", "state", "id"),
        # The report reads these and no row.
        Index(
            "proposals_decided",
            "result",
            "closed_at",
            "kind",
            "client_id",
            "author_id",
            "label",
            "state",
            "probability",
            "id",
        ),
        Index(
            "proposals_open",
            "state",
            "owner_id",
            "due_at",
            "state_since",
            "kind",
            "client_id",
            "label",
            "author_id",
            "amount_cents",
            "probability",
            "id",
        ),
    )

    @property
    def recipients(self) -> list[str]:
        """The people named as readers."""
        return [name.person_id for name in self.named]

    @recipients.setter
    def recipients(self, person_ids: list[str]) -> None:
        self.named = in_places(
            self.named, "person_id", person_ids, lambda one: Recipient(proposal_id=self.id, person_id=one)
        )

    @property
    def table(self) -> Budget:
        """Its budget, to reckon with."""
        return Budget.read(self.budget)

    @property
    def amount(self) -> Decimal:
        """Its total without tax."""
        return Decimal(self.amount_cents) * CENT

    @property
    def is_making(self) -> bool:
        """Whether it is still in the making, and only the team reads it."""
        return self.state in workflows.UNSUBMITTED

    def subject(self) -> access.Subject:
        """What rules for reading and writing are asked about."""
        return self._subject((self.author_id,))

    def approval_subject(self) -> access.Subject:
        """What rules for approving are asked about: nobody approves what they had a hand in."""
        return self._subject(tuple(self.contributor_ids))

    def _subject(self, author_ids: tuple[str, ...]) -> access.Subject:
        return access.Subject(self.client_id, self.label, tuple(self.recipients), author_ids)

    def shape(self) -> contract.Proposal:
        """What other services are told."""
        names = (
            "id", "number", "kind", "client_id", "title", "language", "label", "recipients", "state",
            "author_id", "owner_id", "contributor_ids", "probability", "content_hash", "waiting_for",
            "family_id", "alternative", "result", "outcome_reason", "version",
        )  # fmt: skip
        return contract.Proposal(
            **{name: getattr(self, name) for name in names},
            state_since=clock.rfc3339(self.state_since),
            due_at=clock.rfc3339(self.due_at) if self.due_at else None,
            valid_until=self.valid_until.isoformat() if self.valid_until else None,
            sections=[section.to_json() for section in self.sections],
            budget=self.budget | {"currency": self.currency},
            amount=str(self.amount),
            decisions=[decision.to_json() for decision in self.decisions],
        )


class Decision(Base):
    """Somebody's decision to keep a citation in spite of what speaks against it."""

    __tablename__ = "citation_decisions"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), index=True)
    finding_id: Mapped[str] = mapped_column(String(36))
    reasons: Mapped[list[str]]
    note: Mapped[str] = mapped_column(Text)
    person_id: Mapped[str] = mapped_column(String(36))
    at: Mapped[datetime]

    def to_json(self) -> dict[str, Any]:
        """As it is published."""
        names = ("id", "finding_id", "reasons", "note", "person_id")
        return {name: getattr(self, name) for name in names} | {"at": clock.rfc3339(self.at)}


class Approval(Base):
    """One entry of the trail of decisions; it stays for ever. `voided_at`: the content changed since.

    `who`: AM, AD or director, as which it was given; `decision`: approved, changes_requested or rejected.
    """

    __tablename__ = "approvals"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), index=True)
    person_id: Mapped[str] = mapped_column(String(36))
    who: Mapped[str] = mapped_column(String(16))
    stage: Mapped[int]
    decision: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    voided_at: Mapped[datetime | None]


class Comment(Base):
    """A comment on a proposal or on one of its sections."""

    __tablename__ = "comments"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), index=True)
    section_id: Mapped[str | None] = mapped_column(String(36))
    author_id: Mapped[str] = mapped_column(String(36))
    body: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(36))
    mentioned: Mapped[list[Mention]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    @property
    def mentions(self) -> list[str]:
        """The people whom it mentions."""
        return sorted(mention.person_id for mention in self.mentioned)


class Mention(Base):
    """Somebody whom a comment mentions, until it is resolved."""

    __tablename__ = "mentions"
    comment_id: Mapped[str] = mapped_column(ForeignKey("comments.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    __table_args__ = (Index("mentions_person", "person_id", "comment_id"),)


class Step(Base):
    """One stay in a state: the history that cycle times are reckoned from (F2)."""

    __tablename__ = "steps"
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    entered_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    seconds: Mapped[int | None] = mapped_column(BigInteger)
    __table_args__ = (
        Index("steps_left", "kind", "state", "left_at", "seconds", "proposal_id"),
        Index("steps_times", "proposal_id", "left_at", "kind", "state", "seconds"),
    )


class Threshold(Base):
    """What a director set of a rule for approving; the newest holds, the older ones say what held before."""

    __tablename__ = "approval_thresholds"
    rule_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(String(24))
    since: Mapped[datetime]
    by_id: Mapped[str] = mapped_column(String(36))


class Counter(Base):
    """The last number given in a year."""

    __tablename__ = "numbers"
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class Pitch(Base):
    """What a pitch has besides its proposal."""

    __tablename__ = "pitches"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), unique=True)
    brief: Mapped[str] = mapped_column(Text)
    incumbent: Mapped[bool]
    questions: Mapped[list[dict[str, Any]]]
    criteria: Mapped[list[dict[str, Any]]]
    weights_locked_at: Mapped[datetime | None]
    scores: Mapped[list[dict[str, Any]]]
    costs: Mapped[list[dict[str, Any]]]
    cost_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    go_no_go: Mapped[dict[str, Any]]
    override: Mapped[dict[str, Any]]
    winner: Mapped[str] = mapped_column(String(200))
    debrief: Mapped[dict[str, Any]]
    version: Mapped[int]
    rivals: Mapped[list[Competitor]] = relationship(
        cascade="all, delete-orphan", order_by="Competitor.place", lazy="selectin"
    )
    proposal: Mapped[Proposal] = relationship(lazy="select")

    @property
    def competitors(self) -> list[str]:
        """The agencies that pitch too."""
        return [rival.name for rival in self.rivals]

    @competitors.setter
    def competitors(self, names: list[str]) -> None:
        self.rivals = in_places(
            self.rivals, "name", names, lambda one: Competitor(pitch_id=self.id, name=one)
        )

    def shape(self) -> contract.Pitch:
        """What other services are told; scores only once they are open."""
        proposal = self.proposal
        opened = len(self.scores) >= pitching.SCORERS_NEEDED
        return contract.Pitch(
            id=self.id,
            proposal_id=self.proposal_id,
            client_id=proposal.client_id,
            label=proposal.label,
            recipients=proposal.recipients,
            brief=self.brief,
            incumbent=self.incumbent,
            competitors=self.competitors,
            questions=self.questions,
            criteria=self.criteria,
            weights_locked_at=clock.rfc3339(self.weights_locked_at) if self.weights_locked_at else None,
            scores=self.scores if opened else [],
            costs=self.costs,
            go_no_go=self.go_no_go,
            override=self.override,
            winner=self.winner,
            debrief=self.debrief,
            version=self.version,
        )


class Competitor(Base):
    """A competing agency of a pitch."""

    __tablename__ = "competitors"
    pitch_id: Mapped[str] = mapped_column(ForeignKey("pitches.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    place: Mapped[int]
    __table_args__ = (Index("competitors_name", "name", "pitch_id"),)


class Finding(Base):
    """What citing needs of a finding of intelligence: who may see it, and whether it stands."""

    __tablename__ = "findings"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    client_id: Mapped[str | None] = mapped_column(String(36))
    label: Mapped[str] = mapped_column(String(32))
    recipients: Mapped[list[str]]
    title: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(16))
    author_id: Mapped[str] = mapped_column(String(36))
    valid_until: Mapped[str | None] = mapped_column(String(32))
    superseded_by_id: Mapped[str | None] = mapped_column(String(36))
    __table_args__ = (Index("findings_client", "client_id", "id"),)

    def subject(self) -> access.Subject:
        """What access rules are asked about."""
        return access.Subject(self.client_id, self.label, tuple(self.recipients), (self.author_id,))
