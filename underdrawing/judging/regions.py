"""Flagged regions that neither the block evidence nor the signed content supports are dropped."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.core.types import ALTERED_PROBABILITY
from underdrawing.ops.color import luma

_NEGATIVE_EVIDENCE = -2.0  # log-likelihood ratio below which a block shows an alteration
_MIN_NEGATIVE_SHARE = 0.15  # of the blocks in and beside a region
_CLIPPED_SHARE = 0.35  # of a region, above which it cannot carry a mark
_FAR, _FAR_LEVELS = 2.5, 30.0  # multiple of the usual error, and levels, that mean another content
_NEAR = 0.95  # multiple of the usual error below which a region shows the signed content
_SHARP = 1.45  # multiple of the gradient of the decoded content; a blurred region has 1.2 or less
_MOSTLY = 0.9  # flagged part of the frame above which no usual error can be estimated
_WHITE = 253  # levels of the brightest channel
_MIN_AREA_BLOCKS = 2.0
_MIN_INNER_RADIUS_PX = 3.0  # thinner regions lie along the frame or along edges and are false alarms
_LEAST_MEAN = 0.9  # probability of a region; three quarters of the edits of half a per cent have more
_LEAST_EVIDENCE = 20.0  # sum of log-likelihood ratios of a region, where nothing else supports it
_BELOW_THRESHOLD = 0.49
_PALETTE = 256  # colours
_SAMPLED = 8  # px
_FEW_COLOURS = 20.0  # perplexity of the colours of a region
_EXPLAINED = 0.25  # flagged share of a region, from which it is the same edit


def drop_unsupported_regions(
    probability: np.ndarray,
    evidence: np.ndarray,
    clipped: np.ndarray,
    error: np.ndarray | None = None,
    gradient: np.ndarray | None = None,
    *,
    absent: np.ndarray | None = None,
) -> np.ndarray:
    """The probability (8 r, 8 c), lowered below the threshold in flagged regions without support.

    Dropped are: regions smaller than two blocks, or thin; clipped regions (`clipped`, (r, c) share of a
    block), which carry no mark, unless they differ far from the signed content (`error`, (8 r, 8 c) levels);
    regions closer to the signed content than the rest of the picture, unless they lost their detail
    (`gradient`, see gradients). Without signed content the block evidence ((r, c), log-likelihood ratio
    "untouched over altered") decides on clipped regions.
    absent: of a locator, (8 r, 8 c) bool, areas that are shown not to have the mark: regions elsewhere are
    dropped too where their probability is doubtful, or where without signed content the block evidence does
    not show them.
    """
    flagged = (probability > ALTERED_PROBABILITY).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(flagged, connectivity=8)
    result = probability.astype(np.float32, copy=True)
    for region in range(1, count):
        inside = labels == region
        blocks = cv2.resize(inside.astype(np.float32), evidence.shape[::-1], interpolation=cv2.INTER_AREA) > 0
        if error is None:
            near = cv2.dilate(blocks.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            plausible = (evidence[near] < _NEGATIVE_EVIDENCE).mean() >= _MIN_NEGATIVE_SHARE
        else:
            plausible = _is_far(error, inside, flagged)
        void = clipped[blocks].mean() > _CLIPPED_SHARE and not plausible
        same = False
        if error is not None and gradient is not None:
            received, decoded = gradient[:, inside].mean(1)
            same = _relative_error(error, inside, flagged) < _NEAR and received > _SHARP * decoded
        doubtful = False
        if absent is not None and not absent[inside].any():
            doubtful = result[inside].mean() < _LEAST_MEAN
            doubtful |= error is None and -evidence[blocks].sum() < _LEAST_EVIDENCE
        radius = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 5).max()
        small = radius < _MIN_INNER_RADIUS_PX or stats[region, cv2.CC_STAT_AREA] < _MIN_AREA_BLOCKS * 64
        if same or void or small or doubtful:
            result[inside] = np.minimum(result[inside], _BELOW_THRESHOLD)
    return result


def drop_palette_regions(
    probability: np.ndarray, pixels: np.ndarray, logits: np.ndarray | None = None
) -> np.ndarray:
    """The probability (8 r, 8 c), lowered below the threshold in regions that a palette left few colours.

    pixels: (8 r, 8 c, 3) uint8 of the received picture, not interpolated. A palette of the whole picture has
    one or two entries for a rare colour, and no mark survives there. logits: (r, c) of the signed hash, that
    a block is altered; regions in which one is positive stay.
    """
    colours = _colours(pixels)
    if not has_palette(pixels):
        return probability
    flagged = probability > ALTERED_PROBABILITY
    count, labels = cv2.connectedComponents(flagged.astype(np.uint8), connectivity=8)
    contradicted = np.zeros_like(flagged) if logits is None else regions_with(flagged, logits > 0)
    poor = np.zeros(count, bool)
    for region in range(1, count):
        inside = labels == region
        share = np.unique(colours[inside], return_counts=True)[1] / inside.sum()
        poor[region] = np.exp(-(share * np.log(share)).sum()) < _FEW_COLOURS
    return np.where(poor[labels] & ~contradicted, np.minimum(probability, _BELOW_THRESHOLD), probability)


def has_palette(pixels: np.ndarray) -> bool:
    """Whether a picture (h, w, 3) uint8 is coloured, with at most 256 colours."""
    if not (pixels != pixels[..., :1]).any():
        return False
    colours = _colours(pixels)
    parts = colours[::_SAMPLED, ::_SAMPLED], colours  # the sample excludes most pictures
    return all(len(np.unique(part)) <= _PALETTE for part in parts)


def _colours(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)


def regions_with(regions: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """The connected regions (8 r, 8 c) bool that touch one of the blocks (r, c) bool."""
    count, labels = cv2.connectedComponents(regions.astype(np.uint8), connectivity=8)
    size = regions.shape[::-1]
    touched = np.zeros(count, bool)
    touched[labels[cv2.resize(blocks.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0]] = True
    touched[0] = False
    return touched[labels]


def unexplained_regions(regions: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The connected regions (8 r, 8 c) bool of which little is flagged in `probability`.

    The others are the same edits, which the flagged pixels delimit more sharply.
    """
    count, labels = cv2.connectedComponents(regions.astype(np.uint8), connectivity=8)
    flagged = np.bincount(labels[probability > ALTERED_PROBABILITY], minlength=count)
    kept = flagged < _EXPLAINED * np.bincount(labels.ravel(), minlength=count)
    kept[0] = False
    return kept[labels]


def abs_error(image: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """(H, W) float32 absolute difference of picture and decoded content in levels, mean of the channels."""
    return np.abs(image.astype(np.float32) - decoded).mean(2)


def gradients(image: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """(2, H, W) float32 Sobel gradient magnitude of the picture (H, W, 3) and of the decoded content."""
    grays = (picture.astype(np.float32).mean(2) for picture in (image, decoded))
    return np.stack([cv2.magnitude(cv2.Sobel(g, -1, 1, 0), cv2.Sobel(g, -1, 0, 1)) for g in grays])


def extreme(image: np.ndarray) -> np.ndarray:
    """(H, W) float32: the brightest channel of a pixel where it is clipped at white, else the luma."""
    brightest = image.max(2).astype(np.float32)
    return np.where(brightest > _WHITE, brightest, luma(image))


def _is_far(error: np.ndarray, inside: np.ndarray, flagged: np.ndarray) -> bool:
    if flagged.mean() > _MOSTLY:
        return False
    far = float(np.median(error[inside])) > _FAR_LEVELS
    return far and _relative_error(error, inside, flagged) > _FAR


def _relative_error(error: np.ndarray, inside: np.ndarray, flagged: np.ndarray) -> float:
    """Median error of a region over that of the unflagged rest; infinite where too little is unflagged."""
    if flagged.mean() > _MOSTLY:
        return np.inf
    return float(np.median(error[inside])) / max(float(np.median(error[flagged == 0])), 1e-3)
