"""Importance maps of random focuses, for trainings on codes that are not even."""

from __future__ import annotations

import numpy as np

from underdrawing.content.importance.importance import ImportanceMap
from underdrawing.content.importance.request import Box, FocusRequest

_FOCUSED = 0.4  # share of pictures whose code has a focus
_AS_FACES = 0.5  # of those with boxes, where the boxes weigh as much as faces


def draw_importance(image: np.ndarray, maps: ImportanceMap, rng: np.random.Generator) -> np.ndarray | None:
    """(h, w) float32 importance of a picture (H, W, 3) uint8, None where its code is even: boxes, as a
    protector or the detector of faces would name, or salient places."""
    height, width = image.shape[:2]
    if rng.random() > _FOCUSED:
        return None
    boxes = []
    for _ in range(rng.choice((0, 1, 1, 2))):
        sides = rng.uniform(0.15, 0.6, 2) * (width, height)
        left, top = rng.uniform(0, 1, 2) * ((width, height) - sides)
        boxes.append(Box(float(left), float(top), float(sides[0]), float(sides[1])))
    as_faces = bool(rng.random() < _AS_FACES)
    named, found = ((), boxes) if as_faces else (boxes, ())
    request = FocusRequest(tuple(named), as_faces, bool(not boxes or rng.random() < 0.5))
    return maps.map(image, request, (height, width), found)
