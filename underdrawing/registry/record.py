"""Record: the data that the registry stores for a protected photograph, and its canonical text.

    Record <-> canonical JSON (sorted keys, no spaces, UTF-8), the text that the hash chain covers

The vector is stored beside the text, which holds its SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from underdrawing.coding.keys import PublicKey
from underdrawing.core.errors import RegistryError
from underdrawing.registry.facts import Facts

FORMAT = 1
"""Version of the canonical JSON; others are refused."""
_HEX = re.compile(r"[0-9a-f]*", re.ASCII)


@dataclass(frozen=True)
class Copy:
    """One copy of the photograph: the original, or the protected one."""

    pixels: str
    """SHA-256 of its pixels, 64 hex digits."""
    perceptual: str
    """16 hex digits; see hashes.perceptual_hash."""
    file: str | None = None
    """SHA-256 of its file, 64 hex digits; None where there was no file."""
    place: str | None = None
    """Path or URL of the file."""

    def __post_init__(self) -> None:
        _check_hex("pixels", self.pixels, 64)
        _check_hex("perceptual", self.perceptual, 16)
        if self.file is not None:
            _check_hex("file", self.file, 64)


def now() -> str:
    """The present time as in records: UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Record:
    """Data of one protected photograph. RegistryError where a value is not valid."""

    original: Copy
    protected: Copy
    size: tuple[int, int]
    """(width, height) in pixels."""
    registered: str
    """Time of registration, as `now` gives it."""
    system: str = "photo"
    """Name of the system that protected it."""
    identity: str | None = None
    """16 hex digits; None where the system embeds none."""
    owner: PublicKey | None = None
    """Public key of the signer; None without a signature."""
    code: bytes | None = None
    """The hidden code, packed by its system; None where the system does not provide it."""
    vector: bytes | None = None
    """Packed content embedding of the original; see embedding.pack."""
    embedding: str | None = None
    """Name of the embedding of `vector`."""
    facts: Facts = field(default_factory=Facts)

    def __post_init__(self) -> None:
        if self.identity is not None:
            _check_hex("identity", self.identity, 16)
        if (self.vector is None) != (self.embedding is None):
            raise RegistryError("record: a vector needs the name of its embedding, and the name a vector")

    def to_json(self) -> dict[str, Any]:
        """The JSON object whose canonical text is hashed; docs/REGISTRY.md describes it."""
        owner = self.owner and {"fingerprint": self.owner.fingerprint, "key": self.owner.raw.hex()}
        return {
            "format": FORMAT,
            "identity": self.identity,
            "system": self.system,
            "owner": owner,
            "registered": self.registered,
            "size": list(self.size),
            "original": dict(vars(self.original)),
            "protected": dict(vars(self.protected)),
            "code": None if self.code is None else base64.b64encode(self.code).decode("ascii"),
            "embedding": self.embedding,
            "vector": None if self.vector is None else vector_hash(self.vector),
            "facts": self.facts.to_json(),
        }

    def to_text(self) -> str:
        """The canonical JSON; RegistryError where a path is not Unicode text."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise RegistryError(f"record: not Unicode text ({error.reason}); rename the file") from error
        return text

    @classmethod
    def from_text(cls, text: str, vector: bytes | None = None) -> Record:
        """The record of a canonical JSON. RegistryError where it is damaged or has another format."""
        try:
            given = json.loads(text)
            if given["format"] != FORMAT:
                raise RegistryError(f"record: format {given['format']} is not known; use a later version")
            code, owner = given["code"], given["owner"]
            width, height = given["size"]
            return cls(
                original=Copy(**given["original"]),
                protected=Copy(**given["protected"]),
                size=(width, height),
                registered=given["registered"],
                system=given["system"],
                identity=given["identity"],
                owner=None if owner is None else PublicKey(bytes.fromhex(owner["key"])),
                code=None if code is None else base64.b64decode(code, validate=True),
                vector=vector,
                embedding=None if vector is None else given["embedding"],
                facts=Facts.from_json(given["facts"]),
            )
        except RegistryError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            raise RegistryError(f"record: damaged ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class Entry:
    """A record with its number and hash in the chain."""

    number: int
    """From 1, without gaps."""
    hash: bytes
    """Hash of the chain up to this record, 32 bytes."""
    record: Record

    def to_json(self) -> dict[str, Any]:
        """The record's JSON object with its number and hash."""
        return {"number": self.number, "hash": self.hash.hex()} | self.record.to_json()


def vector_hash(vector: bytes) -> str:
    """SHA-256 of a packed vector, 64 hex digits."""
    return hashlib.sha256(vector).hexdigest()


def _check_hex(name: str, value: Any, digits: int) -> None:
    if not isinstance(value, str) or len(value) != digits or not _HEX.fullmatch(value):
        raise RegistryError(f"record: {name}: expected {digits} lowercase hex digits, got {value!r}")
