"""What runs tells how it is: JSON logs without personal data, metrics, health."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from sqlalchemy.exc import SQLAlchemyError

REQUESTS = Counter("acm_requests", "Requests answered.", ["service", "method", "status"])
SECONDS = Histogram(
    "acm_request_seconds", "Time to answer.", ["service"], buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10)
)
EVENTS = Counter("acm_events_handled", "Events that a consumer handled.", ["consumer"])
UNPUBLISHED = Gauge(
    "acm_unpublished", "Events that the relay has still to send.", ["service"], multiprocess_mode="mostrecent"
)
OPEN_ENDPOINTS = {"livez", "readyz", "startupz", "metrics", "api-docs.openapi_json"}


def configure_logging(level: str) -> None:
    """One JSON object a line on standard error."""
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def register(app: Flask, service: str) -> None:
    """Health and metrics of a service, under its own prefix and, for a container's probes, at the root."""
    views: dict[str, Any] = {"livez": _live, "readyz": _ready, "startupz": _ready, "metrics": _metrics}
    for name, view in views.items():
        app.add_url_rule(f"/{service}/{name}", name, view)
        app.add_url_rule(f"/{name}", name, view)
    app.after_request(_measure(service))


def _live() -> tuple[dict[str, str], int]:
    return {"status": "alive"}, 200


def _ready() -> tuple[dict[str, str], int]:
    running = current_app.extensions["acm"]
    missing = running.not_ready()
    return ({"status": "ready"}, 200) if not missing else ({"status": missing}, 503)


def _metrics() -> Response:
    running = current_app.extensions["acm"]
    with suppress(SQLAlchemyError):  # the other metrics tell of it
        UNPUBLISHED.labels(running.service.name).set(running.unpublished())
    return Response(metrics(), content_type=CONTENT_TYPE_LATEST)


def _measure(service: str) -> Any:
    def measure(response: Response) -> Response:
        REQUESTS.labels(service, request.method, response.status_code).inc()
        if "started" in g:
            SECONDS.labels(service).observe(time.perf_counter() - g.started)
        return response

    return measure


def metrics() -> bytes:
    """All metrics of all processes, in the Prometheus text format."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest()
