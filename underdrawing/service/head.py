"""Middleware that answers HEAD wherever GET is answered, with the same status and headers."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Routes HEAD as GET and leaves the body out; where only POST is, the answer stays 405."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        scope["method"] = "GET"  # in place: the log and the metrics read the route from this scope
        try:
            await self.app(scope, receive, send_head)
        finally:
            scope["method"] = "HEAD"
