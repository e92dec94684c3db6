"""Public sets of manipulated pictures with masks, in one form: CASIA v1 and v2, Columbia, CoMoFoD, COVERAGE,
IMD2020, Inpaint Anything, PS-Battles.

FOLDER/SET/tampered/STEM.*  FOLDER/SET/mask/STEM.png  FOLDER/SET/authentic/*
FOLDER/inpaint_anything/STEM_edited.*  STEM_mask.png  STEM_original.*

A mask is 255 where the picture was manipulated and 0 elsewhere; other values are of neither class. The sets
store the classes in different formats: compare scores of whole pictures only after one re-encoding of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from underdrawing.core.errors import PictureError, UsageError
from underdrawing.data.files import PICTURE_SUFFIXES
from underdrawing.data.manipulated_set import IGNORED

SETS = (
    "casia1", "casia2", "columbia", "comofod", "coverage", "imd2020", "inpaint_anything", "psbattles",
)  # fmt: skip
_CASIA_PHOTO = re.compile(r"(?<![a-z])([a-z]{3})_?(\d{4,5})")
"""A photograph in a file name of CASIA, as ani0007 in v1 and ani00007 or ani_00007 in v2."""


@dataclass(frozen=True)
class PublicPicture:
    """One picture of a public set."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    labels: np.ndarray
    """(H, W) uint8: 0 authentic, 1 manipulated, IGNORED."""
    authentic: bool
    set: str
    """Of SETS."""
    file: str
    """Relative to the folder of the sets."""


def read_public(folder: Path, name: str) -> list[PublicPicture]:
    """The pictures of a set: manipulated ones, then authentic ones, each by name.

    Of CASIA v2, the pictures that share a photograph with v1 are left out: see `left_out`.
    UsageError where the set is missing, PictureError for a damaged file or a mask of another size.
    """
    if name not in SETS:
        raise UsageError(f"no public set is called {name!r}; there are: {', '.join(SETS)}")
    if not (folder / name).is_dir():
        raise UsageError(f"{folder / name}: no such folder; it holds the set {name} with its masks")
    refused = set(left_out(folder, name))
    return [
        _read(folder, picture, mask, name)
        for picture, mask in _files(folder / name)
        if picture.relative_to(folder).as_posix() not in refused
    ]


def left_out(folder: Path, name: str) -> list[str]:
    """Files of a set that are not read: of CASIA v2, those that share a photograph with a picture of v1.

    Both versions take their photographs from one collection, with the same numbers in the file names.
    """
    if name != "casia2":
        return []
    tested = {photo for path, _ in _files(folder / "casia1") for photo in _casia_photos(path)}
    shared = (path for path, _ in _files(folder / name) if tested & _casia_photos(path))
    return [path.relative_to(folder).as_posix() for path in shared]


def _casia_photos(path: Path) -> set[tuple[str, int]]:
    return {(group, int(number)) for group, number in _CASIA_PHOTO.findall(path.stem)}


def _files(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """(picture, mask) of a set; no mask for an authentic picture."""
    if folder.name == "inpaint_anything":
        for picture in _pictures(folder, "*_edited.*"):
            yield picture, folder / f"{picture.stem.removesuffix('_edited')}_mask.png"
        yield from ((picture, None) for picture in _pictures(folder, "*_original.*"))
        return
    for picture in _pictures(folder / "tampered", "*"):
        yield picture, folder / "mask" / f"{picture.stem}.png"
    yield from ((picture, None) for picture in _pictures(folder / "authentic", "*"))


def _pictures(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.suffix.lower() in PICTURE_SUFFIXES)


def _read(folder: Path, picture: Path, mask: Path | None, name: str) -> PublicPicture:
    image = _decoded(picture, cv2.IMREAD_COLOR_RGB)
    labels = np.zeros(image.shape[:2], np.uint8)
    if mask is not None:
        values = _decoded(mask, cv2.IMREAD_GRAYSCALE)
        if values.shape != labels.shape:
            sizes = " and ".join(f"{width} x {height}" for height, width in (labels.shape, values.shape))
            raise PictureError(f"{picture}: the picture and its mask differ in size ({sizes} px)")
        labels = np.select([values == 0, values == 255], [0, 1], IGNORED).astype(np.uint8)
    return PublicPicture(image, labels, mask is None, name, picture.relative_to(folder).as_posix())


def _decoded(path: Path, flags: int) -> np.ndarray:
    image = cv2.imread(str(path), flags)
    if image is None:
        raise PictureError(f"{path}: missing or not a picture")
    return image
