"""The attacker's tool: read the public mark of a protected picture and write it into another picture.

    mark = read_mark(protected_u8)
    forged_u8 = write_mark(edited_u8, mark)

The edited picture of a rewrite and the foreign one of a transplant are treated alike: all layers with their
codewords, at the level and on the grid of the protected picture, so that the block evidence is perfect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from underdrawing.attacks.adversary.forgeries import cover
from underdrawing.carriers.lattice.detection import BASE_CODE_BITS, detect_mark
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.grid import grid_size, resize, to_picture
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.parameters import EmbeddingLevel
from underdrawing.coding import payload
from underdrawing.coding.ldpc import short_code
from underdrawing.ops.color import luma_direction, picture_luma
from underdrawing.ops.protection import Protection
from underdrawing.systems.photo.decoding import decode_layers


@dataclass(frozen=True)
class CopiedMark:
    """Everything that the mark of one picture says, and how it is written."""

    base: np.ndarray
    """(512,) uint8, the base layer's codeword."""
    layers: Mapping[str, np.ndarray]
    """Codewords of the layers that were decoded."""
    level: EmbeddingLevel
    size: tuple[int, int]
    """Height and width of the picture that it came from."""

    def without(self, *layers: str) -> CopiedMark:
        """The mark without some of its layers; a layer with its parts."""
        return replace(
            self, layers={name: word for name, word in self.layers.items() if not name.startswith(layers)}
        )


def read_mark(protected_u8: np.ndarray) -> CopiedMark | None:
    """The mark of a whole protected picture (H, W, 3) uint8; None where none is found."""
    lattice = Lattice(None, BASE_CODE_BITS)
    found = detect_mark(picture_luma(protected_u8), lattice, moved=False)
    if found is None:
        return None
    marked = decode_layers(found)
    layers = {}
    for name in marked.sizes:
        codeword = np.zeros(code_length(name, *marked.grid), np.uint8)
        codeword[lattice.layer_index(marked.view, name, marked.grid)] = marked.known[name]
        layers[name] = codeword
    base = short_code(BASE_CODE_BITS, payload.BASE_BITS).encode(marked.base.bits())
    return CopiedMark(base, layers, marked.view.alignment.level, protected_u8.shape[:2])


def write_mark(image_u8: np.ndarray, mark: CopiedMark) -> np.ndarray:
    """The picture (H, W, 3) uint8 with the mark, brought to the size that the mark was made for."""
    image = cover(image_u8, *mark.size)
    size = grid_size(*mark.size)
    plane = resize(picture_luma(image), size)[: size[0] // 8 * 8, : size[1] // 8 * 8]
    lattice = Lattice(None, BASE_CODE_BITS)
    change = lattice.embed(np.ascontiguousarray(plane), mark.base, dict(mark.layers), mark.level)
    return Protection(to_picture(change, size, mark.size), luma_direction(image)).apply(image)
