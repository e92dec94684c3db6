"""Comparison of a received picture with its signed content, and recovery into the received picture.

probability, content --> contradictions --> matches? --> recovery region --> recovered picture
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from underdrawing.core.types import UNTOUCHED
from underdrawing.judging.agreement import correlation
from underdrawing.judging.blending import blend
from underdrawing.judging.contradiction import contradicted
from underdrawing.judging.regions import regions_with

LOCAL_BITS = 250
"""Bits of a sketch from which content describes single places; a shorter code describes the whole only."""
_CONTRADICTED = np.float32(0.9)  # probability of an alteration that only the signed content reveals
_LEAST_CORRELATION = 0.5  # below it the signed content is that of another picture


def add_contradictions(
    image: np.ndarray, content: np.ndarray, probability: np.ndarray, logits: np.ndarray | None = None
) -> np.ndarray:
    """The probability (8 r, 8 c) of alteration, raised where image and content, (8 r, 8 c, 3), contradict.

    logits: (r, c) of the signed hash, that a block is altered. Regions that it denies are left out: lettering
    and colours that a file format changed differ from a short code, too.
    """
    regions = contradicted(image, content, probability)
    if logits is not None:
        regions = regions_with(regions, logits > 0)
    return np.where(regions, _CONTRADICTED, probability)


def matches_content(image: np.ndarray, content: np.ndarray, weight: np.ndarray) -> bool | None:
    """Whether the image (H, W, 3) is the picture of the signed content; None where no comparison is possible.

    weight: (H, W), of unaltered pixels. This coarse test passes pictures of like composition; judging.witness
    has the one that a verdict can stand on.
    """
    value = correlation(image, content, weight)
    return None if value is None else value > _LEAST_CORRELATION


def recover_region(
    received: np.ndarray,
    region: np.ndarray,
    source: int,
    complete: Callable[[], tuple[np.ndarray, np.ndarray | float]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recovered picture (H, W, 3) uint8, source map and confidence (H, W), all in received coordinates.

    region: (H, W) bool, to replace. source: value of the source map there.
    complete: replacement (H, W, 3) and its confidence; called only where the region is not empty.
    """
    origin = np.where(region, source, UNTOUCHED).astype(np.uint8)
    confidence = np.ones(region.shape, np.float32)
    if not region.any():
        return received.copy(), origin, confidence
    whole, sure = complete()
    confidence = np.where(region, sure, confidence).astype(np.float32)
    return blend(received, np.clip(whole, 0, 255), region), origin, confidence
