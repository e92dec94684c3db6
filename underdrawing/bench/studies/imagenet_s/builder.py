"""Build triplets of image, label and mask from labelled photos, so that an edit hits what the label names.

    salient things (U2-Netp)  +  evidence for the true class (class activation)  ->  the labelled object

A salient thing belongs to the object where the class has evidence in it. Where salient things hold too
little of the evidence (a bird before a house), the evidence itself is grown to the picture's edges by GrabCut
(Rother et al. 2004). The object is widened by some pixels, so that an edit leaves no rim of it, and its area
brought into a range: too large a mask is cut to its most evident part, too small a one widened. All of it is
deterministic and looks at the original picture alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import cv2
import numpy as np

from underdrawing.bench.studies.imagenet_s.folder import LabelledPhoto
from underdrawing.bench.studies.imagenet_s.saliency import Saliency
from underdrawing.content.labelling.recognizer import EfficientNetRecognizer

AREA = (0.05, 0.40)
"""Least and greatest part of the frame that the mask covers."""
HELD = 0.5
"""Share of the evidence that salient things must hold to be the object."""
DENSE = 0.5
"""A thing belongs to the object where its mean evidence is this part of that in the most evident thing."""
CERTAIN, POSSIBLE, ABSENT = 0.6, 0.25, 0.05
"""Evidence above which a pixel is the object, may be it, and below which it is not (for GrabCut)."""
SPECK = 0.002
"""Part of the frame below which a connected thing counts for nothing."""
ROUNDS = 4
SMOOTH = 0.08
"""Of the side: deviation of the Gaussian that evidence is smoothed by before a mask is cut."""
RIM = 7
"""Pixels: side of the square that the object is widened by."""


@dataclass(frozen=True)
class Triplet:
    """One entry of the benchmark."""

    image: np.ndarray
    """(side, side, 3) uint8 RGB."""
    label: int
    mask: np.ndarray
    """(side, side) bool: the labelled object."""


@dataclass(frozen=True, eq=False)
class Builder:
    """Makes triplets of one size."""

    recognizer: EfficientNetRecognizer
    saliency: Saliency
    side: int = 256
    area: tuple[float, float] = AREA
    _masks: dict[tuple[int, bytes], np.ndarray] = field(default_factory=dict, init=False)
    """By label and digest of the picture: a mask takes as long as all else that is measured of a photo."""

    def triplet(self, labelled: LabelledPhoto) -> Triplet:
        """The centre square of the photo with its label and object. PictureError for a broken file."""
        image = labelled.square(self.side)
        return Triplet(image, labelled.label, self.mask(image, labelled.label))

    def mask(self, image_u8: np.ndarray, label: int) -> np.ndarray:
        """(H, W) bool: the object of this class, its area within the range."""
        key = label, hashlib.sha256(image_u8.tobytes()).digest()
        if key not in self._masks:
            evidence = self.recognizer.evidence(image_u8, label)
            thing = labelled_object(image_u8, evidence, self.saliency(image_u8)).astype(np.uint8)
            thing = cv2.dilate(thing, np.ones((RIM, RIM), np.uint8)) > 0
            self._masks[key] = within(thing, evidence, self.area)
        return self._masks[key]


def labelled_object(image_u8: np.ndarray, evidence: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """(H, W) bool: salient things with evidence of the class, or the evidence grown by GrabCut."""
    count, things = cv2.connectedComponents((saliency > 0.5).astype(np.uint8))
    sizes = np.bincount(things.ravel(), minlength=count)
    density = np.bincount(things.ravel(), evidence.ravel(), count) / np.maximum(sizes, 1)
    density[0] = 0
    density[sizes < SPECK * things.size] = 0
    chosen = density >= DENSE * max(density.max(), 1e-6)
    salient = chosen[things]
    held = evidence[salient].sum() / max(float(evidence.sum()), 1e-6)
    return salient if held >= HELD else grown(image_u8, evidence)


def grown(image_u8: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """(H, W) bool: the evidence brought to the picture's own edges by GrabCut, without specks."""
    seeds = np.full(evidence.shape, cv2.GC_PR_BGD, np.uint8)
    seeds[evidence < ABSENT] = cv2.GC_BGD
    seeds[evidence > POSSIBLE] = cv2.GC_PR_FGD
    seeds[evidence > CERTAIN] = cv2.GC_FGD
    if not ((seeds & 1) == 1).any() or not ((seeds & 1) == 0).any():
        return (seeds & 1) == 1
    cv2.setRNGSeed(0)  # its colour models begin with k-means
    cv2.grabCut(image_u8, seeds, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    _, things, stats, _ = cv2.connectedComponentsWithStats(seeds & 1)
    large = stats[:, cv2.CC_STAT_AREA] >= SPECK * seeds.size
    large[0] = False
    return large[things]


def within(mask: np.ndarray, evidence: np.ndarray, area: tuple[float, float]) -> np.ndarray:
    """The mask with an area in range: (H, W) bool.

    From too large a mask the places of least evidence around them are removed; too small a one is widened
    to the nearest and most evident places.
    """
    low, high = (round(part * mask.size) for part in area)
    if low <= mask.sum() <= high:
        return mask
    smooth = cv2.GaussianBlur(evidence, (0, 0), SMOOTH * max(mask.shape))
    if mask.sum() > high:
        return _highest(np.where(mask, 1 + smooth, 0), high)
    outside = (~mask).astype(np.uint8)
    far = cv2.distanceTransform(outside, cv2.DIST_L2, 5) if mask.any() else np.zeros(mask.shape)
    return _highest(np.where(mask, 2.0, smooth - far / max(mask.shape)), low)


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    order = np.argsort(-values, axis=None, kind="stable")[:count]
    chosen = np.zeros(values.size, bool)
    chosen[order] = True
    return chosen.reshape(values.shape)
