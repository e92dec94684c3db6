"""A small client of the API, for measuring and trying out: a connection a request, nothing retried."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 120.0


@dataclass(frozen=True)
class Reply:
    """What the server said."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """Of the server at `url`, as http://127.0.0.1:8000/. OSError where it does not answer."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port or 80
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Reply:
        """GET a path."""
        return self._ask("GET", path, None, {})

    def send(self, path: str, picture: bytes, fields: Mapping[str, str] | None = None) -> Reply:
        """POST a picture with form fields."""
        border = secrets.token_hex(16)
        parts = [
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in (fields or {}).items()
        ]
        head = f'--{border}\r\nContent-Disposition: form-data; name="picture"; filename="picture"\r\n'
        parts += [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), picture, b"\r\n"]
        body = b"".join([*parts, f"--{border}--\r\n".encode()])
        return self._ask("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={border}"})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection(*self._address, timeout=_SECONDS)
        try:
            connection.request(method, path, body, {**self._headers, **headers})
            reply = connection.getresponse()
            headers = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, headers, reply.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"broken off: {error!r}") from error
        finally:
            connection.close()
