"""The routes of asynchronous jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi import Path as InPath

from underdrawing.service import responses
from underdrawing.service.described import (
    FactsText,
    Focus,
    Limit,
    Strength,
    SystemName,
    WithCredentials,
    problems,
)
from underdrawing.service.fields import declared_fields_only
from underdrawing.service.job_schemas import JobOut, JobResultOut, Jobs, JobSummary, WebhookOut
from underdrawing.service.job_store import Item, Job
from underdrawing.service.origins import OriginList
from underdrawing.service.outgoing import OutgoingError, check
from underdrawing.service.problems import Problem
from underdrawing.service.state import ServerState
from underdrawing.service.systems import MAIN
from underdrawing.service.task_options import (
    ProtectOptions,
    Task,
    examine_task,
    protect_task,
    retrieve_task,
    verify_task,
)
from underdrawing.service.tokens import may
from underdrawing.service.webhooks import Webhook

Kind = Literal["protect", "verify", "retrieve", "examine"]
_OPTIONS: dict[str, tuple[Kind, ...]] = {
    "strength": ("protect",), "facts": ("protect",), "credentials": ("protect",), "limit": ("retrieve",),
    "focus": ("protect",), "system": ("protect", "verify"),
}  # fmt: skip
"""Fields and the kinds of job that have them."""
JobId = Annotated[str, InPath(pattern="^[A-Za-z0-9_-]{32}$", description="of the response to POST /v1/jobs")]
_SECRET = Form(
    min_length=16, max_length=200, description="signs the webhook, in place of the server's secret"
)
_URL = Form(
    max_length=2000,
    description="gets a signed message when the job is done, as `https://desk.example.org/underdrawing`",
)


def job_routes(server: ServerState) -> APIRouter:
    """POST, GET and DELETE of jobs."""
    router = APIRouter(prefix="/v1", tags=["jobs"], dependencies=[Depends(declared_fields_only)])
    store, receivers = server.jobs, OriginList(server.settings.webhook_hosts)

    @router.post(
        "/jobs", status_code=202, responses=problems(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
    )
    async def create_job(
        request: Request,
        response: Response,
        fields: Annotated[JobFields, Depends()],
        picture: Annotated[list[UploadFile], File(description="one part for each picture")],
    ) -> JobOut:
        """Queue one or many pictures for the same task. The response comes at once; `GET` its `url` until
        `state` is done, or name a `webhook`."""
        caller = request.state.caller
        _check_fields(fields.do, (await request.form()).keys())
        task = _task(server, fields, caller.role)
        hook = _webhook(server, fields, receivers)
        if len(picture) > store.limits.pictures:
            raise Problem(422, "too-many-pictures", f"picture: at most {store.limits.pictures} in one job")
        items: list[Item] = []
        try:
            for part in picture:
                items.append(Item(responses.display_name(part.filename), server.new_upload()))
                await _receive(server, part, items[-1])
            if all(item.state == "failed" for item in items):
                raise Problem(415, "unsupported-media-type", "no part `picture` is one of a known type")
            job = store.add(caller.token_sha256, caller.role, task, items, hook)
        except BaseException:  # also a full disk, and a client that is gone
            for item in items:
                item.upload.unlink(missing_ok=True)
            raise
        response.headers["Location"] = f"/v1/jobs/{job.id}"
        return _out(job)

    @router.get("/jobs", responses=problems(401, 403, 422))
    async def list_jobs(request: Request) -> Jobs:
        """The jobs of this token, latest first, without their results."""
        owner = request.state.caller.token_sha256
        if owner is None:
            raise Problem(401, "unauthorized", "jobs are listed by their token; without one, keep their URLs")
        return Jobs(jobs=[JobSummary(**_summary(job)) for job in store.of(owner)])

    @router.get("/jobs/{id}", responses=problems(401, 403, 404, 422))
    async def get_job(request: Request, id: JobId) -> JobOut:
        """A job and the results so far, in the order of the pictures."""
        return _out(store.find(id, request.state.caller.token_sha256))

    @router.delete("/jobs/{id}", status_code=204, responses=problems(401, 403, 404, 422))
    async def delete_job(request: Request, id: JobId) -> None:
        """Stop a job and remove its pictures and results."""
        store.remove(store.find(id, request.state.caller.token_sha256))

    return router


class HookFields:
    """The fields of a job's webhook."""

    def __init__(
        self,
        webhook: Annotated[str | None, _URL] = None,
        webhook_secret: Annotated[str | None, _SECRET] = None,
    ) -> None:
        self.webhook, self.secret = webhook, webhook_secret


class MarkFields:
    """The fields of a job about the mark that it embeds."""

    def __init__(self, strength: Strength = 1.0, focus: Focus = "auto") -> None:
        self.strength, self.focus = strength, focus


class JobFields:
    """The form of a job beside its pictures."""

    def __init__(
        self,
        do: Annotated[Kind, Form(description="what to do with each picture", examples=["verify"])],
        hook: Annotated[HookFields, Depends()],
        mark: Annotated[MarkFields, Depends()],
        facts: FactsText = None,
        credentials: WithCredentials = None,
        limit: Limit = 5,
        system: SystemName = MAIN,
    ) -> None:
        self.do, self.limit, self.webhook, self.webhook_secret = do, limit, hook.webhook, hook.secret
        self.protect = ProtectOptions(
            mark.strength, None, facts, credentials, system=system, focus=mark.focus
        )


def _check_fields(do: Kind, sent: Iterable[str]) -> None:
    """Problem 422 for fields that mean nothing here and would be ignored."""
    for name in _OPTIONS.keys() & set(sent):
        if do not in _OPTIONS[name]:
            kinds = " and ".join(_OPTIONS[name])
            raise Problem(422, "unknown-field", f"form: the field `{name}` is for {kinds}, not for {do}")
    if "webhook_secret" in sent and "webhook" not in sent:
        raise Problem(422, "no-webhook", "webhook_secret: there is no webhook to sign")


def _task(server: ServerState, fields: JobFields, role: str) -> Task:
    if fields.do == "examine":
        return examine_task(None)
    if fields.do == "verify":
        return verify_task(role, fields.protect.system)
    if fields.do == "retrieve":
        return retrieve_task(server, fields.limit)
    if not may(role, "protector"):
        raise Problem(403, "forbidden", f"this needs the role protector, the token has {role}")
    return protect_task(server, fields.protect)


def _webhook(server: ServerState, fields: JobFields, receivers: OriginList) -> Webhook | None:
    if fields.webhook is None:
        return None
    try:
        check(fields.webhook, receivers)
    except OutgoingError as error:
        raise Problem(422, "no-webhook", f"webhook: {error}") from error
    secret = fields.webhook_secret or server.settings.webhook_secret
    if not secret:
        raise Problem(422, "no-webhook", "webhook_secret: required, as this server has no secret of its own")
    return Webhook(fields.webhook, secret)


async def _receive(server: ServerState, picture: UploadFile, item: Item) -> None:
    """Store the upload of a picture; one that is none has failed already, and the others go on."""
    try:
        await server.copy(picture, item.upload)
    except Problem as problem:
        if problem.status_code >= 500:
            raise
        item.finish("failed", problem=problem.content)


def _summary(job: Job) -> dict:
    states, hook = job.states, job.webhook
    return {
        "id": job.id,
        "url": f"/v1/jobs/{job.id}",
        "do": job.task["do"],
        "state": job.state,
        "total": len(job.items),
        "done": states["done"],
        "failed": states["failed"],
        "created": job.created,
        "finished": job.finished,
        "expires": job.expires,
        "webhook": None
        if hook is None
        else WebhookOut(url=hook.url, state=hook.state, attempts=hook.attempts),
    }


def _out(job: Job) -> JobOut:
    results = [
        JobResultOut(file=item.file, state=item.state, answer=item.answer, problem=item.problem)
        for item in job.items
    ]
    return JobOut(**_summary(job), results=results)
