"""Labelled faces, and the paths on which they reach a detector: the same for real and for forged faces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from underdrawing.attacks.channel import Channel
from underdrawing.attacks.face_forgery.camera import Camera
from underdrawing.bench.harness.photographs import SUFFIXES
from underdrawing.core.errors import PictureError
from underdrawing.data.face_set import REAL, FaceSet
from underdrawing.data.pictures import load_picture
from underdrawing.faces import CONTEXT, crop, detect
from underdrawing.faces.cropping import MARGIN, square_side
from underdrawing.judging.face_scorer import resample


@dataclass(frozen=True)
class Faces:
    """Crops of faces with context, and what is known of them."""

    crops: np.ndarray
    """(N, S, S, 3) uint8."""
    names: list[str]
    kinds: np.ndarray
    """(N,) str: REAL or the kind of forgery."""
    people: np.ndarray
    """(N,) str: pictures of one person are drawn together in a bootstrap."""
    originals: np.ndarray
    """(N,) int: place of the real picture that was forged, -1 where there is none."""

    @property
    def fake(self) -> np.ndarray:
        """(N,) bool."""
        return self.kinds != REAL

    @property
    def forged_kinds(self) -> list[str]:
        """Kinds of forgeries, sorted."""
        return sorted(set(self.kinds.tolist()) - {REAL})

    @property
    def weights(self) -> np.ndarray:
        """(N,) float64: each class has the same sum, and within the fakes each kind."""
        kinds, place, count = np.unique(self.kinds, return_inverse=True, return_counts=True)
        share = np.where(kinds == REAL, 1.0, 1 / max(1, len(kinds) - int(REAL in kinds)))
        return (share / count)[place]

    @cached_property
    def digest(self) -> str:
        """16 hex digits over labels and pixels."""
        labels = "\n".join(map(",".join, zip(self.names, self.kinds, self.people, strict=True)))
        return hashlib.sha256(labels.encode() + np.ascontiguousarray(self.crops).tobytes()).hexdigest()[:16]

    def of(self, *kinds: str) -> np.ndarray:
        """Places of the faces of these kinds."""
        return np.flatnonzero(np.isin(self.kinds, kinds))

    def take(self, places: np.ndarray) -> Faces:
        """Some of the faces; an original that is not among them becomes -1."""
        new = np.full(len(self.kinds) + 1, -1)
        new[places] = np.arange(len(places))
        names = [self.names[place] for place in places]
        arrays = self.crops[places], self.kinds[places], self.people[places], new[self.originals[places]]
        return Faces(arrays[0], names, *arrays[1:])

    def spread(self, each: int) -> Faces:
        """At most `each` faces of a kind, evenly over the set, and as many real ones as of all kinds."""
        kinds, chosen = self.forged_kinds, []
        for kind in (REAL, *kinds):
            places = self.of(kind)
            count = min(len(places), each * (len(kinds) if kind == REAL else 1))
            chosen.append(places[np.linspace(0, len(places) - 1, count).round().astype(int)])
        return self.take(np.concatenate(chosen))


def read_set(folder: Path, split: str = "test") -> Faces:
    """A split of a set of `underdrawing forge`. UsageError where it is missing."""
    found = FaceSet.read(folder, split)
    kinds, people = (
        np.array([getattr(entry, name) for entry in found.entries]) for name in ("kind", "identity")
    )
    return Faces(found.pictures, [entry.file for entry in found.entries], kinds, people, found.originals())


def read_pictures(folder: Path, name: str, side: int, limit: int | None = None) -> Faces:
    """The largest face of each picture in folder/real and folder/fake, with the context of a set, side px.

    Each picture is a person of its own. PictureError where no face is found in any.
    """
    crops, names, kinds = [], [], []
    for part, kind in (("real", REAL), ("fake", name)):
        paths = pictures_below(folder / part)
        step = max(1, len(paths) // limit) if limit else 1
        for path in paths[::step][:limit]:
            image = load_picture(path.read_bytes()).image
            if found := detect(image):
                crops.append(crop(image, found[0], side, CONTEXT).image)
                names.append(f"{part}/{path.stem}")
                kinds.append(kind)
    if not crops:
        raise PictureError(f"{folder}: no picture of a face in its folders real and fake")
    return Faces(np.stack(crops), names, np.array(kinds), np.array(names), np.full(len(names), -1))


def join(first: Faces, second: Faces) -> Faces:
    """The faces of both, without the originals of the second."""
    names = [*first.names, *second.names]
    originals = np.concatenate([first.originals, np.full(len(second.names), -1)])
    arrays = [
        np.concatenate([getattr(part, name) for part in (first, second)])
        for name in ("crops", "kinds", "people")
    ]
    return Faces(arrays[0], names, arrays[1], arrays[2], originals)


def pictures_below(folder: Path) -> list[Path]:
    """Pictures in a folder and below it, sorted; none where it is missing."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


@dataclass(frozen=True)
class View:
    """Faces as they reach a detector, by one path."""

    name: str
    faces: Faces
    path: Callable[[int, np.ndarray], np.ndarray]
    """(place, crop) -> input (side, side, 3) uint8."""

    @cached_property
    def inputs(self) -> np.ndarray:
        """(N, side, side, 3) uint8."""
        return np.stack([self.path(place, image) for place, image in enumerate(self.faces.crops)])

    def take(self, name: str, places: np.ndarray) -> View:
        """Some of the faces, with the same inputs."""
        return View(name, self.faces.take(places), lambda at, _: self.inputs[places[at]])


def on_camera(name: str, faces: Faces, side: int, seed: int) -> View:
    """Random paths of the camera that detectors are trained with, one for each face."""
    camera = Camera()
    return View(name, faces, lambda at, image: camera.picture(image, side, np.random.default_rng([seed, at])))


def on_one_path(name: str, faces: Faces, side: int, seed: int) -> View:
    """Random paths of the camera; a forged face and its original take the same one."""
    camera, originals = Camera(), faces.originals

    def path(at: int, image: np.ndarray) -> np.ndarray:
        shared = at if originals[at] < 0 else int(originals[at])
        return camera.picture(image, side, np.random.default_rng([seed, shared]))

    return View(name, faces, path)


def through(name: str, faces: Faces, side: int, channels: tuple[Channel, Channel], seed: int) -> View:
    """Real faces through the first channel, forged ones through the second; then cut out as by `examine`."""

    def path(at: int, image: np.ndarray) -> np.ndarray:
        channel = channels[int(faces.fake[at])]
        return centre_square(channel(image, np.random.default_rng([seed, at])), side)

    return View(name, faces, path)


def centre_square(image: np.ndarray, side: int) -> np.ndarray:
    """The square of 1.3 times the face's box in a crop with context, as (side, side, 3)."""
    width = square_side(MARGIN / CONTEXT * len(image), side)
    first = (len(image) - width) // 2
    return resample(np.ascontiguousarray(image[first : first + width, first : first + width]), side)
