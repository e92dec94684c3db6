"""Origins that an operator lists: pages of other sites (CORS), receivers of webhooks, sources of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from underdrawing.core.errors import UsageError
from underdrawing.service.hosts import Host

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of a URL (RFC 6454)."""

    scheme: str
    host: str
    """In lower case, IPv6 in brackets."""
    port: int

    @classmethod
    def parse(cls, url: str) -> Origin | None:
        """The origin of an http or https URL; None for anything else, and where it has a user name."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in _PORTS or "@" in parts.netloc or not url.isascii() or not url.isprintable():
            return None
        host = Host.parse(parts.netloc)
        return None if host is None else cls(parts.scheme, host.name, port or _PORTS[parts.scheme])

    def __str__(self) -> str:
        """As browsers write it in the header Origin."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


class OriginList:
    """The origins of a setting, with commas: `https://a.example`, `a.example` for the same, `http://10.0.0.7:8080`.

    wildcards: whether `*.a.example` stands for every name below a.example, and `*` for every host, by https.
    """

    def __init__(self, text: str, *, wildcards: bool = False) -> None:
        """UsageError for an entry that is none."""
        self._exact: set[Origin] = set()
        self._suffixes: list[str] = []
        for entry in filter(None, (entry.strip().lower() for entry in text.split(","))):
            if wildcards and (entry == "*" or (entry.startswith("*.") and Host.parse(entry[2:]))):
                self._suffixes.append(entry[1:])
                continue
            origin = Origin.parse(entry if "://" in entry else f"https://{entry}")
            if origin is None or entry.partition("://")[2].strip("/").count("/"):
                raise UsageError(
                    f"expected origins as https://photos.example.org, with commas, got {entry!r}"
                )
            self._exact.add(origin)

    def __bool__(self) -> bool:
        return bool(self._exact or self._suffixes)

    def __contains__(self, origin: Origin | None) -> bool:
        if origin is None:
            return False
        https = origin.scheme == "https" and origin.port == _PORTS["https"]
        below = any(origin.host.endswith(suffix) for suffix in self._suffixes)
        return origin in self._exact or (https and below)

    def names(self, origin: Origin) -> bool:
        """Whether the origin itself is listed, not by a wildcard."""
        return origin in self._exact

    @property
    def exact(self) -> list[str]:
        """The listed origins as browsers write them."""
        return sorted(map(str, self._exact))
