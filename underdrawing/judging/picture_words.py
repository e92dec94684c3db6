"""Words for regions of a picture, and findings put into them: the vocabulary of texts about manipulations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np

from underdrawing.judging.classical.evidence import Evidence

ROWS = (("top", "upper part"), ("middle", "centre"), ("bottom", "lower part"))
COLUMNS = (("left",), ("centre", "middle"), ("right",))
SIZES = ("small", "", "large")
"""By the share of the picture, of SIZE_SHARES."""
SIZE_SHARES = (0.03, 0.15)
SUSPICIONS = {
    "splice": ("pasted object", "object that does not belong", "inserted thing with other lighting"),
    "copy_move": ("repeated pattern", "duplicated object", "copied detail"),
    "removal": ("smeared area where something was removed", "erased object", "filled area"),
    "retouch": ("smoothed area", "blurred or recoloured detail", "retouched spot"),
    "text": ("inserted lettering", "added text", "added logo"),
}
"""Phrases by kind of manipulation."""
ANY = "altered area"
"""Phrase where the kind is not known."""

_KINDS = {"jpeg-grid": "splice", "double-jpeg": "splice", "resampling": "splice", "copy-move": "copy_move"}
"""What the findings of classical methods suggest; `noise` suggests no kind."""
_LOOKED_PX = 128
"""Longest side at which regions of a map are found."""
_OTHER = 0.5
"""Area of a second region, in areas of the largest one, from which it is named, too."""


def place_of(region: np.ndarray, extent: Sequence[float] | np.ndarray = (0, 0, 1, 1)) -> tuple[int, int]:
    """Cell of the 3x3 grid, row by row, with the centre of the region, and its size as a place in SIZES.

    region: (h, w), the places above 0.5 in the part of the picture at hand; extent: x0, y0, x1, y1 of that
    part in the picture, in [0, 1].
    """
    rows, cols = np.nonzero(region > 0.5)
    y = extent[1] + (extent[3] - extent[1]) * (rows.mean() + 0.5) / region.shape[0]
    x = extent[0] + (extent[2] - extent[0]) * (cols.mean() + 0.5) / region.shape[1]
    share = len(rows) / region.size * (extent[2] - extent[0]) * (extent[3] - extent[1])
    cell = 3 * min(int(3 * y), 2) + min(int(3 * x), 2)
    return cell, int(np.searchsorted(SIZE_SHARES, share))


def findings_in_words(faces: int, evidence: Mapping[str, Evidence]) -> str | None:
    """What was found in a picture, such as "I suspect a small copied detail at the top left. 2 faces."

    faces: their number; evidence: of classical methods, by name. None where no method found anything: that
    proves nothing, and the number of faces alone states nothing about manipulations.
    """
    sentences = [
        _sentence(place_of(region), _KINDS.get(name))
        for name, found in evidence.items()
        if found.found and found.map is not None
        for region in _regions(found.map)
    ]
    if not sentences:
        return None
    ending = [f"{faces} face{'s' if faces > 1 else ''}."] if faces else []
    return " ".join([*dict.fromkeys(sentences), *ending])


def _sentence(place: tuple[int, int], kind: str | None) -> str:
    cell, size = place
    what = SUSPICIONS[kind][-1 if kind == "copy_move" else 0] if kind else ANY
    row, column = ROWS[cell // 3][0], COLUMNS[cell % 3][0]
    return f"I suspect a {SIZES[size]} {what} at the {row} {column}.".replace("  ", " ")


def _regions(unit: np.ndarray) -> Iterator[np.ndarray]:
    """The largest connected region of a map (H, W) in [0, 1] above half of its maximum, (h, w) uint8 of 0 and
    1; then the second, where it is not much smaller."""
    scale = min(1.0, _LOOKED_PX / max(unit.shape))
    size = tuple(max(1, round(side * scale)) for side in unit.shape[::-1])
    small = cv2.resize(unit, size, interpolation=cv2.INTER_AREA)
    areas = (small > small.max() / 2).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(areas, connectivity=8)
    by_area = sorted(range(1, len(stats)), key=lambda number: -stats[number, cv2.CC_STAT_AREA])[:2]
    for number in by_area:
        if stats[number, cv2.CC_STAT_AREA] >= _OTHER * stats[by_area[0], cv2.CC_STAT_AREA]:
            yield (labels == number).astype(np.uint8)
