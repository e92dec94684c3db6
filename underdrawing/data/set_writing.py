"""Writing of labelled sets of pictures: files that exist are kept, so that a stopped run can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from underdrawing.core.errors import UsageError
from underdrawing.data.files import write_atomic

_CHOICES = "settings.json"


class Entry(Protocol):
    """A picture of a set."""

    @property
    def file(self) -> str:
        """Relative to the folder of the set."""

    def line(self) -> str:
        """Its line in the manifest."""


def seed_of(*parts: object) -> int:
    """A seed for the random choices that these parts decide: names, numbers."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a picture, RGB (H, W, 3) or grey (H, W) uint8; a file that exists is kept."""
    if path.exists():
        return
    _, data = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)
    write_atomic(path, data.tobytes())


def write_manifest(path: Path, entries: Iterable[Entry]) -> None:
    """Write the manifest of a set, in the order of the files."""
    ordered = sorted(entries, key=lambda entry: entry.file)
    write_atomic(path, "".join(entry.line() for entry in ordered).encode(), overwrite=True)


def claim(out: Path, settings: Any, free: Collection[str] = ()) -> None:
    """Note the settings of a set, a dataclass, in its folder. UsageError where it was begun with others.

    free: names of settings that may change when a set is continued.
    """
    path, fixed = out / _CHOICES, json.loads(json.dumps(asdict(settings)))
    for name in free:
        fixed.pop(name, None)
    if not path.exists():
        write_atomic(path, json.dumps(fixed).encode())
        return
    if (begun := json.loads(path.read_text(encoding="utf-8"))) != fixed:
        raise UsageError(f"{out}: the set was begun with {begun}, not {fixed}; name another folder")
