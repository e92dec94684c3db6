"""The server under uvicorn, with limits on slow clients and on connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from underdrawing.core.errors import UsageError
from underdrawing.service.app import create_app
from underdrawing.service.gate import OVER_LIMIT
from underdrawing.service.observe import set_up_logging
from underdrawing.service.settings import Settings
from underdrawing.service.tokens import StartToken

_MAX_HEADER_BYTES = 32 << 10
_SHUTDOWN_SECONDS = 30


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 with a time limit on request headers and a flag on connections over the limit.

    uvicorn limits only the pause between requests: a client that sends one byte now and then would keep its
    connection for ever. Its own connection limit answers in plain text, without log and metrics.
    """

    header_seconds = 10.0
    max_connections = 200
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:  # the gate refuses its requests
            self.app_state = {**self.app_state, OVER_LIMIT: True}
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_deadline()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._set_deadline()

    def _set_deadline(self) -> None:
        """Set a deadline while request headers are expected, none while a request is processed."""
        if self.conn.their_state is not h11.IDLE:
            self._clear_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.header_seconds, self._close_idle)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_idle(self) -> None:
        self._deadline = None
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self.transport.close()


def run_server(settings: Settings, report: Callable[[str, str | None], None]) -> None:
    """Serve until SIGINT or SIGTERM. UsageError for the address.

    report: called once with the URL and the token of this run: a server that signs has one unless it has a
    token file.
    """
    set_up_logging()
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    start_token = StartToken() if settings.signs and not settings.tokens else None
    app = create_app(settings, start_token=start_token)
    config = uvicorn.Config(app, **options(settings, protocol_of(settings)))
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    report(url, None if start_token is None else start_token.text)
    uvicorn.Server(config).run(sockets=[listener])


def protocol_of(settings: Settings) -> type[asyncio.Protocol]:
    """LimitedProtocol with the limits of the settings."""
    limits = {"header_seconds": settings.idle_seconds, "max_connections": settings.connections}
    return type("Protocol", (LimitedProtocol,), limits)


def options(settings: Settings, protocol: type[asyncio.Protocol]) -> dict[str, Any]:
    """The options of uvicorn.Config."""
    return {
        "http": protocol,
        "ws": "none",
        "loop": "asyncio",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "h11_max_incomplete_event_size": _MAX_HEADER_BYTES,
        "timeout_keep_alive": max(1, round(settings.idle_seconds)),
        "timeout_graceful_shutdown": _SHUTDOWN_SECONDS,
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": settings.proxies or None,
    }


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. UsageError where the address cannot be used."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    listener.listen(128)
    listener.set_inheritable(False)
    return listener
