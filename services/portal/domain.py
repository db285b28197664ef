"""Pure rules of the portal: how long tokens live."""

from __future__ import annotations

from datetime import timedelta

SESSION_LIFE = timedelta(hours=12)
API_TOKEN_LIFE = timedelta(days=90)
API_TOKEN_LONGEST = timedelta(days=366)
