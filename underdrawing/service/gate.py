"""What stands before every request: which host was meant, who calls, and how large and slow a body may be.

All of it happens before a byte of the body is read: the framework would spool the whole body first and ask
for the token then.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underdrawing.core.errors import KeyFileError
from underdrawing.service.problems import Problem
from underdrawing.service.settings import Settings, is_loopback
from underdrawing.service.tokens import TokenFile, may

NEEDED = {
    "/v1/verify": "public",
    "/v1/examine": "public",
    "/v1/records": "public",
    "/v1/retrieve": "reader",
    "/v1/protect": "protector",
    "/metrics": "admin",
}
"""The role that a path and what is below it asks for; others ask for none."""
PICTURES = ("/v1/verify", "/v1/retrieve", "/v1/protect")
"""Paths that take a picture."""
CROWDED = "crowded"
"""In a request's state where its connection is one too many."""
_CROWDED_SECONDS = 2.0
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_MOST_CLIENTS = 10_000
_MOST_DRAINED_BYTES = 8 << 20
_DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Caller:
    """Who calls."""

    role: str
    name: str | None = None
    """Of the token; None without one."""


class Gate:
    """The layer before the app. `check_room` raises where there is no place for another picture."""

    def __init__(self, app: ASGIApp, settings: Settings, check_room: Callable[[], None]) -> None:
        self.app, self.settings, self._check_room = app, settings, check_room
        self._tokens = TokenFile(Path(settings.tokens)) if settings.tokens else None
        self._rates = Rates(settings.rate_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            if scope["state"].get(CROWDED):
                scope["state"]["noted"]["refused"] = "connections"
                raise Problem(503, "crowded", "too many connections at once", retry_after=_CROWDED_SECONDS)
            self._check_host(headers)
            caller = self._caller(scope, headers)
            scope["state"]["caller"] = caller
            scope["state"]["noted"] |= {"role": caller.role, "token": caller.name}
            _check_role(scope["path"], caller)
            if scope["method"] == "POST" and scope["path"] in PICTURES:
                self._check_picture(scope, headers, caller)
            receive = _Limited(receive, self.settings, headers).receive
        except Problem as problem:
            await _drain(receive, Headers(scope=scope))
            await problem.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        names, host = self.settings.host_names, _without_port(headers.get("host", ""))
        if names and host not in names:
            raise Problem(421, "wrong-host", "this server does not answer under that host name")

    def _caller(self, scope: Scope, headers: Headers) -> Caller:
        given = headers.get("authorization")
        if given is None:
            return Caller(self._anonymous(scope, headers))
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "unauthorized", "expected `Authorization: Bearer TOKEN`")
        try:
            known = self._tokens.find(token.strip()) if self._tokens else None
        except KeyFileError as error:
            raise Problem(503, "tokens", "the server cannot read its tokens", retry_after=30) from error
        if known is None or known.expired:
            raise Problem(401, "unauthorized", "the token has expired" if known else "the token is not known")
        return Caller(known.role, known.name)

    def _anonymous(self, scope: Scope, headers: Headers) -> str:
        chosen = self.settings.anonymous
        if chosen != "auto":
            return chosen
        # Whoever sits at this machine may do what they could on its command line. A proxy on this machine
        # forwards others, and says so.
        near = is_loopback((scope.get("client") or ("",))[0])
        forwarded = any(name in headers for name in _FORWARDED)
        return "admin" if near and not forwarded and self._tokens is None else "public"

    def _check_picture(self, scope: Scope, headers: Headers, caller: Caller) -> None:
        if caller.name is None:
            _check_same_site(headers)
            if caller.role == "public":
                self._rates.check((scope.get("client") or ("-",))[0])
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/form-data":
            raise Problem(415, "unsupported-media-type", "expected multipart/form-data with a part `picture`")
        self._check_room()


class Rates:
    """At most so many pictures a minute from one address: a bucket that fills steadily, for each."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = float(per_minute), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Problem 429 where the address has to wait."""
        if not self._most:
            return
        now = self._clock()
        left, since = self._buckets.pop(address, (self._most, now))
        left = min(self._most, left + (now - since) * self._most / 60)
        self._buckets[address] = (left - 1, now) if left >= 1 else (left, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = (1 - left) * 60 / self._most
            raise Problem(
                429, "too-many-requests", f"at most {self._most:.0f} pictures a minute", retry_after=wait
            )


class _Limited:
    """The body of one request, cut off where it is too large, too slow, or pauses too long."""

    def __init__(self, receive: Receive, settings: Settings, headers: Headers) -> None:
        self._receive, self._settings = receive, settings
        self._most_bytes = settings.upload_mb << 20
        self._seen, self._done, self._ends = 0, False, time.monotonic() + settings.upload_seconds
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > self._most_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        """ASGI. Problem 408 or 413."""
        if self._done:
            return await self._receive()
        seconds = min(self._settings.idle_seconds, self._ends - time.monotonic())
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                message = await self._receive()
        except TimeoutError as error:
            raise Problem(408, "too-slow", "the body of the request did not arrive in time") from error
        self._seen += len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._seen > self._most_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        return Problem(413, "too-large", f"a request may have at most {self._settings.upload_mb} MiB")


async def _drain(receive: Receive, headers: Headers) -> None:
    """Take what of a refused body is on its way already: a connection closed over unread bytes is reset, and
    the client would lose the answer. Not what it only asks leave to send, nor much, nor for long."""
    declared = headers.get("content-length", "0")
    if "expect" in headers or not declared.isdecimal() or int(declared) > _MOST_DRAINED_BYTES:
        return
    seen = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while seen <= _MOST_DRAINED_BYTES:
                message = await receive()
                seen += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _check_role(path: str, caller: Caller) -> None:
    needed = next((role for start, role in NEEDED.items() if f"{path}/".startswith(f"{start}/")), "none")
    if may(caller.role, needed):
        return
    if caller.name is None:
        raise Problem(401, "unauthorized", f"this needs a token with the role {needed}")
    raise Problem(403, "forbidden", f"this needs the role {needed}, the token has {caller.role}")


def _check_same_site(headers: Headers) -> None:
    """Problem 403 where the page of another site sends the request: a browser would lend it this caller's
    rights. Programs send neither header."""
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
    if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(403, "other-site", "requests from the pages of other sites need a token")


def _without_port(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
