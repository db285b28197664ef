"""How events travel between services: the port and its adapters."""

from __future__ import annotations

from shared.config import Settings
from shared.log.embedded import EmbeddedLog
from shared.log.port import Log


def connect(settings: Settings, service: str) -> Log:
    """The log that the settings name for a service."""
    url = settings.log_url(service)
    if url == "embedded":
        return EmbeddedLog(settings, service)
    from shared.log.kafka import KafkaLog

    return KafkaLog(url, service)
