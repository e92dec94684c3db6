"""Forgery laboratory: forged faces with their masks, for training and measurement of detectors.

forged = KINDS["swap"](Face(target_u8, landmarks), Face(donor_u8, donor_landmarks), rng)
forged.image, forged.mask
"""

from underdrawing.attacks.face_forgery.attribute import attribute
from underdrawing.attacks.face_forgery.autoencoder import AutoencoderSwap
from underdrawing.attacks.face_forgery.blend import blend
from underdrawing.attacks.face_forgery.face import Face, Forged, Forgery
from underdrawing.attacks.face_forgery.parts import parts
from underdrawing.attacks.face_forgery.reenact import reenact
from underdrawing.attacks.face_forgery.resynthesis import Resynthesis
from underdrawing.attacks.face_forgery.swap import swap

KINDS: dict[str, Forgery] = {
    "swap": swap,
    "reenact": reenact,
    "blend": blend,
    "attribute": attribute,
    "parts": parts,
    "autoencoder": AutoencoderSwap(),
    "resynthesis": Resynthesis(),
}
"""Every kind of forgery by name."""
WITH_DONOR = frozenset({"swap", "parts", "resynthesis"})
"""Kinds that use the picture of a donor; the others ignore it."""

__all__ = ["KINDS", "WITH_DONOR", "Face", "Forged", "Forgery"]
