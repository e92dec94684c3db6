"""Bits as arrays of 0 and 1, most significant first."""

from __future__ import annotations

import zlib

import numpy as np

from underdrawing.core.errors import CodeError


def from_int(value: int, width: int) -> np.ndarray:
    """The `width` bits of a number, uint8."""
    if not 0 <= value < 1 << width:
        raise CodeError(f"expected a number of {width} bits, got {value}")
    return np.array([(value >> i) & 1 for i in range(width - 1, -1, -1)], np.uint8)


def to_int(bits: np.ndarray) -> int:
    """The number of which these are the bits."""
    result = 0
    for bit in bits.tolist():
        result = result << 1 | bit
    return result


def from_bytes(data: bytes) -> np.ndarray:
    """Eight bits a byte."""
    return np.unpackbits(np.frombuffer(data, np.uint8))


def to_bytes(bits: np.ndarray) -> bytes:
    """Bytes of the bits, padded with zeros at the end."""
    return np.packbits(bits).tobytes()


def crc32(*parts: np.ndarray, domain: bytes) -> np.ndarray:
    """The 32 bits of the CRC-32 (ISO-HDLC) over a domain string and the lengths and bits of the parts."""
    data = domain
    for part in parts:
        data += len(part).to_bytes(4, "big") + to_bytes(part)
    return from_int(zlib.crc32(data), 32)


def pack_code(layers: tuple[np.ndarray, ...]) -> bytes:
    """Layers of a content code as bytes: for each its length in bits (4 bytes, big-endian), then the bits,
    padded to whole bytes."""
    return b"".join(len(bits).to_bytes(4, "big") + to_bytes(bits) for bits in layers)


def unpack_code(data: bytes) -> list[np.ndarray]:
    """The layers of `pack_code`. CodeError where the data is damaged."""
    layers, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + 4 + -(-size // 8)
        if end > len(data):
            raise CodeError(f"expected {end} bytes of a content code, got {len(data)}")
        layers.append(from_bytes(data[at + 4 : end])[:size])
        at = end
    return layers


class BitReader:
    """Reads consecutive fields of a bit array; CodeError past its end."""

    def __init__(self, bits: np.ndarray):
        self._bits, self._at = bits, 0

    def take(self, count: int) -> np.ndarray:
        """The next `count` bits."""
        if count < 0 or self._at + count > len(self._bits):
            raise CodeError(f"expected {count} more bits, {len(self._bits) - self._at} are left")
        self._at += count
        return self._bits[self._at - count : self._at]

    def number(self, width: int) -> int:
        """The next `width` bits as a number."""
        return to_int(self.take(width))
