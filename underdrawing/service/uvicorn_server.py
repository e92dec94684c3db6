"""Running the server: uvicorn, with clients that are slow to ask shown the door."""

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
from underdrawing.service.gate import CROWDED
from underdrawing.service.observe import set_up_logging
from underdrawing.service.settings import Settings

_MOST_HEADER_BYTES = 32 << 10
_GOODBYE_SECONDS = 30


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, with an end to how long the lines before a body may take to arrive, and with a mark
    on the connections that are too many.

    uvicorn itself limits the pause between requests only: a client that sends one byte now and then would
    hold its connection for ever. And it refuses what is too much in plain text, past the app, its log and its
    metrics.
    """

    patience_s = 10.0
    most = 200
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:  # the app refuses it in its own words; the gate asks for this
            self.app_state = {**self.app_state, CROWDED: True}
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """A deadline while a request is expected; none while one is worked on."""
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.patience_s, self._end)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        self._deadline = None
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self.transport.close()


def run_server(settings: Settings, say: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGINT or SIGTERM; `say` hears the address once. UsageError where it cannot be used."""
    set_up_logging()
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    app = create_app(settings)
    config = uvicorn.Config(app, **options(settings, protocol_of(settings)))
    say(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    uvicorn.Server(config).run(sockets=[listener])


def protocol_of(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol with the settings' patience."""
    told = {"patience_s": settings.idle_seconds, "most": settings.connections}
    return type("Protocol", (PatientProtocol,), told)


def options(settings: Settings, protocol: type[asyncio.Protocol]) -> dict[str, Any]:
    """uvicorn's part of the settings."""
    return {
        "http": protocol,
        "ws": "none",
        "loop": "asyncio",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "h11_max_incomplete_event_size": _MOST_HEADER_BYTES,
        "timeout_keep_alive": max(1, round(settings.idle_seconds)),
        "timeout_graceful_shutdown": _GOODBYE_SECONDS,
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": settings.proxies or None,
    }


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; UsageError where the address cannot be had."""
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
