"""Ed25519 key pairs in PEM files, their fingerprints, and the trust store."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from underdrawing.core.errors import KeyFileError, MissingKeyFileError

FINGERPRINT_BYTES = 4
"""Bytes of a key's fingerprint that a picture carries."""

_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class PublicKey:
    """Public key of an owner."""

    def __init__(self, raw: bytes):
        if len(raw) != 32:
            raise KeyFileError(f"an Ed25519 public key has 32 bytes, got {len(raw)}")
        self.raw = raw

    @property
    def fingerprint(self) -> str:
        """16 hex digits: the first 8 bytes of the key's SHA-256."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    @property
    def short(self) -> bytes:
        """First FINGERPRINT_BYTES of the fingerprint, embedded in pictures."""
        return bytes.fromhex(self.fingerprint)[:FINGERPRINT_BYTES]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the owner signed this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def pem(self) -> bytes:
        """The key as a PEM file's bytes."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """Read a public key, or the public half of a private key without a password, from a PEM file."""
        data = _read(path)
        if b"PRIVATE" in data:
            return Owner.load(path).public
        try:
            key = serialization.load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path}: not a public key in PEM form ({error})") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFileError(f"{path}: expected an Ed25519 key, got {type(key).__name__}")
        return cls(key.public_bytes(*_RAW))


class Owner:
    """Ed25519 private key that signs."""

    def __init__(self, key: Ed25519PrivateKey):
        self._key = key
        self.public = PublicKey(key.public_key().public_bytes(*_RAW))

    @classmethod
    def create(cls) -> Owner:
        """A new key pair."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path, password: bytes | None = None) -> Owner:
        """Read a private key from a PEM file; KeyFileError if it is none, or the password is missing or
        wrong."""
        data = _read(path)
        try:
            key = serialization.load_pem_private_key(data, password)
        except TypeError as error:
            raise KeyFileError(
                f"{path}: {'a password is needed' if password is None else 'it has no password'}"
            ) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(
                f"{path}: not a private key in PEM form, or a wrong password ({error})"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"{path}: expected an Ed25519 key, got {type(key).__name__}")
        return cls(key)

    def save(self, path: Path, password: bytes | None = None) -> None:
        """Write the private key, readable by its owner only; never over an existing file."""
        hide = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        data = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hide)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
        with os.fdopen(handle, "wb") as file:
            file.write(data)

    def sign(self, message: bytes) -> bytes:
        """Signature of 64 bytes."""
        return self._key.sign(message)


class TrustStore:
    """A folder of public keys, one PEM file each; the file's name is the name of its owner."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def add(self, public: PublicKey, name: str) -> Path:
        """Trust a key under a name; returns the file written."""
        if not name or Path(name).name != name or name.startswith("."):
            raise KeyFileError(f"{name!r} is no usable name for a key")
        path = self.folder / f"{name}.pem"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(public.pem())
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from error
        return path

    def __iter__(self) -> Iterator[tuple[str, PublicKey]]:
        """Names and keys; files that are not public keys are skipped."""
        for path in sorted(self.folder.glob("*.pem")) if self.folder.is_dir() else ():
            with contextlib.suppress(KeyFileError):
                yield path.stem, PublicKey.load(path)

    def find(self, short: bytes) -> PublicKey | None:
        """The trusted key whose fingerprint starts with `short`."""
        return next((key for _, key in self if key.short == short), None)


def _read(path: Path) -> bytes:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise MissingKeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > 1 << 16:
        raise KeyFileError(f"{path}: too large for a key file")
    return data
