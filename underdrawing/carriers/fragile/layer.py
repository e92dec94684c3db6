"""Fragile layer: authenticates every block of a lossless copy, and describes all of them in each other.

    protected picture --> blocks --> patch codes --> erasure code --> parity --\\
                      \\-> digests --> signed header --/                        > last bits of samples
                                                       tags of the blocks -----/

    received picture --> blocks whose tag fits --> their patch codes, parity, header --> patches of the rest

Every change of a sample is p ^ 1, and patch codes and digests are made from the other seven bits. Any codec,
resize or crop removes the layer; its absence means nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdrawing.carriers.fragile import patches, syndrome
from underdrawing.carriers.fragile.blocks import GROUPS, BlockGrid, Places
from underdrawing.carriers.fragile.erasures import LAYERS
from underdrawing.carriers.fragile.header import (
    LEAST_BLOCKS,
    SYMBOLS,
    Header,
    layer_digest,
    pixel_digest,
)
from underdrawing.carriers.fragile.spread import HEADER_WORDS, Spread, recover, spread_parity
from underdrawing.carriers.fragile.tags import tags
from underdrawing.coding.keys import Owner, PublicKey
from underdrawing.coding.keystream import PUBLIC_SECRET, picture_key

LEAST_BLOCKS_READ = 3
"""Blocks with a fitting tag from which the layer is present: by chance there is one in 2^24 blocks."""


@dataclass(frozen=True)
class FragileReading:
    """What a received picture holds of the layer."""

    grid: BlockGrid
    exact: np.ndarray
    """(count,) bool: blocks whose tag fits, all of whose samples are as they were written."""
    words: np.ndarray
    """(count, WORDS) uint16 patch codes."""
    known: np.ndarray
    """(count,) words of each that are known."""
    checks: np.ndarray
    """(H, W) int8: 1 where the bits of a pixel are not those that the codes of all blocks imply, so that it
    was changed; 0 where they are, as by chance in one of four changed pixels; -1: unknown."""
    header: Header | None
    """None where it is not readable, or where the picture is too small for one."""
    pixels: bytes
    """Digest of the received pixels."""
    context: bytes
    """Identity and size, under the signature."""

    @property
    def layers(self) -> int:
        """Layers of the patch code that are known of all blocks."""
        least = int(self.known.min())
        return sum(layer.start + layer.symbols * layer.words <= least for layer in LAYERS)

    def is_signed_exactly(self, public: PublicKey) -> bool:
        """Whether this key signed these very pixels, but for the last bits of their samples."""
        header = self.header
        return header is not None and header.pixels == self.pixels and header.holds(public, self.context)

    def signed_layers(self, public: PublicKey) -> int:
        """Layers of the patch codes, from the first on, that this key signed as they were read."""
        if self.header is None or not self.header.holds(public, self.context):
            return 0
        for index in range(self.layers):
            if layer_digest(self.words, index) != self.header.layers[index]:
                return index
        return self.layers

    def patches(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What these blocks (count,) bool showed, (n, side, side, 3) float32, and the expected error (n,) of
        a level in it."""
        decoded, error = patches.decode(self.words[wanted], self.known[wanted])
        scale = self.grid.scale
        return decoded.repeat(scale, 1).repeat(scale, 2), error


def embed(
    protected: np.ndarray, original: np.ndarray, identity: bytes, owner: Owner | None, secret: bytes | None
) -> np.ndarray:
    """The protected picture (H, W, 3) uint8 with the layer. original: before protection, for the costs.

    owner: signs the header; None leaves it unsigned. secret: of private mode.
    """
    key = picture_key(secret or PUBLIC_SECRET, identity)
    grid = BlockGrid(*protected.shape[:2])
    places, spread = Places.of(grid, key), _spread(grid, key)
    blocks = grid.split(protected)
    words = patches.encode(grid.content(blocks))
    symbols = np.zeros((0, HEADER_WORDS), np.uint16)
    if spread.header:
        header = Header.of(protected, words)
        symbols = (header if owner is None else header.signed(owner, _context(grid, identity))).symbols()
    flat = blocks.reshape(grid.count, -1)
    before = grid.split(original).reshape(grid.count, -1)[:, places.groups]
    samples = flat[:, places.groups]
    bits = _bits(spread_parity(words, symbols, spread))
    flat[:, places.groups] = syndrome.embed(samples, bits, syndrome.costs(samples, before))
    found = tags(flat, places.tag, key, spread.label)
    flat[:, places.tag] = flat[:, places.tag] & np.uint8(254) | found
    return grid.join(blocks, protected)


def read(received: np.ndarray, identity: bytes, secret: bytes | None) -> FragileReading | None:
    """What is left of the layer in a received picture (H, W, 3) uint8; None where nothing is."""
    key = picture_key(secret or PUBLIC_SECRET, identity)
    grid = BlockGrid(*received.shape[:2])
    places, spread = Places.of(grid, key), _spread(grid, key)
    blocks = grid.split(received)
    flat = blocks.reshape(grid.count, -1)
    exact = (tags(flat, places.tag, key, spread.label) == flat[:, places.tag] & np.uint8(1)).all(1)
    if exact.sum() < LEAST_BLOCKS_READ:
        return None
    bits = np.ascontiguousarray(syndrome.read(flat[:, places.groups]))
    parity = np.packbits(bits.reshape(grid.count, -1), axis=1).view(">u2").astype(np.uint16)
    words = np.zeros((grid.count, patches.WORDS), np.uint16)
    count = HEADER_WORDS if exact.all() else patches.WORDS  # nothing to recover but the header
    words[exact, :count] = patches.encode(grid.content(blocks[exact]), count)
    found = recover(words, exact, parity, spread, count)
    return FragileReading(
        grid=grid,
        exact=exact,
        words=found.words,
        known=found.known,
        checks=_checks(grid, places, (bits != _bits(found.parity)).any(2), found.implied * ~exact),
        header=next(filter(None, map(Header.read, found.headers)), None),
        pixels=pixel_digest(received),
        context=_context(grid, identity),
    )


def _checks(grid: BlockGrid, places: Places, differs: np.ndarray, implied: np.ndarray) -> np.ndarray:
    """(H, W) int8; differs: (count, GROUPS) bool. implied: (count,) words of parity that are known."""
    known = np.arange(GROUPS) < (implied * patches.WORD_BITS // 2)[:, None]
    blocks = np.full((grid.count, grid.side**2), -1, np.int8)
    blocks[:, places.pixels] = np.where(known, differs, np.int8(-1))
    result = np.full((grid.height, grid.width), -1, np.int8)
    rows, cols = grid.rows * grid.side, grid.cols * grid.side
    result[:rows, :cols] = (
        blocks.reshape(grid.rows, grid.cols, grid.side, -1).swapaxes(1, 2).reshape(rows, cols)
    )
    return result


def _bits(parity: np.ndarray) -> np.ndarray:
    """(N, PARITY_WORDS) -> (N, GROUPS, 2)."""
    return np.unpackbits(parity.astype(">u2").view(np.uint8), axis=1).reshape(len(parity), GROUPS, 2)


def _spread(grid: BlockGrid, key: bytes) -> Spread:
    return Spread(key, f"{grid.width}x{grid.height}", SYMBOLS if grid.count >= LEAST_BLOCKS else 0)


def _context(grid: BlockGrid, identity: bytes) -> bytes:
    return identity + grid.width.to_bytes(4, "big") + grid.height.to_bytes(4, "big")
