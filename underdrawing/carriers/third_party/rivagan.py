"""RivaGAN as a carrier (Zhang et al. 2019, arXiv 1909.01285), by the package invisible-watermark.

32 bits by an attention network; encoder and decoder come as ONNX files inside the package, so nothing is
ever fetched. The package cuts protected pixels off instead of rounding them, half a level darker on average;
that is left as it is, being part of what is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from underdrawing.carriers.checks import checked_count, checked_message, checked_picture
from underdrawing.carriers.extras import optional
from underdrawing.carriers.repeating import gathered, repeated
from underdrawing.core.errors import WeightsError
from underdrawing.core.interfaces import Reading
from underdrawing.ops.protection import Protection

BITS = 32
LEAST_PIXELS = 256 * 256
"""The package refuses smaller pictures."""
_THRESHOLD = 0.52  # of the decoder's logit, as the package cuts it


@dataclass(frozen=True)
class RivaGan:
    """Hides 32 bits; cannot tell whether they are there, nor where a picture was altered.

    Soft bits are the decoder's logits with their sign turned, counted from the package's own threshold; they
    were trained as log-likelihood ratios of the channels of RivaGAN and are taken as such.
    """

    name: str = "rivagan"
    tells_length: ClassVar[bool] = False

    def __post_init__(self):
        self._model()

    def capacity_bits(self, image_u8: np.ndarray) -> int:
        """32, or 0 below 65,536 pixels."""
        checked_picture(image_u8)
        return BITS if image_u8.shape[0] * image_u8.shape[1] >= LEAST_PIXELS else 0

    def embed(self, image_u8: np.ndarray, bits: np.ndarray) -> Protection:
        """See Carrier. A shorter message is repeated."""
        checked_message(bits, self.capacity_bits(image_u8), self.name)
        model = self._model()(repeated(bits, BITS).tolist(), BITS)
        protected = model.encode(np.ascontiguousarray(image_u8[..., ::-1]))[..., ::-1]
        return Protection.between(image_u8, protected)

    def read(self, received_u8: np.ndarray, count: int | None) -> Reading:
        """See Reader."""
        checked_picture(received_u8)
        checked_count(count, BITS, self.name)
        frame = np.ascontiguousarray(received_u8[..., ::-1].transpose(2, 0, 1), np.float32) / 127.5 - 1
        (logits,) = self._model().decoder.run(None, {"frame": frame[None, :, None]})
        return Reading(gathered(_THRESHOLD - logits[0], count), present=None)

    @staticmethod
    def _model():
        optional("onnxruntime", "rivagan")
        model = optional("imwatermark.rivaGan", "rivagan").RivaWatermark
        try:
            model.loadModel()
        except Exception as error:  # the runtime has error classes of its own, a file each
            raise WeightsError(f"RivaGAN's networks in the package imwatermark: {error}") from error
        return model
