"""Middleware for log lines, Prometheus metrics and security headers."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("underdrawing.service")
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"cache-control": b"no-store",
    b"content-security-policy": POLICY.encode(),
}
"""Added to every response that does not set them itself."""

GaugeValue = Callable[[], float]


class SlowReaderError(Exception):
    """A client that does not read its response in time."""


class Metrics:
    """Counters and gauges of one server."""

    def __init__(self, ready: GaugeValue, admitted: GaugeValue, stored_bytes: GaugeValue) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "underdrawing_requests", "Answers", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "underdrawing_request_seconds",
            "Time to answer",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.verdicts = Counter("underdrawing_verdicts", "Verdicts", ["status"], registry=self.registry)
        self.examinations = Counter(
            "underdrawing_examinations", "Examined pictures", ["status"], registry=self.registry
        )
        self.refused = Counter(
            "underdrawing_refused", "Pictures refused before work", ["reason"], registry=self.registry
        )
        self.failures = Counter(
            "underdrawing_job_failures", "Jobs that came to nothing", ["kind"], registry=self.registry
        )
        for name, text, function in (
            ("underdrawing_workers_ready", "Worker processes that are up", ready),
            ("underdrawing_jobs_admitted", "Jobs that run or wait", admitted),
            ("underdrawing_artefact_bytes", "Disk that artefacts take", stored_bytes),
        ):
            Gauge(name, text, registry=self.registry).set_function(function)


class Observe:
    """The outermost middleware: request id, log, metrics, and a timeout for clients that do not read."""

    def __init__(self, app: ASGIApp, metrics: Metrics, idle_seconds: float) -> None:
        self.app, self.metrics, self.idle_seconds = app, metrics, idle_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = secrets.token_hex(8)
        state["log"] = {}
        start, status = time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _with_headers(message, state["request_id"])}
            try:
                async with asyncio.timeout(self.idle_seconds):
                    await send(message)
            except TimeoutError as error:
                raise SlowReaderError from error

        try:
            await self.app(scope, receive, send_on)
        except SlowReaderError:
            state["log"]["slow_reader"] = True
        finally:
            self._record(scope, status, time.perf_counter() - start)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The pattern of the route: paths contain identities and ids, each of which would become a label.
        route = getattr(scope.get("route"), "path", "-")
        self.metrics.requests.labels(route, _method(scope), status).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        fields = {
            "request_id": scope["state"]["request_id"],
            "method": _method(scope),
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 1),
            "client": (scope.get("client") or ("-",))[0],
        }
        _LOG.info("request", extra={"fields": fields | scope["state"]["log"]})


class JsonLines(logging.Formatter):
    """One JSON object per line, with the fields of `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up_logging(level: str = "INFO") -> None:
    """Write the logs of the server and of uvicorn to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("underdrawing.service", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
    logging.getLogger("uvicorn.error").handlers = []  # its lines reach "uvicorn"
    logging.getLogger("uvicorn.error").propagate = True


def _method(scope: Scope) -> str:
    """For labels, of which there must be few: a client can send any word."""
    known = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    return scope["method"] if scope["method"] in known else "other"


def _with_headers(message: Message, request_id: str) -> list[tuple[bytes, bytes]]:
    own = list(message.get("headers", []))
    names = {name.lower() for name, _ in own}
    added = [(name, value) for name, value in _HEADERS.items() if name not in names]
    return [*own, *added, (b"x-request-id", request_id.encode("ascii"))]
