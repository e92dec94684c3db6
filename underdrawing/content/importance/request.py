"""What a protector wants the content code to show best: places of its own, faces, or what the map finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from underdrawing.coding.labels import Label
from underdrawing.core.errors import UsageError

MOST_BOXES = 64
WORDS = ("auto", "faces", "none")


class Box(NamedTuple):
    """A rectangle in pixels of the picture as it is shown."""

    left: float
    top: float
    width: float
    height: float

    def __str__(self) -> str:
        return ",".join(f"{value:g}" for value in self)


SigningPlace = Literal["mark", "registry", "auto"]
"""Where a signature is kept: in the mark, in a registry, or there where the mark has no room."""


class FocusRequest(NamedTuple):
    """Places that are important; with none of them all places are equal."""

    boxes: tuple[Box, ...] = ()
    faces: bool = True
    """Faces that the detector finds."""
    salient: bool = True
    """Places that stand out by colour and contrast."""


DEFAULT_FOCUS = FocusRequest()
EVEN = FocusRequest(faces=False, salient=False)


class ContentRequest(NamedTuple):
    """What the mark is to hold beside the picture itself, and where the content code is to be best."""

    focus: FocusRequest = DEFAULT_FOCUS
    caption: str | None = None
    """Its hash is recorded."""
    label: Label | None = None
    """What the picture shows, recorded too."""
    signing: SigningPlace = "mark"
    """Of the owner's signature, which leaves the less room for content the more of it the mark holds."""


PLAIN = ContentRequest()


def read_request(values: Sequence[str] | str | None) -> FocusRequest:
    """The request of some values: "auto", "faces" or "none", and boxes "x,y,width,height" in pixels.

    A string may hold several, with semicolons between. Boxes alone are all that is important. No value means
    "auto". UsageError for other values.
    """
    joined = values if isinstance(values, str) else ";".join(values or ())
    given = [value.strip() for value in joined.split(";")] if joined.strip() else []
    words = set(given) & set(WORDS)
    boxes = tuple(_box(value) for value in given if value not in WORDS)
    if len(words) > 1 or ("none" in words and boxes):
        raise UsageError(f"expected one focus of {', '.join(WORDS)}, or boxes, got {' and '.join(given)}")
    if len(boxes) > MOST_BOXES:
        raise UsageError(f"expected at most {MOST_BOXES} boxes of a focus, got {len(boxes)}")
    word = next(iter(words), "none" if boxes else "auto")
    return FocusRequest(boxes, word != "none", word == "auto")


def _box(text: str) -> Box:
    try:
        box = Box(*map(float, text.split(",")))
    except (TypeError, ValueError):
        words = ", ".join(WORDS)
        raise UsageError(
            f"expected a focus of x,y,width,height in pixels, or {words}, got {text!r}"
        ) from None
    if not all(map(math.isfinite, box)) or min(box.width, box.height) <= 0:
        raise UsageError(f"expected a focus of finite numbers, width and height above 0, got {text!r}")
    return box
