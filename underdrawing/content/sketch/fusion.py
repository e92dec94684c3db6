"""Recovery: decoded content of an altered region, corrected by the unaltered surroundings.

e = received picture - sketch, known outside the mask   --> spread into the mask, by a pyramid
(sketch, e, unaltered pixels, mask, bits of the code) --> FusionNet --> correction, and its expected error
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from underdrawing.judging.blending import spread
from underdrawing.nets.graph import Graph
from underdrawing.ops.special import erfc

WEIGHTS = Path(__file__).parent / "weights" / "fusion.safetensors"
ALTERED = 0.5
"""Probability from which a pixel is recovered."""
NO_SKETCH = 128
"""Level of a sketch that is not there."""
CONFIDENT_LEVELS = 16.0
"""Confidence is the probability that a pixel's error stays below this many 8-bit levels."""

SCALE = 64.0
"""Levels that are one unit for the network."""

_RIM_PX = 2  # around the mask, not used: codecs spread an edit over its edge
_SURROUNDINGS_PX = 64
_FEW = 0.005  # share of coloured pixels around a place in a picture without colours
_COLOURLESS_LEVELS = 16.0  # mean difference between the channels of a sketch up to which it may be an error
_DENSITY = 32.0  # bits of a block are compressed as ln(1 + 32 bits)


class Fusion:
    """Recovers the altered region; loads its weights at the first use."""

    def __init__(self, weights: Path = WEIGHTS):
        self._net = Graph(WEIGHTS.with_suffix(".onnx"), weights)

    def recover(
        self, image: np.ndarray, probability: np.ndarray, sketch: np.ndarray, density: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Recovered picture (h, w, 3) uint8 and confidence (h, w) float32 in [0, 1].

        image: received, (h, w, 3) uint8 with sides that are multiples of 8; probability: (h, w) that a pixel
        was altered; sketch: (h, w, 3) uint8, decoded content of the same view; density: (h / 8, w / 8) bits
        of its code in each block, 0 where there is none. Where the probability is at most ALTERED the
        picture stays as it is, with confidence 1. Raises WeightsError without weights.
        """
        altered = probability > ALTERED
        if not altered.any():
            return image.copy(), np.ones(probability.shape, np.float32)
        part = _around(altered)
        here = altered[part]
        blocks = tuple(slice(each.start // 8, each.stop // 8) for each in part)
        planes = prepare(image[part], here, sketch[part], density[blocks])
        (output,) = self._net(planes=planes.transpose(2, 0, 1)[None])
        output = output[0].transpose(1, 2, 0)
        levels = base(planes) + output[..., :3] * SCALE
        if _is_gray(image[part], here, sketch[part]):
            levels = levels.mean(2, keepdims=True).repeat(3, 2)
        written = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        deviation = np.exp(0.5 * output[..., 3]) * SCALE
        sure = 1 - erfc(np.float32(CONFIDENT_LEVELS / 2**0.5) / np.maximum(deviation, 0.1))
        recovered, confidence = image.copy(), np.ones(altered.shape, np.float32)
        recovered[part][here] = written[here]
        confidence[part][here] = sure[here]
        return recovered, confidence


def _is_gray(image: np.ndarray, altered: np.ndarray, sketch: np.ndarray) -> bool:
    """Whether nothing around an altered place has a colour, and the sketch shows none there to speak of."""
    around, inside = (np.ptp(picture[where].astype(np.int16), axis=1)
                      for picture, where in ((image, ~altered), (sketch, altered)))  # fmt: skip
    return around.size > 0 and float((around > 1).mean()) < _FEW and float(inside.mean()) < _COLOURLESS_LEVELS


def _around(altered: np.ndarray) -> tuple[slice, slice]:
    """Rectangle of the altered pixels and their surroundings, sides multiples of 8."""
    slices = []
    for axis in (1, 0):
        hit = np.flatnonzero(altered.any(axis))
        first = max(0, int(hit[0]) - _SURROUNDINGS_PX) // 8 * 8
        last = min(altered.shape[1 - axis], -(-(int(hit[-1]) + 1 + _SURROUNDINGS_PX) // 8) * 8)
        slices.append(slice(first, last))
    return slices[0], slices[1]


def prepare(image: np.ndarray, altered: np.ndarray, sketch: np.ndarray, density: np.ndarray) -> np.ndarray:
    """The network's planes, (h, w, CHANNELS) float32 in units of 64 levels.

    Sketch, difference outside the mask, that difference spread into the mask, unaltered pixels, their mask,
    and the log of the bits of each block, in 0..1.5 from none to 8.
    """
    rim = cv2.dilate(altered.astype(np.uint8), np.ones((2 * _RIM_PX + 1,) * 2, np.uint8))
    trusted = (1 - rim).astype(np.float32)[..., None]
    decoded = (sketch.astype(np.float32) - 128) / SCALE
    left = (image.astype(np.float32) - 128) / SCALE * trusted
    difference = (left - decoded) * trusted
    bits = np.log1p(_DENSITY * density.astype(np.float32)).repeat(8, 0).repeat(8, 1)[..., None] / 4
    spread_difference = spread(difference, trusted[..., 0])
    return np.concatenate([decoded, difference, spread_difference, left, trusted, bits], axis=2)


def base(planes: np.ndarray) -> np.ndarray:
    """Input that the network corrects: the sketch in the tone of its surroundings, (h, w, 3) levels."""
    return (planes[..., :3] + planes[..., 6:9]) * SCALE + 128
