"""Manipulations of photographs with their masks, for training and measurement of localizers.

result = KINDS["splice"](photo_u8, donor_u8, rng)        # result.image, result.mask
path = Chain.draw(rng)                                   # the same path for authentic counterparts
received_u8, mask = path(result.image), path.moved(result.mask)
"""

from underdrawing.attacks.manipulation.chain import Camera, Chain
from underdrawing.attacks.manipulation.copy_move import copy_move
from underdrawing.attacks.manipulation.picture import Manipulated, Manipulation, redrawn
from underdrawing.attacks.manipulation.platforms import PLATFORMS, Platform
from underdrawing.attacks.manipulation.removal import removal
from underdrawing.attacks.manipulation.retouch import retouch
from underdrawing.attacks.manipulation.splice import splice
from underdrawing.attacks.manipulation.text import text

KINDS: dict[str, Manipulation] = {
    "splice": redrawn(splice),
    "copy_move": redrawn(copy_move),
    "removal": redrawn(removal),
    "retouch": redrawn(retouch),
    "text": redrawn(text),
}
"""Every kind of manipulation by name."""
WITH_DONOR = frozenset({"splice"})
"""Kinds that use the picture of a donor; the others ignore it."""

__all__ = [
    "KINDS", "PLATFORMS", "WITH_DONOR", "Camera", "Chain", "Manipulated", "Manipulation", "Platform",
    "redrawn",
]  # fmt: skip
