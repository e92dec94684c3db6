"""A small archive: photographs in folders, a shard, and a file that is no picture."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from underdrawing.batch import Job, attempt

SEED = "00112233445566778899aabbccddeeff"


def photo(number: int, side: int = 192) -> bytes:
    """A JPEG file of a part of a photograph; another part for every number."""
    image = (skimage.data.astronaut, skimage.data.coffee, skimage.data.chelsea)[number % 3]()
    top, left = (37 * number) % (image.shape[0] - side), (53 * number) % (image.shape[1] - side)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image[top : top + side, left : left + side])).save(
        buffer, "JPEG", quality=92
    )
    return buffer.getvalue()


def shard(members: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members:
            header = tarfile.TarInfo(name)
            header.size, header.mtime, header.uname = len(data), 1_700_000_000, "somebody"
            archive.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def fill(folder: Path, photos: int = 3) -> Path:
    """Photographs in two folders, and a shard of two samples with labels and a picture that is none."""
    (folder / "deep").mkdir(parents=True)
    for number in range(photos):
        (folder / ("deep" if number % 2 else ".") / f"{number:03}.jpg").write_bytes(photo(number))
    samples = [
        ("a.jpg", photo(100)), ("a.cls", b"7"), ("b.jpg", photo(101)), ("b.cls", b"8"),
        ("c.jpg", b"no picture"),
    ]  # fmt: skip
    (folder / "part-000.tar").write_bytes(shard(samples))
    (folder / ".hidden.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("not for us", encoding="utf-8")
    return folder


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def here(jobs: Iterable[Job], work, _processes: int):
    """An engine in this very process."""
    return map(partial(attempt, work), jobs)
