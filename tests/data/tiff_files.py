"""TIFF files for tests: what tifffile and Pillow write, and directories of any tags."""

import io
import struct
from pathlib import Path

import numpy as np
import tifffile
from hostile_files import PHOTO, file_of, photo, srgb
from PIL import Image

from underdrawing.data.containers.tiff import tags
from underdrawing.data.containers.tiff.tags import Tag, longs, octets, shorts
from underdrawing.data.pictures import Picture, encode_picture

IPTC = b"\x1c\x02\x50\0\x02Me"
RESOURCES = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + b"\0"
LOW_BITS = np.random.default_rng(0).integers(0, 257, PHOTO.shape)
DEEP = np.clip(PHOTO.astype(int) * 257 + LOW_BITS - 128, 0, 65535).astype(np.uint16)
RAMP = np.tile(np.linspace(0, 255, PHOTO.shape[1]).astype(np.uint8), (len(PHOTO), 1))


def by_tifffile(values: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def of_tags(*own: Tag, strip: bytes = b"", order: str = "<") -> bytes:
    """A file with one strip and these tags; of a tag that is given twice the last counts."""
    found = {tag.id: tag for tag in (longs(273, [8]), longs(279, [len(strip)]), *own)}
    strip += bytes(len(strip) % 2)
    at = 8 + len(strip)
    return tags.header(order, at) + strip + tags.directory(list(found.values()), at, order)


def gray_tags(width: int, height: int, bits: int = 8) -> tuple[Tag, ...]:
    return longs(256, [width]), longs(257, [height]), shorts(258, bits), shorts(262, 1)


def kinds() -> dict[str, tuple[bytes, np.ndarray]]:
    """Files of every arrangement, and the pixels that they show."""
    found = {}
    for pixels in (PHOTO, DEEP):
        bits, limit = 8 * pixels.itemsize, np.iinfo(pixels.dtype).max
        gray, shown = pixels[..., 0], np.repeat(pixels[..., :1], 3, axis=2)
        for order in "<>":
            for options in (
                {},
                {"tile": (32, 48)},
                {"compression": "zlib", "predictor": True, "rowsperstrip": 7},
            ):
                name = f"{bits} bits {order} {' '.join(options)}"
                options = options | {"byteorder": order}
                planes = np.moveaxis(pixels, 2, 0)
                found |= {
                    f"RGB {name}": (by_tifffile(pixels, photometric="rgb", **options), pixels),
                    f"planar {name}": (
                        by_tifffile(planes, photometric="rgb", planarconfig="separate", **options), pixels
                    ),
                    f"gray {name}": (by_tifffile(gray, **options), shown),
                    f"WhiteIsZero {name}": (
                        by_tifffile(limit - gray, photometric="miniswhite", **options), shown
                    ),
                }  # fmt: skip
        found[f"BigTIFF {bits} bits"] = by_tifffile(pixels, bigtiff=True), pixels
    for compression in ("tiff_lzw", "packbits", "zstd", "lzma"):
        found[compression] = file_of(photo(), "TIFF", compression=compression), PHOTO
    for compression in (None, "group3", "group4", "tiff_ccitt"):
        image = photo().convert("1")
        black_white = np.asarray(image.convert("RGB"))
        found[f"1 bit {compression}"] = file_of(image, "TIFF", compression=compression), black_white
    palette = photo().convert("P")
    found["palette"] = file_of(palette, "TIFF"), np.asarray(palette.convert("RGB"))
    jpeg = file_of(photo(), "TIFF", compression="jpeg")
    with Image.open(io.BytesIO(jpeg)) as image:
        found["JPEG"] = jpeg, np.asarray(image)
    return found


def with_extra_samples(pixels: np.ndarray, *names: str) -> bytes:
    """RGB with further samples: a ramp, then red, then green; colours are multiplied by associated alpha."""
    limit = np.iinfo(pixels.dtype).max
    ramp = RAMP.astype(pixels.dtype) * (limit // 255)
    colours = pixels
    if names[0] == "assocalpha":
        colours = ((pixels.astype(np.uint64) * ramp[..., None] + limit // 2) // limit).astype(pixels.dtype)
    samples = [ramp, pixels[..., 0], pixels[..., 1]][: len(names)]
    return by_tifffile(np.dstack([colours, *samples]), photometric="rgb", extrasamples=list(names))


def written(picture: Picture) -> bytes:
    return encode_picture(picture, Path("a.tif")).data


def page_of(data: bytes) -> tifffile.TiffPage:
    return tifffile.TiffFile(io.BytesIO(data)).pages[0]


def value(data: bytes, tag: int):
    found = page_of(data).tags.get(tag)
    return None if found is None else found.value


def described(order: str = "<", turn: int = 1) -> bytes:
    """A TIFF with every sort of tag."""
    maker_note = octets(37500, b"maker's note")
    interoperability = tags.Subdirectory(40965, [Tag(1, tags.ASCII, 4, b"R98\0")])
    exif = tags.Subdirectory(
        34665, [Tag(33434, tags.RATIONAL, 1, struct.pack("<II", 1, 250)), maker_note, interoperability]
    )
    gps = tags.Subdirectory(34853, [Tag(1, tags.ASCII, 2, b"N\0")])
    own = [
        Tag(id, tags.ASCII, 5, b"abcd\0")
        for id in (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 42112)
    ]
    own += [
        Tag(282, tags.RATIONAL, 1, struct.pack("<II", 300, 1)),
        Tag(283, tags.RATIONAL, 1, struct.pack("<II", 150, 1)),
    ]
    own += [
        shorts(296, 3),
        octets(700, b"<x:xmpmeta/>", tags.BYTE),
        octets(33723, IPTC),
        octets(34377, RESOURCES),
    ]
    own += [
        octets(34675, srgb()),
        Tag(33550, 12, 3, struct.pack("<3d", 1, 1, 0)),
        Tag(65001, tags.SHORT, 3, b"\1\0\2\0\3\0"),
    ]
    own += [octets(37724, b"layers"), Tag(65002, 13, 1, b"\x08\0\0\0")]
    layout = [longs(256, [128]), longs(257, [96]), shorts(258, 8, 8, 8), shorts(262, 2), shorts(277, 3)]
    return of_tags(*own, exif, gps, *layout, shorts(274, turn), strip=PHOTO.tobytes(), order=order)


def _loop() -> bytes:
    data = bytearray(by_tifffile(PHOTO[..., 0]))
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    struct.pack_into("<I", data, at + 2 + 12 * count, at)
    return bytes(data)


def _many_tags() -> bytes:
    own = [*gray_tags(4, 4), *(shorts(id, 1) for id in range(40_000, 45_000))]
    return of_tags(*own, strip=bytes(16))


def _many_pages() -> bytes:
    """Directories that overlap, each four bytes behind the last one."""
    count = 20_000
    body = b"".join(struct.pack("<HI", 0, 8 + 6 * (n + 1)) for n in range(count))
    return tags.header("<", 8) + body


READ_ANYWAY = {"loop of directories": _loop}
HOSTILE = {
    "no directory": (lambda: tags.header("<", 1 << 30), "beyond the end"),
    "no tags": (lambda: of_tags(), "without width"),
    "too many tags": (_many_tags, "tags; at most"),
    "too many pages": (_many_pages, "pages or more|without width"),
    "giant": (lambda: of_tags(*gray_tags(1 << 20, 1 << 20), strip=bytes(9)), "megapixels"),
    "no strips": (lambda: of_tags(*gray_tags(4, 4), longs(273, []), longs(279, [])), "cut short"),
    "strip beyond the end": (lambda: of_tags(*gray_tags(4, 4), longs(273, [1 << 30])), "beyond the end"),
    "strip too short": (lambda: of_tags(*gray_tags(400, 400), strip=bytes(9)), "cut short|beyond the end"),
    "bomb": (
        lambda: of_tags(*gray_tags(9_999, 9_999), shorts(259, 8), strip=b"\x78\x9c" + bytes(90)), "cut short",
    ),
    "tiles of nothing": (lambda: of_tags(*gray_tags(4, 4), shorts(322, 0), shorts(323, 0)), "tiles of 0x0"),
    "giant tile": (
        lambda: of_tags(*gray_tags(4, 4), longs(322, [1 << 19]), longs(323, [1 << 19]), strip=bytes(9)),
        "tiles of",
    ),
    "sixty-five samples": (lambda: of_tags(*gray_tags(4, 4), shorts(277, 65)), "65 samples"),
    "tiny strips": (
        lambda: of_tags(*gray_tags(1, 9_000_000), longs(278, [1]), strip=bytes(9)), "strips or tiles",
    ),
}  # fmt: skip
REFUSED = {
    "two pages": (lambda: by_tifffile(np.stack([PHOTO, PHOTO]), photometric="rgb"), "2 pages"),
    "float": (lambda: by_tifffile(PHOTO[..., 0].astype(np.float32)), "floating-point"),
    "signed": (lambda: by_tifffile(DEEP[..., 0].astype(np.int16)), "signed"),
    "32 bits": (lambda: by_tifffile(DEEP[..., 0].astype(np.uint32)), "32 bits a sample"),
    "raw": (lambda: of_tags(*gray_tags(4, 4), shorts(262, 32803), strip=bytes(16)), "raw sensor data"),
    "CR2": (lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "Canon"),
    "CMYK": (lambda: file_of(photo().convert("CMYK"), "TIFF"), "CMYK without a colour profile"),
    "LERC": (lambda: of_tags(*gray_tags(4, 4), shorts(259, 34887), strip=bytes(16)), "LERC compression"),
    "old JPEG": (lambda: of_tags(*gray_tags(4, 4), shorts(259, 6), strip=bytes(16)), "old-style JPEG"),
    "unknown": (lambda: of_tags(*gray_tags(4, 4), shorts(259, 999), strip=bytes(16)), "number 999"),
}
