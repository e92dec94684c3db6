"""Repository of manifests by identity, from which a file that lost its own recovers it.

    FOLDER/01/0123456789abcdef/SHA256.c2pa       a manifest store, as it is in the protected file

A folder beside the registry. It needs no hash chain: each manifest is signed and names its identity.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from underdrawing.core.errors import CredentialsError, OutputError
from underdrawing.data.files import write_atomic

LARGEST_STORE = 1 << 25
"""Bytes; larger manifest stores are ignored."""
_IDENTITY = re.compile(r"[0-9a-f]{16}", re.ASCII)
_SUFFIX = ".credentials"


def beside(registry: str | Path) -> Path | None:
    """The folder that belongs to a registry in a file, by its path or URL; None for one on a server."""
    scheme, separator, rest = str(registry).partition("://")
    if not separator or isinstance(registry, Path):
        return Path(f"{registry}{_SUFFIX}")
    if scheme == "sqlite" and len(rest) > 1:
        return Path(rest[1:].partition("?")[0] + _SUFFIX)
    return None


class ManifestRepository:
    """Stores and finds manifest stores; safe with many processes at once."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def add(self, identity: str, store: bytes) -> Path:
        """Store a manifest store durably; its file. Raises CredentialsError."""
        path = self._of(identity) / f"{hashlib.sha256(store).hexdigest()}.c2pa"
        try:
            write_atomic(path, store, overwrite=True)  # the name is its content's: the same or nothing
        except OutputError as error:
            raise CredentialsError(f"the manifest cannot be kept: {error}") from error
        return path

    def by_identity(self, identity: str) -> list[bytes]:
        """The manifest stores of an identity, the latest first. Raises CredentialsError."""
        try:
            found = sorted(
                self._of(identity).glob("*.c2pa"), key=lambda path: path.stat().st_mtime_ns, reverse=True
            )
            return [path.read_bytes() for path in found if path.stat().st_size <= LARGEST_STORE]
        except OSError as error:
            raise CredentialsError(
                f"{error.filename}: the manifest cannot be read ({error.strerror})"
            ) from error

    def holds(self, identity: str) -> bool:
        """Whether anything is stored for an identity, valid or not. Raises CredentialsError."""
        try:
            return any(self._of(identity).glob("*.c2pa"))
        except OSError as error:
            raise CredentialsError(f"{error.filename}: cannot be read ({error.strerror})") from error

    def _of(self, identity: str) -> Path:
        if not _IDENTITY.fullmatch(identity):
            raise CredentialsError(f"expected an identity of 16 hex digits, got {identity!r}")
        return self.folder / identity[:2] / identity
