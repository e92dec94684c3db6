"""Photographs for training, and random crops of them as batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from underdrawing.data.shards import held_out_names, load_photos, random_crop


def training_photos(data: Path, *, validation: bool = False, limit: int | None = None) -> list[np.ndarray]:
    """Photographs (H, W, 3) uint8 of the tar shards in a folder.

    Without those that MANIFEST.tsv, in the folder or beside it, marks `val`; validation: those alone.
    """
    manifests = [path for path in (data / "MANIFEST.tsv", data.parent / "MANIFEST.tsv") if path.is_file()]
    held_out = held_out_names(manifests[0]) if manifests else frozenset()
    return load_photos(data, held_out=held_out, only_held_out=validation, limit=limit)


def crop_batch(
    photos: list[np.ndarray],
    picks: np.ndarray,
    side: int,
    shortest: tuple[int, int],
    rng: np.random.Generator,
) -> Tensor:
    """One random crop of each photograph photos[pick]: (len(picks), 3, side, side) in [0, 1]."""
    crops = np.stack([random_crop(photos[pick], side, shortest, rng) for pick in picks])
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    return images.contiguous(memory_format=torch.channels_last)
