"""Localization: a small network that hears what every block says of itself and sees where things end.

    view + known bits --> concentration measured again --> block features (r, c, FEATURES)
    block features + received RGB --> LocatorNet --> P(altered) per grid pixel

Where a layer was decoded, its coefficients are asked for the right lattice; where not, for any of the two.
"""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from underdrawing.carriers.lattice.lattice import View
from underdrawing.carriers.lattice.parameters import FREQUENCIES, LAYERS
from underdrawing.carriers.lattice.soft_bits import Reading, altered_probability
from underdrawing.core.types import ALTERED_PROBABILITY

WEIGHTS = Path(__file__).parent / "weights" / "locator.safetensors"
FEATURES = 2 * len(FREQUENCIES) + 4 * len(LAYERS) + 1
"""Numbers that describe a block."""

_LEAST_LLR, _GREATEST_LLR = -6.0, 3.0
_LEAST_AREA_PX = 32
_LEAST_SHORTFALL = 16.0  # nats by which a flagged area has to say less than an untouched one would
_SHORTFALL_PER_BLOCK = 0.02  # and on average
_ROUNDS = 2  # of measuring the channel with the altered blocks discounted


class Locator:
    """Finds the altered pixels; loads its weights at the first use."""

    def __init__(self, weights: Path = WEIGHTS):
        self._path = weights
        self._lock = threading.Lock()

    def locate(self, view: View, known: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
        """Probability (8 r, 8 c) float32 that a pixel was altered.

        known: layer name -> (r, c, frequencies of the layer) uint8 bits, for the layers that were decoded.
        image: (8 r, 8 c, 3) uint8 RGB of the blocks in view. Raises WeightsError without the weights.
        """
        import torch

        with self._lock:
            net = self._net
        reading = measured(view.reading, known)
        features = block_features(reading, known)
        with torch.inference_mode():
            blocks = torch.from_numpy(features).permute(2, 0, 1)[None].float()
            pixels = torch.from_numpy(np.require(image, requirements=["C", "W"])).permute(2, 0, 1)[None]
            probability = torch.sigmoid(net(blocks, pixels))[0, 0].numpy()
        return founded(probability, shortfall(reading, known))

    @cached_property
    def _net(self):
        from underdrawing.carriers.lattice.locator_net import LocatorNet
        from underdrawing.nets.loading import load_network

        return load_network(self._path, None, LocatorNet)


def measured(reading: Reading, known: dict[str, np.ndarray]) -> Reading:
    """The reading with its concentration measured by the known bits, altered blocks discounted."""
    sign, told = _signs(known, reading.cosine.shape)
    first = len(told) if told.all() else int(told.argmin())
    for _ in range(_ROUNDS):
        altered = altered_probability(log_ratios(reading, known).sum(2))
        if first:
            reading = reading.with_known(sign[..., :first] < 0, altered)
        else:
            reading = reading.with_altered(altered)
    return reading


def _signs(known: dict[str, np.ndarray], shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """+1 for bit 0 and -1 for bit 1, (r, c, n) float32, and which of the n coefficients are known.

    A layer may come with more bits than it has frequencies: those of a small grid's base go on in the middle.
    """
    sign, told = np.ones(shape, np.float32), np.zeros(shape[2], bool)
    for name, bits in known.items():
        start = LAYERS[name].start
        place = slice(start, start + bits.shape[2])
        sign[..., place] -= 2 * bits.astype(np.float32)
        told[place] = True
    return sign, told


def log_ratios(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    """Log-likelihood ratio "untouched over altered" of each coefficient, (r, c, n) float32."""
    sign, told = _signs(known, reading.cosine.shape)
    every = slice(None)
    right, wrong = reading.log_density(every, sign), reading.log_density(every, -sign)
    fits = np.where(told, right, np.logaddexp(right, wrong) - np.float32(np.log(2)))
    used = reading.in_use
    return np.log(used * np.exp(fits) + 1 - used)


def shortfall(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    """Nats by which the known bits of each block speak less for "untouched" than they would there, (r, c).

    About zero where a block is untouched, and where it carries nothing (a black void), under every channel;
    clearly positive where it was altered, however weakly a harsh channel lets it speak.
    """
    _, told = _signs(known, reading.cosine.shape)
    expected = reading.in_use * reading.expected_log_density()
    return ((expected - log_ratios(reading, known)) * told).sum(2).astype(np.float32)


def founded(probability: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The probability (8 r, 8 c), taken below one half in flagged areas that the evidence does not bear out.

    missing: (r, c) shortfall of each block. Of an area and the blocks beside it together so much has to be
    missing as chance does not bring about: where a channel left next to nothing, the network guesses.
    """
    flagged = (probability > ALTERED_PROBABILITY).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(flagged, connectivity=8)
    unfounded = stats[:, cv2.CC_STAT_AREA] < _LEAST_AREA_PX
    for area in np.flatnonzero(~unfounded[1:]) + 1:
        x, y, width, height = stats[area, :4]
        top, left = max(y // 8 - 1, 0), max(x // 8 - 1, 0)
        part = missing[top : (y + height - 1) // 8 + 2, left : (x + width - 1) // 8 + 2]
        here = labels[8 * top : 8 * (top + part.shape[0]), 8 * left : 8 * (left + part.shape[1])] == area
        blocks = here.reshape(part.shape[0], 8, part.shape[1], 8).any((1, 3))
        near = cv2.dilate(blocks.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        least = max(_LEAST_SHORTFALL, _SHORTFALL_PER_BLOCK * float(near.sum()))
        unfounded[area] = part[near].sum() < least
    unfounded[0] = False
    return np.where(unfounded[labels], np.minimum(probability, np.float32(0.49)), probability)


def block_features(reading: Reading, known: dict[str, np.ndarray]) -> np.ndarray:
    """(r, c, FEATURES) float32: ratios, agreement, and by layer evidence, use, concentration, known."""
    ratios = log_ratios(reading, known)
    used = reading.in_use
    sign, told = _signs(known, used.shape)
    agreement = np.where(told, sign * reading.cosine, 2 * reading.cosine**2 - 1)
    columns = []
    for place in LAYERS.values():
        columns += [
            np.clip(ratios[..., place].sum(2), -12, 12) / 4,
            used[..., place].mean(2),
            np.log1p(reading.kappa[..., place]).mean(2),
            np.full(used.shape[:2], told[place].all(), np.float32),
        ]
    stack = [np.clip(ratios, _LEAST_LLR, _GREATEST_LLR), agreement * used, np.stack(columns, axis=2)]
    return np.concatenate([*stack, reading.bins[..., None] / 3], axis=2).astype(np.float32)
