"""What the server is told: options of `underdrawing serve`, or environment variables UNDERDRAWING_NAME."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from underdrawing.core.errors import UsageError
from underdrawing.credentials.repository import beside

PREFIX = "UNDERDRAWING_"
_FILES = (
    "tokens", "sign", "sign_password_file", "credentials", "credentials_key", "credentials_password_file",
)  # fmt: skip
_POSITIVE = ("job_seconds", "upload_mb", "megapixels", "upload_seconds", "idle_seconds", "connections")
ANONYMOUS = ("auto", "none", "public", "reader", "protector", "admin")


@dataclass(frozen=True)
class Settings:
    """The server's configuration; docs/SERVICE.md has the same as one table."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    registry: str = ""
    """Path or URL of the registry; empty: no records, no retrieval."""
    tokens: str = ""
    """File of access tokens, as `underdrawing token` writes it; empty: nobody has one."""
    anonymous: str = "auto"
    """What callers without a token may: none, public, reader, protector, admin. auto: admin for this machine
    itself as long as there is no token file, public for all others."""
    sign: str = ""
    """PEM file of the private key that signs what is protected; empty: unsigned."""
    sign_password_file: str = ""
    """File with that key's password."""
    trust: str = ""
    """Folder of trusted public keys and certificates; empty: the user's own."""
    credentials: str = ""
    """PEM file of the certificates under which Content Credentials are signed into what is protected, the
    signer's own first; empty: none are."""
    credentials_key: str = ""
    """PEM file of the first certificate's private key."""
    credentials_password_file: str = ""
    """File with that key's password."""
    manifests: str = ""
    """Folder where Content Credentials are kept and looked for; empty: beside a registry in a file."""
    hosts: str = ""
    """Host names, with commas, under which the server answers; empty: every name, or only this machine's own
    where callers without a token may more than the public. Keeps other sites from naming it as theirs."""
    proxies: str = ""
    """Addresses, with commas, of reverse proxies whose X-Forwarded-For is believed."""
    workers: int = 0
    """Processes that work on pictures; 0: one a core."""
    queue: int = 0
    """Pictures that may wait for a worker; 0: half as many as workers. More are answered with 503."""
    job_seconds: float = 60.0
    """A picture that takes longer is given up with 504, its worker replaced."""
    jobs_per_worker: int = 500
    """Pictures after which a worker is replaced by a new one."""
    worker_mb: int = 4096
    """Address space of a worker in MiB; 0: not limited."""
    upload_mb: int = 50
    """Largest body of a request in MiB; larger ones are answered with 413."""
    megapixels: int = 40
    """Largest picture, before it is decoded."""
    upload_seconds: float = 60.0
    """Time that the whole body may take to arrive; then 408."""
    idle_seconds: float = 10.0
    """Longest pause of a client that is sending a request or taking an answer."""
    connections: int = 200
    """Connections at once; more are answered with 503."""
    rate_per_minute: int = 30
    """Pictures a minute that one address without a token may hand in; more are answered with 429. 0: any."""
    artefact_seconds: float = 900.0
    """How long the pictures of a verification can be fetched."""
    artefact_mb: int = 2048
    """Disk for them in MiB; the oldest go first."""
    spool: str = ""
    """Folder for uploads and artefacts, emptied at start; empty: a new temporary one."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """The settings of environment variables; what is `given` and not None goes first.

        UsageError, naming the variable, where a value cannot be used.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if given.get(field.name) is not None:
                values[field.name] = given[field.name]
            elif name in environment:
                try:
                    values[field.name] = type(field.default)(environment[name])
                except ValueError as error:
                    raise UsageError(f"{name}: expected a number, got {environment[name]!r}") from error
        settings = cls(**values)
        settings.check()
        return settings

    def check(self) -> None:
        """UsageError where a value cannot be used."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not 0 <= value < 1e9:
                raise UsageError(f"{PREFIX}{field.name.upper()}: expected a number from 0, got {value}")
        for name in _POSITIVE:
            if getattr(self, name) == 0:
                raise UsageError(f"{PREFIX}{name.upper()}: expected more than 0")
        if self.port > 65535:
            raise UsageError(f"{PREFIX}PORT: expected a port up to 65535, got {self.port}")
        if self.anonymous not in ANONYMOUS:
            known = ", ".join(ANONYMOUS)
            raise UsageError(f"{PREFIX}ANONYMOUS: expected one of {known}, got {self.anonymous!r}")
        for name in _FILES:
            path = getattr(self, name)
            if path and not Path(path).is_file():
                raise UsageError(f"{PREFIX}{name.upper()}: {path}: no such file")
        self._check_credentials()
        if self.trust and not Path(self.trust).is_dir():
            raise UsageError(f"{PREFIX}TRUST: {self.trust}: no such folder of public keys")

    def _check_credentials(self) -> None:
        if bool(self.credentials) != bool(self.credentials_key):
            raise UsageError(
                f"{PREFIX}CREDENTIALS and {PREFIX}CREDENTIALS_KEY belong together: certificates, their key"
            )
        if self.credentials and self.registry and self.manifest_folder is None:
            raise UsageError(
                f"{PREFIX}MANIFESTS: the registry is on a server; name a folder where credentials are kept"
            )

    @property
    def manifest_folder(self) -> Path | None:
        """Where Content Credentials are kept; None: nowhere."""
        if self.manifests:
            return Path(self.manifests)
        return beside(self.registry) if self.registry else None

    @property
    def worker_count(self) -> int:
        """Processes that work on pictures."""
        return self.workers or os.cpu_count() or 1

    @property
    def queue_length(self) -> int:
        """Pictures that may wait. Half as many as workers: nobody waits for more than one picture."""
        return self.queue or max(1, self.worker_count // 2)

    @property
    def host_names(self) -> frozenset[str]:
        """Names that are answered, lower case; empty: all."""
        if self.hosts:
            return frozenset(name.strip().lower() for name in self.hosts.split(",") if name.strip())
        if is_loopback(self.host) and self.anonymous != "public":
            return frozenset({"localhost", "127.0.0.1", "::1", self.host.lower()})
        return frozenset()


def is_loopback(host: str) -> bool:
    """Whether only this machine itself can be behind an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
