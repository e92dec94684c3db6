"""A pool of training samples on disk, made once by a few processes: drawing one costs more than a step."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.locator import block_features, measured
from underdrawing.systems.photo.samples import draw
from underdrawing.train.crops import training_photos
from underdrawing.train.processes import run_jobs
from underdrawing.train.sample_chunks import chunks, missing_chunks, write_chunk

_CHUNK = 64
_LEAST_SIDE = 240  # px; smaller photos would have to be enlarged much
FIELDS = ("features", "image", "mask", "original")


def fill(folder: Path, data: Path, count: int, *, seed: int, held_out: bool = False) -> None:
    """Write `count` samples (rounded up to chunks) into folder/NNNN.npz; chunks that exist stay."""
    photos = training_photos(data, validation=held_out)
    photos = [photo for photo in photos if min(photo.shape[:2]) >= _LEAST_SIDE]
    jobs = missing_chunks(folder, -(-count // _CHUNK))
    run_jobs(lambda jobs: _make(folder, photos, jobs, seed), jobs)


def _make(folder: Path, photos: list[np.ndarray], jobs: list[int], seed: int) -> None:
    cv2.setNumThreads(1)
    lattice = Lattice()
    for job in jobs:
        rng = np.random.default_rng((seed, job))
        columns: dict[str, list[np.ndarray]] = {name: [] for name in FIELDS}
        for _ in range(_CHUNK):
            sample = draw(photos, lattice, rng)
            features = block_features(measured(sample.view.reading, sample.known), sample.known)
            values = (features.astype(np.float16), sample.image, sample.mask, sample.original)
            for name, value in zip(FIELDS, values, strict=True):
                columns[name].append(value)
        write_chunk(folder, job, columns)


def load(folder: Path, fields: tuple[str, ...] = FIELDS) -> dict[str, np.ndarray]:
    """The pool's arrays, samples first."""
    parts = [np.load(path) for path in chunks(folder)]
    return {name: np.concatenate([part[name] for part in parts]) for name in fields}
