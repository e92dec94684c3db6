"""Face detection with five landmarks: RetinaFace with MobileNet-0.25 (Deng et al., CVPR 2020).

    picture -> 640 px -> boxes, scores, landmarks --+
            -> 1280 px -> those of small faces -----+-> one box a face

Coordinates are in pixels of the picture, continuous: its first pixel covers 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from underdrawing.core.errors import ShapeError
from underdrawing.nets.graph import Graph

WEIGHTS = Path(__file__).parent / "weights/retinaface.safetensors"
THRESHOLD = 0.9
"""Least score of a face; chosen on photographs with and without people."""
LEAST_PX = 24.0
"""Least width and height of a face; below it landmarks are guesses."""
LONG_SIDES = (640, 1280)
"""Long side of the picture in the two passes, px; a smaller picture is not enlarged."""
_SMALL_PX = 160.0
"""Width, in the second pass, up to which a face is taken from it; larger ones are found in the first."""
_OVERLAP = 0.4
"""Intersection over union above which two boxes are one face."""
_ANCHORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""Stride and sides of the anchors of the three feature maps, px."""
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
_MEAN = (104.0, 117.0, 123.0)
"""Of blue, green and red in the training."""


@dataclass(frozen=True)
class DetectedFace:
    """One face of a picture."""

    box: tuple[float, float, float, float]
    """Left, top, width, height, px; may reach over the border."""
    landmarks: np.ndarray
    """(5, 2) float32 x, y, px: left eye, right eye, nose, left and right corner of the mouth, as they lie in
    the picture: left is the smaller x of an upright face."""
    score: float
    """Of the network, 0..1."""

    @property
    def size_px(self) -> float:
        """The smaller side of the box."""
        return min(self.box[2:])


class FaceDetector:
    """The detector with its network; loaded at the first picture."""

    def __init__(self, weights: Path = WEIGHTS):
        self._network = Graph(WEIGHTS.with_suffix(".onnx"), weights)

    def detect(
        self, image: np.ndarray, *, threshold: float = THRESHOLD, least_px: float = LEAST_PX
    ) -> list[DetectedFace]:
        """Faces of a picture (H, W, 3) uint8 RGB, largest first; an empty list where there is none.

        threshold: least score, 0..1; least_px: least width and height of the box. Faces below 1/60 of the
        long side, in masks or in profile are missed at times; dogs, dolls and statues are detected at times.
        ShapeError for other arrays.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            text = f"faces are detected in (H, W, 3) uint8 RGB; received {image.dtype} {image.shape}"
            raise ShapeError(text)
        rows = np.concatenate(list(self._passes(image, threshold)))
        boxes, scores = rows[:, 1:5].tolist(), rows[:, 0].tolist()
        faces = [
            DetectedFace(tuple(row[1:5].tolist()), row[5:].reshape(5, 2).astype(np.float32), float(row[0]))
            for row in rows[np.int64(cv2.dnn.NMSBoxes(boxes, scores, threshold, _OVERLAP))]
        ]
        return sorted((f for f in faces if f.size_px >= least_px), key=lambda f: -f.box[2] * f.box[3])

    def _passes(self, image: np.ndarray, threshold: float) -> Iterator[np.ndarray]:
        """Candidates (N, 15) of each pass in pixels of the picture: score, box, landmarks."""
        long_side = max(image.shape[:2])
        for wanted in LONG_SIDES:
            scale = min(1.0, wanted / long_side)
            rows = self._candidates(_scaled(image, scale), threshold)
            if wanted != LONG_SIDES[0]:
                rows = rows[rows[:, 3] <= _SMALL_PX]
            rows[:, 1:] /= scale
            yield rows
            if scale == 1.0:
                return

    def _candidates(self, image: np.ndarray, threshold: float) -> np.ndarray:
        """(N, 15) float64, as above, of one size of the picture."""
        pixels = image[..., ::-1].astype(np.float32) - np.float32(_MEAN)
        boxes, scores, points = (output[0] for output in self._network(input=pixels.transpose(2, 0, 1)[None]))
        chosen = np.flatnonzero(scores[:, 1] > threshold)
        anchors = _anchors(*image.shape[:2])[chosen]
        centre, side = anchors[:, :2], anchors[:, 2:]
        middle = centre + side * _CENTRE_VARIANCE * boxes[chosen, :2]
        size = side * np.exp(_SIZE_VARIANCE * boxes[chosen, 2:])
        offsets = points[chosen].reshape(-1, 5, 2) * side[:, None] * _CENTRE_VARIANCE
        landmarks = (centre[:, None] + offsets).reshape(-1, 10)
        return np.concatenate([scores[chosen, 1:], middle - size / 2, size, landmarks], 1).astype(np.float64)


def detect(
    image: np.ndarray, *, threshold: float = THRESHOLD, least_px: float = LEAST_PX
) -> list[DetectedFace]:
    """Faces of a picture by the packaged network; as FaceDetector.detect."""
    return _packaged().detect(image, threshold=threshold, least_px=least_px)


@lru_cache(maxsize=1)
def _packaged() -> FaceDetector:
    return FaceDetector()


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1.0:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


@lru_cache(maxsize=8)
def _anchors(height: int, width: int) -> np.ndarray:
    """(N, 3): x and y of the centre, side, px, in the order of the network's outputs."""
    maps = []
    for stride, sides in _ANCHORS:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = np.meshgrid(np.arange(rows), np.arange(columns), sides, indexing="ij")
        maps.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, side], -1).reshape(-1, 3))
    return np.concatenate(maps).astype(np.float32)
