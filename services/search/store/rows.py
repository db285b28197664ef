"""Search's own rows. The index is a copy of them and can always be made again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import UtcDateTime


class Base(DeclarativeBase):
    """Base of search's tables."""

    type_annotation_map = {datetime: UtcDateTime, list[str]: JSON}


class Document(Base):
    """Something that can be found. `seq` grows with every change: what is above the index's mark is new."""

    __tablename__ = "documents"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[int]
    version: Mapped[int]
    seq: Mapped[int] = mapped_column(BigInteger, unique=True)
    deleted: Mapped[bool]
    client_id: Mapped[str | None] = mapped_column(String(36), index=True)
    label: Mapped[str] = mapped_column(String(16))
    recipients: Mapped[list[str]]
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    names: Mapped[list[str]]
    part: Mapped[str] = mapped_column(String(32))
    method: Mapped[str] = mapped_column(String(32))
    source_id: Mapped[str] = mapped_column(String(36), index=True)
    reliability: Mapped[str] = mapped_column(String(1))
    credibility: Mapped[int | None]
    valid_from: Mapped[str] = mapped_column(String(32))
    valid_until: Mapped[str] = mapped_column(String(32))
    collected_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str] = mapped_column(String(36))


class DocumentSequence(Base):
    """The last `seq` that was given. Its row stays locked until the commit: seqs are committed in order."""

    __tablename__ = "document_sequence"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    last: Mapped[int] = mapped_column(BigInteger, default=0)


class Retouch(Base):
    """A changed source whose findings carry its name and have to be indexed again, batch by batch.

    `after`: the last finding that was touched; `done_seq`: what the index must have reached to be through.
    """

    __tablename__ = "retouches"
    source_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    after: Mapped[str] = mapped_column(String(64), default="")
    done_seq: Mapped[int | None] = mapped_column(BigInteger)


class Rebuilds(Base):
    """How many rebuilds of the index were wished for and done, and how far the running one is (a `seq`).

    `filling`: the index was lost and is being filled again; answers say so.
    """

    __tablename__ = "rebuilds"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    wanted: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    copied: Mapped[int] = mapped_column(BigInteger, default=0)
    filling: Mapped[bool] = mapped_column(default=False)
