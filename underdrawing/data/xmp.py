"""XMP packets: orientation, recorded sizes, and promises that a rewritten file does not keep.

Packets are edited as text, so that whatever else is in them stays byte for byte. A property is written as an
attribute (tiff:Orientation="6") or as an element (<tiff:Orientation>6</tiff:Orientation>).
"""

from __future__ import annotations

import re

_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))([1-8])(?=\s*[\"'<])")
_SIZES = {
    name: re.compile(rb"(\b" + name + rb"\s*(?:=\s*[\"']|>\s*))\d+(?=\s*[\"'<])")
    for name in (b"exif:PixelXDimension", b"exif:PixelYDimension", b"tiff:ImageWidth", b"tiff:ImageLength")
}
EXTENSION = rb"xmpNote:HasExtendedXMP"
_PROVENANCE = rb"dcterms:provenance"
_RDF, _RDF_END = re.compile(rb"<rdf:RDF\b[^<>]*>"), b"</rdf:RDF"
_DECLARATION = re.compile(rb"\sxmlns:(\w+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_MOST_UNCLOSED = 16
"""Elements without an end, after which a packet is searched no further: damaged, or made to take long."""
_WIDTHS = (b"exif:PixelXDimension", b"tiff:ImageWidth")


def as_bytes(xmp: bytes | str | None) -> bytes | None:
    """The packet as bytes; None for an empty one."""
    if not xmp:
        return None
    return xmp.encode("utf-8", "surrogateescape") if isinstance(xmp, str) else bytes(xmp)


def orientation_in_xmp(xmp: bytes | str | None) -> int:
    """The orientation that the packet states, 1..8; 1 where it states none."""
    found = _ORIENTATION.search(as_bytes(xmp) or b"")
    return int(found[2]) if found else 1


def upright_xmp(xmp: bytes | str | None, size: tuple[int, int] | None = None) -> bytes | None:
    """The same packet with orientation 1, without a link to Content Credentials, which describe the bytes of
    another file. size: of the upright picture, written over recorded sizes."""
    data = as_bytes(xmp)
    if data is None:
        return None
    data = without_property(_ORIENTATION.sub(rb"\g<1>1", data), _PROVENANCE)
    if size is not None:
        for name, pattern in _SIZES.items():
            value = size[0] if name in _WIDTHS else size[1]
            data = pattern.sub(rb"\g<1>%d" % value, data)
    return data


def without_property(xmp: bytes, name: bytes) -> bytes:
    """The packet without a property. name: with its prefix, a regular expression."""
    attribute = rb"\s" + name + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')"
    pattern = re.compile(attribute + rb"|<(?P<name>" + name + rb")(?=[\s/>])[^<>]*>")
    kept, copied, at, unclosed = [], 0, 0, 0
    while unclosed < _MOST_UNCLOSED and (found := pattern.search(xmp, at)):
        at = found.end()
        if found["name"] and not found[0].endswith(b"/>"):
            closing = re.compile(rb"</" + found["name"] + rb"\s*>").search(xmp, at)
            if closing is None:
                unclosed += 1
                continue
            at = closing.end()
        kept.append(xmp[copied : found.start()])
        copied = at
    return b"".join([*kept, xmp[copied:]])


def without_namespace(xmp: bytes, prefix: bytes) -> bytes:
    """The packet without the declaration of a prefix that nothing in it uses."""
    if re.search(rb"[<\s/]" + prefix + rb":\w", xmp):
        return xmp
    return re.sub(rb"\sxmlns:" + prefix + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", xmp)


def merged(standard: bytes, extended: bytes) -> bytes | None:
    """One packet of a standard and an extended one; None where that one has no properties."""
    head, inner = _inside(standard), _inside(extended)
    if head is None or inner is None:
        return None
    known = set(_DECLARATION.findall(standard[: head.start]))
    outer = extended[: inner.start]
    missing = b"".join(found[0] for found in _DECLARATION.finditer(outer) if found[1] not in known)
    own = standard[: head.start - 1] + missing + b">" + standard[head]
    whole = own + extended[inner] + standard[head.stop :]
    return without_namespace(without_property(whole, EXTENSION), b"xmpNote")


def _inside(packet: bytes) -> slice | None:
    """What stands in the element rdf:RDF; None without one."""
    opening, end = _RDF.search(packet), packet.rfind(_RDF_END)
    return None if opening is None or end < opening.end() else slice(opening.end(), end)
