"""What a job does with each picture, and with what."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from underdrawing import api
from underdrawing.bulk.signed import is_signed, signer
from underdrawing.credentials.repository import ManifestRepository
from underdrawing.credentials.signing import Original
from underdrawing.data.pictures import encode_picture
from underdrawing.registry.record import Record
from underdrawing.report.findings import finding_pictures

Action = Literal["protect", "verify"]
_UNREPEATABLE = ("seconds", "checked")  # left out of reports, which the same job has to write alike again


@dataclass(frozen=True)
class BulkSettings:
    """One job's settings, as every process is given them."""

    action: Action
    input: str
    output: str
    seed: str = ""
    """Hex; identities are derived from it and from the pictures' names."""
    sign: str | None = None
    password: bytes | None = None
    secret: str | None = None
    strength: float = 1.0
    system: str = "photo"
    trust: str | None = None
    registry: str | None = None
    facts: str | None = None
    credentials: str | None = None
    """File of the certificates under which Content Credentials are signed; None writes none."""
    credentials_key: str | None = None
    manifests: str | None = None
    overwrite: bool = False

    def repository(self) -> ManifestRepository | None:
        """Where manifests are kept."""
        return api.manifest_repository(self.manifests, self.registry)


@dataclass(frozen=True)
class Done:
    """What came of one picture: files to write, by name, and the object that tells of it."""

    files: dict[str, bytes]
    told: dict[str, Any]
    record: Record | None = None
    manifest: tuple[str, bytes] | None = None
    """Identity and manifest store that were signed just now, to be kept before the files are written."""


def identity(seed: str, key: str) -> bytes:
    """8 bytes that belong to one picture of one job: HMAC-SHA256 of its name under the seed, cut."""
    return hmac.digest(bytes.fromhex(seed), key.encode("utf-8", "surrogateescape"), "sha256")[:8]


def work_on(settings: BulkSettings, name: str, key: str, data: bytes, earlier: bytes | None = None) -> Done:
    """Protect or verify one picture.

    name: of its file, as outputs are to be called. key: what tells it from every other picture of the job.
    earlier: the file that is in the output's place already, looked at where Content Credentials are signed:
    if it is this picture with credentials of this job, it stays as it is.
    """
    if settings.action == "verify":
        return _verify(settings, name, data)
    return _protect(settings, (name, key), data, earlier)


def place_record(done: Done, original: str, protected: str, name: str) -> Record | None:
    """The record of a protected picture with the places and the hash that only its writer knows."""
    if done.record is None:
        return None
    digest = hashlib.sha256(done.files[name]).hexdigest()
    return replace(
        done.record,
        original=replace(done.record.original, place=original),
        protected=replace(done.record.protected, place=protected, file=digest),
    )


def register(settings: BulkSettings, records: Sequence[Record | None]) -> None:
    """Add the records that the registry does not have yet: a unit that is done again is registered once."""
    given = [record for record in records if record is not None]
    if settings.registry is None or not given:
        return
    with api.open_registry(settings.registry, create=True) as store:
        store.add([record for record in given if not _known(store, record)])


def _known(store: Any, record: Record) -> bool:
    entries = [] if record.identity is None else store.by_identity(record.identity)
    return any(entry.record.protected.file == record.protected.file for entry in entries)


class _Kept:
    """Stands in for a registry and keeps what it is given: the record waits until the file is written."""

    def __init__(self) -> None:
        self.record: Record | None = None

    def add(self, records: Sequence[Record]) -> list[int]:
        (self.record,) = records
        return [0]


def _protect(settings: BulkSettings, names: tuple[str, str], data: bytes, earlier: bytes | None) -> Done:
    name, key = names
    kept = _Kept()
    report = api.protect(
        data,
        sign=None if settings.sign is None else api.load_owner(settings.sign, settings.password),
        secret=settings.secret,
        identity=identity(settings.seed, key),
        strength=settings.strength,
        system=settings.system,
        registry=None if settings.registry is None else kept,  # type: ignore[arg-type]  # only `add` is called
        facts=None if settings.facts is None else api.load_facts(settings.facts),
    )
    told = report.to_json() | {"file": name, "output": name, "credentials": settings.credentials is not None}
    left_out = (*_UNREPEATABLE, "registered") + (() if settings.credentials else ("credentials",))
    told = {field: value for field, value in told.items() if field not in left_out}
    protected, _ = encode_picture(report.protected, Path(name))
    if settings.credentials is None:
        return Done({name: protected}, told, kept.record)
    who = signer(settings.credentials, settings.credentials_key or "", settings.password)
    if earlier is not None and is_signed(earlier, protected, report.identity, who.chain):
        return Done({name: earlier}, told, kept.record)
    original = Original(PurePosixPath(name).name, data, report.protected.format)
    signed, store = who.sign_picture(
        report.protected, Path(name), identity=report.identity, system=settings.system, original=original
    )
    manifest = None if report.identity is None else (report.identity, store)
    return Done({name: signed}, told, kept.record, manifest)


def _verify(settings: BulkSettings, name: str, data: bytes) -> Done:
    report = api.verify(
        data,
        trust=settings.trust,
        secret=settings.secret,
        system=settings.system,
        registry=settings.registry,
        manifests=settings.manifests,
    )
    files = {}
    for kind, image in finding_pictures(report.verdict).items():
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=2)
        files[f"{name}.{kind}.png"] = buffer.getvalue()
    written = {kind: f"{name}.{kind}.png" for kind in finding_pictures(report.verdict)}
    recovered = report.credentials.recovered if report.credentials else None
    if recovered is not None and recovered.manifest is not None:
        written["manifest"] = f"{name}.c2pa"
        files[written["manifest"]] = recovered.manifest
    told = replace(report, written=written).to_json() | {"file": name}
    told = {field: value for field, value in told.items() if field not in _UNREPEATABLE}
    files[f"{name}.report.json"] = (json.dumps(told, indent=2, allow_nan=False) + "\n").encode()
    return Done(files, told)
