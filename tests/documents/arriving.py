"""Pictures that a document receives from elsewhere, made from what it protected before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

NAMES = {"suspect.jpg", "posted.jpg", "copy.jpg", "incoming/"}


def prepare(arguments: Iterable[str]) -> None:
    """Make those of these files that are not there."""
    from PIL import Image, ImageFilter

    for name in NAMES & set(arguments):
        path = Path(name)
        if path.exists():
            continue
        protected = [
            place for place in (Path("protected.jpg"), *Path("protected").rglob("*.*")) if place.is_file()
        ]
        with Image.open(protected[0] if protected else "photo.jpg") as image:
            picture = image.convert("RGB")
        if name == "suspect.jpg":  # edited
            width, height = picture.size
            box = (width // 3, height // 3, 2 * width // 3, 2 * height // 3)
            picture.paste(picture.crop(box).filter(ImageFilter.GaussianBlur(12)), box)
        elif name == "posted.jpg":  # by a platform that removes metadata
            pass
        elif name == "copy.jpg":  # too degraded for the mark
            picture = picture.filter(ImageFilter.GaussianBlur(3)).quantize(48).convert("RGB")
        else:
            path.mkdir()
            path = path / "received.jpg"
        picture.save(path, quality=85)
