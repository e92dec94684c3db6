"""The importance map of a picture: faces, salient places, and what its owner names.

    map = even share + shares of the parts that the request names, each part with a mean of 1

It steers the content code only, and is not embedded: the decoder reads the resulting density.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from underdrawing.content.importance.request import Box, FocusRequest
from underdrawing.content.importance.saliency import salience
from underdrawing.core.errors import ShapeError
from underdrawing.faces.detection import FaceDetector

LONG_SIDE = 64
"""Cells along the longer side of a map."""
BOXES, FACES, UNASKED = 3.0, 1.0, 0.3
"""Weight of named boxes, of faces that were asked for, and under `auto` of faces and of salient places, over
that of all places alike: named boxes alone hold three quarters of the map. What nobody asked for must cost
other places little, see docs/HOW_IT_WORKS.md."""
_DETECTION_PX = 640  # long side in which faces are sought: one pass of the detector
_FACE_PART = 1 / 48  # of the long side: a smaller face is not worth a share of its own
_HAIR = 0.25  # by which a face's box is enlarged at each side


class ImportanceMap:
    """Makes importance maps; the face detector is loaded at its first use."""

    def __init__(self, faces: FaceDetector | None = None):
        self._faces = faces or FaceDetector()

    def faces(self, image: np.ndarray) -> list[Box]:
        """Faces of a picture (H, W, 3) uint8 RGB, in whole pixels: so rounding by a processor does not show;
        those below 1/48 of its long side are left out."""
        long_side = max(image.shape[:2])
        scale = min(1.0, _DETECTION_PX / long_side)
        size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
        small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        found = [
            Box(*(float(round(value / scale)) for value in face.box)) for face in self._faces.detect(small)
        ]
        return [box for box in found if min(box.width, box.height) >= _FACE_PART * long_side]

    def map(
        self, image: np.ndarray, request: FocusRequest, size: tuple[int, int], faces: Sequence[Box]
    ) -> np.ndarray | None:
        """(h, w) float32 of a picture (H, W, 3) uint8 RGB; None where all places are equal.

        size: height and width, px, of the picture in whose pixels the request's boxes are. faces: of
        `faces`. ShapeError for a box outside of the picture.
        """
        height, width = (max(2, round(LONG_SIDE * side / max(size))) for side in size)
        parts = []
        if request.boxes:
            inside = [_clipped(box, size) for box in request.boxes]
            parts.append((BOXES, _filled(inside, size, (height, width))))
        if request.faces and faces:
            wide = [_enlarged(box) for box in faces]
            parts.append(
                (UNASKED if request.salient else FACES, _filled(wide, image.shape[:2], (height, width)))
            )
        if request.salient:
            parts.append((UNASKED, salience(image, (height, width))))
        parts = [(weight, part) for weight, part in parts if part.max() > 0]
        if not parts:
            return None
        return np.float32(1) + sum(np.float32(weight) * part / part.mean() for weight, part in parts)


def _clipped(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box in a picture of `size`; ShapeError where there is none."""
    left, top = max(0.0, box.left), max(0.0, box.top)
    right, bottom = min(size[1], box.left + box.width), min(size[0], box.top + box.height)
    if right <= left or bottom <= top:
        raise ShapeError(f"the focus {box} lies outside of this picture of {size[1]}x{size[0]} px")
    return Box(left, top, right - left, bottom - top)


def _enlarged(box: Box) -> Box:
    dx, dy = _HAIR * box.width, _HAIR * box.height
    return Box(box.left - dx, box.top - dy, box.width + 2 * dx, box.height + 2 * dy)


def _filled(boxes: Sequence[Box], size: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """(cells) float32: the share of each cell that the boxes, in pixels of `size`, cover."""
    covered = np.zeros(cells, np.float32)
    for box in boxes:
        down = _shares(box.top, box.height, size[0], cells[0])
        across = _shares(box.left, box.width, size[1], cells[1])
        covered = np.maximum(covered, down[:, None] * across[None])
    return covered


def _shares(start: float, length: float, whole: float, cells: int) -> np.ndarray:
    """Share of each of `cells` parts of an axis that a range covers, float32."""
    edges = np.linspace(0, whole, cells + 1)
    covered = np.minimum(edges[1:], start + length) - np.maximum(edges[:-1], start)
    return (np.clip(covered, 0, None) * cells / whole).astype(np.float32)
