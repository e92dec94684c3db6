"""Header of the fragile layer: digests of what the layer describes, under the owner's signature.

    version 8 | signed 8 | pixels 128 | layers 5 x 64 | key fingerprint 32 | signature 512 | crc 32 | zeros

`pixels` is the digest of all bits of the picture but the last one of each sample; a digest of a layer is that
of its symbols of all blocks. The signature covers them with identity and size, so that neither another
picture nor another content passes under it.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np

from underdrawing.carriers.fragile.erasures import LAYERS, symbols_of
from underdrawing.coding.keys import FINGERPRINT_BYTES, Owner, PublicKey

SYMBOLS = 22
"""Symbols of the first layer that hold a header."""
LEAST_BLOCKS = 512
"""Smaller pictures have no header, and their layer is not signed."""
_VERSION = 1
_PIXELS, _LAYER, _SIGNATURE, _CRC = 16, 8, 64, 4  # bytes
_BYTES = 2 * LAYERS[0].words * SYMBOLS


@dataclass(frozen=True)
class Header:
    """What the layer states about the picture."""

    pixels: bytes
    """16 bytes."""
    layers: tuple[bytes, ...]
    """8 bytes each."""
    fingerprint: bytes | None = None
    """4 bytes of the signer's key; None without a signature."""
    signature: bytes | None = None

    @classmethod
    def of(cls, image: np.ndarray, words: np.ndarray) -> Header:
        """Of a picture (H, W, 3) uint8 and the patch codes (N, WORDS) of its blocks, unsigned."""
        return cls(pixel_digest(image), tuple(layer_digest(words, index) for index in range(len(LAYERS))))

    def signed(self, owner: Owner, context: bytes) -> Header:
        """The same under the owner's signature. context: identity and size."""
        return Header(self.pixels, self.layers, owner.public.short, owner.sign(self._message(context)))

    def holds(self, public: PublicKey, context: bytes) -> bool:
        """Whether the signature is this key's."""
        return self.signature is not None and public.verify(self._message(context), self.signature)

    def _message(self, context: bytes) -> bytes:
        return b"underdrawing fragile layer 1\0" + context + self.pixels + b"".join(self.layers)

    def symbols(self) -> np.ndarray:
        """(SYMBOLS, words of the first layer) uint16."""
        signed = self.signature is not None
        data = bytes([_VERSION, signed]) + self.pixels + b"".join(self.layers)
        data += (self.fingerprint or bytes(FINGERPRINT_BYTES)) + (self.signature or bytes(_SIGNATURE))
        data += zlib.crc32(data).to_bytes(_CRC, "big")
        return np.frombuffer(data.ljust(_BYTES, b"\0"), ">u2").astype(np.uint16).reshape(SYMBOLS, -1)

    @classmethod
    def read(cls, symbols: np.ndarray) -> Header | None:
        """None where the checksum does not fit, or the version is a later one."""
        data = symbols.astype(">u2").tobytes()
        end = 2 + _PIXELS + _LAYER * len(LAYERS) + FINGERPRINT_BYTES + _SIGNATURE
        check = int.from_bytes(data[end : end + _CRC], "big")
        if data[0] != _VERSION or zlib.crc32(data[:end]) != check:
            return None
        first = 2 + _PIXELS
        layers = tuple(data[first + _LAYER * i : first + _LAYER * (i + 1)] for i in range(len(LAYERS)))
        at = first + _LAYER * len(LAYERS)
        key, signature = data[at : at + FINGERPRINT_BYTES], data[at + FINGERPRINT_BYTES : end]
        signed = data[1] == 1
        return cls(data[2:first], layers, key if signed else None, signature if signed else None)


def pixel_digest(image: np.ndarray) -> bytes:
    """Of all bits but the last one of each sample."""
    return hashlib.sha256(np.ascontiguousarray(image & np.uint8(254))).digest()[:_PIXELS]


def layer_digest(words: np.ndarray, index: int) -> bytes:
    """Of one layer's symbols (N blocks)."""
    symbols = symbols_of(words, LAYERS[index]).astype(">u2")
    return hashlib.sha256(b"%d\0" % index + symbols.tobytes()).digest()[:_LAYER]
