"""Faces and photographs of people that no training of marks uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from underdrawing.attacks.face_channels import SentFace
from underdrawing.bench.harness.photographs import Photo, PhotoSets
from underdrawing.bench.harness.run import Run
from underdrawing.core.errors import PictureError, UsageError
from underdrawing.data.face_set import REAL, SQUARES, read_manifest
from underdrawing.train.marked_faces import MarkedFaces, to_u8
from underdrawing.train.real_faces import Faces


@dataclass
class HeldOut:
    """The test split of a set of `underdrawing forge`, and photographs that its training splits lack."""

    folder: Path
    """Of the set."""
    photos: PhotoSets
    side: int
    """Of the crops, px."""
    limit: int | None
    """Most faces; None: all."""
    seed: int
    _faces: list[SentFace] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run, name: str, side: int, seed: int) -> HeldOut:
        """The set of a run in a folder of this name below --data, or at this path.

        UsageError without --data, PictureError where there is no such folder.
        """
        folder, data = Path(name), run.data
        if data is None:
            raise UsageError("this study needs --data DIR, a folder with sets of faces")
        below = [] if folder.is_absolute() else sorted(data.rglob(folder.name))
        found = next((place for place in (folder, data / folder, *below) if place.is_dir()), None)
        if found is None:
            raise PictureError(f"{data}: no folder {folder} below it; --set faces=DIR names another one")
        return cls(found, run.sets, side, run.photos, seed)

    @property
    def faces(self) -> list[SentFace]:
        """Unmarked crops with landmarks and donors, `marked` being the original itself."""
        if not self._faces:
            held_out = MarkedFaces(self._set, "test", self.side, 1)
            rng, count = np.random.default_rng(self.seed), len(held_out.rows)
            chosen = np.linspace(0, count - 1, min(self.limit or count, count)).round().astype(int)
            for place in chosen:
                batch = held_out.fixed(rng, int(place), 1)
                self._faces.append(batch.sent(batch.images)[0])
        return self._faces

    def every_crop(self, most: int) -> Iterator[np.ndarray]:
        """Unmarked crops (side, side, 3) uint8 of all splits, then squares of photographs."""
        rng, given = np.random.default_rng(self.seed), 0
        for split in dict.fromkeys(self._set.splits):
            kept = MarkedFaces(self._set, split, self.side, 1)
            for first in range(0, min(len(kept.rows), most - given), 16):
                batch = kept.fixed(rng, first, min(16, most - given))
                yield from to_u8(batch.images)
                given += len(batch.images)
        for place in np.flatnonzero([source == SQUARES for source in self._set.sources])[: most - given]:
            crop = self._set.crops[place]
            first = (len(crop) - self.side) // 2
            yield np.ascontiguousarray(crop[first : first + self.side, first : first + self.side])

    def photographs(self, names: tuple[str, ...]) -> list[Photo]:
        """Those of the sets that are in the training splits under no name. PictureError for none."""
        trained = {
            f"{entry.source}/{Path(entry.file).stem}"
            for entry in read_manifest(self.folder)
            if entry.kind == REAL and entry.split != "test"
        }
        found = [
            photo
            for name in names
            for photo in self.photos.photos(name)
            if not any(used.startswith(f"{name}/{name}-{photo.name}-") for used in trained)
        ]
        if not found:
            raise PictureError(f"{self.photos.root}: no photographs of {', '.join(names)} that are held out")
        return found

    @cached_property
    def digest(self) -> str:
        """16 hex digits over the pixels of the faces."""
        return hashlib.sha256(b"".join(face.original.tobytes() for face in self.faces)).hexdigest()[:16]

    @cached_property
    def _set(self) -> Faces:
        return Faces.read(self.folder)
