"""Localization: a small network that combines the evidence of every block with the edges of the picture.

    view + known bits --> concentration measured again --> block features (r, c, FEATURES)
    block features + received RGB --> LocatorNet --> P(altered) per grid pixel

Coefficients of a decoded layer are tested against the lattice of their bit, others against both lattices.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from underdrawing.carriers.lattice.lattice import View
from underdrawing.carriers.lattice.parameters import LAYERS
from underdrawing.carriers.lattice.soft_bits import (
    Reading,
    altered_probability,
    evidence,
    first_moment,
    log_ratios,
    signs,
    with_known_layers,
)
from underdrawing.core.types import ALTERED_PROBABILITY
from underdrawing.nets.graph import Graph

WEIGHTS = Path(__file__).parent / "weights" / "locator.safetensors"

_LEAST_LLR, _GREATEST_LLR = -6.0, 3.0
_LARGEST_LOGIT = 30.0
_LEAST_AREA_PX = 32
_LEAST_SHORTFALL = 16.0  # nats: evidence below that of an unaltered area, that a flagged area needs
_SHORTFALL_PER_BLOCK = 0.02  # the same, per block
_PRESENT = 3.5
"""Standard deviations of chance by which an area agrees with the known bits, so that it carries the mark. The
largest of 84 replaced squares reached 2.65; their measured deviation was 1.2 to 1.4 times this one."""
_PRESENT_SHARE = 0.25  # of the agreement of an unaltered area, which that has to be at least
_SMALL_BLOCKS, _SMALL_SHORTFALL = 12, 120.0  # a smaller area needs at least so many nats of shortfall
_ABSENT_BLOCKS = 8  # least size of an area in which the mark is shown to be absent
_ABSENT_SHARE, _ABSENT_BASE_SHARE = 0.15, 0.1
"""Shares of the agreement of an unaltered area that an absent mark has at most; the second one where the base
layer alone is known, of which weak channels leave little."""
_ABSENT_DEVIATIONS = 5.0  # of chance, by which the agreement lies below that of an unaltered area
_CELL, _LEAST_CELLS, _CELL_DEVIATIONS = 4, 6, 4.0
"""Sides in blocks and least number of the cells that show whether the channel is even, and the expected
agreement of one that is counted, in standard deviations."""
_UNEVEN = 1.5
"""Mean square of the cells' deviations from a common share of their expected agreement, over its variance by
chance, from which a channel is uneven. Medians: JPEG .2 to .5, WebP .4, half size 3, palettes 2."""
_ROUNDS = 2  # of measuring the channel with the altered blocks discounted


class Locator:
    """Locates altered pixels; loads its weights at the first use."""

    def __init__(self, weights: Path = WEIGHTS):
        self._net = Graph(WEIGHTS.with_suffix(".onnx"), weights)

    def locate(self, view: View, known: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
        """Probability (8 r, 8 c) float32 that a pixel was altered.

        known: layer name -> (r, c, frequencies of the layer) uint8 bits, for the layers that were decoded.
        image: (8 r, 8 c, 3) uint8 RGB of the blocks in view. Raises WeightsError without the weights.
        """
        reading = measured(view.reading, known)
        features = block_features(reading, known)
        (logits,) = self._net(
            features=features.transpose(2, 0, 1)[None], image=image.transpose(2, 0, 1)[None]
        )
        probability = 1 / (1 + np.exp(-logits[0, 0].clip(-_LARGEST_LOGIT, _LARGEST_LOGIT)))
        return drop_unlikely_regions(probability, shortfall(reading, known))


def measured(reading: Reading, known: dict[str, np.ndarray]) -> Reading:
    """The reading with its concentration estimated from the known bits, altered blocks discounted."""
    for _ in range(_ROUNDS):
        reading = with_known_layers(reading, known, altered_probability(evidence(reading, known)))
    return reading


def shortfall(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    """Expected minus measured evidence of the known bits of each block, (r, c) nats.

    About zero in unaltered blocks and in blocks without a mark (black areas), under every channel; positive
    in altered blocks.
    """
    _, is_known = signs(known, reading.cosine.shape)
    expected = reading.evidential_use * reading.expected_log_density()
    return ((expected - log_ratios(reading, known)) * is_known).sum(2).astype(np.float32)


def drop_unlikely_regions(probability: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The probability (8 r, 8 c), lowered below one half in flagged areas without enough shortfall.

    missing: (r, c) shortfall of each block, summed over an area and its neighbours: after a harsh channel the
    network has little evidence and gives false alarms.
    """
    flagged = (probability > ALTERED_PROBABILITY).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(flagged, connectivity=8)
    unlikely = stats[:, cv2.CC_STAT_AREA] < _LEAST_AREA_PX
    for area in np.flatnonzero(~unlikely[1:]) + 1:
        x, y, width, height = stats[area, :4]
        top, left = max(y // 8 - 1, 0), max(x // 8 - 1, 0)
        part = missing[top : (y + height - 1) // 8 + 2, left : (x + width - 1) // 8 + 2]
        here = labels[8 * top : 8 * (top + part.shape[0]), 8 * left : 8 * (left + part.shape[1])] == area
        blocks = here.reshape(part.shape[0], 8, part.shape[1], 8).any((1, 3))
        near = cv2.dilate(blocks.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        least = max(_LEAST_SHORTFALL, _SHORTFALL_PER_BLOCK * float(near.sum()))
        unlikely[area] = part[near].sum() < least
    unlikely[0] = False
    return np.where(unlikely[labels], np.minimum(probability, np.float32(0.49)), probability)


def drop_marked_regions(probability: np.ndarray, view: View, known: dict[str, np.ndarray]) -> np.ndarray:
    """The probability (8 r, 8 c), lowered below one half in flagged areas that carry the known bits, and in
    small ones that lack little of them.

    A palette, or JPEG in lettering, is a worse channel in some places than in others of the same activity, so
    that such a place looks altered; but the mark is there, only weaker. Replaced content agrees by chance.
    known: as in Locator.locate.
    """
    labels, blocks_of = _areas(probability)
    if not blocks_of:
        return probability
    reading = measured(view.reading, known)
    agreements, missing = agreement(reading, known), shortfall(reading, known)
    dropped = np.zeros(1 + len(blocks_of), bool)
    for area, blocks in enumerate(blocks_of, 1):
        found, expected, variance = agreements[blocks].sum(0)
        dropped[area] = found > max(_PRESENT * np.sqrt(variance), _PRESENT_SHARE * expected) > 0
        dropped[area] |= blocks.sum() < _SMALL_BLOCKS and missing[blocks].sum() < _SMALL_SHORTFALL
    return np.where(dropped[labels], np.minimum(probability, np.float32(0.49)), probability)


def absent_areas(probability: np.ndarray, view: View, known: dict[str, np.ndarray]) -> np.ndarray:
    """(8 r, 8 c) bool: flagged areas that do not have the mark, whatever probability the network gives them.

    Their agreement with the known bits is far below that of an unaltered area. None where the channel is
    uneven, since a palette or a half-size copy removes the mark in places. known: as in Locator.locate.
    """
    labels, blocks_of = _areas(probability)
    absent = np.zeros(1 + len(blocks_of), bool)
    share = _ABSENT_SHARE if len(known) > 1 else _ABSENT_BASE_SHARE
    if blocks_of:
        agreements = agreement(measured(view.reading, known), known)
        near = cv2.dilate(np.any(blocks_of, 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        even = _is_even(agreements * ~near[..., None])
        for area, blocks in enumerate(blocks_of if even else (), 1):
            found, expected, variance = agreements[blocks].sum(0)
            far = expected - found >= _ABSENT_DEVIATIONS * np.sqrt(variance)
            absent[area] = far and found <= share * expected and blocks.sum() >= _ABSENT_BLOCKS
    return absent[labels]


def _areas(probability: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (8 r, 8 c) of the flagged areas, from 1 on, and the blocks (r, c) bool of each."""
    flagged = (probability > ALTERED_PROBABILITY).astype(np.uint8)
    count, labels = cv2.connectedComponents(flagged, connectivity=8)
    size, blocks_of = (flagged.shape[1] // 8, flagged.shape[0] // 8), []
    for area in range(1, count):
        share = cv2.resize((labels == area).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        blocks_of.append(share > 0.5 if (share > 0.5).any() else share > 0)
    return labels, blocks_of


def _is_even(agreements: np.ndarray) -> bool:
    """Whether all cells have about the same share of the agreement (r, c, 3) that an unaltered one has."""
    rows, cols = (side // _CELL for side in agreements.shape[:2])
    whole = agreements[: _CELL * rows, : _CELL * cols].reshape(rows, _CELL, cols, _CELL, 3)
    found, expected, variance = whole.sum((1, 3)).reshape(-1, 3).T
    counted = expected > _CELL_DEVIATIONS * np.sqrt(variance)
    if counted.sum() < _LEAST_CELLS:
        return False
    found, expected, variance = found[counted], expected[counted], variance[counted]
    deviation = found - expected * (found.sum() / expected.sum())
    return float((deviation**2 / variance).mean()) <= _UNEVEN


def agreement(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    """(r, c, 3) float32: sum over a block's known coefficients of their cosine to the known bit; its mean in
    an unaltered block; its variance in an altered one, where the mean is 0."""
    sign, is_known = signs(known, reading.cosine.shape)
    use = reading.evidential_use * is_known
    moment = first_moment(reading.kappa)
    parts = use * sign * reading.cosine, use * moment, use**2 / 2
    return np.stack([part.sum(2) for part in parts], 2).astype(np.float32)


def block_features(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    """(r, c, FEATURES) float32: ratios, agreement, and by layer evidence, use, concentration, known."""
    ratios = log_ratios(reading, known)
    used = reading.evidential_use
    sign, is_known = signs(known, used.shape)
    agreement = np.where(is_known, sign * reading.cosine, 2 * reading.cosine**2 - 1)
    columns = []
    for place in LAYERS.values():
        columns += [
            np.clip(ratios[..., place].sum(2), -12, 12) / 4,
            used[..., place].mean(2),
            np.log1p(reading.kappa[..., place]).mean(2),
            np.full(used.shape[:2], is_known[place].all(), np.float32),
        ]
    stack = [np.clip(ratios, _LEAST_LLR, _GREATEST_LLR), agreement * used, np.stack(columns, axis=2)]
    return np.concatenate([*stack, reading.bins[..., None] / 3], axis=2).astype(np.float32)
