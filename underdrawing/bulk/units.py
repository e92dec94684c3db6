"""Units of a job: a picture file or a whole shard, read, worked on and written by one process.

picture   NAME --> NAME, or NAME.report.json and findings beside it
shard     NAME.tar --> NAME.tar: other members as they were; each picture, then NAME.underdrawing.json, or
          in its place the findings and NAME.report.json. A picture that cannot be worked on is left out.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from underdrawing.batch import Job, attempt
from underdrawing.bulk.places import SHARD_SUFFIX, Place
from underdrawing.bulk.settings import BulkSettings, Done, place_record, register, work_on
from underdrawing.bulk.shards import ShardWriter, is_picture, members
from underdrawing.core.errors import UnderdrawingError
from underdrawing.registry.record import Record

_MOST_FAILURES = 100  # told of one shard; all of them are told in the shard itself


def process_unit(settings: BulkSettings, job: Job) -> dict[str, Any]:
    """Do one unit of a job, `job.path` being its name; the line for the journal.

    counts: how many pictures came to which status. failed: messages of those that came to none.
    """
    name = job.path.as_posix()
    if PurePosixPath(name).suffix.lower() == SHARD_SUFFIX:
        return _shard(settings, name)
    return _picture(settings, name)


def _picture(settings: BulkSettings, name: str) -> dict[str, Any]:
    source, target = _places(settings)
    with source.reading(name) as file:
        data = file.read()
    done = work_on(settings, name, name, data, _earlier_file(settings, target, name))
    _keep(settings, [done.manifest])
    digests = [
        target.put(path, lambda file, data=data: _fill(file, data), overwrite=settings.overwrite)  # type: ignore[misc]
        for path, data in done.files.items()
    ]
    register(settings, [place_record(done, source.url(name), target.url(name), name)])
    told = {"identity": done.told["identity"], "sha256": digests[-1]}
    return _line(name, target, Counter([done.told["status"]])) | told


def _shard(settings: BulkSettings, name: str) -> dict[str, Any]:
    source, target = _places(settings)
    counts: Counter[str] = Counter()
    failed: list[str] = []
    records: list[Record | None] = []
    manifests: list[tuple[str, bytes] | None] = []

    def member(key: str, path: str, data: bytes, earlier: bytes | None) -> Collection[tuple[str, bytes]]:
        def work(_: Job) -> dict[str, Any]:
            return {"status": "done", "done": work_on(settings, path, key, data, earlier)}

        result = attempt(work, Job(Path(path)))
        if result["status"] == "error":
            counts["error"] += 1
            failed.append(f"{name}: {result['message']}")
            return [(f"{path}.underdrawing.json", _json(result))]
        done: Done = result["done"]
        counts[done.told["status"]] += 1
        manifests.append(done.manifest)
        records.append(place_record(done, f"{source.url(name)}::{path}", f"{target.url(name)}::{path}", path))
        more = {f"{path}.underdrawing.json": _json(done.told)} if settings.action == "protect" else {}
        return list((done.files | more).items())

    def fill(file: BinaryIO) -> None:
        earlier = _earlier_members(settings, target, name)
        with closing(earlier), closing(ShardWriter(file)) as writer, source.reading(name) as archive:
            for number, (path, data) in enumerate(members(archive)):
                there = next(earlier, None)
                pairs: Collection[tuple[str, bytes]] = [(path, data)]
                if is_picture(path):
                    pairs = member(f"{name}::{number}:{path}", path, data, there)
                for inside, content in pairs:
                    writer.add(inside, content)
                deque(islice(earlier, len(pairs) - 1), maxlen=0)
        _keep(settings, manifests)

    digest = target.put(name, fill, overwrite=settings.overwrite)
    register(settings, records)
    return _line(name, target, counts) | {"sha256": digest, "failed": failed[:_MOST_FAILURES]}


def _earlier_file(settings: BulkSettings, target: Place, name: str) -> bytes | None:
    """What is in the output's place already, where it may be a file that this job has signed."""
    if settings.credentials is None or not target.holds(name):
        return None
    with target.reading(name) as file:
        return file.read()


def _earlier_members(settings: BulkSettings, target: Place, name: str) -> Iterator[bytes]:
    """The same for a shard: the contents of its members, as far as it can be read."""
    if settings.credentials is None or not target.holds(name):
        return
    with suppress(UnderdrawingError), target.reading(name) as file:
        for _, content in members(file):
            yield content


def _keep(settings: BulkSettings, manifests: Iterable[tuple[str, bytes] | None]) -> None:
    """Keep manifests before the file that they are in is there: what nobody kept cannot be recovered."""
    repository = settings.repository()
    for manifest in manifests:
        if repository is not None and manifest is not None:
            repository.add(*manifest)


def _line(name: str, target: Place, counts: Counter[str]) -> dict[str, Any]:
    return {"file": name, "status": "done", "output": target.url(name), "counts": dict(counts), "failed": []}


def _places(settings: BulkSettings) -> tuple[Place, Place]:
    return _place(settings.input), _place(settings.output)


@lru_cache(maxsize=8)
def _place(url: str) -> Place:
    return Place(url)


def _fill(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _json(told: dict[str, Any]) -> bytes:
    return (json.dumps(told, allow_nan=False) + "\n").encode()
