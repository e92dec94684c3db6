"""A job over everything below a place: what is left of it, done by an engine, noted in a journal."""

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
from underdrawing.bulk.settings import BulkSettings
from underdrawing.bulk.signed import signer
from underdrawing.bulk.units import process_unit
from underdrawing.core.errors import UsageError
from underdrawing.data.files import PICTURE_SUFFIXES

Engine = Callable[[Iterable[Job], Work, int], Iterator[Result]]
"""Does jobs in so many processes; results in any order."""


def in_processes(jobs: Iterable[Job], work: Work, processes: int) -> Iterator[Result]:
    """The engine of one machine."""
    return (result for _, result in pooled(jobs, work, processes))


class BulkRun:
    """A task with its units. The journal that goes with it says which of them are done."""

    def __init__(self, settings: BulkSettings, journal: str | Path | None = None):
        """Find the units and open the journal, by default OUTPUT.journal where OUTPUT is on a disk.

        UsageError where the two places cannot be those of a job, or the journal is another's.
        """
        source = Place(settings.input)
        if source.is_file():  # one shard is a folder of one unit
            folder, _, name = settings.input.rstrip("/").rpartition("/")
            source, self.names = Place(folder or "."), [name]
        else:
            self.names = source.names(PICTURE_SUFFIXES | {SHARD_SUFFIX})
        target = Place(settings.output)
        if f"{target}/".startswith(f"{source}/") or f"{source}/".startswith(f"{target}/"):
            raise UsageError(f"{target} and {source}: one is in the other; keep input and output apart")
        if not self.names:
            raise UsageError(f"{source}: no picture and no shard was found")
        if journal is None:
            if "://" in str(target):
                raise UsageError(f"{target}: say with --journal where to note what is done")
            journal = f"{target}.journal"
        settings = replace(settings, input=str(source), output=str(target))
        self.journal = Journal(journal, _settings(settings))
        self._task = replace(settings, seed=self.journal.settings["seed"])

    @property
    def left(self) -> int:
        """How many units are to be done."""
        return sum(name not in self.journal.done for name in self.names)

    def run(self, processes: int, engine: Engine = in_processes) -> Iterator[dict[str, Any]]:
        """Do what is left; each unit's line once it is noted. UnderdrawingError where the engine fails;
        the job can go on afterwards."""
        jobs = (Job(Path(name)) for name in self.names if name not in self.journal.done)
        for result in engine(jobs, partial(process_unit, self._task), processes):
            self.journal.add(result)
            yield result

    def __enter__(self) -> BulkRun:
        return self

    def __exit__(self, *_error: object) -> None:
        self.journal.close()


def _settings(settings: BulkSettings) -> dict[str, Any]:
    """All that the output depends on, without secrets."""
    owner = None if settings.sign is None else api.load_owner(settings.sign, settings.password)
    chain = None
    if settings.credentials is not None:
        who = signer(settings.credentials, settings.credentials_key or "", settings.password)
        chain = hashlib.sha256(who.chain).hexdigest()
    return {
        "action": settings.action,
        "input": settings.input,
        "output": settings.output,
        "system": settings.system,
        "strength": settings.strength,
        "signed_by": None if owner is None else owner.public.fingerprint,
        "private": settings.secret is not None,
        "registry": settings.registry,
        "credentials": chain,
        "manifests": None if settings.manifests is None else str(settings.manifests),
        "seed": settings.seed or None,
    }
