"""Training samples of the witness: photographs, their signed content, and what is received in their place.

The mark is written over most edits again, as an attacker with this program would do, so that the network
cannot learn to look for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from underdrawing.attacks import suites, tamper
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.geometry import Scale, another_exposure
from underdrawing.carriers.lattice.grid import resize
from underdrawing.coding.bits import unpack_code
from underdrawing.coding.keys import Owner
from underdrawing.content.importance.random_focus import draw_importance
from underdrawing.core.errors import CapacityError
from underdrawing.data.graphics import KINDS, draw_graphic
from underdrawing.data.shards import random_crop
from underdrawing.judging.agreement import correlation
from underdrawing.judging.witness.tone import with_tone_of
from underdrawing.judging.witness.training import EDITED, FIELDS, MIRRORED, MOVED, OTHER
from underdrawing.judging.witness.witness import BITS, CELL_PX, planes
from underdrawing.ops.protection import Protection
from underdrawing.systems.photo.model import Photo
from underdrawing.systems.photo.protecting import LAYERED_SHARE
from underdrawing.systems.photo.samples import random_fill
from underdrawing.train.crops import training_photos
from underdrawing.train.processes import run_jobs
from underdrawing.train.sample_chunks import missing_chunks, write_chunk

_CHUNK = 96
_VARIANTS = 8  # of a protected picture
_KIND_SHARES = (0.28, 0.56, 0.10, 0.02, 0.04)
_REWRITTEN = 0.85
_LEAST_SKETCH_BITS = 60
_SHAPES = (tamper.free_form, tamper.blob, tamper.blob, tamper.box)
_AREAS = ((0.005, 0.02), (0.02, 0.06), (0.06, 0.15), (0.15, 0.35))
_AREA_SHARES = (0.3, 0.3, 0.22, 0.18)
_STRENGTHS = (1.0, 1.0, 1.0, 0.7, 1.45)
_GRAPHICS = 0.1  # share of drawn pictures
_POSTED = 0.35  # share of pictures after the channels in which untouched pictures were called altered
_GRAY = 128


class _Signed(NamedTuple):
    sketches: list[tuple[np.ndarray, np.ndarray]]
    """Decoded from the middle layer, and from some parts of the top layer with it or by themselves; and their
    bits of each block, (s / 8, s / 8)."""
    cell_bits: int


def fill(folder: Path, data: Path, side: int, count: int, *, seed: int, held_out: bool = False) -> None:
    """Write `count` samples of side x side px, rounded up to chunks, into folder/NNNN.npz; existing stay.

    The arrays are those of judging.witness.training.FIELDS.
    """
    photos = [p for p in training_photos(data, validation=held_out) if min(p.shape[:2]) >= min(side, 400)]
    jobs = missing_chunks(folder, -(-count // _CHUNK))
    run_jobs(lambda jobs: _make(folder, photos, side, jobs, seed), jobs)


def _make(folder: Path, photos: list[np.ndarray], side: int, jobs: list[int], seed: int) -> None:
    cv2.setNumThreads(1)
    photo, owner = Photo(), Owner.create()
    for job in jobs:
        rng = np.random.default_rng((seed, job))
        columns: dict[str, list] = {name: [] for name in FIELDS}
        while len(columns["mask"]) < _CHUNK:
            for sample in draw_samples(photos, side, photo, owner, rng):
                for name, value in zip(FIELDS, sample, strict=True):
                    columns[name].append(value)
        write_chunk(folder, job, columns)


def draw_samples(
    photos: list[np.ndarray], side: int, photo: Photo, owner: Owner, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, ...]]:
    """The arrays of FIELDS of several received pictures for one protected crop, as in `fill`; none where it
    cannot be protected."""
    image = _crop(photos, side, rng)
    whole = np.ones(image.shape[:2], np.float32)
    donors = [_crop(photos, side, rng) for _ in range(rng.choice((1, 8)))]
    donor = max(donors, key=lambda other: correlation(image, other, whole) or 0)
    try:
        protection = photo.protect(image, owner=owner, strength=float(rng.choice(_STRENGTHS)))
    except CapacityError:
        return
    signed = _signed(photo, image, protection, rng)
    if signed is None:
        return
    own = planes(image)
    for _ in range(_VARIANTS):
        kind = rng.choice(5, p=_KIND_SHARES)
        received, mask = _received(kind, image, donor, rng)
        if rng.random() < _REWRITTEN:
            received = protection.apply(received)
        sketch, density = signed.sketches[rng.integers(len(signed.sketches))]
        received = _sent(received, rng)
        if density.any():
            received = with_tone_of(sketch, received)
        block = cv2.resize(mask.astype(np.float32), (side // 8, side // 8), interpolation=cv2.INTER_AREA)
        facts = np.array([kind, 1000 * mask.mean(), signed.cell_bits], np.int32)
        views = np.concatenate((planes(received), planes(sketch), own), 2)
        yield views, np.rint(255 * block).astype(np.uint8), facts, density.astype(np.float16)


def _signed(
    photo: Photo, image: np.ndarray, protection: Protection, rng: np.random.Generator
) -> _Signed | None:
    """Content as it is read from the middle layer alone and with some parts of the top layer, with a random
    share of hash bits in the middle one."""
    side, count = image.shape[0], image.shape[0] // 8
    cells = (side // CELL_PX) ** 2
    room, *parts = (len(layer) for layer in unpack_code(protection.code))
    room += protection.bits["cells"]
    most = min(BITS, (room - _LEAST_SKETCH_BITS) // cells)
    k = int(rng.integers(1, most + 1)) if most >= 1 else min(1, room // cells)
    middle, parts = room - k * cells, [bits for bits in parts if bits >= _LEAST_SKETCH_BITS]
    first = [middle] if middle >= _LEAST_SKETCH_BITS else []
    independent = middle < LAYERED_SHARE * sum(parts)
    importance, sketches = draw_importance(image, photo.importance, rng), []
    for layers in filter(None, (first, parts) if independent else (first + parts,)):
        coded = photo.sketch.encode(image, layers, importance)
        relative = photo.sketch.density(coded[0], count, count)
        for read in {1, int(rng.integers(1, len(layers) + 1)), len(layers)}:
            density = relative * np.float32(sum(layers[:read]) / count**2)
            sketches.append((photo.sketch.decode(coded[:read], side, side), density))
    nothing = np.full_like(image, _GRAY), np.zeros((count, count), np.float32)
    return _Signed(sketches or [nothing], k) if k or sketches else None


def _crop(photos: list[np.ndarray], side: int, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < _GRAPHICS:
        return draw_graphic(rng.choice(KINDS), side, side, rng)
    return np.ascontiguousarray(random_crop(photos[rng.integers(len(photos))], side, (side, 416), rng))


def _received(
    kind: int, image: np.ndarray, donor: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The picture in the place of the original, without its mark, and the mask of what differs."""
    height, width = image.shape[:2]
    nothing = np.zeros((height, width), bool)
    if kind == EDITED:
        area = _AREAS[rng.choice(4, p=_AREA_SHARES)]
        mask = _SHAPES[rng.integers(len(_SHAPES))](height, width, rng, area)
        return random_fill(rng)(image, mask, donor, rng), mask
    if kind == OTHER:
        return donor, ~nothing
    if kind == MIRRORED:
        return np.ascontiguousarray(image[:, ::-1]), ~nothing
    return (another_exposure(image, rng) if kind == MOVED else image), nothing


def _sent(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture after a random channel, at its own size."""
    if rng.random() < _POSTED:
        return resize(suites.sample_posted(image, rng), image.shape[:2])
    draw, size = rng.random(), image.shape[:2]
    if draw < 0.12:
        return image
    if draw < 0.48:
        return Jpeg(int(rng.integers(*((60, 96) if draw < 0.4 else (30, 60)))))(image, rng)
    if draw < 0.56:
        sent = resize(Scale(float(rng.uniform(0.5, 1.3)))(image, rng), size)
        return Jpeg(int(rng.integers(60, 96)))(sent, rng)
    if draw < 0.61:
        toned = image * rng.uniform(0.8, 1.2) + rng.uniform(-15, 15)
        return np.clip(toned, 0, 255).astype(np.uint8)
    return resize(suites.sample_channel(image, rng), size)
