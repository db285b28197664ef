"""Accounts' screens: clients, their teams and contacts, people, walls; parts for other services' pages."""

from __future__ import annotations

from services.accounts.pages import clients, contacts, parts, people, teams, walls
from services.accounts.pages.site import pages

__all__ = ["clients", "contacts", "pages", "parts", "people", "teams", "walls"]
