"""Draw docs/images/focus.webp: photograph, importance map, content code without and with a focus."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

from underdrawing.content.importance.importance import ImportanceMap
from underdrawing.content.importance.request import read_request
from underdrawing.content.sketch.sketch import Sketch

SIDE, BITS, SPACE = 256, 2000, 8


def main(root: Path) -> int:
    """Write docs/images/focus.webp below `root`."""
    image = cv2.resize(data.astronaut(), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    importance, sketch = ImportanceMap(), Sketch()
    faces = importance.faces(image)
    found = importance.map(image, read_request("auto"), image.shape[:2], faces)
    narrow = importance.map(image, read_request("faces"), image.shape[:2], faces)
    panels = [image, _shown(found)]
    panels += [sketch.decode(sketch.encode(image, [BITS], wish), SIDE, SIDE) for wish in (None, narrow)]
    width = len(panels) * (SIDE + SPACE) - SPACE
    sheet = np.full((SIDE, width, 3), 255, np.uint8)
    for number, panel in enumerate(panels):
        left = number * (SIDE + SPACE)
        sheet[:, left : left + SIDE] = panel
    Image.fromarray(sheet).save(root / "docs" / "images" / "focus.webp", quality=90)
    return 0


def _shown(importance: np.ndarray | None) -> np.ndarray:
    """The map in gray, (SIDE, SIDE, 3) uint8; its maximum is white."""
    assert importance is not None
    gray = np.rint(255 * importance / importance.max()).astype(np.uint8)
    return np.repeat(cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)[..., None], 3, 2)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent.parent))
