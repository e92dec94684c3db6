"""The web page and the documentation of the API: the files of static/, served by the same process."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response

from underdrawing.service.observe import POLICY

_FOLDER = Path(__file__).parent / "static"
_PAGES = {"page.html": "/", "docs.html": "/docs"}
"""Addresses of pages; every other file is at its own name."""
_DOCS_POLICY = POLICY.replace("img-src 'self' blob:", "img-src 'self' data:")
"""Swagger UI has its icons in its style sheet."""
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def add_page(app: FastAPI) -> None:
    """Add a route for each file of the pages."""
    for file in sorted(_FOLDER.rglob("*")):
        if file.suffix in _MEDIA:
            path = _PAGES.get(file.name, f"/{file.relative_to(_FOLDER).as_posix()}")
            policy = {"Content-Security-Policy": _DOCS_POLICY} if path == "/docs" else {}
            app.get(path, include_in_schema=False)(_route(file.read_bytes(), _MEDIA[file.suffix], policy))


def _route(data: bytes, media: str, policy: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **policy}

    async def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=media, headers=headers)

    return serve
