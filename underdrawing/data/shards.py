"""Training photographs: loaded from tar shards into memory, and random crops of them."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def load_photos(
    folder: Path,
    *,
    held_out: frozenset[str] = frozenset(),
    only_held_out: bool = False,
    limit: int | None = None,
) -> list[np.ndarray]:
    """Decode all pictures in the *.tar files of a folder to (H, W, 3) uint8 RGB.

    held_out: members "shard.tar::member" that are left out, or with `only_held_out` the only ones read.
    limit: maximum number of pictures. FileNotFoundError where there are none.
    """
    photos = []
    for shard in sorted(Path(folder).glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                wanted = member.isfile() and member.name.lower().endswith((".webp", ".jpg", ".jpeg", ".png"))
                if not wanted or (f"{shard.name}::{member.name}" in held_out) != only_held_out:
                    continue
                data = archive.extractfile(member)
                if data is not None:
                    photos.append(np.asarray(Image.open(io.BytesIO(data.read())).convert("RGB")))
                if limit is not None and len(photos) >= limit:
                    return photos
    if not photos:
        raise FileNotFoundError(
            f"no *.tar with pictures in {folder}: give the folder that holds the training shards"
        )
    return photos


def held_out_names(manifest: Path) -> frozenset[str]:
    """The members that MANIFEST.tsv marks `val`, as "shard.tar::member"; empty without the file."""
    if not manifest.is_file():
        return frozenset()
    rows = (line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines()[1:])
    return frozenset(Path(row[0].split("::")[0]).name + "::" + row[0].split("::")[1] for row in rows
                     if len(row) > 1 and row[1] == "val" and "::" in row[0])  # fmt: skip


def random_crop(
    photo: np.ndarray, side: int, shortest: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """A random (side, side, 3) uint8 crop of a resized photo; half of the crops are mirrored.

    shortest: range of the resized short side in pixels, sampled log-uniformly and clipped to
    [side, short side of the photo] where that is possible.
    """
    height, width = photo.shape[:2]
    low = max(side, shortest[0])
    high = max(low, min(shortest[1], min(height, width)))
    target = np.exp(rng.uniform(np.log(low), np.log(high)))
    window = min(side * min(height, width) / target, min(height, width))
    left, top = rng.uniform(0, width - window), rng.uniform(0, height - window)
    box = (left, top, left + window, top + window)
    crop = Image.fromarray(photo).resize((side, side), Image.Resampling.BICUBIC, box, reducing_gap=2.0)
    pixels = np.asarray(crop)
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels
