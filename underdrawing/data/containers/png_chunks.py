"""Chunks of PNG files (PNG specification, third edition, sec. 5 and 11): parsing, texts, profiles."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from underdrawing.core.errors import PictureError
from underdrawing.data.photoshop import with_iptc
from underdrawing.data.picture import Text

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT_KINDS = (b"tEXt", b"zTXt", b"iTXt")
COMMENT_KEYWORD = "Comment"
_MAX_CHUNKS = 1 << 20
_RAW_PROFILE = "Raw profile type "
_HEX_LINE = 72


class Chunk(NamedTuple):
    """A chunk; its length and checksum are those of its body."""

    kind: bytes
    body: bytes

    @property
    def critical(self) -> bool:
        return self.kind[:1].isupper()

    @property
    def safe_to_copy(self) -> bool:
        """Whether the chunk stays true if the pixels change (sec. 5.4)."""
        return self.kind[3:].islower()


class Inflater:
    """Decompression with a limit for all chunks of a file together, against bombs."""

    def __init__(self, max_bytes: int = 1 << 26) -> None:
        self.left = max_bytes

    def __call__(self, data: bytes) -> bytes | None:
        """The bytes; None where they are damaged or more than what is left of the limit."""
        stream = zlib.decompressobj()
        try:
            plain = stream.decompress(data, self.left + 1)
        except zlib.error:
            return None
        if len(plain) > self.left or not stream.eof:
            return None
        self.left -= len(plain)
        return plain


def parse(data: bytes) -> tuple[list[Chunk], list[str], bool]:
    """The chunks before IEND, what is wrong with the file but tolerated by viewers, a sentence each, and
    whether there is an end.

    PictureError for a wrong checksum of the header or palette, which viewers refuse as well.
    """
    chunks: list[Chunk] = []
    notes: list[str] = []
    damaged: set[bytes] = set()
    at = len(SIGNATURE)
    while at + 8 <= len(data) and len(chunks) < _MAX_CHUNKS:
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = Chunk(kind, data[at + 8 : at + 8 + length])
        checksum = data[at + 8 + length : at + 12 + length]
        if not kind.isalpha() or (len(checksum) < 4 and not chunk.critical):
            break
        if kind == b"IEND":
            if data[at + 12 + length :].strip(b"\0"):
                notes.append("data behind the end marker of the PNG file left out")
            return chunks, notes, True
        if checksum != struct.pack(">I", zlib.crc32(kind + chunk.body)) and len(checksum) == 4:
            if chunk.critical and kind != b"IDAT":  # pixels have a checksum of their own
                raise PictureError(f"damaged: the checksum of its chunk {kind.decode()} is wrong")
            if kind not in damaged:
                damaged.add(kind)
                notes.append(
                    f"the checksum of the PNG chunk {kind.decode()} is wrong; it was read all the same"
                )
        chunks.append(chunk)
        at += 12 + length
    if len(chunks) == _MAX_CHUNKS:
        raise PictureError(f"it has more than {_MAX_CHUNKS} PNG chunks")
    return chunks, [*notes, "the PNG file has no end marker; it was read all the same"], False


def serialize(chunks: list[Chunk]) -> bytes:
    """The PNG file of the chunks, with IEND."""
    parts = [SIGNATURE]
    for kind, body in [*chunks, (b"IEND", b"")]:
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body))]
    return b"".join(parts)


def keyword_of(chunk: Chunk) -> str:
    """The keyword of a text chunk."""
    return chunk.body.partition(b"\0")[0].decode("latin-1")


def text_of(chunk: Chunk, inflate: Inflater) -> str | None:
    """The text of a tEXt, zTXt or iTXt chunk; None where it is damaged or beyond the limit of `inflate`."""
    value = chunk.body.partition(b"\0")[2]
    if chunk.kind == b"tEXt":
        return value.decode("latin-1")
    if chunk.kind == b"zTXt":
        plain = inflate(value[1:])
        return None if plain is None else plain.decode("latin-1")
    fields = value[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(fields) < 3:
        return None
    encoded = inflate(fields[2]) if value[0] else fields[2]
    return None if encoded is None else encoded.decode("utf-8", "replace")


def text_chunk(text: Text) -> Chunk:
    """tEXt where Latin-1 suffices, else iTXt. The keyword is made valid: 1 to 79 characters of Latin-1."""
    keyword = text.keyword.replace("\0", "").encode("latin-1", "replace")[:79] or COMMENT_KEYWORD.encode()
    value = text.text.replace("\0", "")
    try:
        return Chunk(b"tEXt", keyword + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return Chunk(b"iTXt", keyword + b"\0\0\0\0\0" + value.encode("utf-8", "replace"))


def raw_profile(keyword: str, text: str) -> tuple[str, bytes] | None:
    """Kind (exif, xmp, iptc, icc) and bytes of a profile as ImageMagick and ExifTool store it in a text.

    The text is a line with a name, one with the length, and hexadecimal digits. None for other texts.
    """
    if not keyword.startswith(_RAW_PROFILE):
        return None
    words = text.split()
    if len(words) < 2 or not words[1].isdecimal():
        return None
    digits = "".join(words[2:])
    try:
        data = bytes.fromhex(digits[: len(digits) & ~1])
    except ValueError:
        return None
    kind = keyword.removeprefix(_RAW_PROFILE).lower()
    adobe = b"http://ns.adobe.com/xap/1.0/\0"
    if kind == "app1":
        kind = "xmp" if data.startswith(adobe) else "exif"
    if kind == "8bim":
        kind = "iptc"
    data = data.removeprefix(b"Photoshop 3.0\0")
    if kind == "iptc" and not data.startswith(b"8BIM"):
        data = with_iptc(data)
    return kind, data.removeprefix(adobe)


def iptc_chunk(iptc: bytes) -> Chunk:
    """Photoshop image resources as the text in which ImageMagick and ExifTool look for them."""
    digits = iptc.hex()
    lines = "\n".join(digits[at : at + _HEX_LINE] for at in range(0, len(digits), _HEX_LINE))
    text = f"\niptc\n{len(iptc):8}\n{lines}\n"
    return Chunk(b"zTXt", f"{_RAW_PROFILE}iptc".encode() + b"\0\0" + zlib.compress(text.encode()))
