"""The portal's screens: sign-in, welcome, home, one's account, invitations, the audit trail, settings."""

from __future__ import annotations

from services.portal.pages import account, home, people, sign_in
from services.portal.pages.site import pages

__all__ = ["account", "home", "pages", "people", "sign_in"]
