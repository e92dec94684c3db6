"""Copy-move: an object of the picture once more, elsewhere in it."""

from __future__ import annotations

import numpy as np

from underdrawing.attacks.manipulation import pasting, regions
from underdrawing.attacks.manipulation.picture import Manipulated


def copy_move(image: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Manipulated:
    """A region copied to a place of like surroundings, away from itself; the donor is not used.

    The mask covers the copy, not its source. Half of the copies are neither scaled nor turned.
    """
    height, width = image.shape[:2]
    source = regions.region(image, rng, (0.025, 0.25))
    part = pasting.cut(image, source)
    colour = pasting.surroundings(image, part)
    if rng.random() < 0.5:
        scale = float(np.exp(rng.uniform(np.log(0.75), np.log(1.3))))
        angle = float(rng.normal(0, 12)) if rng.random() < 0.6 else 0.0
        part = pasting.resampled(part, scale, angle, bool(rng.random() < 0.3), rng)
    part = pasting.fitted(part, height, width)
    corner = pasting.place(image, part, colour, rng, source)
    matching = float(rng.uniform(0.2, 0.7)) if rng.random() < 0.3 else 0.0
    return pasting.pasted(image, part, corner, matching, rng)
