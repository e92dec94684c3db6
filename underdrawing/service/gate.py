"""Middleware that checks host, token, role, rate and size before the body is read.

The framework itself would store the whole body first and then check the token.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underdrawing.core.errors import KeyFileError
from underdrawing.service.hosts import Host, is_loopback
from underdrawing.service.job_store import JOBS_PATH
from underdrawing.service.origins import Origin, OriginList
from underdrawing.service.problems import Problem
from underdrawing.service.settings import Settings
from underdrawing.service.tokens import StartToken, TokenFile, may

REQUIRED_ROLES = {
    "/v1/verify": "public",
    "/v1/examine": "public",
    "/v1/records": "public",
    "/v1/retrieve": "reader",
    "/v1/protect": "protector",
    JOBS_PATH: "reader",
    "/metrics": "admin",
}
"""By path prefix; other paths require none."""
_ORIGINAL = re.compile(r"/v1/records/[^/]*/original")
"""Of one record; requires protector."""
PICTURE_PATHS = ("/v1/verify", "/v1/examine", "/v1/retrieve", "/v1/protect", JOBS_PATH)
OVER_LIMIT = "over limit"
"""Key in the state of requests whose connection exceeds the limit."""
_OVER_LIMIT_SECONDS = 2.0
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_MAX_CLIENTS = 10_000
_MAX_DRAINED_BYTES = 8 << 20
_DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Caller:
    """The role of a request and the name of its token."""

    role: str
    name: str | None = None
    """None without a token."""
    token_sha256: str | None = None
    """What tells one token from another, also from a later one of the same name."""


class Gate:
    """The checks before the app.

    check_room: gets a path and the hash of a token, and raises Problem while there is no room for pictures.
    start_token: the token of this run, if there is one.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        check_room: Callable[[str, str | None], None],
        start_token: StartToken | None = None,
    ) -> None:
        self.app, self.settings, self._check_room = app, settings, check_room
        self._hosts = settings.host_list
        self._cors = OriginList(settings.cors_origins)
        self._tokens = TokenFile(Path(settings.tokens)) if settings.tokens else start_token
        self._rates = Rates(settings.rate_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            if scope["state"].get(OVER_LIMIT):
                scope["state"]["log"]["refused"] = "connections"
                raise Problem(503, "crowded", "too many connections at once", retry_after=_OVER_LIMIT_SECONDS)
            self._check_host(scope, headers)
            caller = self._caller(scope, headers)
            scope["state"]["caller"] = caller
            scope["state"]["log"] |= {"role": caller.role, "token": caller.name}
            _check_role(scope["path"], caller)
            if scope["method"] == "POST" and scope["path"] in PICTURE_PATHS:
                self._check_picture(scope, headers, caller)
            receive = _Limited(receive, self._body_limits(scope["path"]), headers).receive
        except Problem as problem:
            await _drain(receive, Headers(scope=scope))
            await problem.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_host(self, scope: Scope, headers: Headers) -> None:
        """Problem 421 for a host that is not in the list, 400 for a target that is not a path."""
        if Host.parse(headers.get("host", "")) not in self._hosts:
            raise Problem(421, "wrong-host", "this server does not answer under that host name")
        if not scope["path"].startswith("/") and scope["method"] != "OPTIONS":
            raise Problem(400, "bad-request", "expected the path of this server, not the URL of a proxy")

    def _caller(self, scope: Scope, headers: Headers) -> Caller:
        header = headers.get("authorization")
        if header is None:
            return Caller(self._anonymous(scope, headers))
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "unauthorized", "expected `Authorization: Bearer TOKEN`")
        try:
            entry = self._tokens.find(token.strip()) if self._tokens else None
        except KeyFileError as error:
            raise Problem(503, "tokens", "the server cannot read its tokens", retry_after=30) from error
        if entry is None or entry.expired:
            raise Problem(401, "unauthorized", "the token has expired" if entry else "the token is not known")
        return Caller(entry.role, entry.name, entry.sha256)

    def _anonymous(self, scope: Scope, headers: Headers) -> str:
        role = self.settings.anonymous
        if role != "auto":
            return role
        # Local users may do what they can do on the command line. A proxy on this machine forwards requests
        # of others, which carry its headers.
        local = is_loopback((scope.get("client") or ("",))[0])
        # A listed page of another site is not this machine's user either.
        foreign = Origin.parse(headers.get("origin", "")) in self._cors
        if not local or foreign or self.settings.tokens or any(name in headers for name in _FORWARDED):
            return "public"
        return "reader" if self.settings.signs else "admin"

    def _check_picture(self, scope: Scope, headers: Headers, caller: Caller) -> None:
        if caller.name is None:
            _check_same_site(headers, self._cors)
            if caller.role == "public":
                self._rates.check((scope.get("client") or ("-",))[0])
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/form-data":
            raise Problem(415, "unsupported-media-type", "expected multipart/form-data with a part `picture`")
        self._check_room(scope["path"], caller.token_sha256)

    def _body_limits(self, path: str) -> BodyLimits:
        settings = self.settings
        large = settings.job_mb / settings.upload_mb if path == JOBS_PATH else 1.0
        size = settings.job_mb if path == JOBS_PATH else settings.upload_mb
        return BodyLimits(size, settings.upload_seconds * max(1.0, large), settings.idle_seconds)


@dataclass(frozen=True)
class BodyLimits:
    """Of the body of one request."""

    mb: int
    """MiB."""
    seconds: float
    """For all of it."""
    idle_seconds: float
    """For one pause."""


class Rates:
    """Rate limit for each address: a token bucket that refills with `per_minute`."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._clock = float(per_minute), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Count one picture; Problem 429 where the address has to wait."""
        if not self._size:
            return
        now = self._clock()
        left, since = self._buckets.pop(address, (self._size, now))
        left = min(self._size, left + (now - since) * self._size / 60)
        self._buckets[address] = (left - 1, now) if left >= 1 else (left, now)
        if len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = (1 - left) * 60 / self._size
            raise Problem(
                429, "too-many-requests", f"at most {self._size:.0f} pictures a minute", retry_after=wait
            )


class _Limited:
    """The body of one request, with limits on its size, its duration and its pauses."""

    def __init__(self, receive: Receive, limits: BodyLimits, headers: Headers) -> None:
        self._receive, self._limits, self._headers = receive, limits, headers
        self._max_bytes = limits.mb << 20
        self._received, self._done, self._deadline = 0, False, time.monotonic() + limits.seconds
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > self._max_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        """ASGI. Problem 408 or 413."""
        if self._done:
            return await self._receive()
        seconds = min(self._limits.idle_seconds, self._deadline - time.monotonic())
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                message = await self._receive()
        except TimeoutError as error:
            raise Problem(408, "too-slow", "the body of the request did not arrive in time") from error
        self._received += len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._received > self._max_bytes:
            if not self._done:
                await _drain(self._receive, self._headers)
            raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        return Problem(413, "too-large", f"a request may have at most {self._limits.mb} MiB")


async def _drain(receive: Receive, headers: Headers) -> None:
    """Read the rest of a refused body, up to a size and a time: closing a connection with unread bytes resets
    it, and the client would not get the response. Clients that wait for "100 Continue" send no body."""
    declared = headers.get("content-length", "0")
    if "expect" in headers or not declared.isdecimal() or int(declared) > _MAX_DRAINED_BYTES:
        return
    received = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while received <= _MAX_DRAINED_BYTES:
                message = await receive()
                received += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def required_role(path: str) -> str:
    """The least role that may use a path."""
    if _ORIGINAL.fullmatch(path.rstrip("/")):
        return "protector"
    roles = (role for prefix, role in REQUIRED_ROLES.items() if f"{path}/".startswith(f"{prefix}/"))
    return next(roles, "none")


def _check_role(path: str, caller: Caller) -> None:
    required = required_role(path)
    if may(caller.role, required):
        return
    if caller.name is None:
        raise Problem(401, "unauthorized", f"this needs a token with the role {required}")
    raise Problem(403, "forbidden", f"this needs the role {required}, the token has {caller.role}")


def _check_same_site(headers: Headers, listed: OriginList) -> None:
    """Problem 403 for requests from pages of other sites, which a browser sends with the rights of its user,
    unless the operator lists them. Programs send neither header."""
    origin = headers.get("origin")
    if origin is not None and Origin.parse(origin) in listed:
        return
    foreign = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
    if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(403, "other-site", "requests from the pages of other sites need a token")
