"""Classical evidence of manipulation: methods without learning, whose traces people can check by eye.

    jpeg_grid     parts with another grid of JPEG blocks    double_jpeg  parts compressed once less
    resampling    parts that were scaled or turned          copy_move    parts that occur twice
    noise         parts with other noise                    error_level  the map known as ELA

Each is a function View -> Evidence. None of them finds out that a picture is genuine, and each has causes
besides manipulation, which its Evidence names.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from underdrawing.judging.classical.copy_move import copy_move
from underdrawing.judging.classical.double_jpeg import double_jpeg
from underdrawing.judging.classical.error_level import error_level
from underdrawing.judging.classical.evidence import Evidence
from underdrawing.judging.classical.jpeg_grid import jpeg_grid
from underdrawing.judging.classical.noise import noise
from underdrawing.judging.classical.resampling import resampling
from underdrawing.judging.classical.view import View

METHODS: dict[str, Callable[[View], Evidence]] = {
    "jpeg-grid": jpeg_grid,
    "double-jpeg": double_jpeg,
    "resampling": resampling,
    "copy-move": copy_move,
    "noise": noise,
    "error-level": error_level,
}
LEAST_PX = 64
"""Shorter side below which no method is applied."""
_WORKERS = 2  # methods at a time
_MOST = 64e6
"""Pixels above which only a picture scaled down would fit into memory, which removes most traces."""


def classical_evidence(view: View) -> dict[str, Evidence]:
    """The evidence of every method by name, for a picture of any size."""
    height, width = view.image.shape[:2]
    if min(height, width) < LEAST_PX or height * width > _MOST:
        size = f"smaller than {LEAST_PX} px on a side" if height * width <= _MOST else "above 64 MP"
        why = Evidence(None, f"Not applied: the picture is {size}.", "Nothing follows from this.")
        return dict.fromkeys(METHODS, why)
    _ = view.grid  # of several methods: computed before they run beside each other
    with ThreadPoolExecutor(_WORKERS) as pool:
        return dict(zip(METHODS, pool.map(lambda method: method(view), METHODS.values()), strict=True))
