"""Draw docs/images/manipulations.webp: manipulations of photographs of scikit-image, and their masks.

python tools/draw_manipulations.py

The first row are the photographs; below, each row is a kind. The donor is the next photograph.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

from underdrawing.attacks.manipulation import KINDS, Manipulated

OUT = Path(__file__).parent.parent / "docs/images/manipulations.webp"
SIDE, INSET, LABEL = 240, 72, 24
SEEDS = {"splice": 31, "copy_move": 12, "removal": 8, "retouch": 20, "text": 5}


def main() -> None:
    """The contact sheet."""
    photos = [_square(name()) for name in (data.astronaut, data.chelsea, data.coffee)]
    sheet = [_row("photographs", [_tile(photo) for photo in photos])]
    for name, manipulation in KINDS.items():
        made = [
            manipulation(photo, photos[(number + 1) % 3], np.random.default_rng(10 * SEEDS[name] + number))
            for number, photo in enumerate(photos)
        ]
        sheet.append(_row(name, [_with_mask(result) for result in made]))
    Image.fromarray(np.vstack(sheet)).save(OUT, quality=82, method=6)


def _square(photo: np.ndarray) -> np.ndarray:
    side = min(photo.shape[:2])
    left = (photo.shape[1] - side) // 2
    return cv2.resize(photo[:side, left : left + side], (320, 320), interpolation=cv2.INTER_AREA)


def _tile(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _with_mask(result: Manipulated) -> np.ndarray:
    tile = _tile(result.image)
    mask = cv2.resize(result.mask, (INSET, INSET), interpolation=cv2.INTER_AREA)
    tile[-INSET:, -INSET:] = np.rint(255 * mask)[..., None]
    return tile


def _row(name: str, tiles: list[np.ndarray]) -> np.ndarray:
    row = np.full((LABEL + SIDE, 3 * SIDE, 3), 255, np.uint8)
    cv2.putText(row, name, (6, LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
    row[LABEL:] = np.hstack(tiles)
    return row


if __name__ == "__main__":
    main()
