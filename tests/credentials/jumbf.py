"""A manifest store taken apart into its boxes and put together again, to make hostile ones."""

from __future__ import annotations

import struct

Boxes = list[list]


def parse(data: bytes) -> Boxes:
    """[[type, content], ...], where a superbox's content is such a list again."""
    boxes, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + size]
        boxes.append([kind, parse(content) if kind == b"jumb" else content])
        at += size
    return boxes


def dump(boxes: Boxes) -> bytes:
    parts = []
    for kind, content in boxes:
        data = dump(content) if isinstance(content, list) else content
        parts.append(struct.pack(">I4s", 8 + len(data), kind) + data)
    return b"".join(parts)


def superbox(boxes: Boxes, label: bytes) -> Boxes | None:
    """The content of the first superbox that is labelled so."""
    for kind, content in boxes:
        if kind == b"jumb":
            found = content if label in content[0][1] else superbox(content, label)
            if found is not None:
                return found
    return None


def embed(jpeg: bytes, store: bytes) -> bytes:
    """A JPEG file with a manifest store in its APP11 segments (ISO 19566-5, annex D)."""
    segments, piece = b"", 60_000
    head, rest = store[:8], store[8:]
    pieces = [rest[at : at + piece] for at in range(0, max(len(rest), 1), piece)]
    for number, part in enumerate(pieces, 1):
        content = b"JP" + struct.pack(">HI", 1, number) + head + part
        segments += b"\xff\xeb" + struct.pack(">H", 2 + len(content)) + content
    return jpeg[:2] + segments + jpeg[2:]
