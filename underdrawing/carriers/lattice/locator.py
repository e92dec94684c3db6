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
    flagged = (probability > ALTERED_PROBABILITY).astype(np.uint8)
    count, labels = cv2.connectedComponents(flagged, connectivity=8)
    if count == 1:
        return probability
    reading = measured(view.reading, known)
    agreements, missing = agreement(reading, known), shortfall(reading, known)
    dropped = np.zeros(count, bool)
    for area in range(1, count):
        inside = (labels == area).astype(np.float32)
        share = cv2.resize(inside, agreements.shape[1::-1], interpolation=cv2.INTER_AREA)
        blocks = share > 0.5 if (share > 0.5).any() else share > 0
        found, expected, variance = agreements[blocks].sum(0)
        dropped[area] = found > max(_PRESENT * np.sqrt(variance), _PRESENT_SHARE * expected) > 0
        dropped[area] |= blocks.sum() < _SMALL_BLOCKS and missing[blocks].sum() < _SMALL_SHORTFALL
    return np.where(dropped[labels], np.minimum(probability, np.float32(0.49)), probability)


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
