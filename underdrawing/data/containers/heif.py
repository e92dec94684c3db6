"""HEIF files, for which pillow-heif must be installed."""

from __future__ import annotations

from underdrawing.core.errors import MissingExtraError
from underdrawing.data.containers import shared
from underdrawing.data.containers.interface import Item, Written
from underdrawing.data.metadata import fitting_icc
from underdrawing.data.picture import Picture

FORMAT = "HEIF"
SUFFIXES = (".heic", ".heif", ".hif")
INVENTORY = (
    Item("colour profile", "kept"),
    Item("EXIF", "kept"),
    Item("XMP", "kept"),
)
_CARRIES: tuple[str, ...] = ("icc", "exif", "xmp")
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_DEFAULT_QUALITY = 90


def is_this(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def read(data: bytes, max_pixels: int) -> Picture:
    _register()
    return shared.read_by_pillow(data, FORMAT, max_pixels)


def write(picture: Picture, quality: int | None) -> Written:
    notes = shared.lost(picture, FORMAT, _CARRIES)
    _register()
    quality = _DEFAULT_QUALITY if quality is None else shared.checked_quality(quality)
    blocks = {"icc_profile": fitting_icc(picture.icc, False), "exif": picture.exif, "xmp": picture.xmp}
    options = {"quality": quality, "chroma": 444} | {name: block for name, block in blocks.items() if block}
    image = shared.image_of(picture, alpha=True, gray=False)
    return Written(shared.written_by_pillow(image, FORMAT, options), FORMAT, notes)


def _register() -> None:
    """Register the HEIF plugin of Pillow. MissingExtraError where pillow-heif is not installed."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingExtraError("HEIC needs pillow-heif: pip install 'underdrawing[formats]'") from error
    pillow_heif.register_heif_opener()
