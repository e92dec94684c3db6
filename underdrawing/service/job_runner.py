"""The work on asynchronous jobs: pictures that wait go to the workers, beside the direct requests.

    JobStore --> runner (half as many as workers) --> Pool --> answer --> JobStore --> webhook

A worker that dies takes no job along: its picture is tried once more, then it has failed and the job goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from underdrawing.service.answers import answer
from underdrawing.service.job_store import Item, Job, JobStore
from underdrawing.service.origins import OriginList
from underdrawing.service.pool import BusyError, TaskError
from underdrawing.service.problems import Problem
from underdrawing.service.state import ServerState
from underdrawing.service.webhooks import deliver

_LOG = logging.getLogger("underdrawing.service")
_POLL_SECONDS = 0.2
_MAX_WAIT_SECONDS = 2.0
_DELIVERIES_AT_ONCE = 2


class JobRunner:
    """Works on the jobs of a store until it is closed."""

    def __init__(self, server: ServerState, store: JobStore) -> None:
        self._server, self._store = server, store
        self._receivers = OriginList(server.settings.webhook_hosts)
        self._tasks: set[asyncio.Task] = set()
        self._turn = asyncio.Semaphore(_DELIVERIES_AT_ONCE)

    def start(self) -> None:
        """Start the runners; where there are several workers, half of them stay free for direct requests."""
        for _ in range(max(1, self._server.settings.worker_count // 2)):
            self._spawn(self._run())

    async def close(self) -> None:
        """Stop; jobs that are not finished are lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            taken = self._store.take()
            if taken is None:
                await asyncio.sleep(_POLL_SECONDS)
                continue
            job, item = taken
            try:
                await self._work(job, item)
            except Exception as error:  # whatever it is, this picture has failed and the others go on
                _LOG.error("job", exc_info=error, extra={"fields": {"job": job.id[:8]}})
                item.finish("failed", problem=_FAULT)
            if self._store.close_item(job) and job.webhook is not None:
                self._spawn(self._notify(job))

    async def _work(self, job: Job, item: Item) -> None:
        seconds = self._server.settings.job_picture_seconds
        task = {**job.task, "name": item.file}
        while True:
            try:
                folder, result = await self._server.run_file(
                    item.upload,
                    task,
                    keep_folder=job.task["do"] != "retrieve",
                    seconds=seconds,
                )
                break
            except BusyError as error:  # direct requests come first
                await asyncio.sleep(min(error.seconds, _MAX_WAIT_SECONDS))
                if job.removed:
                    item.finish("failed")
                    return
            except TaskError as error:
                if error.kind != "crash" or not item.may_repeat:
                    raise
                item.state = "waiting"
                return
            except Problem as problem:
                item.finish("failed", problem=problem.content)
                return
        item.folder = folder
        left = (job.expires - datetime.now(UTC)).total_seconds()
        item.finish("done", await answer(self._server, task, result, folder, job.role, left))

    async def _notify(self, job: Job) -> None:
        assert job.webhook is not None
        await deliver(job.webhook, message(job), self._receivers, self._turn)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def message(job: Job) -> dict[str, Any]:
    """The body of a webhook: what is finished, without the answers, which only the token may fetch."""
    states = job.states
    return {
        "type": "job.finished",
        "job": {
            "id": job.id,
            "do": job.task["do"],
            "url": f"/v1/jobs/{job.id}",
            "total": len(job.items),
            "done": states["done"],
            "failed": states["failed"],
        },
    }


_FAULT = Problem(500, "fault", "an error of the server; its log has it").content
