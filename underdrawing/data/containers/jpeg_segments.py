"""Segments of a JPEG file: where each begins and ends, and the bodies that span several of them.

    SOI  APP0 (JFIF)  APP1 (EXIF)  APP1 (XMP)  APP2 (ICC 1 of 3) ...  DQT  SOF  DHT  SOS  scan  EOI  rest

Sources: ITU-T T.81, annex B (markers); JFIF 1.02; EXIF 3.0, sec. 4.5.4; XMP part 3, sec. 1.1.3 (also for
Photoshop resources); ICC.1:2022, annex B.4; ISO 19566-5 (JUMBF).
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SOI, EOI, SOS, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDD, 0xFE
APP0, APP1, APP2, APP11, APP13, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE, 0xEF
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of frame headers (SOF); C4, C8 and CC are DHT, JPG and DAC."""
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
ARITHMETIC = frozenset(range(0xC9, 0xD0)) - {0xCC}
JFIF, JFXX, EXIF, XMP = b"JFIF\0", b"JFXX\0", b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP, ICC, MPF = b"http://ns.adobe.com/xmp/extension/\0", b"ICC_PROFILE\0", b"MPF\0"
PHOTOSHOP, ADOBE, JUMBF = b"Photoshop 3.0\0", b"Adobe", b"JP"
ROOM = 65533
"""Bytes that a segment holds."""
_WITHOUT_BODY = frozenset({0x01, SOI, EOI, *range(0xD0, 0xD8)})
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_IN_SCAN = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_GUID = re.compile(rb"(xmpNote:HasExtendedXMP\s*(?:=\s*[\"']|>\s*))([0-9A-Fa-f]{32})")
_POINTER = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
    b'xmpNote:HasExtendedXMP="' + bytes(32).replace(b"\0", b"0") + b'"/></rdf:RDF></x:xmpmeta>'
)
"""A standard packet that only names the extended one."""


class Segment(NamedTuple):
    """A marker with its body, without the two bytes of its length."""

    marker: int
    body: bytes

    def packed(self) -> bytes:
        """As in the file."""
        return struct.pack(">BBH", 0xFF, self.marker, len(self.body) + 2) + self.body


class Parsed(NamedTuple):
    """A JPEG picture in a file."""

    segments: tuple[Segment, ...]
    """Those before the first scan."""
    places: tuple[int, ...]
    """Position of each body in the file."""
    scan: int
    """Position of the first SOS marker; `end` without one."""
    scans: tuple[bytes, ...]
    """Bodies of all SOS segments."""
    end: int
    """Position behind the EOI marker, of the file where it has none."""
    complete: bool
    """Whether there is an EOI marker."""

    def bodies(self, marker: int, start: bytes) -> list[bytes]:
        """What follows `start` in the segments that begin with it."""
        return [
            body[len(start) :] for kind, body in self.segments if kind == marker and body.startswith(start)
        ]

    @property
    def frame(self) -> Segment | None:
        """The frame header."""
        return next((segment for segment in self.segments if segment.marker in FRAMES), None)


def parse(data: bytes, start: int = 0) -> Parsed:
    """The picture whose SOI marker stands at `start`. Bytes between segments are skipped."""
    segments, places, scans = [], [], []
    scan, at, complete = None, start + 2, False
    while found := (_MARKER if scan is None else _IN_SCAN).search(data, at):
        marker, at = found[1][0], found.end()
        if marker == EOI:
            complete = True
            break
        if marker in _WITHOUT_BODY:
            continue
        if at + 2 > len(data):
            break
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or at + length > len(data):
            if scan is None:
                break
            continue  # damaged bytes of a scan that look like a marker
        body = data[at + 2 : at + length]
        if marker == SOS:
            scan = found.start() if scan is None else scan
            scans.append(body)
        elif scan is None:
            segments.append(Segment(marker, body))
            places.append(at + 2)
        at += length
    end = at if complete else len(data)
    return Parsed(tuple(segments), tuple(places), end if scan is None else scan, tuple(scans), end, complete)


def pixels_only(data: bytes, parsed: Parsed) -> bytes:
    """The file with no more than its decoder needs; damage in what is left out cannot disturb it."""
    kept = [segment for segment in parsed.segments if not _is_metadata(segment)]
    tail = data[parsed.scan : parsed.end] + (b"" if parsed.complete else bytes([0xFF, EOI]))
    return bytes([0xFF, SOI]) + b"".join(segment.packed() for segment in kept) + tail


def _is_metadata(segment: Segment) -> bool:
    marker, body = segment
    if marker == COM:
        return True
    if not APP0 <= marker <= APP15:
        return False
    needed = {APP0: (JFIF,), APP2: (ICC,), APP14: (ADOBE,)}.get(marker, ())
    return not body.startswith(tuple(needed))


def with_segments(data: bytes, segments: Iterable[Segment]) -> bytes:
    """A JPEG file with other application segments and comments."""
    parsed = parse(data)
    own = [segment for segment in parsed.segments if not APP0 <= segment.marker <= APP15]
    head = b"".join(segment.packed() for segment in [*segments, *own])
    return bytes([0xFF, SOI]) + head + data[parsed.scan : parsed.end]


def split(marker: int, start: bytes, body: bytes) -> Iterator[Segment]:
    """A body in as many segments as it needs, each beginning with `start`."""
    room = ROOM - len(start)
    for at in range(0, len(body), room):
        yield Segment(marker, start + body[at : at + room])


# ---- colour profile


def joined_icc(bodies: list[bytes]) -> bytes | None:
    """The profile from bodies that begin with number and count; None where one is missing."""
    numbered = {body[0]: body[2:] for body in bodies if len(body) >= 2}
    counts = {body[1] for body in bodies if len(body) >= 2}
    if len(counts) != 1 or set(numbered) != set(range(1, max(counts) + 1)):
        return None
    return b"".join(numbered[number] for number in sorted(numbered))


def split_icc(icc: bytes) -> Iterator[Segment]:
    """The segments of a profile of up to 255 segments."""
    room = ROOM - len(ICC) - 2
    parts = [icc[at : at + room] for at in range(0, len(icc), room)]
    for number, part in enumerate(parts, 1):
        yield Segment(APP2, ICC + bytes([number, len(parts)]) + part)


# ---- XMP


def joined_extended_xmp(standard: bytes, bodies: list[bytes]) -> bytes | None:
    """The extended packet that the standard one names by its MD5; None where it is not whole."""
    found = _GUID.search(standard)
    if found is None:
        return None
    parts = [body for body in bodies if body[:32] == found[2] and len(body) >= 40]
    placed = {struct.unpack_from(">I", body, 36)[0]: body[40:] for body in parts}
    joined = b"".join(placed[at] for at in sorted(placed))
    return joined if hashlib.md5(joined).hexdigest().upper().encode() == found[2] else None


def split_xmp(standard: bytes, extended: bytes | None = None) -> Iterator[Segment]:
    """The segments of a packet; what does not fit into one becomes an extended packet."""
    if extended is None and len(XMP) + len(standard) > ROOM:
        extended, standard = standard, _POINTER
    if extended is not None:
        guid = hashlib.md5(extended).hexdigest().upper().encode()
        standard = _GUID.sub(rb"\g<1>" + guid, standard)
    yield Segment(APP1, XMP + standard)
    if extended is not None:
        head = EXTENDED_XMP + guid + struct.pack(">I", len(extended))
        room = ROOM - len(head) - 4
        for at in range(0, len(extended), room):
            yield Segment(APP1, head + struct.pack(">I", at) + extended[at : at + room])


# ---- Content Credentials


def content_credentials(segments: Iterable[Segment]) -> set[Segment]:
    """The segments of C2PA manifest stores. A box that spans several segments has one number in all."""
    boxes = [segment for segment in segments if segment.marker == APP11 and segment.body.startswith(JUMBF)]
    stores = {segment.body[2:4] for segment in boxes if b"jumdc2pa" in segment.body[:64]}
    return {segment for segment in boxes if segment.body[2:4] in stores}
