"""Intelligence's screens: capture, findings, sources, dossiers; parts for other services' pages."""

from __future__ import annotations

from services.intelligence.pages import capture, dossier, findings, parts, sources
from services.intelligence.pages.site import pages

__all__ = ["capture", "dossier", "findings", "pages", "parts", "sources"]
