"""Error level analysis, since many people know it: how much each place changes when it is saved once more.

The map has no threshold and decides nothing. Edges and texture change most in every picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.judging.classical.evidence import Evidence
from underdrawing.judging.classical.view import View

_QUALITY = 90
"""Of the JPEG that is compared, libjpeg's scale; 90 to 95 is usual."""
_FULL = 16.0
"""Levels of difference, after a mean over 8x8 px, that the map shows as 1; the same for every picture."""
_MEANING = (
    "Bright is no sign of manipulation: edges, texture and saturated colours change most in every picture, "
    "and an inserted part is bright only if its compression differs. It is for people who can read it."
)


def error_level(view: View) -> Evidence:
    """The map of a picture; nothing is ever found in it. Score: its mean, levels."""
    bgr = cv2.cvtColor(view.image, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    again = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert again is not None  # it was just coded
    blue, green, red = cv2.split(cv2.absdiff(bgr, again, dst=again))
    difference = cv2.max(cv2.max(red, green), blue)
    smooth = cv2.blur(difference.astype(np.float32), (8, 8))
    mean = float(smooth.mean())
    text = (
        f"Saved again as a JPEG of quality {_QUALITY}, the picture changes by {mean:.1f} levels on average."
    )
    np.multiply(smooth, 1 / _FULL, out=smooth)  # a power of two: exact
    return Evidence(False, text, _MEANING, mean, np.clip(smooth, 0, 1, out=smooth))
