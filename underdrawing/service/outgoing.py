"""Requests of the server to others: to listed origins only, without redirects, with limits on time and size.

    URL -> origin listed? -> addresses of the name, checked -> connection to that very address -> answer

The address is checked and then used itself: a second look-up of the name (DNS rebinding) changes nothing.
Proxies named in the environment are not used.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from underdrawing import __version__
from underdrawing.service.origins import Origin, OriginList

_CHUNK_BYTES = 64 << 10
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""Outside of it are NAT64, site-local and IPv4-compatible addresses, which may lead inwards."""


class OutgoingError(Exception):
    """A request to another server that is not allowed or failed; the message is fit for callers."""


@dataclass(frozen=True)
class Outgoing:
    """One request and its limits."""

    url: str
    allowed: OriginList
    seconds: float
    """For all of it, after the name is resolved."""
    max_bytes: int
    """Of the answer's body."""
    private_names: bool = False
    """Whether a listed name may have an address that is not public, as those inside of a company."""
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Incoming:
    """The answer of the other server."""

    status: int
    content_type: str
    body: bytes


def send(request: Outgoing) -> Incoming:
    """Send a request. OutgoingError where it is not allowed, fails, or takes or returns too much."""
    origin = check(request.url, request.allowed)
    address = _address(origin, request)
    connection = _Pinned(origin, address, request.seconds)
    # A time-out of the socket alone would let a server send one byte now and then for ever.
    timer = threading.Timer(request.seconds, connection.abort)
    timer.daemon = True
    timer.start()
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": f"underdrawing/{__version__}", "Accept-Encoding": "identity", **request.headers}
    try:
        connection.request(request.method, target, request.body, headers)
        response = connection.getresponse()
        body = _body(response, request.max_bytes) if response.status < 300 else b""
        if connection.aborted:
            raise TimeoutError
        return Incoming(response.status, response.headers.get_content_type(), body)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ssl.SSLError is an OSError
        late = connection.aborted or isinstance(error, TimeoutError)
        reason = f"not done within {request.seconds:.0f} s" if late else type(error).__name__
        raise OutgoingError(f"{origin} does not answer ({reason})") from error
    finally:
        timer.cancel()
        connection.close()


def check(url: str, allowed: OriginList) -> Origin:
    """The origin of a URL. OutgoingError where it is none, or not listed."""
    origin = Origin.parse(url)
    if origin is None or len(url) > 2000:
        raise OutgoingError("expected an http or https URL without a user name")
    if origin not in allowed:
        raise OutgoingError(f"this server sends no requests to {origin}")
    return origin


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also by the IPv4 address inside of it."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _GLOBAL_UNICAST or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast


def _address(origin: Origin, request: Outgoing) -> tuple:
    """A socket address of the host that may be used. OutgoingError where it has none."""
    host = origin.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 characters
        raise OutgoingError(f"{origin} has no address") from error
    listed = request.allowed.names(origin) and (request.private_names or _is_address(host))
    addresses = [place for *_, place in found]
    # One private address among public ones is enough to refuse: such names are made to deceive.
    if not addresses or not (listed or all(is_public(place[0]) for place in addresses)):
        raise OutgoingError(f"the address of {origin} is not on the public internet")
    return addresses[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    parts, size = [], 0
    while part := response.read1(_CHUNK_BYTES):
        size += len(part)
        if size > max_bytes:
            raise OutgoingError(f"the answer has more than {max_bytes >> 20} MiB")
        parts.append(part)
    if response.length:  # fewer bytes than it declared
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever the name resolves to later; the certificate is of the name."""

    def __init__(self, origin: Origin, address: tuple, seconds: float) -> None:
        super().__init__(origin.host, origin.port, timeout=seconds)
        self._address = address
        self._name = origin.host.strip("[]")
        self._tls = ssl.create_default_context() if origin.scheme == "https" else None
        self.aborted = False

    def connect(self) -> None:
        """Connect to the address."""
        self.sock = socket.create_connection(self._address[:2], self.timeout)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)

    def abort(self) -> None:
        """Break off, from another thread."""
        self.aborted = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
