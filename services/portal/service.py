"""The portal's manifest."""

from __future__ import annotations

from services.portal import store
from shared.service import Service

SERVICE = Service(
    name="portal",
    package="services.portal",
    description="Sign-in, sessions and API tokens, home, agency settings.",
    tables=store.Base.metadata,
)
