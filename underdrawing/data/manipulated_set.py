"""Labelled sets of manipulated and authentic pictures in a folder, as `underdrawing manipulate` writes them.

SET/manifest.jsonl                       one object a line: the fields of ManipulatedEntry
SET/train/authentic/NAME.png             a square of a photograph
SET/train/splice/NAME-0.png              the same square, manipulated
SET/train/splice/NAME-0.mask.png         weight of the change, 255 = all of the pixel
SET/train/splice/NAME-0.scribbles.png    label map of strokes
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from underdrawing.core.errors import UsageError
from underdrawing.data.cached_arrays import cached_array, decoded

MANIFEST = "manifest.jsonl"
SIDE = 320
"""Side of the pictures unless another is asked for, px: a training takes crops of 256 px from them."""
AUTHENTIC = "authentic"
IGNORED = 255
"""In label maps: of neither class. 0 is authentic, 1 is manipulated."""
SPLITS = ("train", "val", "test")
_AUTHENTIC_BELOW, _MANIPULATED_FROM = 26, 128
"""Weights of change (8 bits) that bound the two classes; the soft rim between them is of neither."""
HALF_MANIPULATED = 64
"""A weight of neither class."""


@dataclass(frozen=True)
class ManipulatedEntry:
    """One picture of a set."""

    file: str
    """Relative to the folder of the set."""
    kind: str
    """AUTHENTIC, or the kind of manipulation."""
    split: str
    """Of SPLITS; no photograph is in two of them."""
    photo: str
    """The photograph."""
    mask: str | None = None
    """File of the weight of the change (8 bits); None for an authentic picture."""
    donor: str | None = None
    """The photograph that the other pixels are from; None where there is none."""
    original: str | None = None
    """File of the authentic picture that was manipulated."""
    boxes: list[list[int]] = field(default_factory=list)
    """[x, y, width, height] around the manipulated regions, px, as an annotator would draw them."""
    scribbles: str | None = None
    """File of a label map with strokes in both classes; None for an authentic picture."""

    def line(self) -> str:
        """Its line in the manifest."""
        return json.dumps(asdict(self)) + "\n"


def read_manifest(folder: Path) -> Iterator[ManipulatedEntry]:
    """Entries of a set in the order of its manifest. UsageError where it is missing or damaged."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(f"{path}: no such file; `underdrawing manipulate PHOTOS -o {folder}` makes a set")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield ManipulatedEntry(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise UsageError(
                    f"{path}, line {number}: not an entry of a set of manipulated pictures ({error})"
                ) from error


def label_map(weight: np.ndarray) -> np.ndarray:
    """(H, W) uint8 0, 1 or IGNORED from the weight of the change (H, W) uint8, 255 = all of the pixel.

    1 from one half on, 0 below one tenth.
    """
    labels = np.full(weight.shape, IGNORED, np.uint8)
    labels[weight < _AUTHENTIC_BELOW] = 0
    labels[weight >= _MANIPULATED_FROM] = 1
    return labels


@dataclass(frozen=True)
class ManipulatedSet:
    """One split of a set; the arrays are mapped into memory."""

    entries: tuple[ManipulatedEntry, ...]
    pictures: np.ndarray
    """(N, S, S, 3) uint8 RGB; S is the side of the first picture of the split."""
    masks: np.ndarray
    """(N, S, S) uint8 label maps; 0 everywhere for an authentic picture."""
    scribbles: np.ndarray
    """(N, S, S) uint8 label maps of strokes; 0 everywhere for an authentic picture: that it is authentic
    labels all of its pixels."""

    @property
    def kinds(self) -> list[str]:
        """Kinds of manipulations, sorted."""
        return sorted({entry.kind for entry in self.entries} - {AUTHENTIC})

    def indices(self, kind: str) -> np.ndarray:
        """Positions of the pictures of a kind."""
        return np.flatnonzero([entry.kind == kind for entry in self.entries])

    def originals(self) -> np.ndarray:
        """(N,) position of the authentic picture of each manipulated one; -1 for an authentic picture."""
        places = {entry.file: place for place, entry in enumerate(self.entries)}
        return np.array([places.get(entry.original or "", -1) for entry in self.entries])

    @classmethod
    def read(cls, folder: Path, split: str) -> ManipulatedSet:
        """A split. UsageError where it is empty or a picture cannot be read.

        The decoded pictures are cached beside the manifest, and mapped into memory from there.
        """
        entries = tuple(entry for entry in read_manifest(folder) if entry.split == split)
        if not entries:
            raise UsageError(f"{folder}: no pictures in the split {split!r}")
        side = len(decoded(folder / entries[0].file, cv2.IMREAD_COLOR_RGB))
        manifest = folder / MANIFEST

        def picture(entry: ManipulatedEntry) -> np.ndarray:
            return _of_side(side, folder / entry.file, cv2.IMREAD_COLOR_RGB)

        def mask(entry: ManipulatedEntry) -> np.ndarray | int:
            return label_map(_grey(side, folder / entry.mask)) if entry.mask else 0

        def strokes(entry: ManipulatedEntry) -> np.ndarray | int:
            return _grey(side, folder / entry.scribbles) if entry.scribbles else 0

        return cls(
            entries,
            cached_array(folder / f"{split}.npy", manifest, entries, (side, side, 3), picture),
            cached_array(folder / f"{split}-masks.npy", manifest, entries, (side, side), mask),
            cached_array(folder / f"{split}-scribbles.npy", manifest, entries, (side, side), strokes),
        )


def _grey(side: int, path: Path) -> np.ndarray:
    return _of_side(side, path, cv2.IMREAD_GRAYSCALE)


def _of_side(side: int, path: Path, flags: int) -> np.ndarray:
    """A picture of the set. UsageError for another size: resampling would remove traces."""
    image = decoded(path, flags)
    if image.shape[:2] != (side, side):
        height, width = image.shape[:2]
        raise UsageError(f"{path}: {width} x {height} px, expected squares of {side} px as the first one")
    return image
