"""Results of tasks as answers: with artefacts, records and what a role may read. For routes and for jobs."""

from __future__ import annotations

from asyncio import to_thread
from functools import partial
from pathlib import PurePath
from typing import Any

from underdrawing.service import responses
from underdrawing.service.schemas import Examination, Found, Match, Protection, RecordOut, Verification
from underdrawing.service.state import ServerState

Answer = Verification | Protection | Found | Examination


async def answer(
    server: ServerState, task: dict[str, Any], result: Any, name: str, role: str, seconds: float | None = None
) -> Answer:
    """The answer to a task. result: of the worker; name: id of the folder with its files; seconds: time until
    these expire, that of the settings if None."""
    if task["do"] == "retrieve":
        matches = await to_thread(_matches, server, result, role)
        return Found(status="found" if matches and matches[0].sure else "not found", matches=matches)
    seconds = server.artefacts.seconds if seconds is None else seconds
    stem = PurePath(task["name"] or "").stem
    publish = partial(server.artefacts.publish, seconds=seconds, stem=stem)
    sizes = await to_thread(publish, name, result["files"])
    links, report = responses.artefacts(name, sizes), result["report"]
    if task["do"] == "protect":
        return responses.protection(report | {"file": task["name"]}, links, seconds)
    if task["do"] == "examine":
        server.metrics.examinations.labels(report["status"]).inc()
        return responses.examination(report, links, seconds)
    server.metrics.verdicts.labels(report["status"]).inc()
    records = await to_thread(_proven_records, server, report["record"], role)
    return responses.verification(report, records, links, seconds, role)


def records(server: ServerState, identity: str | None, role: str) -> list[RecordOut]:
    """The records of an identity with the fields that a role may read."""
    found = server.records(identity)
    url = server.manifest_url(identity) if found else None
    return [responses.record(entry.to_json(), role, url) for entry in found]


def _proven_records(server: ServerState, record: dict[str, Any] | None, role: str) -> list[RecordOut]:
    """The records of the identity of a verified picture, latest first; without size, owner, facts and places
    where nothing proves that they are of this picture. record: as in `verify --json`."""
    if record is None:
        return []
    found = records(server, record["identity"], role)
    if record["proven"]:
        return found
    withheld = {"size": None, "owner": None, "facts": {}, "original": None, "protected": None}
    return [entry.model_copy(update=withheld) for entry in found]


def _matches(server: ServerState, matches: list[dict[str, Any]], role: str) -> list[Match]:
    return [responses.match(found, role, server.manifest_url(found["identity"])) for found in matches]
