"""TIFF files of every arrangement, with 8 or 16 bits a sample.

    file -> tags (directories) -> layout -> samples (strips, tiles) -> colours -> Picture -> writing -> file
                               -> metadata (an EXIF block, IPTC, XMP, other tags)

Compression is libtiff's, in Pillow (codec); where samples stand and what they mean is decided here.
"""

from __future__ import annotations

from underdrawing.data.containers.interface import Item
from underdrawing.data.containers.tiff.reading import read
from underdrawing.data.containers.tiff.writing import CARRIES, write

__all__ = ["CARRIES", "FORMAT", "INVENTORY", "SUFFIXES", "is_this", "read", "write"]

FORMAT = "TIFF"
SUFFIXES = (".tif", ".tiff")
INVENTORY = (
    Item("8 or 16 bits a sample, gray or RGB", "kept"),
    Item("alpha, also premultiplied; further samples", "kept", "with the kinds that ExtraSamples states"),
    Item("colour profile", "kept"),
    Item("EXIF, GPS and interoperability directories", "kept"),
    Item("maker notes", "kept", "byte for byte; offsets in those of a TIFF may count from another place"),
    Item("EXIF thumbnail", "left out", "of a JPEG, HEIF ... that becomes a TIFF"),
    Item("descriptive tags (artist, copyright, description, software, date ...)", "kept"),
    Item("resolution and its unit", "kept"),
    Item("XMP", "kept"),
    Item("IPTC and Photoshop image resources", "kept"),
    Item("GeoTIFF", "kept", "but for the place of the pixels where the picture is turned upright"),
    Item("private tags with plain values", "kept"),
    Item("private tags that point into the file", "left out", "what they point to is not known"),
    Item("orientation", "converted", "the pixels are turned upright"),
    Item("compression none, LZW, Deflate, PackBits, Zstandard, LZMA, with predictor", "kept"),
    Item("compression JPEG, WebP, CCITT", "converted", "to Deflate, which loses nothing"),
    Item("WhiteIsZero, byte order, tiles", "kept"),
    Item("one plane a sample", "converted", "to interleaved samples"),
    Item("BigTIFF", "converted", "to classic TIFF, up to 4 GiB"),
    Item("palette, YCbCr", "converted", "to RGB with 8 bits"),
    Item("1 to 7 and 9 to 15 bits a sample", "converted", "to 8 and 16"),
    Item("CMYK", "converted", "to sRGB with 8 bits by its colour profile"),
    Item("L*a*b*", "converted", "to sRGB"),
    Item("reduced copies, pyramids, mask pages", "left out", "they show the picture without the mark"),
    Item("Photoshop layers", "left out", "they show the picture without the mark"),
    Item("several pages", "left out", "refused"),
    Item("floating-point, signed or 32-bit samples, sensor data, other compressions", "left out", "refused"),
)


def is_this(head: bytes) -> bool:
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
