"""Files of an answer, fetched by an address that nobody can guess, for a while."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_ID_BYTES = 24


@dataclass(frozen=True)
class Kept:
    """The files of one answer."""

    folder: Path
    files: dict[str, Path]
    size_bytes: int
    ends: float
    """By the store's clock."""


class Artefacts:
    """A folder of its own for each answer. What is asked for is looked up, never made into a path."""

    def __init__(
        self, root: Path, seconds: float, most_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.root, self.seconds, self.most_bytes = Path(root), seconds, most_bytes
        self._clock = clock
        self._kept: dict[str, Kept] = {}
        self.size_bytes = 0
        """Of all files."""

    def folder(self) -> tuple[str, Path]:
        """A new id and its empty folder. OSError where the disk is full."""
        name = secrets.token_urlsafe(_ID_BYTES)
        path = self.root / name
        path.mkdir(mode=0o700)
        return name, path

    def keep(self, name: str, files: Sequence[str]) -> dict[str, int]:
        """Give out these files of an id's folder from now on; their sizes in bytes."""
        folder = self.root / name
        sizes = {file: (folder / file).stat().st_size for file in files}
        paths = {file: folder / file for file in files}
        self._kept[name] = Kept(folder, paths, sum(sizes.values()), self._clock() + self.seconds)
        self.size_bytes += self._kept[name].size_bytes
        self.sweep()
        return sizes

    def find(self, name: str, file: str) -> Path | None:
        """The file, or None where there is none, or not any more."""
        kept = self._kept.get(name)
        return kept.files.get(file) if kept is not None and kept.ends > self._clock() else None

    def drop(self, name: str) -> None:
        """Forget an id, with its folder."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            self.size_bytes -= kept.size_bytes
        shutil.rmtree(self.root / name, ignore_errors=True)

    def sweep(self) -> None:
        """Drop what is over its time, and the oldest while all together are too large."""
        now = self._clock()
        for name, kept in list(self._kept.items()):  # in order of age
            if kept.ends > now and self.size_bytes <= self.most_bytes:
                break
            self.drop(name)


def make_root(spool: str) -> Path:
    """An empty folder for uploads and artefacts, readable by its owner only; OSError where it cannot be."""
    if not spool:
        return Path(tempfile.mkdtemp(prefix="underdrawing-"))
    root = Path(spool) / "underdrawing-spool"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(mode=0o700, parents=True)
    return root
