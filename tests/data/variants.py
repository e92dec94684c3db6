"""Some 300 small files: every combination of format, depth, alpha, orientation, profile, subsampling and
metadata that the libraries write, each with the pixels that it shows."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
import pillow_heif
import skimage.data
import tifffile
from hostile_files import chunk, exif_block, file_of, gray_profile, srgb
from PIL import Image

PHOTO = skimage.data.astronaut()[100:196, 150:278]  # 96 x 128
GRAY = PHOTO[..., 1:2]
ALPHA = np.tile(np.linspace(1, 255, 128).astype(np.uint8), (96, 1))
ALPHA[:16] = 0
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><dc:title>k\xc3\xa4se</dc:title></rdf:RDF></x:xmpmeta>'
IPTC = b"8BIM\x04\x04\0\0\0\0\0\x0a\x1c\x02\x78\0\x05Title"


@dataclass(frozen=True)
class Variant:
    """A file."""

    name: str
    suffix: str
    make: Callable[[], bytes]
    pixels: np.ndarray
    """(H, W, 1 or 3) uint8 or uint16, as shown."""
    alpha: np.ndarray | None = None
    error: float = 0
    """Largest mean difference of the decoded pixels from `pixels`, in levels of 8 bits; 0: lossless."""


def variants() -> Iterator[Variant]:
    for family in (_png, _png_chunks, _webp, _avif, _avif_deep, _heif, _bmp, _jpeg, _tiff, _tiff_plain):
        yield from family()


def stored(values: np.ndarray, turn: int) -> np.ndarray:
    """What a camera stores that was held so."""
    undo = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[::-1],
        7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
        8: lambda a: a.swapaxes(0, 1)[:, ::-1],
    }
    return np.ascontiguousarray(undo[turn](values) if turn > 1 else values)


def deep(values: np.ndarray) -> np.ndarray:
    """16 bits whose lower half is not the upper one."""
    ramp = np.arange(values.shape[1], dtype=np.uint16)[:, None]
    return np.minimum(values.astype(np.uint32) * 257 + ramp, 65535).astype(np.uint16)


def _joined(*arrays: np.ndarray | None) -> np.ndarray:
    values = np.dstack([array for array in arrays if array is not None])
    return values[..., 0] if values.shape[2] == 1 else values


def _with_chunks(data: bytes, before: bytes, after: bytes = b"") -> bytes:
    return data[:33] + before + data[33:-12] + after + data[-12:]


COLOUR_CHUNKS = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"cHRM", struct.pack(">8I", *range(8)))
TEXT_CHUNKS = (
    chunk(b"tEXt", b"Author\0K\xe4the")
    + chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a cat"))
    + chunk(b"iTXt", "Title\0\0\0ja\0題\0猫".encode())
    + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
)


def _png_by_pillow(values: np.ndarray) -> bytes:
    return file_of(Image.fromarray(values), "PNG")


def _png_by_opencv(values: np.ndarray) -> bytes:
    order = values[..., [2, 1, 0, 3][: values.shape[2]]] if values.ndim == 3 else values
    return cv2.imencode(".png", order)[1].tobytes()


def _png() -> Iterator[Variant]:
    for colors, alpha, bits, turn, metadata in product((1, 3), (False, True), (8, 16), (1, 6), (False, True)):
        pixels, opacity = (GRAY, PHOTO)[colors == 3], ALPHA if alpha else None
        if bits == 16:
            pixels, opacity = deep(pixels), None if opacity is None else deep(opacity[..., None])[..., 0]
        if colors == 1 and alpha and bits == 16:
            continue  # written by none of the libraries

        def make(pixels=pixels, opacity=opacity, turn=turn, metadata=metadata, colors=colors) -> bytes:
            values = stored(_joined(pixels, opacity), turn)
            encode = _png_by_pillow if values.dtype == np.uint8 else _png_by_opencv
            data = encode(values)
            profile = srgb() if colors == 3 else gray_profile()
            block = chunk(b"eXIf", exif_block(turn)[6:])
            if metadata:
                block += chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)) + COLOUR_CHUNKS + TEXT_CHUNKS
                block += chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))
            return _with_chunks(data, block)

        name = f"png-{colors}-{'alpha' if alpha else 'opaque'}-{bits}-{turn}-{'full' if metadata else 'bare'}"
        yield Variant(name, ".png", make, pixels, opacity)
    for mode, bits in (("1", 1), ("P", 1), ("P", 2), ("P", 4), ("P", 8)):
        image = (
            Image.fromarray(PHOTO).convert("1") if mode == "1" else Image.fromarray(PHOTO).quantize(2**bits)
        )
        for transparency in (None, 0) if mode == "P" else (None,):
            options = {} if transparency is None else {"transparency": transparency}
            if mode == "P":
                options["bits"] = bits
            pixels = np.asarray(image.convert("L" if mode == "1" else "RGB")).reshape(96, 128, -1)
            clear = np.asarray(image) == transparency
            yield Variant(
                f"png-{mode}-{bits}-{transparency}",
                ".png",
                lambda image=image, options=options: file_of(image, "PNG", **options),
                pixels,
                None if transparency is None else np.where(clear, 0, 255).astype(np.uint8),
            )


def _png_chunks() -> Iterator[Variant]:
    blocks = {
        "gamma": chunk(b"gAMA", struct.pack(">I", 45455)),
        "srgb": chunk(b"sRGB", b"\0"),
        "cicp": chunk(b"cICP", bytes([12, 13, 0, 1])),
        "bits": chunk(b"sBIT", b"\5\6\5"),
        "background": chunk(b"bKGD", bytes(6)),
        "time": chunk(b"tIME", struct.pack(">HBBBBB", 2020, 2, 29, 12, 30, 59)),
        "aspect": chunk(b"pHYs", struct.pack(">IIB", 4, 3, 0)),
        "texts": TEXT_CHUNKS,
        "program": chunk(b"prVt", b"of a program"),
        "palettes": chunk(b"sPLT", b"six\0\x08" + bytes(range(6))),
    }
    for (name, block), late in product(blocks.items(), (False, True)):
        parts = (b"", block) if late else (block, b"")
        if late and name in ("cicp", "gamma", "srgb", "bits", "background", "aspect", "palettes"):
            continue
        yield Variant(
            f"png-{name}-{'late' if late else 'early'}",
            ".png",
            lambda parts=parts: _with_chunks(file_of(Image.fromarray(PHOTO), "PNG"), *parts),
            PHOTO,
        )


def _blocks(kind: str) -> dict[str, Any]:
    """Options of Pillow's encoders for metadata."""
    every = {"icc_profile": srgb(), "exif": exif_block(1), "xmp": XMP}
    return {name: block for name, block in every.items() if kind in ("full", name)}


def _pillow(
    name: str, suffix: str, pixels: np.ndarray, error: float, alpha: np.ndarray | None = None, **options: Any
) -> Variant:
    format = {".webp": "WEBP", ".avif": "AVIF", ".jpg": "JPEG", ".bmp": "BMP", ".tif": "TIFF"}[suffix]
    turn = options.pop("turn", 1)
    if turn > 1:
        options["exif"] = exif_block(turn)
    values = _joined(pixels, alpha)
    return Variant(
        name,
        suffix,
        lambda: file_of(Image.fromarray(stored(values, turn)), format, **options),
        pixels,
        alpha,
        error,
    )


def _webp() -> Iterator[Variant]:
    for quality, alpha, kind in product(
        (None, 60, 90), (None, ALPHA), ("bare", "icc_profile", "exif", "xmp", "full")
    ):
        coding = {"lossless": True} if quality is None else {"quality": quality}
        name = f"webp-{quality or 'lossless'}-{'opaque' if alpha is None else 'alpha'}-{kind}"
        error = 0 if quality is None else 6
        yield _pillow(name, ".webp", PHOTO, error, alpha, exact=True, **coding, **_blocks(kind))
    for turn in range(2, 9):
        yield _pillow(f"webp-turn-{turn}", ".webp", PHOTO, 0, lossless=True, turn=turn)


def _avif() -> Iterator[Variant]:
    samplings = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")
    for sampling, alpha, levels in product(samplings, (None, ALPHA), ("full", "limited")):
        pixels = GRAY if sampling == "4:0:0" else PHOTO
        name = f"avif-{sampling}-{'opaque' if alpha is None else 'alpha'}-{levels}"
        blocks = _blocks("full")
        if sampling == "4:0:0":
            blocks.pop("icc_profile")
        coding = {"quality": 90, "speed": 9, "subsampling": sampling, "range": levels}
        yield _pillow(name, ".avif", pixels, 5, alpha, **coding, **blocks)
    for kind in ("bare", "icc_profile", "exif", "xmp"):
        yield _pillow(f"avif-{kind}", ".avif", PHOTO, 5, quality=90, speed=9, **_blocks(kind))
    for turn in range(2, 9):
        yield _pillow(f"avif-turn-{turn}", ".avif", PHOTO, 5, quality=90, speed=9, turn=turn)


def _avif_deep() -> Iterator[Variant]:
    for bits, kind in product((10, 12), ("gray", "colour", "alpha")):
        pixels = GRAY if kind == "gray" else PHOTO
        alpha = ALPHA if kind == "alpha" else None
        values = _joined(pixels[..., ::-1], alpha).astype(np.uint16) << (bits - 8)
        options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95]
        yield Variant(
            f"avif-{bits}-{kind}",
            ".avif",
            lambda values=values, options=options: cv2.imencode(".avif", values, options)[1].tobytes(),
            pixels.astype(np.uint16) << 8,
            None if alpha is None else alpha.astype(np.uint16) << 8,
            5,
        )


def _heif_file(values: np.ndarray, mode: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    size = (values.shape[1], values.shape[0])
    pillow_heif.encode(mode, size, values.tobytes(), buffer, quality=90, **options)
    return buffer.getvalue()


def _heif() -> Iterator[Variant]:
    nclx = ("color_primaries", "transfer_characteristics", "matrix_coefficients", "full_range_flag")
    colours = {"p3": (12, 13, 6, 1), "pq": (9, 16, 9, 1), "hlg": (9, 18, 9, 0), "video": (1, 1, 1, 0)}
    for bits, mode, chroma in product((8, 10, 12), ("L", "RGB", "RGBA"), (420, 422, 444)):
        if mode == "L" and chroma != 420:
            continue
        pixels, alpha = GRAY if mode == "L" else PHOTO, ALPHA if mode == "RGBA" else None
        values = _joined(pixels, alpha)
        options: dict[str, Any] = {"chroma": chroma, "xmp": XMP, "exif": exif_block(1)}
        name = f"heif-{bits}-{mode}-{chroma}"
        if bits > 8:
            options["bit_depth"] = bits
            pixels, values = pixels.astype(np.uint16) << 8, values.astype("<u2") << 8
            alpha = None if alpha is None else alpha.astype(np.uint16) << 8
            mode += ";16"
        yield Variant(
            name, ".heic", lambda v=values, m=mode, o=options: _heif_file(v, m, **o), pixels, alpha, 5
        )
    for colour, numbers in colours.items():
        options = {"nclx_profile": dict(zip(nclx, numbers, strict=True)), "chroma": 444}
        yield Variant(
            f"heif-{colour}", ".heic", lambda o=options: _heif_file(PHOTO, "RGB", **o), PHOTO, None, 5
        )
    yield Variant("heif-icc", ".heic", lambda: _heif_file(PHOTO, "RGB", icc_profile=srgb()), PHOTO, None, 5)
    for turn in range(2, 9):
        options = {"exif": exif_block(turn), "chroma": 444}
        values = stored(PHOTO, turn)
        yield Variant(
            f"heif-turn-{turn}",
            ".heic",
            lambda v=values, o=options: _heif_file(v, "RGB", **o),
            PHOTO,
            None,
            5,
        )


def _bmp() -> Iterator[Variant]:
    for mode, dpi in product(("1", "L", "P", "RGB"), (None, (300, 150))):
        image = Image.fromarray(PHOTO).convert(mode)
        pixels = np.asarray(image.convert("RGB" if mode in ("P", "RGB") else "L")).reshape(96, 128, -1)
        options = {"dpi": dpi} if dpi else {}
        make = lambda image=image, options=options: file_of(image, "BMP", **options)  # noqa: E731
        yield Variant(f"bmp-{mode}-{'dpi' if dpi else 'bare'}", ".bmp", make, pixels)


def _jpeg() -> Iterator[Variant]:
    for sampling, progressive, quality in product((0, 1, 2), (False, True), (50, 80, 92, 95)):
        coding = {"quality": quality, "progressive": progressive, "subsampling": sampling}
        for kind in ("bare", "full"):
            name = f"jpeg-{sampling}-{'progressive' if progressive else 'baseline'}-{quality}-{kind}"
            more = {"comment": b"hello", "dpi": (300, 300)} if kind == "full" else {}
            yield _pillow(name, ".jpg", PHOTO, 10, **coding, **_blocks(kind), **more)
    for quality, progressive in product((80, 95), (False, True)):
        name = f"jpeg-gray-{quality}-{'progressive' if progressive else 'baseline'}"
        yield _pillow(name, ".jpg", GRAY, 6, quality=quality, progressive=progressive)
    for turn in range(2, 9):
        yield _pillow(f"jpeg-turn-{turn}", ".jpg", PHOTO, 6, quality=90, subsampling=0, turn=turn)
    for kind in ("icc_profile", "exif", "xmp"):
        yield _pillow(f"jpeg-{kind}", ".jpg", PHOTO, 6, quality=90, **_blocks(kind))
    yield _pillow("jpeg-restart", ".jpg", PHOTO, 6, quality=90, restart_marker_blocks=4)


def _tiff() -> Iterator[Variant]:
    """Of Pillow, with compressions and metadata."""
    modes = {"L": (GRAY, None), "RGB": (PHOTO, None), "RGBA": (PHOTO, ALPHA), "LA": (GRAY, ALPHA)}
    codings = (None, "packbits", "tiff_lzw", "tiff_adobe_deflate")
    for (mode, (pixels, alpha)), coding in product(modes.items(), codings):
        options: dict[str, Any] = {"compression": coding} if coding else {}
        options |= {"dpi": (300, 150), "description": "a face"}
        if mode != "LA":
            options |= {"icc_profile": srgb() if mode != "L" else gray_profile()}
        yield _pillow(f"tiff-{mode}-{coding}", ".tif", pixels, 0, alpha, **options)
    for turn in range(2, 9):
        values = stored(PHOTO, turn)
        make = lambda v=values, t=turn: file_of(Image.fromarray(v), "TIFF", tiffinfo={0x0112: t})  # noqa: E731
        yield Variant(f"tiff-turn-{turn}", ".tif", make, PHOTO)


def _tiff_plain() -> Iterator[Variant]:
    """Of tifffile, with sample formats and layouts."""
    for bits, kind, order in product((8, 16), ("gray", "rgb", "rgba"), ("<", ">")):
        pixels, alpha = GRAY if kind == "gray" else PHOTO, ALPHA if kind == "rgba" else None
        if bits == 16:
            pixels, alpha = deep(pixels), None if alpha is None else deep(alpha[..., None])[..., 0]
        values = _joined(pixels, alpha)
        photometric = "minisblack" if kind == "gray" else "rgb"
        for layout in ({}, {"tile": (32, 48)}, {"planarconfig": "separate"}, {"bigtiff": True}):
            if kind == "gray" and "planarconfig" in layout:
                continue
            options = dict(layout)
            big = options.pop("bigtiff", False)
            if alpha is not None:
                options["extrasamples"] = ["unassalpha"]
            values_of_file = np.moveaxis(values, 2, 0) if "planarconfig" in options else values

            def make(v=values_of_file, o=options, p=photometric, big=big, order=order) -> bytes:
                buffer = io.BytesIO()
                with tifffile.TiffWriter(buffer, bigtiff=big, byteorder=order) as writer:
                    writer.write(v, photometric=p, metadata=None, resolution=(300, 150), **o)
                return buffer.getvalue()

            layout_name = next(iter(layout), "strips")
            yield Variant(
                f"tiff-{bits}-{kind}-{'little' if order == '<' else 'big'}-{layout_name}",
                ".tif",
                make,
                pixels,
                alpha,
            )
