"""Labelled sets of manipulated and authentic pictures from photographs; the steps of `manipulate`.

    photograph -> collect -> a square of it in SET              (split, window, first compression)
    square -> manipulate -> its manipulations, masks, weak labels   (donors of the same split)

The random choices of a picture depend on the seed and its name, so the number of processes does not change
them. Files that exist are kept, so that a stopped run can go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from underdrawing.attacks.manipulation import KINDS, WITH_DONOR, Camera, Manipulation, redrawn
from underdrawing.attacks.manipulation.fills import Decoded
from underdrawing.attacks.manipulation.removal import Removal
from underdrawing.core.errors import PictureError
from underdrawing.core.extras import needs_extra
from underdrawing.data import annotation, set_writing
from underdrawing.data.cached_arrays import decoded
from underdrawing.data.face_identity import Identify, by_file, split_of
from underdrawing.data.manipulated_set import (
    AUTHENTIC,
    MANIFEST,
    SIDE,
    ManipulatedEntry,
    label_map,
    read_manifest,
)
from underdrawing.data.pictures import load_picture
from underdrawing.data.set_writing import seed_of, write_png

_WINDOW = 1 / 3
"""Least side of the square that is cut out of a photograph, in short sides: it shows a scene."""
_UNSCALED = 0.5
"""Share of the squares that are cut out at their least side, without resampling where that is `side`."""
_LEAST_SIDE = 0.5
"""Least short side of a photograph, in sides of the pictures: it is enlarged by no more than two."""
Entries = dict[str, ManipulatedEntry]
TAEF2 = "taef2"
"""Kind of removal by an autoencoder that is not part of this package; see nets.tiny_autoencoder."""


@dataclass(frozen=True)
class ManipulateSettings:
    """What a set is made of."""

    kinds: tuple[str, ...] = tuple(KINDS)
    """Of KINDS."""
    each: int = 2
    """Manipulations of each square, of the kinds by turns."""
    side: int = SIDE
    """Of the pictures, px."""
    seed: int = 0
    split: str | None = None
    """train, val or test for all pictures; None: by the photograph."""
    taef2: str | None = None
    """Folder with the weights of TAEF2, which makes the kind TAEF2."""


def collect(
    path: Path,
    relative: Path,
    source: str,
    out: Path,
    settings: ManipulateSettings,
    identify: Identify = by_file,
) -> ManipulatedEntry:
    """Write a square of a photograph to the set `out`, as an authentic picture.

    PictureError for a file that is no whole picture, or smaller than half the side of the pictures.
    """
    photo = identify(source, relative)
    split = settings.split or split_of(photo)
    name = f"{split}/{AUTHENTIC}/{source}-{'-'.join(relative.with_suffix('').parts)}.png"
    if not (out / name).exists():
        rng = np.random.default_rng(seed_of(settings.seed, name))
        write_png(out / name, Camera.draw(rng)(_square(path, settings.side, rng)))
    return ManipulatedEntry(name, AUTHENTIC, split, photo)


def _square(path: Path, side: int, rng: np.random.Generator) -> np.ndarray:
    """A random square of a photograph, (side, side, 3) uint8 RGB."""
    picture = load_picture(path)
    if picture.incomplete:
        raise PictureError(f"{path}: the file is cut short, rows of the picture are missing")
    height, width = picture.image.shape[:2]
    short = min(height, width)
    if short < _LEAST_SIDE * side:
        raise PictureError(f"{path}: {width} x {height} px is too small for pictures of {side} px")
    least = min(short, max(side, round(_WINDOW * short)))
    window = least if rng.random() < _UNSCALED else round(float(np.exp(rng.uniform(*np.log((least, short))))))
    top, left = (int(rng.integers(0, length - window, endpoint=True)) for length in (height, width))
    square = np.ascontiguousarray(picture.image[top : top + window, left : left + window])
    filter_ = cv2.INTER_AREA if window > side else cv2.INTER_CUBIC
    return square if window == side else cv2.resize(square, (side, side), interpolation=filter_)


def manipulate(out: Path, file: str, settings: ManipulateSettings) -> list[ManipulatedEntry]:
    """Write the manipulations of an authentic picture of the set `out`, with masks and weak labels.

    file: as the manifest names it. Donors are other photographs of the split; without any, no kind that
    needs one is made.
    """
    entry = _entries_of(out)[file]
    image = decoded(out / file, cv2.IMREAD_COLOR_RGB)
    first = seed_of(settings.seed, file, "kinds")
    made = []
    for number in range(settings.each):
        kind = settings.kinds[(first + number) % len(settings.kinds)]
        rng = np.random.default_rng(seed_of(settings.seed, file, kind, number))
        donor = _donor(entry, _entries_of(out), rng) if kind in WITH_DONOR else None
        if kind in WITH_DONOR and donor is None:
            continue
        stem = f"{entry.split}/{kind}/{Path(file).stem}-{number}"
        picture, mask = out / f"{stem}.png", out / f"{stem}.mask.png"
        if not (picture.exists() and mask.exists()):
            other = decoded(out / donor.file, cv2.IMREAD_COLOR_RGB) if donor else image
            manipulation = _taef2(settings.taef2) if kind == TAEF2 and settings.taef2 else KINDS[kind]
            result = manipulation(image, other, rng)
            write_png(mask, np.rint(255 * result.mask).astype(np.uint8))
            write_png(picture, result.image)
        made.append(_annotated(out, entry, stem, kind, donor, settings.seed))
    return made


@lru_cache(maxsize=1)
def _taef2(folder: str) -> Manipulation:
    with needs_extra("research"):
        from underdrawing.nets.tiny_autoencoder import TinyAutoencoder
    return redrawn(Removal(Decoded(TinyAutoencoder(Path(folder)))))


def _annotated(
    out: Path, entry: ManipulatedEntry, stem: str, kind: str, donor: ManipulatedEntry | None, seed: int
) -> ManipulatedEntry:
    """The entry of a manipulation whose mask is written, with boxes and scribbles."""
    labels = label_map(decoded(out / f"{stem}.mask.png", cv2.IMREAD_GRAYSCALE))
    rng = np.random.default_rng(seed_of(seed, stem, "annotation"))
    boxes = [list(box) for box in annotation.boxes(labels, rng)]
    write_png(out / f"{stem}.scribbles.png", annotation.scribbles(labels, rng))
    return ManipulatedEntry(
        file=f"{stem}.png",
        kind=kind,
        split=entry.split,
        photo=entry.photo,
        mask=f"{stem}.mask.png",
        donor=donor.photo if donor else None,
        original=entry.file,
        boxes=boxes,
        scribbles=f"{stem}.scribbles.png",
    )


def _donor(entry: ManipulatedEntry, every: Entries, rng: np.random.Generator) -> ManipulatedEntry | None:
    """An authentic picture of another photograph of the split; None where there is none."""
    others = [
        other
        for other in every.values()
        if other.kind == AUTHENTIC and other.split == entry.split and other.photo != entry.photo
    ]
    return others[rng.integers(len(others))] if others else None


def _entries_of(out: Path) -> Entries:
    found = (out / MANIFEST).stat()
    return _entries_at(out, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1)
def _entries_at(out: Path, changed_ns: int, size: int) -> Entries:
    return {entry.file: entry for entry in read_manifest(out)}


def write_manifest(out: Path, entries: Iterable[ManipulatedEntry]) -> None:
    """Write the manifest of a set."""
    set_writing.write_manifest(out / MANIFEST, entries)


def claim(out: Path, settings: ManipulateSettings) -> None:
    """Note the settings of a set in its folder. UsageError where it was begun with others."""
    set_writing.claim(out, settings, ("each", "taef2"))
