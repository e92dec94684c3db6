"""Draw docs/images/forgeries.webp: forgeries of the astronaut of scikit-image, and their masks.

python tools/draw_forgeries.py

The donor is the same portrait, mirrored, turned, and in another tone. Each row is a kind, each column a seed.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

from underdrawing import faces
from underdrawing.attacks.face_forgery import KINDS, Face, Forged

OUT = Path(__file__).parent.parent / "docs/images/forgeries.webp"
SIDE, INSET, LABEL, SEEDS = 200, 64, 24, 4


def main() -> None:
    """The contact sheet."""
    picture = data.astronaut()
    crop = faces.crop(picture, faces.detect(picture)[0], 256, faces.CONTEXT)
    target = Face(crop.image, crop.landmarks)
    sheet = [_row("target, donor", [_tile(face.image) for face in (target, _donor(target))])]
    for name, forgery in KINDS.items():
        made = [forgery(target, _donor(target), np.random.default_rng(seed)) for seed in range(SEEDS)]
        sheet.append(_row(name, [_with_mask(forged) for forged in made]))
    Image.fromarray(np.vstack(sheet)).save(OUT, quality=80, method=6)


def _donor(target: Face) -> Face:
    mirrored = target.mirrored()
    turn = cv2.getRotationMatrix2D((128, 128), 9, 0.92)
    image = cv2.warpAffine(mirrored.image, turn, (256, 256), borderMode=cv2.BORDER_REFLECT_101)
    toned = np.clip(image * np.array([0.72, 0.84, 1.0]) - 10, 0, 255).astype(np.uint8)
    return Face(toned, mirrored.landmarks @ turn[:, :2].T + turn[:, 2])


def _tile(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _with_mask(forged: Forged) -> np.ndarray:
    tile = _tile(forged.image)
    mask = cv2.resize(forged.mask, (INSET, INSET), interpolation=cv2.INTER_AREA)
    tile[-INSET:, -INSET:] = np.rint(255 * mask)[..., None]
    return tile


def _row(name: str, tiles: list[np.ndarray]) -> np.ndarray:
    row = np.full((LABEL + SIDE, SEEDS * SIDE, 3), 255, np.uint8)
    cv2.putText(row, name, (6, LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (30, 30, 30), 1, cv2.LINE_AA)
    row[LABEL:, : len(tiles) * SIDE] = np.hstack(tiles)
    return row


if __name__ == "__main__":
    main()
