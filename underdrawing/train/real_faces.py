"""Real faces of a face set in memory, and the error of a reconstruction; for autoencoders of faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from underdrawing.core.errors import UsageError
from underdrawing.data.face_set import REAL, SPLITS, FaceSet, read_manifest


@dataclass(frozen=True)
class Faces:
    """Real crops in memory, with what a face set knows of them."""

    crops: np.ndarray
    """(N, 256, 256, 3) uint8."""
    landmarks: np.ndarray
    """(N, 5, 2) float32, px."""
    identities: tuple[str, ...]
    splits: tuple[str, ...]
    """train, val or test, by identity."""
    sources: tuple[str, ...] = ()
    """Name of the set of each picture; SQUARES for a square of a photograph in place of a face."""

    @classmethod
    def read(cls, folder: Path) -> Faces:
        """Those of a set that `underdrawing forge` wrote. UsageError where it has none."""
        forged = {entry.kind for entry in read_manifest(folder)} - {REAL}
        named = {entry.split for entry in read_manifest(folder) if entry.kind == REAL}
        sets = [FaceSet.read(folder, split, without=forged) for split in SPLITS if split in named]
        if not sets:
            raise UsageError(f"{folder}: no real faces in the set")
        entries = [entry for part in sets for entry in part.entries]
        return cls(
            np.concatenate([part.pictures for part in sets]),
            np.array([entry.landmarks for entry in entries], np.float32),
            tuple(entry.identity for entry in entries),
            tuple(entry.split for entry in entries),
            tuple(entry.source for entry in entries),
        )


def reconstruction(found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """L1 at three scales, and L1 of the differences between neighbours; (B, 3, h, w) each."""
    gradient = sum((found.diff(dim=d) - wanted.diff(dim=d)).abs().mean() for d in (2, 3))
    error = (found - wanted).abs().mean()
    for _ in range(2):
        found, wanted = F.avg_pool2d(found, 2), F.avg_pool2d(wanted, 2)
        error = error + (found - wanted).abs().mean()
    return {"l1": error, "gradient": gradient}
