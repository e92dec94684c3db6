"""Files of responses, fetched under random addresses until they expire."""

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
class Stored:
    """The files of one response."""

    folder: Path
    files: dict[str, Path]
    size_bytes: int
    expires: float
    """On the clock of Artefacts."""
    stem: str
    """Of the names under which the files are saved; empty: the names themselves."""


class Artefacts:
    """A folder for each response. Requested names are looked up and never become part of a path."""

    def __init__(
        self, root: Path, seconds: float, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.root, self.seconds, self.max_bytes = Path(root), seconds, max_bytes
        self._clock = clock
        self._stored: dict[str, Stored] = {}
        self.size_bytes = 0
        """Sum over all files."""

    def create(self) -> tuple[str, Path]:
        """Create an empty folder; its id and path. OSError where the disk is full."""
        name = secrets.token_urlsafe(_ID_BYTES)
        path = self.root / name
        path.mkdir(mode=0o700)
        return name, path

    def publish(
        self, name: str, files: Sequence[str], *, seconds: float | None = None, stem: str = ""
    ) -> dict[str, int]:
        """Make files of an id's folder available from now on; their sizes in bytes.

        seconds: until they expire; None for as long as all. stem: of the names under which they are saved.
        """
        folder = self.root / name
        sizes = {file: (folder / file).stat().st_size for file in files}
        paths = {file: folder / file for file in files}
        expires = self._clock() + (self.seconds if seconds is None else seconds)
        self._stored[name] = Stored(folder, paths, sum(sizes.values()), expires, stem)
        self.size_bytes += self._stored[name].size_bytes
        self.sweep()
        return sizes

    def find(self, name: str, file: str) -> Path | None:
        """The path of a file; None where it does not exist or has expired."""
        stored = self._stored.get(name)
        return stored.files.get(file) if stored and stored.expires > self._clock() else None

    def saved_name(self, name: str, file: str) -> str:
        """The name under which a file that find() has is saved: suspect.mask.png for picture.mask.png."""
        stem, kind = self._stored[name].stem, file.removeprefix("picture.")
        return f"{stem}.{kind}" if stem else file

    def drop(self, name: str) -> None:
        """Remove an id and its folder."""
        stored = self._stored.pop(name, None)
        if stored is not None:
            self.size_bytes -= stored.size_bytes
        shutil.rmtree(self.root / name, ignore_errors=True)

    def sweep(self) -> None:
        """Remove expired files, then the oldest until the rest fits into `max_bytes`."""
        now = self._clock()
        for name in [name for name, stored in self._stored.items() if stored.expires <= now]:
            self.drop(name)
        for name in list(self._stored):  # oldest first
            if self.size_bytes <= self.max_bytes:
                break
            self.drop(name)


def make_root(spool: str) -> Path:
    """Create an empty folder for uploads and artefacts, readable by its owner only. OSError."""
    if not spool:
        return Path(tempfile.mkdtemp(prefix="underdrawing-"))
    root = Path(spool) / "underdrawing-spool"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(mode=0o700, parents=True)
    return root
