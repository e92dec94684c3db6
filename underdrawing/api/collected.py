"""Pictures of public sets of manipulations in the training split of a set, as the kind COLLECTED.

    picture with a mask -> squares around manipulated pixels, at their own resolution -> weak labels
    authentic picture   -> squares of it; each manipulated one is paired with one of them

People made these manipulations, with tools that `attacks.manipulation` has not. Most authentic pictures that
they were made from are not in the public sets, so a pair shows two scenes.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from underdrawing.core.errors import UsageError
from underdrawing.data import annotation
from underdrawing.data.localization_sets import PublicPicture, read_public
from underdrawing.data.manipulated_set import (
    AUTHENTIC,
    HALF_MANIPULATED,
    ManipulatedEntry,
    label_map,
)
from underdrawing.data.set_writing import seed_of, write_png

COLLECTED = "collected"
"""Kind of the manipulations."""
SPLIT = "train"
_EACH = 2
"""Squares of a picture."""
_APART = 0.19
"""Most distance of the middle of a square from a manipulated pixel, in sides, by row and column."""
_SHARES = 0.002, 0.7
"""Manipulated share of a square."""
_BLOCK = 8
"""Squares start at multiples of it, px: the grid of JPEG blocks stays where it was."""


def collect_public(folder: Path, names: tuple[str, ...], side: int, out: Path) -> list[ManipulatedEntry]:
    """Write squares of the public sets `names` in `folder` to the set `out`; their entries.

    Errors are those of read_public; UsageError where no set has an authentic picture.
    """
    pictures = [picture for name in names for picture in read_public(folder, name)]
    authentic = [_authentic(picture, number, side, out)
                 for picture in pictures if picture.authentic for number in range(_EACH)]  # fmt: skip
    if not authentic:
        raise UsageError(f"{', '.join(names)}: a set with authentic pictures is needed, too")
    found = [_manipulated(picture, number, side, out, authentic)
             for picture in pictures if not picture.authentic for number in range(_EACH)]  # fmt: skip
    return authentic + [entry for entry in found if entry]


def _authentic(picture: PublicPicture, number: int, side: int, out: Path) -> ManipulatedEntry:
    file = f"{SPLIT}/{AUTHENTIC}/{_stem(picture, number)}.png"
    rng = np.random.default_rng(seed_of(picture.file, number))
    height, width = picture.labels.shape
    square, _ = _square(picture, side, (int(rng.integers(height)), int(rng.integers(width))))
    write_png(out / file, square)
    return ManipulatedEntry(file, AUTHENTIC, SPLIT, picture.file)


def _manipulated(
    picture: PublicPicture, number: int, side: int, out: Path, authentic: list[ManipulatedEntry]
) -> ManipulatedEntry | None:
    """None where no manipulated pixels, too few or too many, are in the square."""
    rng = np.random.default_rng(seed_of(picture.file, number))
    rows, columns = np.nonzero(picture.labels == 1)
    if not len(rows):
        return None
    chosen = rng.integers(len(rows))
    down, right = (int(offset) for offset in rng.uniform(-_APART, _APART, 2) * side)
    square, weight = _square(picture, side, (int(rows[chosen]) + down, int(columns[chosen]) + right))
    labels = label_map(weight)
    if not _SHARES[0] < np.mean(labels == 1) < _SHARES[1]:
        return None
    name = f"{SPLIT}/{COLLECTED}/{_stem(picture, number)}"
    write_png(out / f"{name}.png", square)
    write_png(out / f"{name}.mask.png", weight)
    write_png(out / f"{name}.scribbles.png", annotation.scribbles(labels, rng))
    return ManipulatedEntry(
        file=f"{name}.png",
        kind=COLLECTED,
        split=SPLIT,
        photo=picture.file,
        mask=f"{name}.mask.png",
        original=authentic[rng.integers(len(authentic))].file,
        boxes=[list(box) for box in annotation.boxes(labels, rng)],
        scribbles=f"{name}.scribbles.png",
    )


def _stem(picture: PublicPicture, number: int) -> str:
    return f"{picture.set}-{PurePosixPath(picture.file).stem}-{number}"


def _square(picture: PublicPicture, side: int, middle: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A square (side, side, 3) near `middle` (row, column), and weights of the change (side, side) uint8.

    A picture with a shorter side is continued by reflection; there the weight is that of neither class.
    """
    values = np.array([0, 255], np.uint8)
    weight = np.where(picture.labels > 1, np.uint8(HALF_MANIPULATED), values[np.minimum(picture.labels, 1)])
    before = [max(0, side - length) // 2 // _BLOCK * _BLOCK for length in weight.shape]
    after = [max(0, side - length) - pad for length, pad in zip(weight.shape, before, strict=True)]
    border = before[0], after[0], before[1], after[1]
    image = cv2.copyMakeBorder(picture.image, *border, cv2.BORDER_REFLECT)
    weight = cv2.copyMakeBorder(weight, *border, cv2.BORDER_CONSTANT, value=HALF_MANIPULATED)
    top, left = (
        min(max(at + pad - side // 2, 0), length - side) // _BLOCK * _BLOCK
        for at, pad, length in zip(middle, before, weight.shape, strict=True)
    )
    place = np.s_[top : top + side, left : left + side]
    return image[place], weight[place]
