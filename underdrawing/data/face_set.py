"""Labelled sets of real and forged faces in a folder, as `underdrawing forge` writes them.

SET/manifest.jsonl      one object a line: file, mask, kind, split, identity, donor, source, landmarks
SET/train/swap/*.png    square crops around the face, faces.CONTEXT times its box
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from underdrawing.core.errors import UsageError
from underdrawing.data.cached_arrays import cached_array, decoded

MANIFEST = "manifest.jsonl"
SIDE = 160
"""Side of the pictures unless another is asked for, px: a detector of 128 px takes its square without
resampling, which would remove most traces."""
MASK_SIDE = 64
"""Side of the masks in memory, px."""
REAL = "real"
SQUARES = "squares"
"""Source of squares of photographs that stand in place of faces: forgeries leave the same traces in them."""
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class FaceEntry:
    """One picture of a set."""

    file: str
    """Relative to the folder of the set."""
    kind: str
    """REAL, or the kind of forgery."""
    split: str
    """Of SPLITS; no identity is in two of them."""
    identity: str
    """Of the person; of the target where the face was replaced."""
    source: str
    """Name of the set of real pictures."""
    landmarks: list[list[float]]
    """Five points [x, y], px."""
    mask: str | None = None
    """File of the changed pixels (8 bits); None for a real picture or where it is unknown."""
    donor: str | None = None
    """Identity of the donor."""
    original: str | None = None
    """The real picture of the set that was forged."""

    def line(self) -> str:
        """Its line in the manifest."""
        return json.dumps(asdict(self)) + "\n"


def read_manifest(folder: Path) -> Iterator[FaceEntry]:
    """Entries of a set in the order of its manifest. UsageError where it is missing or damaged."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(f"{path}: no such file; `underdrawing forge FACES -o {folder}` makes a set of faces")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield FaceEntry(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise UsageError(
                    f"{path}, line {number}: not an entry of a set of faces ({error})"
                ) from error


@dataclass(frozen=True)
class FaceSet:
    """One split of a set, with its pictures in memory."""

    entries: tuple[FaceEntry, ...]
    pictures: np.ndarray
    """(N, S, S, 3) uint8 RGB; S is the side of the first picture of the manifest."""
    masks: np.ndarray
    """(N, MASK_SIDE, MASK_SIDE) uint8, 255 where all was changed; 0 for a real picture, 255 everywhere for a
    forgery without a mask."""

    @property
    def kinds(self) -> list[str]:
        """Kinds of forgeries, sorted."""
        return sorted({entry.kind for entry in self.entries} - {REAL})

    def indices(self, kind: str) -> np.ndarray:
        """Positions of the pictures of a kind."""
        return np.flatnonzero([entry.kind == kind for entry in self.entries])

    def squares(self) -> np.ndarray:
        """(N,) bool: whether the picture is a square of a photograph in place of a face, or its forgery."""
        return np.array([entry.source == SQUARES for entry in self.entries])

    def originals(self) -> np.ndarray:
        """(N,) position of the real picture of each forgery; -1 where there is none in the set."""
        places = {entry.file: place for place, entry in enumerate(self.entries)}
        return np.array([places.get(entry.original or "", -1) for entry in self.entries])

    @classmethod
    def read(cls, folder: Path, split: str, without: Collection[str] = ()) -> FaceSet:
        """A split without some kinds. UsageError where nothing is left or a picture cannot be read.

        The decoded pictures are cached beside the manifest, and mapped into memory from there.
        """
        every = [entry for entry in read_manifest(folder) if entry.split == split]
        chosen = [number for number, entry in enumerate(every) if entry.kind not in without]
        if not chosen:
            raise UsageError(f"{folder}: no faces in the split {split!r}")
        side = len(decoded(folder / every[0].file, cv2.IMREAD_COLOR_RGB))
        manifest = folder / MANIFEST
        pictures = cached_array(
            folder / f"{split}.npy", manifest, every, (side, side, 3), lambda e: _picture(folder, e, side)
        )
        masks = cached_array(
            folder / f"{split}-masks.npy", manifest, every, (MASK_SIDE,) * 2, lambda e: _mask(folder, e)
        )
        if len(chosen) < len(every):
            pictures, masks = pictures[chosen], masks[chosen]
        return cls(tuple(every[number] for number in chosen), pictures, masks)


def _picture(folder: Path, entry: FaceEntry, side: int) -> np.ndarray:
    return _resized(decoded(folder / entry.file, cv2.IMREAD_COLOR_RGB), side)


def _mask(folder: Path, entry: FaceEntry) -> np.ndarray:
    if entry.mask is None:
        return np.full((MASK_SIDE, MASK_SIDE), 0 if entry.kind == REAL else 255, np.uint8)
    return _resized(decoded(folder / entry.mask, cv2.IMREAD_GRAYSCALE), MASK_SIDE)


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    if image.shape[:2] == (side, side):
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
