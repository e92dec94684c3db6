"""Labelled pictures, and the paths on which they reach a localizer: the same for both classes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from underdrawing.attacks.manipulation import PLATFORMS, Chain
from underdrawing.attacks.manipulation.chain import Codec
from underdrawing.data.files import find_pictures
from underdrawing.data.localization_sets import PublicPicture, read_public
from underdrawing.data.manipulated_set import AUTHENTIC, ManipulatedSet
from underdrawing.data.pictures import load_picture
from underdrawing.data.set_writing import seed_of

MANIPULATED = "manipulated"
"""Kind of the manipulated pictures of public sets, which name none."""


class Sample(NamedTuple):
    """What is known of one picture."""

    name: str
    kind: str
    """AUTHENTIC or the kind of manipulation."""
    photo: str
    """Pictures of one photograph are drawn together in a bootstrap, and take the same path."""


Pair = tuple[np.ndarray, np.ndarray]
"""Picture (H, W, 3) uint8 and labels (H, W) uint8: 0 authentic, 1 manipulated, others ignored."""


@dataclass(frozen=True)
class View:
    """Pictures as they reach a localizer, made one at a time."""

    name: str
    samples: tuple[Sample, ...]
    read: Callable[[int], Pair]

    @property
    def photos(self) -> np.ndarray:
        """(N,) str."""
        return np.array([sample.photo for sample in self.samples])

    @property
    def authentic(self) -> np.ndarray:
        """(N,) bool."""
        return np.array([sample.kind == AUTHENTIC for sample in self.samples])

    @property
    def kinds(self) -> list[str]:
        """Kinds of manipulations, sorted."""
        return sorted({sample.kind for sample in self.samples} - {AUTHENTIC})

    @cached_property
    def digest(self) -> str:
        """16 hex digits over names and pixels."""
        found = hashlib.sha256()
        for number, sample in enumerate(self.samples):
            image, labels = self.read(number)
            found.update(",".join(sample).encode() + image.tobytes() + labels.tobytes())
        return found.hexdigest()[:16]

    def at(self, places: Sequence[int] | np.ndarray, name: str) -> View:
        """Some of the pictures."""
        chosen = [int(place) for place in places]
        samples = tuple(self.samples[place] for place in chosen)
        return View(name, samples, lambda number: self.read(chosen[number]))


def of_set(folder: Path, limit: int | None = None) -> View:
    """The test split of a set of `underdrawing manipulate`; `limit`: so many of each kind, with originals."""
    read = ManipulatedSet.read(folder, "test")
    samples = tuple(Sample(entry.file, entry.kind, entry.photo) for entry in read.entries)
    view = View("synthetic", samples, lambda number: (read.pictures[number], read.masks[number]))
    if limit is None:
        return view
    chosen = {place for kind in read.kinds for place in _spread(read.indices(kind), limit)}
    originals = read.originals()
    return view.at(sorted(chosen | {int(originals[place]) for place in chosen}), view.name)


def of_public(folder: Path, name: str, limit: int | None = None) -> View:
    """A public set as its files are; `limit`: so many of each class."""
    pictures = read_public(folder, name)
    samples = tuple(map(_sample, pictures))
    view = View(name, samples, lambda number: (pictures[number].image, pictures[number].labels))
    if limit is None:
        return view
    authentic = view.authentic
    manipulated, others = (_spread(np.flatnonzero(authentic == value), limit) for value in (False, True))
    return view.at([*manipulated, *others], name)


def _sample(picture: PublicPicture) -> Sample:
    return Sample(picture.file, AUTHENTIC if picture.authentic else MANIPULATED, picture.file)


def of_folder(folder: Path, limit: int | None = None) -> View:
    """Untouched photographs of a folder."""
    paths = [found.path for found in find_pictures([folder])]
    paths = [paths[place] for place in _spread(np.arange(len(paths)), limit or len(paths))]
    samples = tuple(Sample(path.name, AUTHENTIC, path.stem) for path in paths)

    def read(number: int) -> Pair:
        image = np.ascontiguousarray(load_picture(paths[number]).image)
        return image, np.zeros(image.shape[:2], np.uint8)

    return View("untouched", samples, read)


def _spread(places: np.ndarray, count: int) -> list[int]:
    """At most `count` of the places, evenly."""
    if not len(places):
        return []
    return places[np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)].tolist()


def on_chains(view: View, seed: int) -> View:
    """Each photograph with its manipulations on one random path, as in trainings."""
    return _on_paths(view, view.name, lambda sample: Chain.draw(_rng(seed, "chain", sample.photo)))


def on_platform(view: View, platform: str, seed: int) -> View:
    """All pictures after upload to a platform of PLATFORMS."""
    draw = PLATFORMS[platform].draw
    return _on_paths(view, platform, lambda sample: draw(_rng(seed, platform, sample.photo)))


def recoded(view: View, quality: int) -> View:
    """All pictures as JPEG of one quality, so that no class has a format of its own."""
    codec = Codec(quality)
    return _on_paths(view, f"{view.name}-jpeg{quality}", lambda sample: Chain(last=codec))


def _on_paths(view: View, name: str, path_of: Callable[[Sample], Chain]) -> View:
    return replace(view, name=name, read=partial(_received, view, path_of))


def _received(view: View, path_of: Callable[[Sample], Chain], number: int) -> Pair:
    path = path_of(view.samples[number])
    image, labels = view.read(number)
    return path(image), path.moved(labels)


def _rng(seed: int, *parts: str) -> np.random.Generator:
    return np.random.default_rng(seed_of(seed, *parts))
