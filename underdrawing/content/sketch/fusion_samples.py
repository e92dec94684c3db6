"""Coded photographs for the training of the fusion: crops, and what their code shows at random rates.

crop -> layers of random sizes, even or focused -> decoded from the first, some, and all of them
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from underdrawing.content.importance.importance import ImportanceMap
from underdrawing.content.importance.random_focus import draw_importance
from underdrawing.content.sketch.sketch import Sketch
from underdrawing.data.shards import random_crop
from underdrawing.train.crops import training_photos
from underdrawing.train.processes import run_jobs
from underdrawing.train.sample_chunks import chunks, missing_chunks, write_chunk

FIELDS = ("original", "sketch", "density")
"""(N, s, s, 3) uint8 crops; (N, DECODED, s, s, 3) uint8 of their codes; (N, DECODED, s / 8, s / 8) float16
bits of the code for each block of 8 px."""
DECODED = 3

_CHUNK = 48
_BITS_A_BLOCK = (0.05, 8.0)  # of all layers; log-uniform
_LEAST_BITS = 34  # of a first layer: its head and one token
_LAYERS = (1, 2, 3, 4)
_LAYER_SHARES = (0.4, 0.3, 0.2, 0.1)


def fill(folder: Path, data: Path, side: int, count: int, *, seed: int, held_out: bool = False) -> None:
    """Write `count` crops of side x side px, rounded up to chunks, into folder/NNNN.npz; existing stay."""
    photos = [p for p in training_photos(data, validation=held_out) if min(p.shape[:2]) >= min(side, 400)]
    jobs = missing_chunks(folder, -(-count // _CHUNK))
    run_jobs(lambda jobs: _make(folder, photos, side, jobs, seed), jobs)


def load(folder: Path) -> list[dict[str, np.ndarray]]:
    """The arrays of FIELDS, chunk by chunk: joined they would stand in memory twice."""
    parts = (np.load(path) for path in chunks(folder))
    return [{name: part[name] for name in FIELDS} for part in parts]


def _make(folder: Path, photos: list[np.ndarray], side: int, jobs: list[int], seed: int) -> None:
    cv2.setNumThreads(1)
    sketch, maps = Sketch(), ImportanceMap()
    for job in jobs:
        rng = np.random.default_rng((seed, job))
        columns: dict[str, list] = {name: [] for name in FIELDS}
        for _ in range(_CHUNK):
            photo = photos[rng.integers(len(photos))]
            crop = np.ascontiguousarray(random_crop(photo, side, (side, 416), rng))
            for name, value in zip(FIELDS, (crop, *coded(crop, sketch, maps, rng)), strict=True):
                columns[name].append(value)
        write_chunk(folder, job, columns)


def coded(
    crop: np.ndarray, sketch: Sketch, maps: ImportanceMap, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What DECODED readings of a random code of a crop (s, s, 3) uint8 show, and their bits a block."""
    side, count = crop.shape[0], crop.shape[0] // 8
    total = np.exp(rng.uniform(*np.log(_BITS_A_BLOCK))) * count**2
    parts = rng.dirichlet(np.ones(rng.choice(_LAYERS, p=_LAYER_SHARES)))
    budgets = [int(total * part) for part in parts if total * part >= _LEAST_BITS] or [_LEAST_BITS]
    layers = sketch.encode(crop, budgets, draw_importance(crop, maps, rng))
    relative = sketch.density(layers[0], count, count)
    read = 1, int(rng.integers(1, len(layers) + 1)), len(layers)
    shown = np.stack([sketch.decode(layers[:n], side, side) for n in read])
    density = np.stack([relative * np.float32(sum(map(len, layers[:n])) / count**2) for n in read])
    return shown, density.astype(np.float16)
