"""Toy protector: even pixel values; odd ones were altered."""

import numpy as np

from underdrawing.core.types import Verdict
from underdrawing.ops.protection import Protection


class Toy:
    def protect(self, image, *, owner=None, identity=None, secret=None, strength=1.0):
        return Protection.between(image, image // 2 * 2)

    def verify(self, image, *, secret=None, find_key=None):
        odd = (image % 2).any(2)
        status = "altered" if odd.any() else "intact"
        return Verdict(status, present=True, message=status, tampered_prob=odd.astype(np.float32))
