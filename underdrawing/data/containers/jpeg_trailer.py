"""What stands behind the picture in a JPEG file: gain map, further pictures, motion video.

    primary picture (MPF index, XMP) | gain map or preview (JPEG) ... | video or anything else

Readers find these parts by the MPF index, by lengths in XMP, or by distances from the end of the file. The
parts stay in their order and byte for byte, so only the index changes; where they are turned with the
picture, their lengths change too. Sources: CIPA DC-007 (MPF); Ultra HDR image format 1.1; Motion Photo
format 1.0.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from underdrawing.data.containers.jpeg_segments import parse
from underdrawing.data.xmp import without_namespace, without_property

_JPEG = b"\xff\xd8\xff"
_PADDED = re.compile(rb"\0*(?=\xff\xd8\xff)")
_MOST_PICTURES = 64
"""That are told apart; what stands behind them is kept as the rest."""
_MP_ENTRY = 0xB002
_GAIN_MAP = (b"hdr-gain-map", b"urn:iso:std:iso:ts:21496", b"hdrgainmap")
_VIDEO = (b"ftyp", b"MotionPhoto_Data")
_HDR, _CAMERA, _CONTAINER = (
    b"http://ns.adobe.com/hdr-gain-map/1.0/",
    b"http://ns.google.com/photos/1.0/camera/",
    b"http://ns.google.com/photos/1.0/container/",
)
_MOST_PREFIXES = 8
"""Of one namespace in a packet; programs write one."""
_PROMISES = ((_HDR, rb"\w+"), (_CAMERA, rb"(?:MicroVideo|MotionPhoto)\w*"), (_CONTAINER, rb"Directory"))
"""Properties that promise a part of the file, by namespace."""


def parts_of(trailer: bytes) -> list[bytes]:
    """The JPEG pictures at the start of the trailer, the padding before each, and the rest; joined, they are
    the trailer."""
    parts, at = [], 0
    for _ in range(_MOST_PICTURES):
        start = _PADDED.match(trailer, at)
        parsed = parse(trailer, start.end()) if start else None
        if start is None or parsed is None or not parsed.complete:
            break
        parts += [trailer[at : start.end()]] if start.end() > at else []
        parts.append(trailer[start.end() : parsed.end])
        at = parsed.end
    return [*parts, trailer[at:]] if at < len(trailer) else parts


def is_picture(part: bytes) -> bool:
    return part.startswith(_JPEG)


def names_of(parts: Sequence[bytes], primary_head: bytes) -> tuple[str, ...]:
    """What the parts are, each kind once. primary_head: of the file, where a gain map is promised."""
    gain_map = any(mark in primary_head for mark in _GAIN_MAP)
    names = []
    for part in parts:
        if is_picture(part):
            names.append("gain map" if gain_map else "further picture of the file")
        elif any(mark in part for mark in _VIDEO):
            names.append("motion video")
        elif part.strip(b"\0"):
            names.append("data behind the picture")
    return tuple(dict.fromkeys(names))


def without_promises(xmp: bytes) -> bytes:
    """The packet without properties that promise gain map, video or container items."""
    for namespace, name in _PROMISES:
        declared = re.findall(rb"xmlns:(\w+)\s*=\s*[\"']" + re.escape(namespace) + rb"[\"']", xmp)
        for prefix in list(dict.fromkeys(declared))[:_MOST_PREFIXES]:
            without = without_property(xmp, prefix + b":" + name)
            xmp = xmp if without == xmp else without_namespace(without, prefix)
    return xmp


def with_lengths(xmp: bytes, old: Sequence[bytes], new: Sequence[bytes]) -> bytes:
    """The packet with the lengths of parts that were turned."""
    for before, after in zip(old, new, strict=True):
        if len(before) != len(after):
            pattern = rb"(:Length\s*(?:=\s*[\"']|>\s*))%d(?=\s*[\"'<])" % len(before)
            xmp = re.sub(pattern, rb"\g<1>%d" % len(after), xmp)
    return xmp


class Index:
    """The MPF index of a file: sizes and positions of its pictures. The first one is the primary picture."""

    def __init__(self, body: bytes):
        """body: of the segment, behind "MPF". ValueError where it is damaged."""
        self.body = bytearray(body)
        self.order = {b"II*\0": "<", b"MM\0*": ">"}.get(body[:4], "")
        self.start, self.count = self._entries() if self.order else (0, 0)
        if not self.count:
            raise ValueError("no MPF index")

    def _entries(self) -> tuple[int, int]:
        """Position and number of the entries of 16 bytes."""
        try:
            (directory,) = struct.unpack_from(self.order + "I", self.body, 4)
            (count,) = struct.unpack_from(self.order + "H", self.body, directory)
            for at in range(directory + 2, directory + 2 + 12 * count, 12):
                tag, _, length, start = struct.unpack_from(self.order + "HHII", self.body, at)
                if tag == _MP_ENTRY and start + length <= len(self.body):
                    return start, length // 16
        except struct.error:
            pass
        return 0, 0

    def entry(self, number: int) -> tuple[int, int]:
        """Size, and position from the byte behind "MPF" on."""
        return struct.unpack_from(self.order + "II", self.body, self.start + 16 * number + 4)

    def set_entry(self, number: int, size: int, position: int) -> None:
        struct.pack_into(self.order + "II", self.body, self.start + 16 * number + 4, size, position)

    def relative(self, end: int, old: Sequence[bytes], new: Sequence[bytes]) -> Index:
        """The index with positions from the end of the primary picture, for the new parts.

        end: of the primary picture, from the byte behind "MPF" on. ValueError where an entry is in none of
        the old parts, or within one that was turned.
        """
        moved = Index(bytes(self.body))
        for number in range(1, self.count):
            size, position = self.entry(number)
            at, new_at = end, 0
            for before, after in zip(old, new, strict=True):
                if at <= position < at + len(before):
                    turned = before is not after and before != after
                    if turned and position != at:
                        raise ValueError("an entry within a part")
                    moved.set_entry(number, len(after) if turned else size, new_at + position - at)
                    break
                at, new_at = at + len(before), new_at + len(after)
            else:
                raise ValueError("an entry outside of the file")
        return moved

    def placed(self, primary: int, end: int) -> bytes:
        """The body of the index in a file. primary: bytes of the primary picture; end: as in `relative`."""
        placed = Index(bytes(self.body))
        placed.set_entry(0, primary, 0)
        for number in range(1, self.count):
            size, position = self.entry(number)
            placed.set_entry(number, size, position + end)
        return bytes(placed.body)
