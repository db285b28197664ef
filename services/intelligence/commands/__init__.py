"""Every write of intelligence, and what its fields may hold."""

from services.intelligence.commands.findings import (
    ABOUT,
    advance,
    capture,
    change_draft,
    correct,
    note_reads,
)
from services.intelligence.commands.sources import add_source, change_source

__all__ = [
    "ABOUT",
    "add_source",
    "advance",
    "capture",
    "change_draft",
    "change_source",
    "correct",
    "note_reads",
]
