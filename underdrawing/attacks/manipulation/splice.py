"""Splice: an object of another photograph."""

from __future__ import annotations

import numpy as np

from underdrawing.attacks.manipulation import pasting, regions
from underdrawing.attacks.manipulation.picture import Manipulated

_AREA = (0.025, 0.4)
"""Share of the picture that the object is scaled to; log-uniform."""


def splice(image: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Manipulated:
    """A region of the donor, resampled, placed where the surroundings are alike, and blended."""
    height, width = image.shape[:2]
    part = pasting.cut(donor, regions.region(donor, rng, (0.02, 0.45)))
    colour = pasting.surroundings(donor, part)
    goal = np.exp(rng.uniform(*np.log(_AREA))) * height * width
    scale = float(np.sqrt(goal / max(part.weight.sum(), 1)).clip(0.4, 1.6))
    scale = 1.0 if 0.8 < scale < 1.25 and rng.random() < 0.4 else scale
    angle = float(rng.normal(0, 7)) if rng.random() < 0.45 else 0.0
    part = pasting.resampled(part, scale, angle, bool(rng.random() < 0.3), rng)
    part = pasting.fitted(part, height, width)
    corner = pasting.place(image, part, colour, rng, None)
    matching = float(rng.uniform(0.3, 0.9)) if rng.random() < 0.75 else 0.0
    return pasting.pasted(image, part, corner, matching, rng)
