"""Pure rules of accounts."""

from __future__ import annotations

VISIBILITIES = ("directory", "team")
STATUSES = ("prospect", "active", "dormant", "former")
TIERS = ("", "A", "B", "C")
