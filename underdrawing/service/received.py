"""The picture of a request: a part of the form, or a URL from which the operator lets the server fetch it."""

from __future__ import annotations

import asyncio
import io
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import unquote, urlsplit

from fastapi import File, Form, UploadFile

from underdrawing.service.origins import OriginList
from underdrawing.service.outgoing import Outgoing, OutgoingError, check, send
from underdrawing.service.problems import Problem
from underdrawing.service.settings import Settings

_SECONDS = 20.0
_AT_ONCE = 2

OptionalPicture = Annotated[
    UploadFile | None, File(description="JPEG, PNG, WebP, AVIF, TIFF, BMP or HEIC; this or `url`")
]
PictureUrl = Annotated[
    str | None,
    Form(max_length=2000, description="where the picture is, on a host that the operator allows"),
]


class Receiver:
    """Gives the picture of a request, whichever way it comes."""

    def __init__(self, settings: Settings) -> None:
        self._sources = OriginList(settings.fetch_hosts, wildcards=True)
        self._max_bytes = settings.upload_mb << 20
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def picture(self, picture: UploadFile | None, url: str | None) -> UploadFile:
        """The picture. Problem 422 for none, for both and for a URL that is not allowed; 502 where its server
        does not answer with a picture."""
        if (picture is None) == (url is None):
            got = "neither" if url is None else "both"
            raise Problem(422, "invalid-request", f"expected the part `picture` or a `url`, got {got}")
        if picture is not None:
            return picture
        assert url is not None
        if not self._sources:
            raise Problem(422, "no-fetching", "url: this server fetches no pictures; send the file itself")
        return await self._fetch(url)

    async def _fetch(self, url: str) -> UploadFile:
        try:
            check(url, self._sources)
        except OutgoingError as error:
            raise Problem(422, "no-fetching", f"url: {error}") from error
        try:
            async with self._turn:
                answer = await asyncio.to_thread(
                    send,
                    Outgoing(url, self._sources, _SECONDS, self._max_bytes, headers={"Accept": "image/*"}),
                )
        except OutgoingError as error:
            raise Problem(502, "not-fetched", f"url: {error}") from error
        if answer.status != 200:
            raise Problem(502, "not-fetched", f"url: its server answers with HTTP {answer.status}")
        name = PurePosixPath(unquote(urlsplit(url).path)).name
        return UploadFile(io.BytesIO(answer.body), filename=name)
