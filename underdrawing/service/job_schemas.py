"""Responses about asynchronous jobs, as OpenAPI describes them. Fields may be added, never renamed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from underdrawing.service.schemas import Examination, Found, ProblemOut, Protection, Verification


class WebhookOut(BaseModel):
    """Where the message about the finished job goes."""

    url: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int


class JobSummary(BaseModel):
    """A job without its results."""

    id: str
    url: str = Field(description="path of the job; only the token that made it may read it")
    do: Literal["protect", "verify", "retrieve", "examine"]
    state: Literal["waiting", "running", "done"] = Field(description="done: each picture is done or failed")
    total: int = Field(description="pictures")
    done: int
    failed: int
    created: datetime = Field(description="UTC")
    finished: datetime | None
    expires: datetime = Field(description="then the job and its answers are removed, done or not")
    webhook: WebhookOut | None


class JobResultOut(BaseModel):
    """One picture of a job."""

    file: str | None = Field(description="the name that it was sent under")
    state: Literal["waiting", "running", "done", "failed"]
    answer: Verification | Protection | Found | Examination | None = Field(
        description="as of the direct route; once done"
    )
    problem: ProblemOut | None = Field(description="once failed")


class JobOut(JobSummary):
    """A job with the results so far, in the order of its pictures."""

    results: list[JobResultOut]


class Jobs(BaseModel):
    """Jobs of one token, latest first."""

    jobs: list[JobSummary]
