"""Record: the data that the registry stores for a protected photograph, and its canonical text.

    Record <-> canonical JSON (sorted keys, no spaces, UTF-8), the text that the hash chain covers

Vector and rendition are stored beside the text, which holds their SHA-256. The owner signs the canonical text
of the record without its signature, so only the owner can make a record that names the owner.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.core.errors import RegistryError, UnderdrawingError
from underdrawing.registry.facts import Facts
from underdrawing.registry.rendition import Rendition

FORMAT = 2
"""Version of the canonical JSON. Format 1, without rendition, signature and earlier protection, is read."""
FORMAT_WITH_MARK_SIGNATURE = 3
"""Of records with `mark_signature`; the others stay readable by older versions. Later formats are refused."""
_FORMATS = (1, FORMAT, FORMAT_WITH_MARK_SIGNATURE)
_ADDED_IN = {"rendition": 2, "signature": 2, "previous": 2, "mark_signature": FORMAT_WITH_MARK_SIGNATURE}
SIGNATURE_DOMAIN = b"underdrawing record 1\0"
"""Precedes a signed record, so that no other signature of the owner can be taken for one."""
_PREVIOUS = ("identity", "key")
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


@dataclass(frozen=True, repr=False)
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
    rendition: Rendition | None = None
    """Of the original; None where none is kept."""
    signature: bytes | None = None
    """The owner's Ed25519 signature over the record, 64 bytes; see `signed`."""
    previous: tuple[str, str | None] | None = None
    """Identity and key (8 hex digits, or None) of the protection that this one replaced."""
    mark_signature: bytes | None = None
    """The owner's signature over the mark, 64 bytes, of a mark that has no room for it."""
    format: int = FORMAT
    """Of the canonical JSON: 1, 2, or 3 with a `mark_signature`."""

    def __post_init__(self) -> None:
        if self.identity is not None:
            _check_hex("identity", self.identity, 16)
        if self.previous is not None:
            _check_hex("previous identity", self.previous[0], 16)
            _check_hex("previous key", self.previous[1] or "0" * 8, 8)
        if (self.vector is None) != (self.embedding is None):
            raise RegistryError("record: a vector needs the name of its embedding, and the name a vector")
        if (self.mark_signature is None) == (self.format >= FORMAT_WITH_MARK_SIGNATURE):
            raise RegistryError("record: format 3 has the signature of a mark, and only format 3")

    def to_json(self) -> dict[str, Any]:
        """The JSON object whose canonical text is hashed; docs/REGISTRY.md describes it."""
        owner = self.owner and {"fingerprint": self.owner.fingerprint, "key": self.owner.raw.hex()}
        found = {
            "format": self.format,
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
            "rendition": self.rendition and {"hash": self.rendition.hash, "size": list(self.rendition.size)},
            "signature": self.signature and self.signature.hex(),
            "previous": self.previous and dict(zip(_PREVIOUS, self.previous, strict=True)),
            "mark_signature": self.mark_signature and self.mark_signature.hex(),
        }
        return {name: value for name, value in found.items() if self.format >= _ADDED_IN.get(name, 1)}

    def __repr__(self) -> str:
        owner = "not signed" if self.owner is None else f"of {self.owner.fingerprint}"
        width, height = self.size
        return f"<Record {self.identity or 'without identity'}, {owner}, {width}x{height}, {self.registered}>"

    def signed(self, owner: Owner | None) -> Record:
        """The record with the owner's key and signature; without both for None. To be called last: the
        signature covers every other field."""
        if owner is None:
            return replace(self, signature=None)
        named = replace(self, owner=owner.public)
        return replace(named, signature=owner.sign(_signed_message(named.to_json())))

    def signature_state(self) -> Literal["valid", "invalid", "absent"]:
        """Whether the signature is the owner's, for exactly this record."""
        if self.signature is None:
            return "absent"
        message = _signed_message(self.to_json())
        valid = self.owner is not None and self.owner.verify(message, self.signature)
        return "valid" if valid else "invalid"

    def to_text(self) -> str:
        """The canonical JSON; RegistryError where a path is not Unicode text."""
        return _canonical(self.to_json())

    @classmethod
    def from_text(cls, text: str, vector: bytes | None = None) -> Record:
        """The record of a canonical JSON. RegistryError where it is damaged or has another format."""
        try:
            given = json.loads(text)
            if given["format"] not in _FORMATS:
                raise RegistryError(f"record: format {given['format']} is not known; use a later version")
            code, owner = given["code"], given["owner"]
            rendition, signature, previous, of_mark = (
                given[name] if given["format"] >= since else None for name, since in _ADDED_IN.items()
            )
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
                rendition=rendition and Rendition(rendition["hash"], tuple(rendition["size"])),
                signature=None if signature is None else bytes.fromhex(signature),
                previous=previous and (previous["identity"], previous["key"]),
                mark_signature=None if of_mark is None else bytes.fromhex(of_mark),
                format=given["format"],
            )
        except RegistryError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            raise RegistryError(f"record: damaged ({type(error).__name__}: {error})") from error


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        return f"<Entry {self.number}: {self.record!r}>"


def vector_hash(vector: bytes) -> str:
    """SHA-256 of a packed vector, 64 hex digits."""
    return hashlib.sha256(vector).hexdigest()


def stored_faults(number: int, text: str, rendition: bytes | None) -> list[str]:
    """Faults of a stored record's rendition (its file, or None) and of its owner's signature."""
    faults: list[str] = []
    try:
        given = json.loads(text)
        wanted = given.get("rendition") and given["rendition"]["hash"]
        if (None if rendition is None else hashlib.sha256(rendition).hexdigest()) != wanted:
            state = "missing" if rendition is None else "another one"
            faults.append(f"record {number}: its rendition is {state}")
        if given.get("signature") is not None:
            owner, signature = bytes.fromhex(given["owner"]["key"]), bytes.fromhex(given["signature"])
            if not PublicKey(owner).verify(_signed_message(given), signature):
                faults.append(f"record {number}: the owner's signature does not hold")
    except (ValueError, TypeError, KeyError, AttributeError, UnderdrawingError):
        return faults  # damaged text is reported by the chain
    return faults


def _canonical(given: dict[str, Any]) -> str:
    text = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RegistryError(f"record: not Unicode text ({error.reason}); rename the file") from error
    return text


def _signed_message(given: dict[str, Any]) -> bytes:
    """The bytes that the owner of a record signs. given: its JSON object, with or without the signature."""
    return SIGNATURE_DOMAIN + _canonical(given | {"signature": None}).encode("utf-8")


def _check_hex(name: str, value: Any, digits: int) -> None:
    if not isinstance(value, str) or len(value) != digits or not _HEX.fullmatch(value):
        raise RegistryError(f"record: {name}: expected {digits} lowercase hex digits, got {value!r}")
