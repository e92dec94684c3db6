"""Host names that the server answers to: a page of another site must not reach it under a name of its own.

    Host: or absolute-form target --> Host(name, port) --> in the list?

By DNS rebinding, the name of any site can be made to lead to this machine. Only the name tells such requests
from others, so it is compared with a list on every route. Headers such as X-Forwarded-Host are not read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from underdrawing.core.errors import UsageError

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?)\.?(?::([0-9]{1,5}))?", re.ASCII)
LOOPBACK = "localhost,127.0.0.1,[::1]"
"""Names of this machine."""


@dataclass(frozen=True)
class Host:
    """A host name or address in lower case, IPv6 in brackets, and a port."""

    name: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Host | None:
        """A host as in the header Host; None for anything else. An address may be written in several ways,
        and a name may end with a dot."""
        match = _HOST.fullmatch(text.lower())
        if match is None:
            return None
        name, port = match[1], None if match[2] is None else int(match[2])
        if port is not None and port > 65535:
            return None
        if name.startswith("["):
            try:
                name = f"[{ipaddress.IPv6Address(name[1:-1])}]"
            except ValueError:
                return None
        return cls(name, port)


class HostList:
    """The hosts of a setting: names with commas; one with a port stands for that port only."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._hosts = frozenset(hosts)

    @classmethod
    def parse(cls, text: str) -> HostList:
        """UsageError for an entry that is no host name."""
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        hosts = {entry: Host.parse(_bracketed(entry)) for entry in entries}
        for entry, host in hosts.items():
            if host is None:
                raise UsageError(f"expected host names as photos.example.org, with commas, got {entry!r}")
        return cls(host for host in hosts.values() if host is not None)

    def __contains__(self, host: Host | None) -> bool:
        return host is not None and (host in self._hosts or Host(host.name) in self._hosts)


def is_loopback(host: str) -> bool:
    """Whether an address is one of this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bracketed(entry: str) -> str:
    """An entry of the list, an IPv6 address in brackets."""
    try:
        return f"[{ipaddress.IPv6Address(entry)}]"
    except ValueError:
        return entry
