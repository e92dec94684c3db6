"""A pool of training samples on disk, made once by a few processes: drawing one costs more than a step."""

from __future__ import annotations

import multiprocessing
import tarfile
from pathlib import Path

import cv2
import numpy as np

from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.locator import block_features, measured
from underdrawing.data.shards import held_out_names, load_photos
from underdrawing.systems.photo.samples import draw

_CHUNK = 64
_LEAST_SIDE = 240  # px; smaller photos would have to be enlarged much
FIELDS = ("features", "image", "mask", "original")


def split(data: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the members held out for model selection, and of all others."""
    held = held_out_names(data.parent / "MANIFEST.tsv")
    names = set()
    for shard in sorted(data.glob("*.tar")):
        with tarfile.open(shard) as archive:
            names |= {f"{shard.name}::{member.name}" for member in archive}
    return frozenset(held & names), frozenset(names - held)


def fill(
    folder: Path, data: Path, count: int, *, seed: int, held_out: bool = False, workers: int = 2
) -> None:
    """Write `count` samples (rounded up to chunks) into folder/NNNN.npz; chunks that exist are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    held, others = split(data)
    photos = load_photos(data, held_out=others if held_out else held)
    photos = [photo for photo in photos if min(photo.shape[:2]) >= _LEAST_SIDE]
    jobs = [k for k in range(-(-count // _CHUNK)) if not (folder / f"{k:04d}.npz").exists()]
    context = multiprocessing.get_context("fork")  # the photographs are shared, not copied
    runners = [
        context.Process(target=_make, args=(folder, photos, jobs[w::workers], seed)) for w in range(workers)
    ]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    broken = [runner.exitcode for runner in runners if runner.exitcode]
    if broken:
        raise RuntimeError(f"{len(broken)} of {workers} processes that make samples failed")


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
        partial = folder / f"{job:04d}.partial.npz"
        np.savez(partial, **{name: np.stack(values) for name, values in columns.items()})
        partial.replace(folder / f"{job:04d}.npz")


def load(folder: Path, fields: tuple[str, ...] = FIELDS, limit: int | None = None) -> dict[str, np.ndarray]:
    """The pool's arrays, samples first."""
    paths = [p for p in sorted(folder.glob("*.npz")) if "partial" not in p.name][:limit]
    if not paths:
        raise FileNotFoundError(f"no samples in {folder}: fill the pool first")
    chunks = [np.load(path) for path in paths]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in fields}
