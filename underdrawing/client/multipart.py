"""Bodies of multipart/form-data that are read from their files while they are sent."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

Source = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the content of a file, or a file that is open for reading and can seek."""
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Part:
    """One part of a form: its head, and its content as bytes or as a file."""

    head: bytes
    content: bytes | Path | BinaryIO

    @property
    def size_bytes(self) -> int:
        """Of the content."""
        if isinstance(self.content, bytes):
            return len(self.content)
        if isinstance(self.content, Path):
            return self.content.stat().st_size
        return self.content.seek(0, io.SEEK_END)

    def chunks(self) -> Iterator[bytes]:
        """The content in pieces."""
        if isinstance(self.content, bytes):
            yield self.content
        elif isinstance(self.content, Path):
            with self.content.open("rb") as file:
                yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
        else:
            self.content.seek(0)
            yield from iter(lambda: self.content.read(_CHUNK_BYTES), b"")  # type: ignore[union-attr]


class Form:
    """A form that may be sent several times. FileNotFoundError and other errors of files while it is sent."""

    def __init__(self, fields: Mapping[str, str], pictures: Sequence[Source]) -> None:
        self._border = secrets.token_hex(16)
        self._parts = [Part(self._head(name), value.encode()) for name, value in fields.items()]
        self._parts += [Part(self._head("picture", _name(source)), _content(source)) for source in pictures]

    @property
    def content_type(self) -> str:
        """The header Content-Type."""
        return f"multipart/form-data; boundary={self._border}"

    @property
    def size_bytes(self) -> int:
        """Of the whole body."""
        inner = sum(len(part.head) + part.size_bytes + 2 for part in self._parts)
        return inner + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield part.head
            yield from part.chunks()
            yield b"\r\n"
        yield self._end

    @property
    def _end(self) -> bytes:
        return f"--{self._border}--\r\n".encode()

    def _head(self, name: str, file: str | None = None) -> bytes:
        named = f'form-data; name="{name}"'
        if file is None:
            return f"--{self._border}\r\nContent-Disposition: {named}\r\n\r\n".encode()
        named += f'; filename="{file}"'
        kind = "Content-Type: application/octet-stream"
        return f"--{self._border}\r\nContent-Disposition: {named}\r\n{kind}\r\n\r\n".encode()


def _content(source: Source) -> bytes | Path | BinaryIO:
    return Path(source) if isinstance(source, str | os.PathLike) else source


def _name(source: Source) -> str:
    """The file name of a source, with quotes and line ends escaped as browsers do (WHATWG form data)."""
    if isinstance(source, bytes):
        return "picture"
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", "picture")
    name = Path(path).name if isinstance(path, str | os.PathLike) else "picture"
    name = "".join(quote(letter) if letter in '"\r\n' else letter for letter in name)
    return name.encode("utf-8", "backslashreplace").decode()  # bytes that are no UTF-8
