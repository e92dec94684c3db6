"""Settings of the server: options of `underdrawing serve`, or environment variables UNDERDRAWING_NAME."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from underdrawing.core.errors import UsageError
from underdrawing.credentials.repository import beside
from underdrawing.service.hosts import LOOPBACK, HostList, is_loopback
from underdrawing.service.origins import OriginList

PREFIX = "UNDERDRAWING_"
_FILES = (
    "tokens", "sign", "sign_password_file", "credentials", "credentials_key", "credentials_password_file",
    "webhook_secret_file",
)  # fmt: skip
_POSITIVE = (
    "job_seconds", "upload_mb", "megapixels", "upload_seconds", "idle_seconds", "connections", "job_pictures",
    "job_mb", "job_picture_seconds", "job_keep_seconds",
)  # fmt: skip
_MIN_SECRET = 16
ANONYMOUS = ("auto", "none", "public", "reader", "protector", "admin")


@dataclass(frozen=True)
class Settings:
    """The configuration of the server; docs/DEPLOYMENT.md has it as a table."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    registry: str = ""
    """Path or URL of the registry; empty: no records, no retrieval."""
    tokens: str = ""
    """File of access tokens, as `underdrawing token` writes it; empty: there are none."""
    anonymous: str = "auto"
    """Role of callers without a token: none, public, reader, protector, admin. auto: public; for this machine
    itself, while there is no token file, admin, or reader where the server signs."""
    sign: str = ""
    """PEM file of the private key that signs protected pictures; empty: unsigned. Signing needs a token."""
    sign_password_file: str = ""
    """File with that key's password."""
    trust: str = ""
    """Folder of trusted public keys and certificates; empty: the user's own."""
    credentials: str = ""
    """PEM file of the certificates under which Content Credentials are signed into protected pictures, the
    signer's own first; empty: none are signed."""
    credentials_key: str = ""
    """PEM file of the first certificate's private key."""
    credentials_password_file: str = ""
    """File with that key's password."""
    manifests: str = ""
    """Folder of stored Content Credentials; empty: beside a registry in a file."""
    originals: str = ""
    """Folder where originals of the registry are kept as .udl; empty: none are given out."""
    hosts: str = ""
    """Host names, with commas, that the server answers to beside those of this machine. Required where others
    can reach the address. Prevents DNS rebinding."""
    proxies: str = ""
    """Addresses, with commas, of reverse proxies whose X-Forwarded-For is trusted."""
    workers: int = 0
    """Worker processes; 0: one per core."""
    queue: int = 0
    """Pictures that may wait for a worker; 0: half as many as workers. More get 503."""
    job_seconds: float = 60.0
    """Time limit for one picture; then it gets 504 and its worker is replaced."""
    jobs_per_worker: int = 500
    """Pictures after which a worker is replaced; 0: never."""
    worker_mb: int = 4096
    """Address space of a worker in MiB; 0: not limited."""
    upload_mb: int = 50
    """Largest body of a request, MiB; larger ones get 413."""
    megapixels: int = 40
    """Largest picture; checked before it is decoded."""
    upload_seconds: float = 60.0
    """Time limit for the whole body; then 408."""
    idle_seconds: float = 10.0
    """Longest pause of a client while it sends a request or reads a response."""
    connections: int = 200
    """Connections at once; more get 503."""
    rate_per_minute: int = 30
    """Pictures per minute from one address without a token; more get 429. 0: not limited."""
    artefact_seconds: float = 900.0
    """Time until the files of a response expire."""
    artefact_mb: int = 2048
    """Disk space for them, MiB; the oldest are removed first."""
    spool: str = ""
    """Folder for uploads and artefacts, cleared at start; empty: a new temporary one."""
    jobs: int = 100
    """Asynchronous jobs that are kept at once, finished ones included; more get 503."""
    jobs_per_token: int = 20
    """Of them, those of one token; more get 429."""
    job_pictures: int = 200
    """Pictures in one job."""
    job_mb: int = 512
    """Largest body of a request that makes a job, MiB; it may take longer in the same proportion."""
    job_picture_seconds: float = 300.0
    """Time limit for one picture of a job."""
    job_keep_seconds: float = 86_400.0
    """Time from its creation until a job and its answers expire."""
    webhook_hosts: str = ""
    """Origins, with commas, that jobs may send their webhook to, as https://desk.example.org; empty: none."""
    webhook_secret_file: str = ""
    """File with the secret under which webhooks are signed; empty: each job has to bring its own."""
    cors_origins: str = ""
    """Origins, with commas, whose pages may use the API; empty: no other site. There is no wildcard."""
    fetch_hosts: str = ""
    """Origins, with commas, from which pictures may be fetched by URL; `*.example.org` and `*` are possible,
    over https and to public addresses only. Empty: none."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Settings from environment variables; values in `given` that are not None take precedence.

        UsageError, naming the variable, for invalid values.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if given.get(field.name) is not None:
                values[field.name] = given[field.name]
            elif name in environment:
                try:
                    values[field.name] = type(getattr(cls, field.name))(environment[name])
                except ValueError as error:
                    raise UsageError(f"{name}: expected a number, got {environment[name]!r}") from error
        settings = cls(**values)
        settings.check()
        return settings

    def check(self) -> None:
        """UsageError, naming the variable, for invalid values."""
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
        self._check_access()
        self._check_origins()
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

    def _check_origins(self) -> None:
        for name in ("webhook_hosts", "cors_origins", "fetch_hosts"):
            try:
                OriginList(getattr(self, name), wildcards=name == "fetch_hosts")
            except UsageError as error:
                raise UsageError(f"{PREFIX}{name.upper()}: {error}") from error
        if self.webhook_secret_file and len(self.webhook_secret) < _MIN_SECRET:
            raise UsageError(
                f"{PREFIX}WEBHOOK_SECRET_FILE: {self.webhook_secret_file}: expected a secret of at least "
                f"{_MIN_SECRET} characters"
            )

    def _check_access(self) -> None:
        """A list of hosts where others can reach the server, and tokens where it signs."""
        if not self.hosts.strip(" ,") and not is_loopback(self.host):
            raise UsageError(
                f"{PREFIX}HOSTS: others can reach {self.host or 'every address'}; give the host names under "
                "which this server answers, as --hosts photos.example.org"
            )
        try:
            _ = self.host_list
        except UsageError as error:
            raise UsageError(f"{PREFIX}HOSTS: {error}") from error
        if not self.signs:
            return
        if self.anonymous in ("protector", "admin"):
            raise UsageError(
                f"{PREFIX}ANONYMOUS: as {self.anonymous} everybody could sign with the key of this server; "
                "give at most the role reader, and tokens to those who sign"
            )
        if not self.tokens and not is_loopback(self.host):
            raise UsageError(
                f"{PREFIX}TOKENS: signing needs a token; make one with `underdrawing token add NAME --role "
                "protector --tokens tokens.json`, and start with --tokens tokens.json"
            )

    @property
    def signs(self) -> bool:
        """Whether the server holds a private key: the owner's, or that of Content Credentials."""
        return bool(self.sign or self.credentials)

    @property
    def host_list(self) -> HostList:
        """Hosts that the server answers to: the setting, and the names of this machine, which no other site
        can have. UsageError for an invalid list."""
        own = f"{LOOPBACK},{self.host}" if is_loopback(self.host) else LOOPBACK
        return HostList.parse(f"{own},{self.hosts}")

    @property
    def webhook_secret(self) -> str:
        """The secret of webhooks; empty without one."""
        if not self.webhook_secret_file:
            return ""
        return Path(self.webhook_secret_file).read_text(encoding="utf-8").strip()

    @property
    def manifest_folder(self) -> Path | None:
        """Folder of stored Content Credentials; None: they are not stored."""
        if self.manifests:
            return Path(self.manifests)
        return beside(self.registry) if self.registry else None

    @property
    def worker_count(self) -> int:
        """Number of worker processes."""
        return self.workers or os.cpu_count() or 1

    @property
    def queue_length(self) -> int:
        """Pictures that may wait for a worker."""
        return self.queue or max(1, self.worker_count // 2)
