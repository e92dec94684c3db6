"""The photographs that benchmarks measure on, found by the names of their folders below one data folder."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from underdrawing.core.errors import PictureError
from underdrawing.data.pictures import load_picture

SUFFIXES = {".webp", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
Outlines = tuple[tuple[np.ndarray, ...], ...]
"""Per object its polygons, each (points, 2) of x, y in pixels."""


@dataclass(frozen=True)
class Photo:
    """One photograph that is loaded when it is needed."""

    name: str
    path: Path
    member: str | None = None
    """Name inside a tar file, where the photo is in one."""
    outlines: Outlines = ()

    def read_bytes(self) -> bytes:
        """The file as it is stored."""
        if self.member is None:
            return self.path.read_bytes()
        with tarfile.open(self.path) as archive:
            stream = archive.extractfile(self.member)
            if stream is None:
                raise PictureError(f"{self.path}: no file {self.member} in it")
            return stream.read()

    def load(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB at its own size."""
        picture = load_picture(self.read_bytes())
        if picture.incomplete:
            raise PictureError("the file is cut short")
        return picture.image

    def square(self, side: int) -> tuple[np.ndarray, Outlines]:
        """The centre square by Lanczos to (side, side, 3) uint8 with its outlines; side 0: as it is."""
        image = self.load()
        if side == 0:
            return image, self.outlines
        height, width = image.shape[:2]
        short = min(height, width)
        left, top = (width - short) / 2, (height - short) / 2
        box = (left, top, left + short, top + short)
        cut = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS, box=box)
        moved = tuple(
            tuple((polygon - [left, top]) * (side / short) for polygon in polygons)
            for polygons in self.outlines
        )
        return np.asarray(cut), moved


@dataclass(frozen=True)
class PhotoSets:
    """Sets of photographs below one folder, at any depth."""

    root: Path
    limit: int | None = None
    """At most so many photos of a set, spread over it evenly; None takes all."""

    def photos(self, *names: str) -> list[Photo]:
        """The photos of these sets. PictureError where one has none."""
        return [photo for name in names for photo in self._photos(name)]

    def _photos(self, name: str) -> list[Photo]:
        folder = self._folder(name)
        outlines = _read_outlines(folder / "instances.json")
        found = [
            Photo(path.stem, path, outlines=outlines.get(path.stem, ()))
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in SUFFIXES
        ]
        for archive in sorted(folder.glob("*.tar")):
            with tarfile.open(archive) as members:
                names = sorted(m.name for m in members if Path(m.name).suffix.lower() in SUFFIXES)
            found += [Photo(Path(member).stem, archive, member) for member in names]
        if not found:
            raise PictureError(f"{folder}: no photographs in it")
        return [found[index] for index in self.picks(len(found))]

    def picks(self, count: int) -> list[int]:
        """Which of `count` photos the limit leaves."""
        if self.limit is None or self.limit >= count:
            return list(range(count))
        return np.linspace(0, count - 1, self.limit).round().astype(int).tolist()

    def _folder(self, name: str) -> Path:
        if self.root.name == name:
            return self.root
        found = sorted(path for path in self.root.rglob(name) if path.is_dir())
        if not found:
            raise PictureError(f"{self.root}: no folder {name} of photographs below it")
        return found[0]

    @cached_property
    def outline_library(self) -> Outlines:
        """Objects of all photos with outlines, those that are more than specks."""
        paths = sorted(self.root.rglob("instances.json"))
        every = [
            polygons for path in paths for objects in _read_outlines(path).values() for polygons in objects
        ]
        return tuple(polygons for polygons in every if sum(len(polygon) for polygon in polygons) >= 12)


def _read_outlines(path: Path) -> dict[str, Outlines]:
    if not path.is_file():
        return {}
    table = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: tuple(_polygons(instance["poly"]) for instance in entry["instances"] if instance["poly"])
        for name, entry in table.items()
    }


def _polygons(flat: list[list[float]]) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(points, np.float64).reshape(-1, 2) for points in flat)


def hash_photos(photos: Iterable[Photo]) -> str:
    """16 hex digits over the names and bytes of all files used, whatever their order."""
    digest = hashlib.sha256()
    once = {(photo.name, str(photo.path)): photo for photo in photos}
    for key in sorted(once):
        digest.update(key[0].encode() + hashlib.sha256(once[key].read_bytes()).digest())
    return digest.hexdigest()[:16]
