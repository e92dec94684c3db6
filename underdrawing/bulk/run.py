"""A bulk run over all units below a place, processed by an engine and recorded in a journal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from underdrawing import api
from underdrawing.batch import Job, Result, Work, pooled
from underdrawing.bulk.journal import Journal
from underdrawing.bulk.places import SHARD_SUFFIX, Place
from underdrawing.bulk.settings import OF_ARCHIVES, BulkSettings
from underdrawing.bulk.units import process_unit
from underdrawing.core.errors import UsageError

Engine = Callable[[Iterable[Job], Work, int], Iterator[Result]]
"""Processes jobs in a number of processes; results in any order."""


def in_processes(jobs: Iterable[Job], work: Work, processes: int) -> Iterator[Result]:
    """The engine for one machine."""
    return (result for _, result in pooled(jobs, work, processes))


class BulkRun:
    """Settings with their units and the journal of those that are done."""

    def __init__(self, settings: BulkSettings, journal: str | Path | None = None):
        """Find the units and open the journal, by default OUTPUT.journal where OUTPUT is on a disk.

        UsageError for places that overlap or have no pictures, and for the journal of another run.
        """
        source = Place(settings.input)
        if source.is_file():  # one shard is a folder of one unit
            folder, _, name = settings.input.rstrip("/").rpartition("/")
            source, self.names = Place(folder or "."), [name]
        else:
            self.names = source.names(settings.suffixes | {SHARD_SUFFIX})
        target = Place(settings.output)
        if f"{target}/".startswith(f"{source}/") or f"{source}/".startswith(f"{target}/"):
            raise UsageError(f"{target} and {source}: one is in the other; keep input and output apart")
        if not self.names:
            raise UsageError(f"{source}: no picture and no shard was found")
        if journal is None:
            if "://" in str(target):
                raise UsageError(f"{target}: name a file for the journal with --journal")
            journal = f"{target}.journal"
        settings = replace(settings, input=str(source), output=str(target))
        self.journal = Journal(journal, _journal_settings(settings))
        self._settings = replace(settings, seed=self.journal.settings["seed"])

    @property
    def left(self) -> int:
        """Number of units that are not done."""
        return sum(name not in self.journal.done for name in self.names)

    def run(self, processes: int, engine: Engine = in_processes) -> Iterator[dict[str, Any]]:
        """Process the units that are left; the line of each once it is in the journal.

        UnderdrawingError where the engine fails; the run can be resumed afterwards.
        """
        jobs = (Job(Path(name)) for name in self.names if name not in self.journal.done)
        for result in engine(jobs, partial(process_unit, self._settings), processes):
            self.journal.add(result)
            yield result

    def __enter__(self) -> BulkRun:
        return self

    def __exit__(self, *_error: object) -> None:
        self.journal.close()


def _journal_settings(settings: BulkSettings) -> dict[str, Any]:
    """Everything that the output depends on, without secrets."""
    if settings.action in OF_ARCHIVES:
        return {name: getattr(settings, name) for name in OF_ARCHIVES[settings.action]} | {"seed": None}
    owner = None if settings.sign is None else api.load_owner(settings.sign, settings.password)
    chain = None
    if settings.credentials is not None:
        key = settings.credentials_key or ""
        signer = api.load_credentials(settings.credentials, key, settings.password)
        chain = hashlib.sha256(signer.chain).hexdigest()
    return {
        "action": settings.action,
        "input": settings.input,
        "output": settings.output,
        "system": settings.system,
        "strength": settings.strength,
        "quality": settings.quality,
        "focus": list(settings.focus),
        "signed_by": None if owner is None else owner.public.fingerprint,
        "private": settings.secret is not None,
        "registry": settings.registry,
        "credentials": chain,
        "manifests": None if settings.manifests is None else str(settings.manifests),
        "seed": settings.seed or None,
    } | ({} if settings.signing == "auto" else {"signing": settings.signing})  # as in earlier journals
