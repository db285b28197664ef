"""Proposals' screens: lists, board, report, calendar; one proposal, its editor and its pitch; panels."""

from __future__ import annotations

from services.proposals.pages import editor, lists, parts, pitch, proposal, rules
from services.proposals.pages.site import pages

__all__ = ["editor", "lists", "pages", "parts", "pitch", "proposal", "rules"]
