"""The summary: facts of a picture in a few signed bits, readable where the picture itself is not.

    [caption 24] | [faces 4] | faces? 1 | caption? 1 | check 24                                without a label
    [caption 24] | [faces 4] | label 10 | confidence 3 | faces? 1 | caption? 1 | 00 | check 24  with one

It ends the content of the middle layer and so is signed with it. No field states it: the check does, which
the end of another content passes with probability 2^-24. Earlier readers find no summary in one with a label.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, replace

import numpy as np

from underdrawing.coding.bits import crc32, from_bytes, from_int, to_bytes, to_int
from underdrawing.coding.labels import CONFIDENCES, Label, label_names
from underdrawing.core.errors import CodeError

MOST_FACES = 15
"""Stands for this many or more."""
_CAPTION, _FACES, _FLAGS, _CHECK = 24, 4, 2, 24
_LABEL, _CONFIDENCE = 10, 3
_NAMED = (1 << _CONFIDENCE) - 1
"""In place of the index of a confidence: a label that somebody named."""
_LEAST_ROOM = 6
"""The middle layer's content has room for a summary where it is this many times as long."""
_LEAST_LABEL_ROOM = 2
"""The same for a label alone, which somebody asked for."""


@dataclass(frozen=True)
class Summary:
    """What a protector records of a picture; None where it records nothing."""

    faces: int | None = None
    """Number of faces that the detector found; MOST_FACES stands for more, too."""
    caption: str | None = None
    """First 24 bits of the caption's hash, 6 hex digits."""
    label: Label | None = None
    """What it shows."""

    def bits(self) -> np.ndarray:
        """The summary as bits, uint8 0/1; empty where it holds nothing."""
        if self == Summary():
            return np.zeros(0, np.uint8)
        parts = [] if self.caption is None else [from_bytes(bytes.fromhex(self.caption))]
        if self.faces is not None:
            parts.append(from_int(min(self.faces, MOST_FACES), _FACES))
        if self.label is not None:
            parts += [
                from_int(self.label.number, _LABEL),
                from_int(_confidence_code(self.label), _CONFIDENCE),
            ]
        parts += [from_int(int(self.faces is not None), 1), from_int(int(self.caption is not None), 1)]
        if self.label is not None:
            parts.append(np.zeros(_FLAGS, np.uint8))
        body = np.concatenate(parts)
        return np.concatenate([body, _checksum(body)])

    def within(self, room: int) -> tuple[Summary, tuple[str, ...]]:
        """As much of the summary as belongs into a middle layer with room for so many bits of cells and
        content, and a sentence on each part that does not."""
        left, notes = self, []
        for field, name in _NAMES.items():
            least = _LEAST_LABEL_ROOM if field == "label" else _LEAST_ROOM
            if len(left.bits()) * least > room and getattr(left, field) is not None:
                left = replace(left, **{field: None})
                notes.append(f"{name} is not recorded in the mark, which has no room for it")
        return left, tuple(notes)


_NAMES = {"caption": "the hash of the caption", "faces": "the number of faces", "label": "the label"}
"""Facts in the order in which they are left out, in words."""


def caption_hash(caption: str) -> str:
    """6 hex digits: the first 24 bits of the SHA-256 of the caption, composed (NFC), without outer space."""
    text = unicodedata.normalize("NFC", caption.strip())
    return hashlib.sha256(b"underdrawing caption\0" + text.encode()).hexdigest()[: _CAPTION // 4]


def split_summary(content: np.ndarray) -> tuple[np.ndarray, Summary | None]:
    """A middle layer's content without the summary at its end, and this; None where its check fails."""
    fields, length = _Fields(content[:-_CHECK]), 0
    try:
        has_faces, has_caption = fields.flags()
        labelled = not has_faces and not has_caption
        if labelled:
            has_faces, has_caption = fields.flags()
        confidence, index = (fields.number(_CONFIDENCE), fields.number(_LABEL)) if labelled else (0, 0)
        faces = fields.number(_FACES) if has_faces else None
        caption = to_bytes(fields.last(_CAPTION)).hex() if has_caption else None
        length = fields.taken
    except CodeError:
        return content, None
    body = content[:-_CHECK][-length:]
    if not np.array_equal(content[-_CHECK:], _checksum(body)) or index >= len(label_names()):
        return content, None
    label = Label(index, None if confidence == _NAMED else CONFIDENCES[confidence]) if labelled else None
    return content[: -_CHECK - length], Summary(faces, caption, label)


class _Fields:
    """Fields of a summary's body, from its end. CodeError where the bits end."""

    def __init__(self, body: np.ndarray) -> None:
        self.body, self.taken = body, 0

    def last(self, width: int) -> np.ndarray:
        """The bits before those taken so far."""
        end = len(self.body) - self.taken
        if end < width:
            raise CodeError("a summary is longer than its content")
        self.taken += width
        return self.body[end - width : end]

    def number(self, width: int) -> int:
        """The same as a number."""
        return to_int(self.last(width))

    def flags(self) -> tuple[bool, bool]:
        """Whether there are faces, and a caption."""
        faces, caption = self.last(_FLAGS)
        return bool(faces), bool(caption)


def recorded_facts(content: np.ndarray) -> dict[str, int | float | str | None] | None:
    """The facts at the end of a middle layer's content, as `verify --json` prints them; None without any."""
    summary = split_summary(content)[1]
    if summary is None:
        return None
    index, confidence = summary.label or (None, None)
    name = None if index is None else label_names()[index]
    return {"faces": summary.faces, "caption": summary.caption, "label": name, "confidence": confidence}


def _confidence_code(label: Label) -> int:
    if label.confidence is None:
        return _NAMED
    return int(np.abs(np.subtract(CONFIDENCES, label.confidence)).argmin())


def _checksum(body: np.ndarray) -> np.ndarray:
    return crc32(body, domain=b"underdrawing summary")[:_CHECK]
