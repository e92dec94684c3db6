"""The summary: facts of a picture in a few signed bits, readable where the picture itself is not.

    [caption 24] | [faces 4] | faces? 1 | caption? 1 | check 24

It ends the content of the middle layer and so is signed with it. No field states it: the check does, which
the end of another content passes with probability 2^-24.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import asdict, dataclass, replace

import numpy as np

from underdrawing.coding.bits import crc32, from_bytes, from_int, to_bytes, to_int

MOST_FACES = 15
"""Stands for this many or more."""
_CAPTION, _FACES, _FLAGS, _CHECK = 24, 4, 2, 24
_NONE = np.zeros(_FLAGS, np.uint8)
_LEAST_ROOM = 6
"""The middle layer's content has room for a summary where it is this many times as long."""


@dataclass(frozen=True)
class Summary:
    """What a protector records of a picture; None where it records nothing."""

    faces: int | None = None
    """Number of faces that the detector found; MOST_FACES stands for more, too."""
    caption: str | None = None
    """First 24 bits of the caption's hash, 6 hex digits."""

    def bits(self) -> np.ndarray:
        """The summary as bits, uint8 0/1; empty where it holds nothing."""
        if self.faces is None and self.caption is None:
            return np.zeros(0, np.uint8)
        parts = [] if self.caption is None else [from_bytes(bytes.fromhex(self.caption))]
        if self.faces is not None:
            parts.append(from_int(min(self.faces, MOST_FACES), _FACES))
        parts += [from_int(int(self.faces is not None), 1), from_int(int(self.caption is not None), 1)]
        body = np.concatenate(parts)
        return np.concatenate([body, _checksum(body)])

    def within(self, room: int) -> tuple[Summary, tuple[str, ...]]:
        """As much of the summary as belongs into a middle layer with room for so many bits of cells and
        content, and a sentence on each part that does not."""
        left, notes = self, []
        for name, field in (("the hash of the caption", "caption"), ("the number of faces", "faces")):
            if len(left.bits()) * _LEAST_ROOM > room and getattr(left, field) is not None:
                left = replace(left, **{field: None})
                notes.append(f"{name} is not recorded in the mark, which has no room for it")
        return left, tuple(notes)


def caption_hash(caption: str) -> str:
    """6 hex digits: the first 24 bits of the SHA-256 of the caption, composed (NFC), without outer space."""
    text = unicodedata.normalize("NFC", caption.strip())
    return hashlib.sha256(b"underdrawing caption\0" + text.encode()).hexdigest()[: _CAPTION // 4]


def split_summary(content: np.ndarray) -> tuple[np.ndarray, Summary | None]:
    """A middle layer's content without the summary at its end, and this; None where its check fails."""
    body = content[:-_CHECK]
    has_faces, has_caption = (bool(flag) for flag in (body if len(body) >= _FLAGS else _NONE)[-_FLAGS:])
    length = _FLAGS + _FACES * has_faces + _CAPTION * has_caption
    if length == _FLAGS or len(body) < length:
        return content, None
    if not np.array_equal(content[-_CHECK:], _checksum(body[-length:])):
        return content, None
    fields = body[-length:-_FLAGS]
    faces = to_int(fields[-_FACES:]) if has_faces else None
    caption = to_bytes(fields[:_CAPTION]).hex() if has_caption else None
    return body[:-length], Summary(faces, caption)


def recorded_facts(content: np.ndarray) -> dict[str, int | str | None] | None:
    """The facts at the end of a middle layer's content, as `verify --json` prints them; None without any."""
    summary = split_summary(content)[1]
    return None if summary is None else asdict(summary)


def _checksum(body: np.ndarray) -> np.ndarray:
    return crc32(body, domain=b"underdrawing summary")[:_CHECK]
