"""Where the index is, who writes it, and whether it holds something yet."""

from __future__ import annotations

import fcntl
import threading
from typing import IO
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.search.store.rows import Document, Rebuilds, Retouch
from shared import http, search
from shared.config import Settings
from shared.problem import Problem
from shared.search.port import IndexUnavailable, SearchIndex
from shared.service import Runtime

FOLDER = "index"
_local = threading.local()
_writers: WeakKeyDictionary[Runtime, tuple[SearchIndex, IO[str]]] = WeakKeyDictionary()


def index_of(running: Runtime) -> SearchIndex:
    """The index for reading. One per thread: an answer that is being made must not see the next commit."""
    if not hasattr(_local, "readers"):
        _local.readers = WeakKeyDictionary()
    readers: WeakKeyDictionary[Runtime, SearchIndex] = _local.readers
    if running not in readers:
        readers[running] = _open(running.settings)
    return readers[running]


def writer_of(running: Runtime) -> SearchIndex | None:
    """The index for writing; None while another process of this machine writes it."""
    if running not in _writers:
        folder = running.settings.home / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "writer.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        _writers[running] = (_open(running.settings, writes=True), lock)
    return _writers[running][0]


def let_go_of_writer(running: Runtime) -> None:
    """Let another process write."""
    if running in _writers:
        index, lock = _writers.pop(running)
        index.close()
        lock.close()


def rebuild_progress(session: Session) -> tuple[int, int]:
    """How many wishes for a rebuild were fulfilled, and how far the present one is, in per cent."""
    wishes = session.get_one(Rebuilds, 1)
    documents = select(func.count()).select_from(Document)
    there, copied = (
        session.scalar(q) or 0 for q in (documents, documents.where(Document.seq <= wishes.copied))
    )
    return wishes.done, copied * 100 // there if there else 0


def prepare(settings: Settings) -> None:
    """Set up what the index needs before search runs."""
    _open(settings).prepare()


def _open(settings: Settings, *, writes: bool = False) -> SearchIndex:
    return search.connect(settings.search_url("search"), settings.home / FOLDER, writes=writes)


def holds(session: Session, source: str, key: str, at: tuple[int, int]) -> bool:
    """Whether a search finds this version of a record; of what is no document, whether it has arrived."""
    if not http.inbox_holds(session, source, key, at):
        return False
    seq = session.scalar(select(Document.seq).where(Document.id == key))
    if seq is None:
        return True
    try:
        mark = index_of(http.runtime()).mark()
    except IndexUnavailable as error:
        raise unavailable() from error
    return seq <= mark and session.get(Retouch, key) is None


def unavailable() -> Problem:
    """503: there is nothing to search in now."""
    return Problem(
        503,
        "index-unavailable",
        "Search does not answer at the moment.",
        detail="Nothing is lost; try again in a minute.",
    )
