"""Re-synthesis: a face, or the whole crop, replaced by what an autoencoder makes of it.

crop -> 128 to 256 px -> encoder -> latent, with noise or a share of the donor's -> decoder -> region
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.face_forgery.face import Face, Forged, composed
from underdrawing.nets.graph import Graph

WEIGHTS = Path(__file__).parent / "weights/resynthesis.safetensors"
ENCODER = WEIGHTS.with_name("resynthesis_encoder.onnx")
DECODER = WEIGHTS.with_name("resynthesis_decoder.onnx")
STRIDE = 8
"""Pixels of a position of the latent."""


class Autoencoder(Protocol):
    """A convolutional autoencoder with a latent of 1/STRIDE of the sides."""

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """(1, 3, h, w) float32 in [0, 1] -> latent (1, C, h/STRIDE, w/STRIDE)."""

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Latent -> picture, about [0, 1]."""


class PatchAutoencoder:
    """The autoencoder of this package, trained on faces."""

    def __init__(self, weights: Path = WEIGHTS):
        self._encoder = Graph(ENCODER, weights, "encoder.")
        self._decoder = Graph(DECODER, weights, "decoder.")

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """The latent of a picture."""
        return self._encoder(picture=picture)[0]

    def decode(self, latent: np.ndarray) -> np.ndarray:
        """The picture of a latent."""
        return self._decoder(latent=latent)[0]


class Resynthesis:
    """The forgery by an autoencoder.

    sides: least and largest side at which the crop is encoded, px.
    """

    def __init__(self, autoencoder: Autoencoder | None = None, sides: tuple[int, int] = (128, 256)):
        self._autoencoder = autoencoder or PatchAutoencoder()
        self._sides = sides

    def __call__(self, target: Face, donor: Face, rng: np.random.Generator) -> Forged:
        """The target's face or crop from its latent."""
        low, high = (side // STRIDE for side in self._sides)
        side = STRIDE * int(rng.integers(low, high, endpoint=True))
        latent = self._latent(target.image, side)
        choice = rng.random()
        if choice < 0.35:
            noise = rng.standard_normal(latent.shape, np.float32)
            latent = latent + np.float32(rng.uniform(0.02, 0.2)) * latent.std() * noise
        elif choice < 0.55:
            other = self._latent(_fitted(donor, target), side)
            latent += np.float32(rng.uniform(0.1, 0.35)) * (other - latent)
        picture = self._autoencoder.decode(latent)[0].transpose(1, 2, 0).clip(0, 1) * np.float32(255)
        height, width = target.image.shape[:2]
        filters = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
        picture = cv2.resize(picture, (width, height), interpolation=int(rng.choice(filters)))
        if (rng.random() < 0.35 and choice < 0.35) or choice >= 0.8:
            return composed(target.image, picture, np.ones((height, width), np.float32))
        region = blending.face_region(target, rng)
        return composed(
            target.image, picture, blending.feathered(region, target.unit * rng.uniform(0.02, 0.2))
        )

    def _latent(self, image: np.ndarray, side: int) -> np.ndarray:
        smaller = side < image.shape[0]
        resized = cv2.resize(
            image, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        )
        return self._autoencoder.encode(
            np.ascontiguousarray(resized.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        )


def _fitted(donor: Face, target: Face) -> np.ndarray:
    """The donor's picture with its landmarks near those of the target."""
    matrix, _ = cv2.estimateAffinePartial2D(donor.landmarks, target.landmarks, method=cv2.LMEDS)
    if matrix is None:
        return target.image
    height, width = target.image.shape[:2]
    return cv2.warpAffine(donor.image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
