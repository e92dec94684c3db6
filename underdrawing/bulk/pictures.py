"""Protect, verify, pack or unpack one picture in memory: file content in, contents of output files out."""

from __future__ import annotations

import atexit
import hmac
import json
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from underdrawing import api
from underdrawing.api.archiving import original_name
from underdrawing.bulk.places import Place
from underdrawing.bulk.settings import BulkSettings
from underdrawing.bulk.signed import is_signed
from underdrawing.data.containers.udl import SUFFIXES as ARCHIVE_SUFFIXES
from underdrawing.data.pictures import CREDENTIALS_LOST
from underdrawing.registry.facts import Facts
from underdrawing.registry.record import Record
from underdrawing.report.findings import paths_by_kind, picture_files

_UNREPEATABLE = ("seconds", "checked")  # left out of reports: the same run must write the same bytes again


@dataclass(frozen=True)
class Outcome:
    """What a picture becomes."""

    files: dict[str, bytes]
    """By name, to be written."""
    report: dict[str, Any]
    """As in `protect --json`, `verify --json` or `archive --json`."""
    record: Record | None = None
    """Without places and without the hash of the protected file."""
    manifest: tuple[str, bytes] | None = None
    """Identity and manifest store of new Content Credentials; to be stored before the files are written."""


class Worker:
    """What a process needs for every picture of a run, loaded once. Errors: those of api.Session."""

    def __init__(self, settings: BulkSettings):
        self.settings = settings
        self.source, self.target = Place(settings.input), Place(settings.output)
        self.facts = None if settings.facts is None else Facts.load(settings.facts)
        self.manifests = api.manifest_repository(settings.manifests, settings.registry)
        self.registry = None
        if settings.registry is not None:
            self.registry = api.open_registry(settings.registry, create=settings.action == "protect")
            atexit.register(self.registry.close)
        self.signer = None
        if settings.credentials is not None:
            key = settings.credentials_key or ""
            self.signer = api.load_credentials(settings.credentials, key, settings.password)

    @cached_property
    def session(self) -> api.Session:
        """Of `protect` and `verify`."""
        settings = self.settings
        return api.Session(
            sign=settings.sign,
            password=settings.password,
            trust=settings.trust,
            secret=settings.secret,
            registry=self.registry,
            credentials=self.signer,
            manifests=settings.manifests,
            system=settings.system,
            strength=settings.strength,
            focus=settings.focus,
            signing=settings.signing,
            quality=settings.quality,
            rendition_px=settings.rendition_px,
            originals=settings.originals,
        )

    def process(self, name: str, key: str, data: bytes, existing: bytes | None = None) -> Outcome:
        """Protect, verify, pack or unpack one picture.

        name: of its file; output names start with it. key: unique among the pictures of the run.
        existing: content of the output file from an earlier attempt, read where Content Credentials are
        signed; it is kept if it is this picture with credentials of this run.
        """
        if self.settings.action == "verify":
            return self._verify(name, data)
        if self.settings.action == "pack":
            return self._pack(name, data)
        if self.settings.action == "unpack":
            return self._unpack(name, data)
        return self._protect(name, key, data, existing)

    def _protect(self, name: str, key: str, data: bytes, existing: bytes | None) -> Outcome:
        identity = derive_identity(self.settings.seed, key)
        report, encoded = self.session.produce(
            data, name, identity=identity, facts=self.facts, credentials=False
        )
        report = replace(report, file=name)
        if report.record is not None:
            self.session.keep_original(
                report.record, data
            )  # before its record; by its hash, so twice is once
        if self.signer is not None:
            if existing is not None and is_signed(existing, encoded.data, report.identity, self.signer.chain):
                notes = tuple(note for note in encoded.notes if note != CREDENTIALS_LOST)  # as when signed
                encoded = replace(encoded, data=existing, notes=notes)
            else:
                encoded = self.session.encode(report, name)
            report = replace(report, growth=len(encoded.data) / len(data))
        notes, signed = report.notes + encoded.notes, self.signer is not None
        report = replace(report, output=name, credentials=signed, notes=notes)
        left_out = (*_UNREPEATABLE, "registered") + (() if self.signer else ("credentials",))
        fields = _without(report.to_json(), left_out)
        manifest = None
        if report.identity is not None and encoded.manifest is not None:
            manifest = (report.identity, encoded.manifest)
        return Outcome({name: encoded.data}, fields, report.record, manifest)

    def _pack(self, name: str, data: bytes) -> Outcome:
        settings = self.settings
        report = api.pack(data, rounds=settings.rounds, keep=settings.keep, tile=settings.tile)
        output = f"{name}{ARCHIVE_SUFFIXES[0]}"
        report = replace(report, file=name, output=output)
        return Outcome({output: report.data}, _without(report.to_json(), _UNREPEATABLE))

    def _unpack(self, name: str, data: bytes) -> Outcome:
        report = api.unpack(data, rounds=self.settings.rounds, salvage=self.settings.salvage)
        output = original_name(name, "file" if report.picture is None else "pixels")
        report = replace(report, file=name, output=output)
        return Outcome({output: report.content(output)}, _without(report.to_json(), _UNREPEATABLE))

    def _verify(self, name: str, data: bytes) -> Outcome:
        report = self.session.judge(data)
        files = picture_files(report, name)
        report = replace(report, file=name, written=paths_by_kind(files, name))
        fields = _without(report.to_json(), _UNREPEATABLE)
        text = json.dumps(fields, indent=2, allow_nan=False) + "\n"
        return Outcome(files | {f"{name}.report.json": text.encode()}, fields)


@lru_cache(maxsize=1)
def worker_for(settings: BulkSettings) -> Worker:
    """The Worker of this process."""
    return Worker(settings)


def derive_identity(seed: str, key: str) -> bytes:
    """The identity of one picture of a run: 8 bytes, the start of the HMAC-SHA256 of its key by the seed."""
    return hmac.digest(bytes.fromhex(seed), key.encode("utf-8", "surrogateescape"), "sha256")[:8]


def _without(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
