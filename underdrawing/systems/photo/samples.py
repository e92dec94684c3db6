"""Training samples of locator and fusion: photographs protected with random codewords, altered and received.

A layer counts as known where the information of its soft bits exceeds the rate that `protect` would choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.attacks import suites, tamper
from underdrawing.attacks.channel import Jpeg
from underdrawing.attacks.geometry import Scale
from underdrawing.carriers.lattice import rates
from underdrawing.carriers.lattice.capacity import information
from underdrawing.carriers.lattice.division import Division
from underdrawing.carriers.lattice.embed import code_length
from underdrawing.carriers.lattice.grid import Alignment
from underdrawing.carriers.lattice.lattice import Lattice, View
from underdrawing.carriers.lattice.locator import measured
from underdrawing.carriers.lattice.parameters import LAYERS, PLACES, TEXTURE_GAINS, EmbeddingLevel
from underdrawing.data.shards import random_crop
from underdrawing.ops.color import COLOUR_DIRECTION, luma, with_luma_changed

SIDE = 256
_MARGIN = 8  # px of the picture beyond the sample, so that crops can move the grid
_BASE_BITS = 512
_STRENGTHS = (1.0, 0.35, 0.5, 0.7, 1.45, 2.1)
_SHARES = (0.72, 0.09, 0.06, 0.06, 0.05, 0.02)
_TEXTURE_GAIN_SHARES = (0.4, 0.15, 0.15, 0.12, 0.1, 0.08)
_SHAPES = (tamper.free_form, tamper.free_form, tamper.blob, tamper.blob, tamper.box)
_BASE_NEEDS = 160.0  # bits of information to decode the 122 of the base layer
_WEAK = 0.6  # strengths below it belong to photographs larger than the grid
_DECODABLE = 0.8  # of the information that soft bits claim is enough for the decoder


@dataclass(frozen=True)
class Sample:
    """One received picture on the grid, SIDE x SIDE px, with its ground truth."""

    view: View
    """The reading of the blocks in view; more of them than the sample where the grid did not move."""
    known: dict[str, np.ndarray]
    """Bits of the layers that were decoded."""
    image: np.ndarray
    """(SIDE, SIDE, 3) uint8 RGB as received, on the grid."""
    mask: np.ndarray
    """(SIDE, SIDE) bool, True where altered."""
    original: np.ndarray
    """(SIDE, SIDE, 3) uint8 RGB that was protected."""


def draw(photos: list[np.ndarray], lattice: Lattice, rng: np.random.Generator) -> Sample:
    """Protect, alter, send and view a random crop of a random photograph, until its mark is readable."""
    while True:
        sample = _attempt(photos, lattice, rng)
        if sample is not None:
            return sample


def _attempt(photos: list[np.ndarray], lattice: Lattice, rng: np.random.Generator) -> Sample | None:
    side = SIDE + _MARGIN
    pick, other = rng.integers(len(photos), size=2)
    image, donor = (random_crop(photos[i], side, (side, 416), rng) for i in (pick, other))
    level = EmbeddingLevel(
        float(rng.choice(_STRENGTHS, p=_SHARES)),
        float(rng.choice(TEXTURE_GAINS, p=_TEXTURE_GAIN_SHARES)),
        True,
    )
    plane = luma(image)
    sizes = _sizes(plane, lattice, level)
    protected, codewords = _protect(image, lattice, level, sizes, rng)
    stranger = _protect(donor, lattice, level, sizes, rng)[0] if rng.random() < 0.2 else None
    altered, mask = alter(protected, donor, stranger, rng)
    received, alignment = _send(altered, level, rng)
    view = lattice.view(luma(received), alignment)
    if not _readable(lattice.base_soft_bits(view), codewords["base"]):
        return None
    known = _known(view, lattice, codewords, sizes, rng)
    (i, j), n = alignment.origin, SIDE // 8
    small = View(view.alignment, view.equalizer, view.plane, view.reading.crop(slice(n), slice(n)))
    here = slice(8 * i, 8 * i + SIDE), slice(8 * j, 8 * j + SIDE)
    return Sample(
        small,
        {name: bits[:n, :n] for name, bits in known.items()},
        alignment.sample(received)[:SIDE, :SIDE],
        mask[here],
        image[here],
    )


def _readable(soft: np.ndarray, bits: np.ndarray) -> bool:
    """Whether the information of the base layer's soft bits suffices for its code."""
    right = np.where(bits, -soft, soft)
    return float((1 - np.logaddexp(0, -right) / np.log(2)).sum()) > _BASE_NEEDS


def _sizes(plane: np.ndarray, lattice: Lattice, level: EmbeddingLevel) -> dict[str, int]:
    """Information bits of each layer behind the base."""
    rows, cols = plane.shape[0] // 8, plane.shape[1] // 8
    index = rates.choose(lattice.capacity(plane, level), rows, cols, 380) >> 4
    parts = rates.choose_parts(lattice.capacity_of_parts(plane, level), rows, cols)
    return Division(level, index, parts, rows, cols).sizes


def _protect(
    image: np.ndarray,
    lattice: Lattice,
    level: EmbeddingLevel,
    sizes: dict[str, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rows, cols = image.shape[0] // 8, image.shape[1] // 8
    base = rng.integers(0, 2, _BASE_BITS).astype(np.uint8)
    layers = {
        name: rng.integers(0, 2, code_length(name, rows, cols)).astype(np.uint8)
        for name in sizes
        if sizes[name]
    }
    change = lattice.embed(luma(image), base, layers, level)
    marked = with_luma_changed(image, change, COLOUR_DIRECTION)
    return marked, {"base": base, **layers}


def alter(
    protected: np.ndarray, donor: np.ndarray, stranger: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """An edited picture and its mask, empty for one in four; `stranger` carries another message."""
    height, width = protected.shape[:2]
    draw_kind = rng.random()
    if draw_kind < 0.24:
        return protected, np.zeros((height, width), bool)
    full = draw_kind < 0.26
    mask = np.ones((height, width), bool)
    if not full:
        mask = _SHAPES[rng.integers(len(_SHAPES))](height, width, rng, (0.01, 0.4))
    if stranger is not None:
        return np.where(mask[..., None], stranger, protected), mask
    fill = tamper.splice if full else random_fill(rng)
    return fill(protected, mask, donor, rng), mask


def random_fill(rng: np.random.Generator) -> tamper.Fill:
    """A function (image, mask, donor, rng) -> edited image."""
    fills = (tamper.splice, tamper.copy_move, _shifted, tamper.inpaint_fast, tamper.inpaint, tamper.blurred,
             tamper.solid, _recoloured)  # fmt: skip
    return fills[rng.choice(len(fills), p=(0.26, 0.16, 0.08, 0.1, 0.16, 0.1, 0.08, 0.06))]


def _shifted(image: np.ndarray, mask: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another part of the protected picture, moved by whole blocks: right lattice, wrong bits."""
    shift = 8 * rng.integers(1, image.shape[0] // 8, 2)
    return np.where(mask[..., None], np.roll(image, tuple(shift), axis=(0, 1)), image)


def _recoloured(
    image: np.ndarray, mask: np.ndarray, donor: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The same place in another tone."""
    gain = np.exp(rng.uniform(0.2, 0.5) * rng.choice([-1, 1])) * rng.uniform(0.85, 1.15, 3)
    toned = (image - 128.0) * gain + 128 + rng.uniform(-40, 40, 3)
    return np.where(mask[..., None], np.clip(np.rint(toned), 0, 255).astype(np.uint8), image)


def _send(
    altered: np.ndarray, level: EmbeddingLevel, rng: np.random.Generator
) -> tuple[np.ndarray, Alignment]:
    """The picture after a random channel, and its true alignment."""
    y = x = 0
    if rng.random() < 0.2:
        y, x = (int(v) for v in rng.integers(0, _MARGIN, 2))
    cut = np.ascontiguousarray(altered[y:, x:])
    height, width = cut.shape[:2]
    if level.strength < _WEAK:
        cut = cv2.resize(cut, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.25:
        sent = Scale(float(rng.choice([rng.uniform(0.5, 1.5), 0.7, 0.75, 0.5])))(cut, rng)
        if rng.random() < 0.4:
            sent = Jpeg(int(rng.integers(70, 96)))(sent, rng)
    elif rng.random() < 0.12:
        sent = Jpeg(int(rng.integers(40, 96)))(Jpeg(int(rng.integers(60, 96)))(cut, rng), rng)
    else:
        sent = suites.sample_channel(cut, rng)
    offset = (float(-y % 8), float(-x % 8))
    origin = (-(-y // 8), -(-x // 8))
    return sent, Alignment(*sent.shape[:2], (height, width), offset, origin, level)


def _known(
    view: View,
    lattice: Lattice,
    codewords: dict[str, np.ndarray],
    sizes: dict[str, int],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Bits of the layers that could be decoded; one sample in five has one layer less."""
    grid = (SIDE + _MARGIN) // 8, (SIDE + _MARGIN) // 8
    known = {"base": codewords["base"][lattice.base_index(view)[..., LAYERS["base"]]]}
    for name, size in sizes.items():
        if name not in codewords:
            break
        bits = codewords[name][lattice.layer_index(view, name, grid)]
        readable = information(measured(view.reading, known), PLACES[name], bits).sum()
        if _DECODABLE * readable < size:
            break
        known[name] = bits
    if rng.random() < 0.2 and len(known) > 1:
        known.pop(list(known)[-1])
    return known
