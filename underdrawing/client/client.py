"""The methods of the client: one for each operation of the API."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from underdrawing.client.multipart import Form, Source
from underdrawing.client.results import (
    Artefact,
    Do,
    Examination,
    Found,
    Job,
    Protection,
    Record,
    Verification,
)
from underdrawing.client.transport import ServerError, Transport

_POLL_S = (0.5, 10.0)
"""First and longest pause between two looks at a job."""


class Client:
    """A server and a token. It keeps no connection open and may be used by several threads.

    Pictures are paths, bytes, or files open for reading. Errors: PictureError, UsageError, RegistryError,
    CredentialsError as of the local functions; FileNotFoundError for a missing file; else ServerError.
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout_s: float = 120.0, retries: int = 5
    ) -> None:
        """token: as `underdrawing token add` prints it. retries: repetitions while the server is busy."""
        self._http = Transport(url, token, timeout_s, retries)

    def __repr__(self) -> str:
        return f"<Client {self._http.url}, {'with' if self._http.token else 'without'} token>"

    def verify(
        self, picture: Source, *, system: str | None = None, recover: str | None = None
    ) -> Verification:
        """Who protected a picture, whether and where it was altered. system: as in `protect`; recover:
        "natural" shows what was altered with invented detail."""
        return Verification.of(self._post("/v1/verify", _fields(system=system, recover=recover), [picture]))

    def examine(self, picture: Source, *, text: str | None = None, describe: bool = False) -> Examination:
        """What detectors of forged faces, localizers and classical methods find in a picture, whoever made
        it.

        text: about the picture, for localizers that use one; describe: without a text, they get what was
        found by classical methods, in words.
        """
        fields = _fields(text=text, describe=describe or None)
        return Examination.of(self._post("/v1/examine", fields, [picture]))

    def protect(
        self,
        picture: Source,
        *,
        strength: float = 1.0,
        identity: str | None = None,
        facts: Mapping[str, Any] | None = None,
        credentials: bool | None = None,
        quality: int | None = None,
        focus: str | Sequence[str] = "auto",
        system: str | None = None,
    ) -> Protection:
        """Protect a picture with the key of the server; `save` writes the protected file.

        focus: places that get more of the content code: "auto", "faces", "none", or "x,y,width,height", px.
        system: of `about()["systems"]`; None for the main one.
        """
        fields = _fields(
            strength=strength, identity=identity, facts=facts, credentials=credentials, quality=quality,
            focus=focus if isinstance(focus, str) else ";".join(focus), system=system,
        )  # fmt: skip
        return Protection.of(self._post("/v1/protect", fields, [picture]))

    def retrieve(self, picture: Source, *, limit: int = 5) -> Found:
        """The registered photographs that a picture may come from, best first."""
        return Found.of(self._post("/v1/retrieve", _fields(limit=limit), [picture]))

    def records(self, identity: str) -> tuple[Record, ...]:
        """The records of an identity, latest first; empty where there are none."""
        try:
            found = self._http.json("GET", f"/v1/records/{quote(identity, safe='')}")
        except ServerError as error:
            if error.status == 404:
                return ()
            raise
        return tuple(map(Record.of, found["records"]))

    def about(self) -> dict[str, Any]:
        """Version, abilities and limits of the server, and the role of the token."""
        return dict(self._http.json("GET", "/v1/about"))

    def fetch(self, artefact: Artefact) -> bytes:
        """The content of a file of an answer."""
        return self._http.body("GET", artefact.url)

    def save(self, artefact: Artefact, path: str | os.PathLike[str]) -> Path:
        """Write a file of an answer; its path."""
        target = Path(path)
        target.write_bytes(self.fetch(artefact))
        return target

    def create_job(
        self,
        do: Do,
        pictures: Sequence[Source],
        *,
        webhook: str | None = None,
        webhook_secret: str | None = None,
        **options: Any,
    ) -> Job:
        """Queue many or large pictures. options: strength, focus, facts, credentials (protect), system
        (protect, verify), limit (retrieve)."""
        fields = _fields(do=do, webhook=webhook, webhook_secret=webhook_secret, **options)
        return Job.of(self._post("/v1/jobs", fields, pictures))

    def job(self, id: str) -> Job:
        """A job with the results so far."""
        return Job.of(self._http.json("GET", _job_path(id)))

    def jobs(self) -> tuple[Job, ...]:
        """The jobs of the token, latest first, without results."""
        return tuple(map(Job.of, self._http.json("GET", "/v1/jobs")["jobs"]))

    def wait(self, job: Job, *, timeout_s: float = 3600.0) -> Job:
        """The job once it is done. TimeoutError."""
        pause_s, end = _POLL_S[0], time.monotonic() + timeout_s
        while job.state != "done":
            if time.monotonic() + pause_s > end:
                raise TimeoutError(f"job {job.id}: {job.done + job.failed} of {job.total} pictures are done")
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _POLL_S[1])
            job = self.job(job.id)
        return job

    def delete_job(self, id: str) -> None:
        """Stop a job and remove its pictures and results."""
        self._http.json("DELETE", _job_path(id))

    def _post(self, path: str, fields: Mapping[str, str], pictures: Sequence[Source]) -> Any:
        return self._http.json("POST", path, Form(fields, pictures))


def _job_path(id: str) -> str:
    return f"/v1/jobs/{quote(id, safe='')}"


def _fields(**values: Any) -> dict[str, str]:
    """Form fields; those that are None are left out."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | Mapping) else str(value)
