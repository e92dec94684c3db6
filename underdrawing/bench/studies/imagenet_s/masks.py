"""Cache of masks: computing one takes as long as everything else that is measured of a photo.

Each lies in the user's cache folder under a digest of all that it depends on, its code included, so none
outlives a change of the rules. A file that cannot be read or written counts as missing.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import platformdirs

from underdrawing.core.errors import OutputError
from underdrawing.data.files import write_atomic

RULES = ("builder.py", "recognizer.py", "saliency.py")
"""The files of this package that a mask follows from; the weights are held to sums that these files name."""


def user_masks() -> Path:
    """The folder for masks of this user."""
    return platformdirs.user_cache_path("underdrawing") / "imagenet-s"


def cached_mask(
    folder: Path, image_u8: np.ndarray, facts: tuple[object, ...], make: Callable[[], np.ndarray]
) -> np.ndarray:
    """The mask (H, W) bool of (H, W, 3) uint8 RGB that `make` gives, or gave for the same before."""
    digest = hashlib.sha256(rules())
    digest.update(repr((image_u8.shape, facts)).encode())
    digest.update(image_u8.tobytes())
    path = folder / f"{digest.hexdigest()}.npz"
    known = _read(path, image_u8.shape[:2])
    if known is not None:
        return known
    mask = make()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, mask=np.packbits(mask))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue(), overwrite=True)
    except (OSError, OutputError):
        pass
    return mask


@cache
def rules() -> bytes:
    """What the code that makes masks amounts to, with the version of OpenCV that it runs on."""
    here = Path(__file__).parent
    digest = hashlib.sha256(cv2.__version__.encode())
    for name in RULES:
        digest.update((here / name).read_bytes())
    return digest.digest()


def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    size = shape[0] * shape[1]
    try:
        with np.load(path) as stored:
            return np.unpackbits(stored["mask"], count=size).astype(bool).reshape(shape)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
