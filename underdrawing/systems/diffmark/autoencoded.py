"""The frozen autoencoder that stands for deepfakes, in training and in the guidance of the sampling."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from underdrawing.attacks.face_channels import SentFace
from underdrawing.attacks.face_forgery.resynthesis import PatchAutoencoder


class Autoencoded:
    """A face as the autoencoder of re-synthesis redraws it: a channel of attacks.face_channels."""

    name = "autoencoded"

    @cached_property
    def _autoencoder(self) -> PatchAutoencoder:
        return PatchAutoencoder()

    def __call__(self, sent: SentFace, rng: np.random.Generator) -> np.ndarray:
        """The whole crop from its latent."""
        return self.redraw(sent.marked)

    def redraw(self, face: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8, S a multiple of 8 -> the same shape."""
        planes = np.ascontiguousarray(face.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        redrawn = self._autoencoder.decode(self._autoencoder.encode(planes))[0].transpose(1, 2, 0)
        return np.clip(np.rint(255 * redrawn), 0, 255).astype(np.uint8)
