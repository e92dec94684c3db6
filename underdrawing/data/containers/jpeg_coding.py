"""How a JPEG file codes its pixels: tables, subsampling, progression, restarts; and coding in the same way.

With the input's own tables, and its own chroma samples where the picture has no others, a protected file is
about as large as its input, and its chroma planes are the same.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from underdrawing.data.containers import jpeg_segments as jpeg
from underdrawing.data.containers.shared import upright

_LUMA_SUM_50 = 3688
"""Sum of the luma table of ITU-T T.81, table K.1, which is libjpeg's quality 50."""
LEAST_QUALITY = 88
"""Luma tables of inputs are scaled to at least this quality: coarser ones remove the mark's top layer."""
_SUBSAMPLINGS = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
"""Pillow's numbers of the chroma subsamplings that its encoder writes."""
_CHROMA_TOLERANCE = 2.0
"""Levels of chroma by which a picture may differ from the samples of its file, after rounding to RGB."""
_RGB_IDS = b"RGB"
BLOCK_ROWS = 16
"""Of the largest blocks (MCUs) that files have."""
_FILLER = bytes(range(1, 250)) * 8
"""Bytes behind the end of a scan: a decoder that still needs blocks finds other ones in them."""


@dataclass(frozen=True)
class Coding:
    """How a file with one component, or with YCbCr, is coded."""

    tables: tuple[tuple[int, ...], ...]
    """Quantizer of each component, 64 steps each."""
    subsampling: int
    """Pillow's number."""
    progressive: bool
    restart: int
    """Blocks (MCUs) between restart markers; 0 for none."""
    chroma: tuple[np.ndarray, np.ndarray] | None = None
    """Samples of Cb and Cr, each of (H / 2, W / 2) uint8, of 4:2:0 files."""


def coding_of(image: Image.Image, parsed: jpeg.Parsed, data: bytes) -> Coding | None:
    """The coding of a file that Pillow opened; None for RGB and CMYK components, and what it cannot write.

    data: the file, as Pillow decodes it.
    """
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    frame = parsed.frame
    if frame is None:
        return None
    parts = [frame.body[at : at + 3] for at in range(6, 6 + 3 * frame.body[5], 3)]
    numbers = [part[2] for part in parts]
    if len(parts) not in (1, 3) or is_rgb(parsed) or any(number not in tables for number in numbers):
        return None
    factors = [(part[1] >> 4, part[1] & 15) for part in parts]
    subsampling = _subsampling(factors)
    restarts = [body for marker, body in parsed.segments if marker == jpeg.DRI and len(body) == 2]
    return Coding(
        tables=tuple(tuple(tables[number]) for number in numbers),
        subsampling=0 if subsampling is None else subsampling,
        progressive=frame.marker in jpeg.PROGRESSIVE,
        restart=struct.unpack(">H", restarts[-1])[0] if restarts else 0,
        chroma=_chroma(data) if subsampling == 2 else None,
    )


def turned_coding(coding: Coding, turn: int) -> Coding:
    """The coding of the upright picture. turn: orientation of the stored one."""
    planes = coding.chroma and tuple(upright(plane, turn) for plane in coding.chroma)
    tables = coding.tables
    if turn > 4:  # rows become columns
        tables = tuple(tuple(np.reshape(table, (8, 8)).T.ravel().tolist()) for table in tables)
    subsampling = 0 if turn > 4 and coding.subsampling == 1 else coding.subsampling
    return replace(coding, tables=tables, subsampling=subsampling, chroma=planes)


def is_rgb(parsed: jpeg.Parsed) -> bool:
    """Whether the three components are red, green and blue; by the same signs as libjpeg."""
    if parsed.frame is None or parsed.frame.body[5] != 3 or parsed.bodies(jpeg.APP0, jpeg.JFIF):
        return False
    adobe = parsed.bodies(jpeg.APP14, jpeg.ADOBE)
    if adobe and len(adobe[0]) >= 7:
        return adobe[0][6] == 0
    return parsed.frame.body[6::3][:3] == _RGB_IDS


def quality_of(tables: dict[int, list[int]] | None) -> int | None:
    """Estimate the quality of a JPEG on libjpeg's scale by its luma table."""
    if not tables:
        return None
    return _quality(sum(tables[min(tables)]))


def _quality(total: int) -> int:
    """By the sum of a luma table."""
    if total <= 64:  # steps of 1 throughout
        return 100
    scale = 100 * total / _LUMA_SUM_50  # inverse of libjpeg's scaling
    return int(np.clip(round(100 - scale / 2 if scale <= 100 else 5000 / scale), 1, 99))


def encoded(pixels: np.ndarray, coding: Coding | None, least: int, options: dict[str, Any]) -> bytes:
    """A JPEG file of pixels, (H, W) or (H, W, 3) uint8, coded like the input.

    options: of Pillow; where they hold no quality, the input's tables are used. least: quality up to which
    luma steps are made finer there.
    """
    options = {"optimize": True, "subsampling": 0} | options
    image = Image.fromarray(pixels)
    if coding is not None:
        options |= {"progressive": coding.progressive, "restart_marker_blocks": coding.restart}
        if image.mode == "RGB":
            options["subsampling"] = coding.subsampling
            image = _with_chroma(image.convert("YCbCr"), coding)
        if "quality" not in options:
            options["qtables"] = _tables(coding, least, image.mode == "L")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def cut_at(data: bytes, parsed: jpeg.Parsed, decoded: Image.Image) -> int | None:
    """The first row that the file lacks, of a file without end marker; None where it has them all."""
    if parsed.complete:
        return None
    height = decoded.height
    if parsed.frame is not None and parsed.frame.marker in jpeg.PROGRESSIVE and not _refined(parsed):
        return 0
    filled = jpeg.pixels_only(data + _FILLER, parsed._replace(end=len(data) + len(_FILLER)))
    with Image.open(io.BytesIO(filled), formats=["JPEG"]) as other:
        differ = np.asarray(other) != np.asarray(decoded)
    rows = np.flatnonzero(differ.reshape(height, -1).any(axis=1))
    return int(rows[0]) // BLOCK_ROWS * BLOCK_ROWS if len(rows) else None


def _refined(parsed: jpeg.Parsed) -> bool:
    """Whether scans reach the last bit of every coefficient of every component."""
    done: dict[int, set[int]] = {}
    for body in parsed.scans:
        count = body[0] if body else 0
        if len(body) < 4 + 2 * count:
            continue
        first, last, bits = body[1 + 2 * count : 4 + 2 * count]
        if bits & 15 == 0:
            for component in body[1 : 1 + 2 * count : 2]:
                done.setdefault(component, set()).update(range(first, last + 1))
    ids = parsed.frame.body[6::3] if parsed.frame else b""
    return all(len(done.get(component, ())) == 64 for component in ids)


def _subsampling(factors: list[tuple[int, int]]) -> int | None:
    """Pillow's number; None for factors that its encoder does not write."""
    if len(factors) == 1:
        return 0
    (across, down), *others = factors
    if any(other != (1, 1) for other in others):
        return 0 if all(other == factors[0] for other in others) else None
    return _SUBSAMPLINGS.get((across, down))


def _chroma(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The chroma samples of a 4:2:0 file: at half the size libjpeg decodes them without interpolation."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        width, height = image.size
        image.draft("YCbCr", (max(1, width // 2), max(1, height // 2)))
        planes = np.asarray(image)
    return planes[..., 1].copy(), planes[..., 2].copy()


def _with_chroma(image: Image.Image, coding: Coding) -> Image.Image:
    """The YCbCr image with the samples of the file wherever it has the same chroma."""
    if coding.chroma is None:
        return image
    import cv2

    luma, *planes = (np.asarray(band) for band in image.split())
    height, width = luma.shape
    exact = [luma]
    for plane, samples in zip(planes, coding.chroma, strict=True):
        rows, columns = samples.shape
        if (rows, columns) != ((height + 1) // 2, (width + 1) // 2):
            return image
        padded = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        mean = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
        taps = np.array([1, 6, 1], np.float32) / 8  # libjpeg's interpolation, then the mean of 2 x 2
        shown = cv2.sepFilter2D(samples, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REPLICATE)
        same = np.where(np.abs(mean - shown) <= _CHROMA_TOLERANCE, samples, np.rint(mean).astype(np.uint8))
        exact.append(np.repeat(np.repeat(same, 2, axis=0), 2, axis=1)[:height, :width])
    return Image.merge("YCbCr", [Image.fromarray(plane) for plane in exact])


def _tables(coding: Coding, least: int, gray: bool) -> list[list[int]]:
    """The tables for Pillow: luma, then chroma."""
    luma = list(coding.tables[0])
    if _quality(sum(luma)) < least:
        scale = _LUMA_SUM_50 * (200 - 2 * least) / 100 / sum(luma)
        luma = [max(1, round(step * scale)) for step in luma]
    chroma = [] if gray else [list(table) for table in dict.fromkeys(coding.tables[1:])]
    return [luma, *chroma]
