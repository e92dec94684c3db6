"""Samples of a training on disk, in chunks that are made once: folder/NNNN.npz, samples first in arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


def missing_chunks(folder: Path, count: int) -> list[int]:
    """Numbers of the chunks, of so many in all, that are not written yet. The folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return [number for number in range(count) if not _path(folder, number).exists()]


def write_chunk(folder: Path, number: int, columns: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Write the samples of a chunk, by name one array each; the file is whole or absent."""
    partial = folder / f"{number:04d}.partial.npz"
    np.savez(partial, **{name: np.stack(values) for name, values in columns.items()})
    partial.replace(_path(folder, number))


def chunks(folder: Path) -> list[Path]:
    """Files of the samples. FileNotFoundError where there are none."""
    paths = [path for path in sorted(folder.glob("*.npz")) if "partial" not in path.name]
    if not paths:
        raise FileNotFoundError(f"no samples in {folder}: fill the pool first")
    return paths


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}.npz"
