"""Requests over http.client: retries while the server is busy, and its problems as errors."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from underdrawing.client.multipart import Form
from underdrawing.core.errors import (
    CredentialsError,
    PictureError,
    RegistryError,
    UnderdrawingError,
    UsageError,
)

_BUSY = (429, 503)
_MAX_WAIT_S = 60.0


class ServerError(UnderdrawingError, RuntimeError):
    """An answer that no error of `core.errors` stands for: no rights, busy too long, a fault.

    status: of HTTP; 0 where there was no answer. kind: last part of the problem's type, as "unauthorized".
    """

    def __init__(self, message: str, status: int, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


@dataclass(frozen=True)
class Transport:
    """Where the server is, and how long to wait for it."""

    url: str
    token: str | None
    timeout_s: float
    retries: int
    """Repetitions while the server is busy."""
    sleep: Callable[[float], None] = field(default=time.sleep)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"expected the URL of a server, as https://photos.example.org, got {self.url!r}")

    def json(self, method: str, path: str, form: Form | None = None) -> Any:
        """The JSON object of an answer; None for one without content. Errors: those of `error_of`."""
        body = self.body(method, path, form)
        return json.loads(body) if body else None

    def body(self, method: str, path: str, form: Form | None = None) -> bytes:
        """The content of an answer. Errors: those of `error_of`; ServerError where the server cannot be
        reached."""
        for attempt in range(self.retries + 1):
            status, wait_s, content = self._ask(method, path, form)
            if status < 300:
                return content
            if status not in _BUSY or wait_s is None or attempt == self.retries:
                break
            self.sleep(min(wait_s, _MAX_WAIT_S))
        raise error_of(status, content)

    def _ask(self, method: str, path: str, form: Form | None) -> tuple[int, float | None, bytes]:
        """Status, seconds until a repetition may succeed, and content of an answer."""
        headers = {"Accept": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if form is not None:
            headers |= {"Content-Type": form.content_type, "Content-Length": str(form.size_bytes)}
        base = urlsplit(self.url)
        connection = _connection(base.scheme, base.netloc, self.timeout_s)
        try:
            connection.request(method, base.path.rstrip("/") + path, form, headers)
            response = connection.getresponse()
            wait = response.headers.get("Retry-After", "")
            return response.status, float(wait) if wait.isdecimal() else None, response.read()
        except FileNotFoundError:  # of a picture
            raise
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"{self.url} cannot be reached: {error or type(error).__name__}", 0) from error
        finally:
            connection.close()


def error_of(status: int, content: bytes) -> UnderdrawingError:
    """The error for a problem: PictureError, UsageError, RegistryError, CredentialsError or ServerError."""
    try:
        problem = json.loads(content)
        kind, message = problem["type"].rpartition(":")[2], problem["detail"]
    except (ValueError, TypeError, KeyError):  # not this server, or a proxy before it
        return ServerError(f"the server answers with HTTP {status}", status)
    if kind in ("bad-picture", "unsupported-media-type", "took-too-long", "not-fetched") or status == 413:
        return PictureError(message)
    if kind in ("no-registry", "registry", "bad-facts"):
        return RegistryError(message)
    if kind == "no-credentials":
        return CredentialsError(message)
    if status in (400, 422):
        return UsageError(message)
    return ServerError(message, status, kind)


def _connection(scheme: str, netloc: str, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(netloc, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(netloc, timeout=timeout_s)
