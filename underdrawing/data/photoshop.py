"""Photoshop image resources, among which files carry IPTC: "8BIM", number, name, length and bytes of each.

Source: Adobe Photoshop File Formats Specification, Image Resource Blocks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_SIGNATURE = b"8BIM"
_IPTC = 0x0404
_THUMBNAILS = (0x0409, 0x040C)


class _Resource(NamedTuple):
    number: int
    start: int
    body: int
    """Where its bytes start."""
    length: int
    end: int
    """With padding."""


def with_iptc(record: bytes, resources: bytes = b"") -> bytes:
    """The resources with an IPTC record, unless they have one."""
    if iptc_of(resources):
        return resources
    head = struct.pack(">4sHHI", _SIGNATURE, _IPTC, 0, len(record))
    return resources + head + record + bytes(len(record) % 2)


def iptc_of(resources: bytes) -> bytes | None:
    """The IPTC record; None without one."""
    found = (each for each in _resources(resources) if each.number == _IPTC)
    return next((resources[each.body : each.body + each.length] for each in found), None) or None


def without_thumbnails(resources: bytes) -> bytes:
    """The resources without the small picture, for a picture that was turned."""
    kept, at = b"", 0
    for each in _resources(resources):
        at = each.end
        if each.number not in _THUMBNAILS:
            kept += resources[each.start : at]
    return kept + resources[at:]


def _resources(data: bytes) -> Iterator[_Resource]:
    """Up to the first that is damaged or of another signature."""
    at = 0
    while data[at : at + 4] == _SIGNATURE and at + 7 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        size = at + 6 + (data[at + 6] + 2) // 2 * 2
        if size + 4 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, size)
        end = size + 4 + length + length % 2
        yield _Resource(number, at, size + 4, length, end)
        at = end
