"""Archives of originals: pack a picture file to .udl, and give every pixel of it back."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.core.errors import CodeError, OutputError, PictureError, UsageError
from underdrawing.data import udl
from underdrawing.data.containers import suffix_of
from underdrawing.data.containers import udl as container
from underdrawing.data.files import write_atomic
from underdrawing.data.picture import Picture
from underdrawing.data.pictures import MAX_PIXELS, FileSource, encode_picture, load_picture, read_bytes
from underdrawing.data.sources import SourcePicture, named

KEEP = ("smallest", "pixels", "file")
"""What an archive holds: the pixels coded by the system, the original's bytes, or whichever is smaller."""
LOSSLESS = frozenset({"PNG", "TIFF", "BMP"})
"""Formats whose pixels are coded; of others the file is kept. Lossless WebP as well, by its quality."""
_HOLD_PIXELS = (".png", ".tif", ".tiff")
Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class PackReport:
    """Result of `pack`."""

    file: str | None
    output: str | None
    data: bytes
    """The archive."""
    kept: str
    """"pixels", "file", or "jxl": the file of a JPEG, coded again as JPEG XL."""
    original_bytes: int
    seconds: float
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For a line of JSON."""
        return {
            "file": self.file, "status": "packed", "output": self.output, "kept": self.kept,
            "original_bytes": self.original_bytes, "bytes": len(self.data), "seconds": self.seconds,
            "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class UnpackReport:
    """Result of `unpack`."""

    file: str | None
    output: str | None
    picture: Picture | None
    """None where the original's bytes were kept and no region was asked for."""
    data: bytes | None
    """The original's bytes, where they were kept."""
    suffix: str
    """Of the written file: that of the original where its bytes were kept, else .png or .tif."""
    seconds: float
    faults: tuple[str, ...] = ()
    """Damaged tiles and metadata, with `salvage`."""

    def content(self, name: str | Path) -> bytes:
        """The file of this name: the original's bytes, or the picture; OutputError for no .png or .tif."""
        if self.data is not None:
            return self.data
        assert self.picture is not None
        if Path(name).suffix.lower() not in _HOLD_PIXELS:
            raise OutputError(f"{name}: pixels are written to .png or .tif, which keep all of them")
        return encode_picture(self.picture, Path(name)).data

    def to_json(self) -> dict[str, Any]:
        """For a line of JSON."""
        return {
            "file": self.file, "status": "salvaged" if self.faults else "unpacked", "output": self.output,
            "seconds": self.seconds, "notes": list(self.faults),
        }  # fmt: skip


def pack(
    source: FileSource,
    output: str | Path | None = None,
    *,
    rounds: int | None = None,
    keep: str = "smallest",
    tile: int = udl.TILE,
    overwrite: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> PackReport:
    """Pack a picture file to an archive (.udl) that gives back every pixel, profile and metadata.

    rounds: T, 1 to 16: more are slower and smaller. keep: one of KEEP; of lossy formats, as JPEG, the file
    is always kept, and with "smallest" those with Content Credentials, which sign bytes. A kept JPEG is coded
    again as JPEG XL where the extra "jxl" is installed and gives back every byte. tile: 256 or 512 px.
    UsageError for other values; PictureError, OutputError as load_picture, write_atomic; PictureError for
    archives.
    """
    if keep not in KEEP:
        raise UsageError(f"keep: {keep!r} is not possible; there are: {', '.join(KEEP)}")
    if rounds is not None and not 1 <= rounds <= 16:
        raise UsageError(f"rounds: expected 1 to 16, got {rounds}")
    if tile not in udl.TILE_SIDES:
        raise UsageError(f"tile: expected 256 or 512 px, got {tile}")
    start = time.monotonic()
    with named(source):
        name, data = read_bytes(source)
        if data.startswith(udl.MAGIC):
            raise PictureError("an archive already; only pictures are packed")
        picture = load_picture(data, max_pixels=max_pixels)
        if picture.incomplete:
            raise PictureError("the file is cut short: rows are missing, and only whole pictures are packed")
        packed, notes = _packed(data, picture, rounds, keep, tile)
        kept = udl.read(packed, max_pixels).kept
    if output is not None:
        write_atomic(output, packed, overwrite)
    seconds = round(time.monotonic() - start, 2)
    return PackReport(name, None if output is None else str(output), packed, kept, len(data), seconds, notes)


def unpack(
    source: FileSource,
    output: str | Path | None = None,
    *,
    region: Region | None = None,
    rounds: int | None = None,
    salvage: bool = False,
    overwrite: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> UnpackReport:
    """The picture of an archive, or the original's bytes where it keeps those.

    region: left, top, right, bottom, px: only the tiles there are decoded. rounds: only the first rounds, a
    preview. salvage: damaged tiles become gray, damaged metadata are left out; both are named in `faults`,
    instead of a CodeError.
    output: a PNG or TIFF file, or for kept bytes any name. CodeError for damaged or other files and those
    of another version; MissingExtraError for a JPEG in JPEG XL without the extra "jxl"; OutputError as
    write_atomic.
    """
    start = time.monotonic()
    with named(source):
        name, data = read_bytes(source)
        file = udl.read(data, max_pixels)
        picture, original, faults = None, None, []
        if file.header.channels == 0:
            original = file.original(max_pixels)
            if region is not None:
                picture, original = _cropped(load_picture(original, max_pixels=max_pixels), region), None
        else:
            codec = container.codec()
            if salvage:
                pixels, faults = codec.salvage(file, region=region)
                faults += _damaged_sections(file)
            else:
                pixels = codec.unpack(file, region=region, rounds=rounds)
            picture = container.picture_of(file, pixels, salvage=salvage)
    suffix = ".png" if original is None else suffix_of(original)
    report = UnpackReport(name, None, picture, original, suffix, 0, tuple(faults))
    if output is not None:
        write_atomic(output, report.content(output), overwrite)
        report = replace(report, output=str(output))
    return replace(report, seconds=round(time.monotonic() - start, 2))


def original_name(archive: str, kept: str) -> str:
    """Name of what an archive gives back; kept: as in PackReport.

    photo.tif.udl -> photo.tif for kept bytes and for formats that hold every pixel, else photo.tif.png.
    """
    name = archive.removesuffix(container.SUFFIXES[0])
    return f"{name}.png" if kept == "pixels" and Path(name).suffix.lower() not in _HOLD_PIXELS else name


def archive_info(source: FileSource, *, max_pixels: int = MAX_PIXELS) -> dict[str, Any]:
    """What an archive holds, from its header. CodeError for damaged or other files."""
    with named(source):
        name, data = read_bytes(source)
        file = udl.read(data, max_pixels)
    header, facts = file.header, file.header.facts
    lengths = {part: length for part, (_, length, _) in file.places.items()}
    return {
        "file": name, "status": "read", "kept": file.kept, "width": header.width, "height": header.height,
        "channels": header.channels, "depth": header.depth, "rounds": header.rounds, "tile": header.tile,
        "tiles": len(header.tiles), "bytes": len(data), "original_bytes": facts.get("original_bytes"),
        "original_sha256": facts.get("original_sha256") or (None if header.channels else header.sha256),
        "pixels_sha256": header.sha256 if header.channels else None, "weights": header.weights or None,
        "sections": {part: lengths[part] for part in file.names}, "format": facts.get("format"),
    }  # fmt: skip


def archive_of(read: SourcePicture) -> bytes:
    """The archive of a picture that was read, as `pack` makes it; of an archive, itself."""
    if read.data is None:
        return container.coded(read.picture)
    if read.data.startswith(udl.MAGIC):
        return read.data
    if read.animation is not None:
        height, width = read.picture.pixels.shape[:2]
        return udl.keep_file(read.data, (width, height), {"format": read.picture.format})
    return _packed(read.data, read.picture)[0]


def _damaged_sections(file: udl.Container) -> list[str]:
    faults = []
    for name in file.names:
        try:
            file.section(name)
        except CodeError as error:
            faults.append(f"{error}: left out")
    return faults


def _packed(
    data: bytes, picture: Picture, rounds: int | None = None, keep: str = "smallest", tile: int = udl.TILE
) -> tuple[bytes, tuple[str, ...]]:
    facts = {"original_bytes": len(data), "format": picture.format}
    height, width = picture.pixels.shape[:2]
    own = udl.keep_file(data, (width, height), facts)
    lossless = picture.format in LOSSLESS or (picture.format == "WEBP" and picture.quality == 100)
    native = picture.native.names if picture.native is not None else ()
    if keep == "file" or not lossless or (keep == "smallest" and (picture.credentials or native)):
        return own, ()
    facts["original_sha256"] = hashlib.sha256(data).hexdigest()
    pixels = container.coded(picture, rounds=rounds, tile=tile, facts=facts)
    if keep == "smallest" and len(pixels) >= len(own):
        return own, ()
    return pixels, tuple(f"left out: {part}" for part in native)


def _cropped(picture: Picture, region: Region) -> Picture:
    left, top, right, bottom = region
    height, width = picture.pixels.shape[:2]
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise UsageError(f"the region {region} is not inside the picture of {width}x{height} px")
    part = slice(top, bottom), slice(left, right)
    alpha = None if picture.alpha is None else picture.alpha[part]
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[part]), alpha=alpha)
