"""Asynchronous jobs of a server: their pictures, states and answers, bounded in number, size and time."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from underdrawing.service.artefacts import Artefacts
from underdrawing.service.problems import Problem
from underdrawing.service.webhooks import Webhook

JOBS_PATH = "/v1/jobs"
_ID_BYTES = 24
_MAX_ATTEMPTS = 2
Done = Literal["done", "failed"]


@dataclass
class Item:
    """One picture of a job."""

    file: str | None
    """The name that it was sent under."""
    upload: Path
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    answer: Any = None
    """As of the direct route; None unless done."""
    problem: dict[str, Any] | None = None
    """RFC 9457; None unless failed."""
    folder: str = ""
    """Id of its artefacts."""
    attempts: int = 0

    @property
    def may_repeat(self) -> bool:
        """Whether it is tried again after its worker died."""
        return self.attempts < _MAX_ATTEMPTS

    def finish(self, state: Done, answer: Any = None, problem: dict[str, Any] | None = None) -> None:
        """Keep the outcome and remove the upload."""
        self.state, self.answer, self.problem = state, answer, problem
        self.upload.unlink(missing_ok=True)


@dataclass
class Job:
    """One request for the same task with several pictures."""

    id: str
    owner: str | None
    """Hash of the token that made it; None without a token."""
    task: dict[str, Any]
    """For the worker, without picture and folder; `do` is the kind."""
    role: str
    items: list[Item]
    size_bytes: int
    """Of the uploads."""
    created: datetime
    expires: datetime
    webhook: Webhook | None = None
    finished: datetime | None = None
    removed: bool = field(default=False)
    """Whether it was deleted while a picture was in work."""

    @property
    def states(self) -> Counter[str]:
        """Number of pictures in each state."""
        return Counter(item.state for item in self.items)

    @property
    def state(self) -> Literal["waiting", "running", "done"]:
        """done: each picture is done or failed."""
        states = self.states
        if states["done"] + states["failed"] == len(self.items):
            return "done"
        return "waiting" if states["waiting"] == len(self.items) else "running"


@dataclass(frozen=True)
class JobLimits:
    """Bounds of a store."""

    jobs: int
    """Of all callers together, finished ones included."""
    per_owner: int
    pictures: int
    """Of one job."""
    waiting_bytes: int
    """Of the uploads that wait, all together."""
    keep: timedelta
    """From creation: then a job and its answers are removed, done or not."""


class JobStore:
    """The jobs of one server. They outlive workers, not the server."""

    def __init__(
        self, artefacts: Artefacts, limits: JobLimits, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._artefacts, self.limits = artefacts, limits
        self._clock = clock or (lambda: datetime.now(UTC))
        self._jobs: OrderedDict[str, Job] = OrderedDict()  # next to be served first

    def check_room(self, owner: str | None, size_bytes: int = 0) -> None:
        """Problem 429 or 503 where a job would be refused now."""
        self.sweep()
        if sum(job.owner == owner for job in self._jobs.values()) >= self.limits.per_owner:
            raise Problem(
                429,
                "too-many-jobs",
                f"at most {self.limits.per_owner} jobs of one token; delete one",
                retry_after=60,
            )
        waiting = sum(job.size_bytes for job in self._jobs.values() if job.finished is None)
        if len(self._jobs) >= self.limits.jobs or waiting + size_bytes > self.limits.waiting_bytes:
            raise Problem(503, "busy", "the server has no room for another job just now", retry_after=60)

    def add(
        self,
        owner: str | None,
        role: str,
        task: dict[str, Any],
        items: Sequence[Item],
        webhook: Webhook | None,
    ) -> Job:
        """Keep a job, to be worked on. Problem: as of check_room."""
        size = sum(item.upload.stat().st_size for item in items if item.state == "waiting")
        self.check_room(owner, size)
        now = self._clock()
        job = Job(
            secrets.token_urlsafe(_ID_BYTES),
            owner,
            task,
            role,
            list(items),
            size,
            now,
            now + self.limits.keep,
            webhook,
        )
        self._jobs[job.id] = job
        return job

    def find(self, id: str, owner: str | None) -> Job:
        """A job of a caller. Problem 404 where it does not exist, is another's or has expired."""
        self.sweep()
        job = self._jobs.get(id)
        if job is None or job.owner != owner:
            raise Problem(404, "not-found", "there is no such job of this token, or it has expired")
        return job

    def of(self, owner: str | None) -> list[Job]:
        """The jobs of a caller, latest first."""
        self.sweep()
        return sorted(
            (j for j in self._jobs.values() if j.owner == owner), key=lambda j: j.created, reverse=True
        )

    def take(self) -> tuple[Job, Item] | None:
        """A waiting picture, of each job in turn; it counts as running. None where nothing waits."""
        self.sweep()
        for job in self._jobs.values():
            item = next((item for item in job.items if item.state == "waiting"), None)
            if item is not None:
                item.state = "running"
                item.attempts += 1
                self._jobs.move_to_end(job.id)
                return job, item
        return None

    def close_item(self, job: Job) -> bool:
        """To be called when a picture is done or failed; whether the job is finished by it."""
        if job.removed:
            self._clear(job)
            return False
        if job.state != "done" or job.finished is not None:
            return False
        job.finished = self._clock()
        return True

    def remove(self, job: Job) -> None:
        """Forget a job, its uploads and its answers. A picture in work is finished for nobody."""
        self._jobs.pop(job.id, None)
        job.removed = True
        self._clear(job)

    def sweep(self) -> None:
        """Remove what has expired."""
        now = self._clock()
        for job in [job for job in self._jobs.values() if job.expires <= now]:
            self.remove(job)

    def _clear(self, job: Job) -> None:
        for item in job.items:
            if item.state != "running":
                item.upload.unlink(missing_ok=True)
                if item.folder:
                    self._artefacts.drop(item.folder)
