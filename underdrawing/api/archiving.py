"""Archives of originals: pack a picture file to .udl, and give every pixel of it back."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.core.errors import CodeError, OutputError, PictureError, UsageError
from underdrawing.data import udl
from underdrawing.data.files import write_atomic
from underdrawing.data.picture import Cicp, Picture, Resolution, Text
from underdrawing.data.pictures import MAX_PIXELS, FileSource, encode_picture, load_picture, read_bytes
from underdrawing.data.sources import named
from underdrawing.data.udl import Container, Header

SUFFIX = ".udl"
KEEP = ("smallest", "pixels", "file")
"""What an archive holds: the pixels coded by the system, the original's bytes, or whichever is smaller."""
LOSSLESS = frozenset({"PNG", "TIFF", "BMP"})
"""Formats whose pixels are coded; of others the file is kept. Lossless WebP as well, by its quality."""
_BLOCKS = ("icc", "exif", "xmp", "iptc")
Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class PackReport:
    """Result of `pack`."""

    file: str | None
    output: str | None
    data: bytes
    """The archive."""
    kept: str
    """"pixels" or "file"."""
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
    """Damaged tiles, with `salvage`."""

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
    overwrite: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> PackReport:
    """Pack a picture file to an archive (.udl) that gives back every pixel, profile and metadata.

    rounds: T, 1 to 16: more are slower and smaller. keep: one of KEEP; files of lossy formats, as JPEG, are
    always kept as they are, and with "smallest" those with Content Credentials, which sign bytes.
    UsageError for other values; PictureError, OutputError as load_picture, write_atomic.
    """
    if keep not in KEEP:
        raise UsageError(f"keep: {keep!r} is not possible; there are: {', '.join(KEEP)}")
    if rounds is not None and not 1 <= rounds <= 16:
        raise UsageError(f"rounds: expected 1 to 16, got {rounds}")
    start = time.monotonic()
    with named(source):
        name, data = read_bytes(source)
        picture = load_picture(data, max_pixels=max_pixels)
        if picture.incomplete:
            raise PictureError("the file is cut short: rows are missing, and only whole pictures are packed")
        packed, kept, notes = _packed(data, picture, rounds, keep)
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
    preview. salvage: damaged tiles become gray and are named in `faults`, instead of a CodeError.
    output: a PNG or TIFF file, or for kept bytes any name. CodeError for damaged or other files and those
    of another version; OutputError as write_atomic.
    """
    start = time.monotonic()
    with named(source):
        name, data = read_bytes(source)
        file = udl.read(data, max_pixels)
        picture, original, faults = None, None, []
        if file.header.channels == 0:
            original = _kept(file)
            if region is not None:
                picture, original = _cropped(load_picture(original, max_pixels=max_pixels), region), None
        else:
            codec = zoo.load("masked-lossless")
            if salvage:
                pixels, faults = codec.salvage(file, region=region)
            else:
                pixels = codec.unpack(file, region=region, rounds=rounds)
            picture = _picture(pixels, file, salvage)
    suffix = str(file.header.facts.get("suffix", "")) if original is not None else _suffix(picture)
    if output is not None:
        _write(Path(output), picture, original, overwrite)
    seconds = round(time.monotonic() - start, 2)
    written = None if output is None else str(output)
    return UnpackReport(name, written, picture, original, suffix, seconds, tuple(faults))


def archive_info(source: FileSource, *, max_pixels: int = MAX_PIXELS) -> dict[str, Any]:
    """What an archive holds, from its header. CodeError for damaged or other files."""
    with named(source):
        name, data = read_bytes(source)
        file = udl.read(data, max_pixels)
    header = file.header
    return {
        "file": name, "status": "read", "kept": "pixels" if header.channels else "file",
        "width": header.width, "height": header.height, "channels": header.channels, "depth": header.depth,
        "rounds": header.rounds, "tile": header.tile, "tiles": len(header.tiles), "bytes": len(data),
        "sha256": header.sha256, "sections": file.names, "format": header.facts.get("format"),
    }  # fmt: skip


def _packed(
    data: bytes, picture: Picture, rounds: int | None, keep: str
) -> tuple[bytes, str, tuple[str, ...]]:
    lossless = picture.format in LOSSLESS or (picture.format == "WEBP" and picture.quality == 100)
    if keep == "file" or not lossless or (picture.credentials and keep == "smallest"):
        return _with_file(data, picture), "file", ()
    codec = zoo.load("masked-lossless")
    sections = {name: getattr(picture, name) for name in _BLOCKS if getattr(picture, name)}
    pixels = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.alpha is not None:
        pixels = np.dstack([pixels, picture.alpha])
    packed = codec.pack(pixels, rounds=rounds, sections=sections, facts=_facts(picture))
    native = picture.native.names if picture.native is not None else ()
    if keep == "smallest" and (len(packed) >= len(data) or native):
        return _with_file(data, picture), "file", ()
    return packed, "pixels", tuple(f"left out: {part}" for part in native)


def _with_file(data: bytes, picture: Picture) -> bytes:
    height, width = picture.pixels.shape[:2]
    facts = {"format": picture.format, "suffix": _SUFFIXES.get(picture.format, "")}
    sha = hashlib.sha256(data).hexdigest()
    return udl.write(Header(width, height, 0, 0, 0, 0, sha, "", facts), {"file": data}, [])


_SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "AVIF": ".avif", "TIFF": ".tif", "HEIF": ".heic",
    "BMP": ".bmp",
}  # fmt: skip


def _kept(file: Container) -> bytes:
    original = file.section("file")
    if original is None or hashlib.sha256(original).hexdigest() != file.header.sha256:
        raise CodeError(
            "the archive lacks the original's bytes, or they have another sha256 than the header names"
        )
    return original


def _facts(picture: Picture) -> dict[str, Any]:
    facts: dict[str, Any] = {"format": picture.format, "gray": picture.gray}
    if picture.comments:
        facts["comments"] = [base64.b64encode(comment).decode() for comment in picture.comments]
    for name in ("resolution", "cicp"):
        if getattr(picture, name) is not None:
            facts[name] = list(getattr(picture, name))
    if picture.texts:
        facts["texts"] = [list(text) for text in picture.texts]
    return facts


def _picture(pixels: np.ndarray, file: Container, salvage: bool) -> Picture:
    channels, facts = pixels.shape[2], file.header.facts
    gray = channels in (1, 2)
    color = np.repeat(pixels[..., :1], 3, 2) if gray else np.ascontiguousarray(pixels[..., :3])
    alpha = np.ascontiguousarray(pixels[..., -1]) if channels in (2, 4) else None
    blocks: dict[str, Any] = {}
    for name in _BLOCKS:
        try:
            blocks[name] = file.section(name)
        except CodeError:
            if not salvage:
                raise
            blocks[name] = None
    return Picture(color, alpha, gray, "PNG", **blocks, **_from_facts(facts))


def _from_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {
            "comments": tuple(base64.b64decode(comment) for comment in facts.get("comments", ())),
            "resolution": Resolution(*facts["resolution"]) if "resolution" in facts else None,
            "cicp": Cicp(*facts["cicp"]) if "cicp" in facts else None,
            "texts": tuple(Text(*text) for text in facts.get("texts", ())),
        }
    except (TypeError, ValueError) as error:
        raise CodeError(f"the archive's metadata are none that this package writes ({error})") from error


def _cropped(picture: Picture, region: Region) -> Picture:
    left, top, right, bottom = region
    height, width = picture.pixels.shape[:2]
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise UsageError(f"the region {region} is not inside the picture of {width}x{height} px")
    part = slice(top, bottom), slice(left, right)
    alpha = None if picture.alpha is None else picture.alpha[part]
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[part]), alpha=alpha)


def _suffix(picture: Picture | None) -> str:
    return ".png" if picture is not None else ""


def _write(output: Path, picture: Picture | None, original: bytes | None, overwrite: bool) -> None:
    if original is not None:
        write_atomic(output, original, overwrite)
        return
    assert picture is not None
    if output.suffix.lower() not in (".png", ".tif", ".tiff"):
        raise OutputError(f"{output}: pixels are written to .png or .tif, which keep all of them")
    write_atomic(output, encode_picture(picture, output).data, overwrite)
