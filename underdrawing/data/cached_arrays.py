"""Pictures of a set on disk as one array: decoded once, cached in a file, mapped into memory from there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from underdrawing.core.errors import UsageError

Entry = TypeVar("Entry")


def cached_array(
    cache: Path,
    manifest: Path,
    entries: Sequence[Entry],
    shape: tuple[int, ...],
    read: Callable[[Entry], np.ndarray | int],
) -> np.ndarray:
    """`read` of all entries, (N, *shape) uint8; from the file `cache` where it is newer than the manifest."""
    if not cache.is_file() or cache.stat().st_mtime < manifest.stat().st_mtime:
        partial = cache.with_suffix(f".{os.getpid()}.npy")
        target = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(entries), *shape))
        for number, entry in enumerate(entries):
            target[number] = read(entry)
        target.flush()
        partial.replace(cache)
    return np.load(cache, mmap_mode="r")


def decoded(path: Path, flags: int) -> np.ndarray:
    """A picture that a manifest names, by OpenCV's flags. UsageError where it is missing or damaged."""
    image = cv2.imread(str(path), flags)
    if image is None:
        raise UsageError(f"{path}: the manifest names it, but it is missing or not a picture")
    return image
