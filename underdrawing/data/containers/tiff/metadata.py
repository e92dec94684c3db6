"""Tags of a TIFF page that describe the picture -> fields of Picture, and back.

In memory they are an EXIF block, as other containers carry it. In a TIFF file that block stands at the start:
its header is the file's, and its directories of EXIF and GPS stay where they are, so that offsets in maker
notes, which count from there, still fit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from underdrawing.core.errors import PictureError
from underdrawing.data.containers.tiff import tags
from underdrawing.data.containers.tiff.native import TiffNative
from underdrawing.data.containers.tiff.tags import Directory, File, Subdirectory, Tag
from underdrawing.data.exif import HEADER, orientation, upright_exif
from underdrawing.data.photoshop import iptc_of, with_iptc, without_thumbnails
from underdrawing.data.picture import Picture, Resolution
from underdrawing.data.xmp import upright_xmp

XMP, IPTC, PHOTOSHOP, ICC, ORIENTATION = 700, 33723, 34377, 34675, 274
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_IN_FIELDS = (XMP, IPTC, PHOTOSHOP, ICC)
"""That are fields of Picture of their own."""
_LAYOUT = frozenset((
    *range(254, 260), *range(262, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 317, 320, 321,
    *range(322, 329), 330, *range(332, 342), 343, 347, 351, 400, *range(512, 522), 529, 530, 531, 532, 559,
    *range(32995, 32999),
))  # fmt: skip
"""That describe how the pixels are stored, and are written for the new ones."""
_IN_EXIF = frozenset((
    269, 270, 271, 272, 282, 283, 285, 296, 297, 305, 306, 315, 316, 18246, 18249, 33432, 36867, 36868,
    40091, 40092, 40093, 40094, 40095, 50341, ORIENTATION,
))  # fmt: skip
"""That have a place in EXIF."""
_OF_PIXELS = frozenset((33550, 33920, 33922, 34264))
"""That map pixels to the ground, wrong once the picture is turned."""
_LEFT_OUT = {37724: "Photoshop layers", 37439: "Photoshop layers", 50255: "Photoshop annotations"}
"""That hold other renditions of the picture."""
_CREDENTIALS = 52545
_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_INCH = 2
_UNITS = {1: "aspect", _INCH: "inch", 3: "cm"}
_NAMED = 8
"""Tags that a note lists."""
_MAX_VALUE_BYTES = 1 << 24
_MAX_VALUES_BYTES = 1 << 26


class Description(NamedTuple):
    """What the tags of a page state about the picture."""

    turn: int
    """Orientation of the stored pixels, 1..8; the other fields are for the upright picture."""
    exif: bytes | None
    """A block as other containers hold it."""
    xmp: bytes | None
    iptc: bytes | None
    """Photoshop image resources, with the IPTC record of the page among them."""
    resolution: Resolution | None
    iptc_tags: tuple[int, ...]
    """Of IPTC and PHOTOSHOP, those that the page has."""
    tags: tuple[Tag, ...]
    """The others."""
    notes: tuple[str, ...]


class _Lost:
    """Tags that are not copied, and why."""

    def __init__(self) -> None:
        self.damaged: list[int] = []
        self.pointers: list[int] = []

    @property
    def notes(self) -> list[str]:
        reasons = {
            "they are damaged or of an unknown type": self.damaged,
            "they point into the file, or are too large": self.pointers,
        }
        return [f"TIFF tags {_listed(ids)} left out: {reason}" for reason, ids in reasons.items() if ids]


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:_NAMED])) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")


def read_description(page: Directory, size: tuple[int, int]) -> Description:
    """size: width and height of the stored pixels. What is damaged or too large is left out and named."""
    lost = _Lost()
    found = {tag.id: tag for tag in _tags(page, lost, skipped=_LAYOUT - {ORIENTATION})}
    inner = [each for id in (_EXIF, _GPS) if (each := _subdirectory(page, id, lost))]
    xmp = found[XMP].value.rstrip(b"\0") if XMP in found else None
    turn = orientation(_block([found[ORIENTATION]], page) if ORIENTATION in found else None, xmp)
    size = size if turn < 5 else size[::-1]
    found.pop(ORIENTATION, None)
    if turn > 4 and {_X_RESOLUTION, _Y_RESOLUTION} <= set(found):
        x, y = found[_X_RESOLUTION], found[_Y_RESOLUTION]
        found |= {x.id: y._replace(id=x.id), y.id: x._replace(id=y.id)}
    own = [tag for id, tag in found.items() if id in _IN_EXIF]
    needed = inner or {tag.id for tag in own} - {_X_RESOLUTION, _Y_RESOLUTION, _UNIT}
    others = [tag for id, tag in found.items() if id not in (*_IN_EXIF, *_IN_FIELDS)]
    notes = [f"{name} left out" for name in sorted({_LEFT_OUT[id] for id in _LEFT_OUT if id in page.fields})]
    if turn > 1 and any(tag.id in _OF_PIXELS for tag in others):
        others = [tag for tag in others if tag.id not in _OF_PIXELS]
        notes.append("the place on the ground (GeoTIFF) left out, as the picture was turned upright")
    return Description(
        turn=turn,
        exif=upright_exif(_block([*own, *inner], page), size, turn) if needed else None,
        xmp=upright_xmp(xmp, size),
        iptc=_resources(page, found, turn),
        resolution=_resolution(found),
        iptc_tags=tuple(id for id in (IPTC, PHOTOSHOP) if id in found),
        tags=tuple(others),
        notes=(*notes, *lost.notes),
    )


def _block(own: Sequence[Tag | Subdirectory], page: Directory) -> bytes:
    """An EXIF block."""
    order = page.file.order
    return HEADER + tags.header(order, 8) + tags.directory(own, 8, order)


def _tags(page: Directory, lost: _Lost, skipped: Iterable[int] = ()) -> list[Tag]:
    """Tags of a directory that can be copied."""
    found, total = [], 0
    for id, field in page.fields.items():
        if id in skipped or id in (*_LEFT_OUT, _EXIF, _GPS, _INTEROPERABILITY, _CREDENTIALS):
            continue
        size = page.size_bytes(id)
        if field.kind not in tags.PLAIN or size > _MAX_VALUE_BYTES or total + size > _MAX_VALUES_BYTES:
            lost.pointers.append(id)
            continue
        total += size
        tag = page.tag(id)
        if _is_sound(tag):
            found.append(tag)
        else:
            lost.damaged.append(id)
    lost.damaged += page.damaged
    return found


def _is_sound(tag: Tag) -> bool:
    """False for a resolution of another type or of zero, at which readers refuse the whole file."""
    if tag.id in (_X_RESOLUTION, _Y_RESOLUTION):
        return (tag.kind, tag.count) == (tags.RATIONAL, 1) and all(struct.unpack("<II", tag.value))
    return tag.id != _UNIT or ((tag.kind, tag.count) == (tags.SHORT, 1) and tag.value[0] in _UNITS)


def _subdirectory(page: Directory, id: int, lost: _Lost) -> Subdirectory | None:
    at = page.number(id, 0)
    if not at:
        return None
    try:
        inner = Directory(page.file, at)
    except PictureError:
        lost.damaged.append(id)
        return None
    found: list[Tag | Subdirectory] = [*_tags(inner, lost)]
    if id == _EXIF and (more := _subdirectory(inner, _INTEROPERABILITY, lost)):
        found.append(more)
    return Subdirectory(id, found) if found else None


def _resources(page: Directory, found: dict[int, Tag], turn: int) -> bytes | None:
    """Photoshop image resources with the IPTC of the page."""
    resources = found[PHOTOSHOP].value if PHOTOSHOP in found else b""
    resources = resources if turn == 1 else without_thumbnails(resources)
    if IPTC in found:  # bytes, also where the type is LONG
        resources = with_iptc(page.raw(IPTC) or b"", resources)
    return resources or None


def _resolution(found: dict[int, Tag]) -> Resolution | None:
    if not {_X_RESOLUTION, _Y_RESOLUTION} <= set(found):
        return None
    x, y = (struct.unpack("<II", found[id].value) for id in (_X_RESOLUTION, _Y_RESOLUTION))
    unit = found[_UNIT].value[0] if _UNIT in found else _INCH
    return Resolution(x[0] / x[1], y[0] / y[1], _UNITS[unit])


class Start(NamedTuple):
    """The start of a file, and the tags of its page that stand for fields of Picture."""

    order: str
    head: bytearray
    """The header, whose offset of the first directory is to be set, and what the tags point to."""
    tags: list[Tag]
    notes: tuple[str, ...]


def written_description(picture: Picture, native: TiffNative) -> Start:
    """native: what Picture has no fields for; its byte order is taken where no EXIF decides."""
    block = (picture.exif or b"").removeprefix(HEADER)
    found: dict[int, Tag] = {tag.id: tag for tag in native.tags}
    order = native.order
    head = bytearray(tags.header(order, 0))
    try:
        file = File(block)
        page = Directory(file, file.first)
    except PictureError:
        page = None
    notes: tuple[str, ...] = ()
    if page is not None:
        order, head = page.file.order, bytearray(block)
        if _clear_thumbnail(head, page):
            notes = ("EXIF thumbnail left out: TIFF files are written without",)
        found |= {tag.id: tag for tag in _tags(page, _Lost(), skipped=(*_LAYOUT, *_IN_FIELDS))}
        found |= {id: tags.longs(id, [at]) for id in (_EXIF, _GPS) if (at := _directory_at(page, id))}
    if picture.xmp:
        found[XMP] = tags.octets(XMP, picture.xmp, tags.BYTE)
    values = {PHOTOSHOP: picture.iptc, IPTC: iptc_of(picture.iptc or b"")}
    for id, value in values.items():
        if value and id in native.iptc_tags:
            found[id] = tags.octets(id, value, tags.BYTE)
    if picture.resolution and not {_X_RESOLUTION, _Y_RESOLUTION} <= set(found):
        found |= {tag.id: tag for tag in _resolution_tags(picture.resolution)}
    return Start(order, head + bytes(len(head) % 2), list(found.values()), notes)


def _directory_at(page: Directory, id: int) -> int:
    """Where the directory is that a tag points to; 0 for none."""
    at = page.number(id, 0)
    try:
        return at if at and Directory(page.file, at).fields else 0
    except PictureError:
        return 0


def _clear_thumbnail(head: bytearray, page: Directory) -> bool:
    """Overwrite the thumbnail of an EXIF block by zeros, as nothing points to it. False without one."""
    if not page.next:
        return False
    try:
        second = Directory(page.file, page.next)
    except PictureError:
        return False
    start, size = second.number(513, 0), second.number(514, 0)
    if 8 < start <= start + size <= len(head):
        head[start : start + size] = bytes(size)
    return size > 0


def _resolution_tags(resolution: Resolution) -> list[Tag]:
    unit = next((code for code, name in _UNITS.items() if name == resolution.unit), 1)
    found = [tags.shorts(_UNIT, unit)]
    for id, value in ((_X_RESOLUTION, resolution.x), (_Y_RESOLUTION, resolution.y)):
        ratio = Fraction(value).limit_denominator(10000)
        packed = struct.pack("<II", min(ratio.numerator, 0xFFFFFFFF), ratio.denominator)
        found.append(Tag(id, tags.RATIONAL, 1, packed))
    return found
