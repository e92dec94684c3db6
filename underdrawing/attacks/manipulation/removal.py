"""Removal: an object is gone, and its place is filled."""

from __future__ import annotations

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.manipulation import fills, regions
from underdrawing.attacks.manipulation.picture import Manipulated, composed

_AREA = (0.015, 0.2)
"""Share of the picture that the object covers, before the margin around it."""


class Removal:
    """The manipulation; of one fill where it is given, else of one of fills.FILLS by their shares."""

    def __init__(self, fill: fills.Fill | None = None):
        self._fill = fill

    def __call__(self, image: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Manipulated:
        """An object of the picture replaced by a fill; the donor is not used."""
        unit = min(image.shape[:2]) / 320
        side = 2 * max(1, round(unit * rng.uniform(1, 4))) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        region = cv2.dilate(regions.region(image, rng, _AREA), kernel)
        fill = self._fill or fills.FILLS[int(rng.choice(len(fills.FILLS), p=fills.SHARES))]
        filled = fill(image, region > 0, rng)
        soft = unit * rng.uniform(0.3, 2.5)
        window = blending.bounds(region)
        mask = np.zeros(region.shape, np.float32)
        mask[window] = blending.feathered(region[window], soft)
        return composed(image, filled, mask)


removal = Removal()
"""Removal with every fill of this package."""
