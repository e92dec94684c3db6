"""Labelled photographs of a folder, each with the index of its class.

    DIR/labels.tsv                      index<TAB>wnid<TAB>name, one line a class, with a head line
    DIR/n01440764_10026.webp            a photo whose name begins with the wnid of its class
    DIR/images-000.tar                  the same within a tar
    DIR/tench/anything.jpg              or in a folder of its class: by wnid, name or index

Without labels.tsv the folders of the classes have to be named by index.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from underdrawing.bench.harness.photographs import SUFFIXES, Photo
from underdrawing.core.errors import PictureError

LABELS = "labels.tsv"


@dataclass(frozen=True)
class LabelledPhoto:
    """A photograph and the index of what it shows, in the classes of the recognizer."""

    photo: Photo
    label: int

    def square(self, side: int) -> np.ndarray:
        """The centre square, (side, side, 3) uint8 RGB. PictureError, naming the file, where it is broken."""
        try:
            return self.photo.square(side)[0]
        except PictureError as error:
            raise PictureError(f"{place(self.photo)}: {error}") from error


def place(photo: Photo) -> str:
    """Where a photo lies, for messages."""
    return f"{photo.path} ({photo.member})" if photo.member else f"{photo.path}"


def labelled_photos(root: Path) -> list[LabelledPhoto]:
    """All photos of the folder in the order of their names; see the module for what it may look like.

    PictureError where there is no photo, where one has no class, or where labels.tsv cannot be read.
    """
    folder = find_folder(root)
    classes = _classes(folder / LABELS)
    found = [
        LabelledPhoto(photo, _label(photo, key, classes, folder))
        for photo, key in sorted(_photos(folder), key=lambda pair: (pair[0].name, str(pair[0].path)))
    ]
    if not found:
        raise PictureError(f"{folder}: no photographs in it, in its folders or tars")
    return found


def find_folder(root: Path) -> Path:
    """`root`, or the first folder below it that has a labels.tsv. PictureError where `root` is no folder."""
    if not root.is_dir():
        raise PictureError(f"{root}: there is no such folder of labelled photographs")
    if (root / LABELS).is_file():
        return root
    below = sorted(root.rglob(LABELS))
    return below[0].parent if below else root


def _photos(folder: Path) -> Iterator[tuple[Photo, str]]:
    """Each photo with the word that names its class."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield Photo(path.stem, path), _key(path.relative_to(folder).as_posix())
    for archive in folder.glob("*.tar"):
        for member in _members(archive):
            yield Photo(PurePosixPath(member).stem, archive, member), _key(member)


def _members(archive: Path) -> list[str]:
    try:
        with tarfile.open(archive) as members:
            names = [member.name for member in members if member.isfile()]
    except tarfile.TarError as error:
        raise PictureError(f"{archive}: no tar that can be read ({error})") from error
    return [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]


def _key(name: str) -> str:
    path = PurePosixPath(name)
    return path.parent.name or path.stem.split("_")[0]


def _classes(path: Path) -> dict[str, int]:
    """Index by wnid, name and index; empty where there is no file."""
    if not path.is_file():
        return {}
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        columns = [head.split("\t").index(word) for word in ("index", "wnid", "name")]
        rows = [[line.split("\t")[column] for column in columns] for line in lines if line.strip()]
        return {word: int(row[0]) for row in rows for word in reversed(row)}
    except (ValueError, IndexError) as error:
        wanted = "a head line index, wnid, name and one class a line, parted by tabs"
        raise PictureError(f"{path}: expected {wanted} ({error})") from error


def _label(photo: Photo, key: str, classes: dict[str, int], folder: Path) -> int:
    if key in classes:
        return classes[key]
    if not classes and key.isdecimal():
        return int(key)
    known = f"{folder / LABELS} has no class {key!r}" if classes else f"there is no {folder / LABELS}"
    raise PictureError(f"{place(photo)}: the class of this photo is not known: {known}")
