"""Errors as application/problem+json (RFC 9457), with a type for programs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

TYPE = "urn:underdrawing:problem:"
_LOG = logging.getLogger("underdrawing.service")


class Problem(HTTPException):
    """An error response.

    kind: the last part of its type, as "too-large". retry_after: seconds until a repetition may succeed.
    """

    def __init__(self, status: int, kind: str, detail: str, *, retry_after: float | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="underdrawing"'
        super().__init__(status, detail, headers)
        self.kind = kind

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object of the response."""
        return _content(self.status_code, self.kind, self.detail)

    def response(self) -> JSONResponse:
        """The HTTP response."""
        return _response(self.status_code, self.kind, self.detail, self.headers)


def add_handlers(app: FastAPI) -> None:
    """Make every error of an app, its own and the framework's, a problem response."""
    app.add_exception_handler(AnyHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _fault)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Problem):
        return error.response()
    status = getattr(error, "status_code", 500)
    kind = {400: "bad-request", 404: "not-found", 405: "method-not-allowed"}.get(status, "error")
    return _response(status, kind, str(getattr(error, "detail", "")), getattr(error, "headers", None))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """Fields that are missing or invalid; their values are not repeated."""
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    messages = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in errors]
    return _response(422, "invalid-request", "; ".join(messages) or "the request is not valid", None)


async def _fault(request: Request, error: Exception) -> JSONResponse:
    """An error in our code: the caller gets the request id, the log the traceback."""
    number = request.scope.get("state", {}).get("request_id", "-")
    _LOG.error("fault", exc_info=error, extra={"fields": {"request_id": number}})
    return _response(500, "fault", f"an error of the server; its log has it as request {number}", None)


def _response(status: int, kind: str, detail: str, headers: Mapping[str, str] | None) -> JSONResponse:
    # The rest of a body that is still being sent must not be read as the next request.
    closing = {"Connection": "close"} if status in (408, 413, 415, 429, 503) else {}
    content, headers = _content(status, kind, detail), {**closing, **(headers or {})}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _content(status: int, kind: str, detail: str) -> dict[str, Any]:
    return {"type": TYPE + kind, "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
