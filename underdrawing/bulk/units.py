"""Units of a job: a picture file or a whole shard, read, worked on and written by one process.

picture   NAME --> NAME, or NAME.report.json and findings beside it
shard     NAME.tar --> NAME.tar: other members as they were; each picture, then NAME.underdrawing.json, or
          in its place the findings and NAME.report.json. A picture that cannot be worked on is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from underdrawing.batch import Job, attempt
from underdrawing.bulk.places import SHARD_SUFFIX, Place
from underdrawing.bulk.shards import ShardWriter, is_picture, members
from underdrawing.bulk.task import Done, Task, place_record, register, work_on
from underdrawing.registry.record import Record

_MOST_FAILURES = 100  # told of one shard; all of them are told in the shard itself


def do_unit(task: Task, job: Job) -> dict[str, Any]:
    """Do one unit of a job, `job.path` being its name; the line for the journal.

    counts: how many pictures came to which status. failed: messages of those that came to none.
    """
    name = job.path.as_posix()
    if PurePosixPath(name).suffix.lower() == SHARD_SUFFIX:
        return _shard(task, name)
    return _picture(task, name)


def _picture(task: Task, name: str) -> dict[str, Any]:
    source, target = _places(task)
    with source.reading(name) as file:
        done = work_on(task, name, name, file.read())
    digests = [
        target.put(path, lambda file, data=data: _fill(file, data), overwrite=task.overwrite)  # type: ignore[misc]
        for path, data in done.files.items()
    ]
    register(task, [place_record(done, source.url(name), target.url(name), name)])
    told = {"identity": done.told["identity"], "sha256": digests[-1]}
    return _line(name, target, Counter([done.told["status"]])) | told


def _shard(task: Task, name: str) -> dict[str, Any]:
    source, target = _places(task)
    counts: Counter[str] = Counter()
    failed: list[str] = []
    records: list[Record | None] = []

    def member(key: str, path: str, data: bytes) -> Iterable[tuple[str, bytes]]:
        def work(_: Job) -> dict[str, Any]:
            return {"status": "done", "done": work_on(task, path, key, data)}

        result = attempt(work, Job(Path(path)))
        if result["status"] == "error":
            counts["error"] += 1
            failed.append(f"{name}: {result['message']}")
            return [(f"{path}.underdrawing.json", _json(result))]
        done: Done = result["done"]
        counts[done.told["status"]] += 1
        records.append(place_record(done, f"{source.url(name)}::{path}", f"{target.url(name)}::{path}", path))
        more = {f"{path}.underdrawing.json": _json(done.told)} if task.action == "protect" else {}
        return (done.files | more).items()

    def fill(file: BinaryIO) -> None:
        with closing(ShardWriter(file)) as writer, source.reading(name) as archive:
            for number, (path, data) in enumerate(members(archive)):
                pairs = member(f"{name}::{number}:{path}", path, data) if is_picture(path) else [(path, data)]
                for inside, content in pairs:
                    writer.add(inside, content)

    digest = target.put(name, fill, overwrite=task.overwrite)
    register(task, records)
    return _line(name, target, counts) | {"sha256": digest, "failed": failed[:_MOST_FAILURES]}


def _line(name: str, target: Place, counts: Counter[str]) -> dict[str, Any]:
    return {"file": name, "status": "done", "output": target.url(name), "counts": dict(counts), "failed": []}


def _places(task: Task) -> tuple[Place, Place]:
    return _place(task.input), _place(task.output)


@lru_cache(maxsize=8)
def _place(url: str) -> Place:
    return Place(url)


def _fill(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def _json(told: dict[str, Any]) -> bytes:
    return (json.dumps(told, allow_nan=False) + "\n").encode()
