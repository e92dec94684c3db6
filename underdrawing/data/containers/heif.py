"""HEIF files, for which pillow-heif must be installed: it codes the pixels and writes the boxes."""

from __future__ import annotations

import io
import struct
from typing import Any, NamedTuple

import numpy as np

from underdrawing.core.errors import MissingExtraError, PictureError
from underdrawing.data.containers import avif, isobmff, shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Cicp, Picture

FORMAT = "HEIF"
SUFFIXES = (".heic", ".heif", ".hif")
INVENTORY = (
    Item("colour profile", "kept"),
    Item("colour code points (nclx)", "kept"),
    Item("10 or 12 bits", "kept"),
    Item("chroma subsampling", "kept"),
    Item("gray", "kept"),
    Item("alpha", "kept", "premultiplied colours are divided by it"),
    Item("EXIF", "kept", "with orientation 1; irot and imir alone turn the picture"),
    Item("XMP, other blocks of metadata", "kept"),
    Item("rotation, mirroring, clean aperture (irot, imir, clap)", "converted", "upright pixels"),
    Item("light levels, mastering display, surroundings, shape of pixels", "kept", "clli, mdcv, amve, pasp"),
    Item("other properties of the picture", "left out"),
    Item("grid of tiles", "converted", "one picture"),
    Item("thumbnail", "converted", "made anew"),
    Item("depth map, gain map, second pictures, sequence, video", "left out", "with what XMP says of them"),
    Item("sequence without a still picture", "left out", "refused"),
)
CARRIES = ("icc", "exif", "xmp", "cicp", "depth")
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_SEQUENCES = (b"hevc", b"hevx", b"msf1")
_DEFAULT_QUALITY = 90
_PRESET = "fast"
"""Of x265: half the time of its default, 3 % more bytes, no more error (astronaut, quality 90)."""
_DEEP_BITS = 10
"""Of 16-bit pictures from other containers; few decoders know 12 bits of HEVC."""
_UNUSABLE_MATRICES = (0, 2)
"""Identity (of RGB, as in PNG) and unspecified."""
_BT601 = 6
_HDR = (
    "pixel_aspect_ratio",
    "content_light_level",
    "mastering_display_colour_volume",
    "ambient_viewing_environment",
    "nominal_diffuse_white_luminance",
)
"""Names of pillow-heif of what is read and written again as it is."""
_KEPT = (b"pasp", b"clli", b"mdcv", b"amve", b"ndwt")


class Native(NamedTuple):
    """What only a HEIF can carry."""

    depth: int
    """8, 10 or 12 bits a channel."""
    chroma: int
    """420, 422 or 444."""
    hdr: dict[str, Any]
    metadata: tuple[dict[str, Any], ...]
    """Blocks other than EXIF and XMP, as pillow-heif gives them."""
    thumbnails_px: tuple[int, ...]
    """The longer sides of the thumbnails."""

    @property
    def names(self) -> tuple[str, ...]:
        names = [name.replace("_", " ") for name in self.hdr]
        return (*names, *(f"metadata block {block['type']}" for block in self.metadata))


def is_this(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def read(data: bytes, max_pixels: int) -> Picture:
    pillow_heif = _library()
    if data[8:12] in _SEQUENCES:
        raise PictureError(
            "it is an image sequence: animated pictures are not supported yet; expected one picture"
        )
    file = isobmff.parse(data)
    if file.coding == b"av01":  # of a general brand
        return avif.read(data[:8] + b"avif" + data[12:], max_pixels)
    heif = pillow_heif.open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    image = heif[heif.primary_index]
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(f"{width}x{height} is more than the {max_pixels / 1e6:.0f} megapixels allowed")
    gray = (file.primary.property(b"pixi") or bytes(5))[4] == 1
    pixels, alpha, depth = _pixels(image)
    size = (pixels.shape[1], pixels.shape[0])
    described = avif.metadata_of(file, gray, size)
    thumbnails = tuple(side for side in image.info.get("thumbnails", ()) if side)
    notes = [f"{name} left out" for name in file.left_out(_KEPT) if name != "thumbnail" or not thumbnails]
    notes += described.notes
    metadata = tuple(block for block in image.info.get("metadata", ()) if len(block["type"].encode()) == 4)
    if len(metadata) < len(image.info.get("metadata", ())):
        notes.append("a damaged block of metadata is left out")
    hdr = {name: image.info[name] for name in _HDR if name in image.info}
    if "pixel_aspect_ratio" in hdr and (file.primary.property(b"irot") or b"\0")[0] % 2:
        hdr["pixel_aspect_ratio"] = hdr["pixel_aspect_ratio"][::-1]
    chroma = image.info.get("chroma", 420)
    native = Native(depth, chroma, hdr, metadata, thumbnails)
    return Picture(
        pixels=pixels,
        alpha=alpha,
        gray=gray,
        format=FORMAT,
        icc=described.icc,
        exif=described.exif,
        xmp=described.xmp,
        cicp=file.cicp,
        native=native,
        notes=tuple(notes),
    )


def _pixels(image: Any) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Pixels (H, W, 3), alpha (H, W) or None, both uint8 or uint16, and bits a channel of the file."""
    values = np.asarray(image)
    depth = 8 if values.dtype == np.uint8 else int(image.mode.partition(";")[2])
    values = values.reshape(*values.shape[:2], -1)
    if depth > 8:
        values = shared.from_codes(values, depth)
    channels = image.mode.partition(";")[0]
    alpha = np.ascontiguousarray(values[..., -1]) if channels[-1] in "Aa" else None
    colors = values[..., :3] if values.shape[2] >= 3 else np.repeat(values[..., :1], 3, axis=2)
    if channels[-1] == "a":
        top = np.iinfo(values.dtype).max
        divided = colors.astype(np.uint32) * top // np.maximum(alpha, 1)[..., None]
        colors = np.minimum(divided, top).astype(values.dtype)
    return np.ascontiguousarray(colors), alpha, depth


def write(picture: Picture, quality: int | None) -> Written:
    pillow_heif = _library()
    notes = shared.lost(picture, FORMAT, CARRIES)
    native = picture.native if isinstance(picture.native, Native) else None
    options: dict[str, Any] = {
        "quality": _DEFAULT_QUALITY if quality is None else shared.checked_quality(quality)
    }
    options["chroma"] = native.chroma if native else 444
    options["enc_params"] = {"preset": _PRESET}
    colors = picture.pixels[..., :1] if picture.gray else picture.pixels
    values = colors if picture.alpha is None else np.dstack([colors, picture.alpha])
    mode = ("L" if picture.gray else "RGB") + ("" if picture.alpha is None else "A")
    if values.dtype == np.uint16:
        depth = native.depth if native else _DEEP_BITS
        if native is None:
            notes += (f"16 bits a channel became {depth}",)
        values = shared.to_codes(values, depth).astype("<u2") << (16 - depth)
        options["bit_depth"] = depth
        mode += ";16"
    blocks = {"icc_profile": fitting_icc(picture.icc, picture.gray), "exif": picture.exif, "xmp": picture.xmp}
    options |= {name: block for name, block in blocks.items() if block}
    if picture.cicp:
        options["nclx_profile"] = _nclx(picture.cicp)
    if native:
        options |= native.hdr | {"metadata": native.metadata, "thumbnails": native.thumbnails_px}
    buffer = io.BytesIO()
    size = (values.shape[1], values.shape[0])
    pillow_heif.encode(mode, size, np.ascontiguousarray(values).tobytes(), buffer, **options)
    data = buffer.getvalue()
    if picture.cicp and "icc_profile" in options:
        data = _with_nclx(data, options["nclx_profile"])
    return Written(data, FORMAT, notes)


def _with_nclx(data: bytes, nclx: dict[str, int]) -> bytes:
    """The file with code points beside its colour profile; the library writes one of them."""
    file = isobmff.parse(data)
    primaries, transfer, matrix, full_range = nclx.values()
    body = struct.pack(">4s3HB", b"nclx", primaries, transfer, matrix, full_range << 7)
    file.primary.properties.append(isobmff.Box(b"colr", body))
    others = [item for item in file.items.values() if item is not file.primary]
    return isobmff.item_file(file.ftyp, [file.primary, *others])


def _nclx(cicp: Cicp) -> dict[str, int]:
    return {
        "color_primaries": cicp.primaries,
        "transfer_characteristics": cicp.transfer,
        "matrix_coefficients": _BT601 if cicp.matrix in _UNUSABLE_MATRICES else cicp.matrix,
        "full_range_flag": int(cicp.full_range),
    }


def _library() -> Any:
    """pillow_heif. MissingExtraError where it is not installed."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("HEIC needs pillow-heif: pip install 'underdrawing[formats]'") from error
    return pillow_heif
