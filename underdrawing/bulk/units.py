"""Units of a bulk run: a picture file or a whole shard, read, processed and written by one process.

picture   NAME --> NAME, or NAME.report.json and findings beside it
shard     NAME.tar --> NAME.tar: other members unchanged; each picture, then NAME.underdrawing.json, or
          in its place the findings and NAME.report.json. A picture that fails is left out.
pack      NAME.udl in the place of NAME; a member of a shard that fails stays, before NAME.underdrawing.json
unpack    NAME in the place of NAME.udl; the same of one that fails or has damaged tiles
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from underdrawing import api
from underdrawing.batch import Job, attempt
from underdrawing.bulk.pictures import Outcome, Worker, worker_for
from underdrawing.bulk.places import SHARD_SUFFIX
from underdrawing.bulk.settings import OF_ARCHIVES, BulkSettings
from underdrawing.bulk.shards import ShardWriter, members
from underdrawing.core.errors import UnderdrawingError
from underdrawing.registry.record import Record
from underdrawing.registry.store import Registry

_MAX_MESSAGES = 100  # of one shard in the journal; the shard itself has all of them


def process_unit(settings: BulkSettings, job: Job) -> dict[str, Any]:
    """Process one unit, whose name is `job.path`; the line for the journal.

    counts: number of pictures by status. failed: messages of those that failed.
    """
    worker, name = worker_for(settings), job.path.as_posix()
    if PurePosixPath(name).suffix.lower() == SHARD_SUFFIX:
        return _Shard(worker, name).process()
    return _process_picture(worker, name)


def _process_picture(worker: Worker, name: str) -> dict[str, Any]:
    with worker.source.reading(name) as file:
        data = file.read()
    existing = None
    if worker.signer is not None and worker.target.holds(name):
        with worker.target.reading(name) as file:
            existing = file.read()
    outcome = worker.process(name, name, data, existing)
    _store_manifests(worker, [outcome.manifest])
    for path, content in outcome.files.items():
        digest = worker.target.put(path, _writing(content), overwrite=worker.settings.overwrite)
    places = worker.source.url(name), worker.target.url(name)
    _register(worker, [_placed(worker, outcome, name, *places)])
    line = _line(worker, name, Counter([outcome.report["status"]]))
    if worker.settings.action in OF_ARCHIVES:
        (path,) = outcome.files
        sizes = {f: outcome.report[f] for f in ("kept", "original_bytes", "bytes") if f in outcome.report}
        failed = _faults(outcome, worker.source.url(name))
        return line | {"output": worker.target.url(path), "failed": failed} | sizes | {"sha256": digest}
    return line | {"identity": outcome.report["identity"], "sha256": digest}


class _Shard:
    """One shard and the results of its pictures so far."""

    def __init__(self, worker: Worker, name: str):
        self._worker, self._name = worker, name
        self._counts: Counter[str] = Counter()
        self._messages: list[str] = []
        self._manifests: list[tuple[str, bytes] | None] = []
        self._records: list[Record | None] = []

    def process(self) -> dict[str, Any]:
        worker = self._worker
        digest = worker.target.put(self._name, self._write, overwrite=worker.settings.overwrite)
        _register(worker, self._records)
        line = _line(worker, self._name, self._counts)
        return line | {"sha256": digest, "failed": self._messages[:_MAX_MESSAGES]}

    def _write(self, file: BinaryIO) -> None:
        source, existing = self._worker.source, self._existing_members()
        with closing(existing), closing(ShardWriter(file)) as writer, source.reading(self._name) as archive:
            for number, (path, data) in enumerate(members(archive)):
                content = next(existing, None)
                files = {path: data}
                if PurePosixPath(path).suffix.lower() in self._worker.settings.suffixes:
                    files = self._process_member(number, path, data, content)
                for member, member_data in files.items():
                    writer.add(member, member_data)
                deque(islice(existing, len(files) - 1), maxlen=0)
        _store_manifests(self._worker, self._manifests)

    def _process_member(
        self, number: int, path: str, data: bytes, existing: bytes | None
    ) -> dict[str, bytes]:
        def process(_: Job) -> dict[str, Any]:
            key = f"{self._name}::{number}:{path}"
            return {"status": "done", "outcome": self._worker.process(path, key, data, existing)}

        result = attempt(process, Job(Path(path)))
        action = self._worker.settings.action
        if result["status"] == "error":
            self._counts["error"] += 1
            self._messages.append(f"{self._name}: {result['message']}")
            kept = {path: data} if action in OF_ARCHIVES else {}
            return kept | {f"{path}.underdrawing.json": _json(result)}
        outcome: Outcome = result["outcome"]
        self._counts[outcome.report["status"]] += 1
        places = (f"{place.url(self._name)}::{path}" for place in (self._worker.source, self._worker.target))
        self._records.append(_placed(self._worker, outcome, path, *places))
        self._manifests.append(outcome.manifest)
        faults = _faults(outcome, f"{self._name}: {path}")
        self._messages += faults
        if action == "verify" or (action in OF_ARCHIVES and not faults):
            return outcome.files
        return outcome.files | {f"{path}.underdrawing.json": _json(outcome.report)}

    def _existing_members(self) -> Generator[bytes]:
        """Contents of the members of the output from an earlier attempt, as far as it can be read."""
        worker = self._worker
        if worker.signer is None or not worker.target.holds(self._name):
            return
        with suppress(UnderdrawingError), worker.target.reading(self._name) as file:
            for _, content in members(file):
                yield content


def _faults(outcome: Outcome, name: str) -> list[str]:
    """Damage that `unpack` passed over, as messages."""
    return [f"{name}: {n}" for n in outcome.report["notes"]] if outcome.report["status"] == "salvaged" else []


def _placed(worker: Worker, outcome: Outcome, name: str, original: str, protected: str) -> Record | None:
    if outcome.record is None:
        return None
    return api.placed_record(
        outcome.record,
        outcome.files[name],
        original=original,
        protected=protected,
        owner=worker.session.owner,
    )


def _register(worker: Worker, records: Iterable[Record | None]) -> None:
    """Add records that the registry lacks: a unit that is processed again is registered once."""
    registry = worker.registry
    if registry is None:
        return
    new = [record for record in records if record is not None and not _is_registered(registry, record)]
    if new:
        registry.add(new)


def _is_registered(registry: Registry, record: Record) -> bool:
    entries = [] if record.identity is None else registry.by_identity(record.identity)
    return any(entry.record.protected.file == record.protected.file for entry in entries)


def _store_manifests(worker: Worker, manifests: Iterable[tuple[str, bytes] | None]) -> None:
    """Store manifests before their files are written: one that is not stored cannot be recovered."""
    for manifest in manifests:
        if worker.manifests is not None and manifest is not None:
            worker.manifests.add(*manifest)


def _line(worker: Worker, name: str, counts: Counter[str]) -> dict[str, Any]:
    output = worker.target.url(name)
    return {"file": name, "status": "done", "output": output, "counts": dict(counts), "failed": []}


def _writing(data: bytes) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        file.write(data)

    return write


def _json(fields: dict[str, Any]) -> bytes:
    return (json.dumps(fields, allow_nan=False) + "\n").encode()
