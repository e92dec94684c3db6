"""The first deepfakes: a face through a shared encoder and the decoder of another identity.

    target -> frame of 64 px -> encoder -> code -> decoder of one identity -> colour of the target -> blended

The identities are those of the clips that the networks were trained on; the picture of a donor is not used.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from underdrawing.attacks.face_forgery import blending
from underdrawing.attacks.face_forgery.alignment import to_frame
from underdrawing.attacks.face_forgery.face import Face, Forged, composed
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import read_config

WEIGHTS = Path(__file__).parent / "weights/swap.safetensors"
ENCODER, DECODER = WEIGHTS.with_name("swap_encoder.onnx"), WEIGHTS.with_name("swap_decoder.onnx")
EVERYBODY = "everybody"
"""The decoder of all faces, which keeps the encoder general; it replaces nobody."""


class AutoencoderSwap:
    """The forgery; of one identity where `identity` names it, else of one that rng draws."""

    def __init__(self, weights: Path = WEIGHTS, identity: str | None = None):
        self._weights, self._identity = weights, identity

    @property
    def identities(self) -> tuple[str, ...]:
        """Those that a face can be replaced by."""
        return tuple(name for name in _network(self._weights).names if name != EVERYBODY)

    def of(self, identity: str) -> AutoencoderSwap:
        """The forgery that replaces every face by this identity."""
        return AutoencoderSwap(self._weights, identity)

    def __call__(self, target: Face, donor: Face, rng: np.random.Generator) -> Forged:
        """The face of an identity in the pose and light of the target."""
        identity = self._identity or str(rng.choice(self.identities))
        network = _network(self._weights)
        height, width = target.image.shape[:2]
        matrix = to_frame(target.landmarks, network.side)
        face = network.decoded(target.image, matrix, identity)
        if rng.random() < 0.5:
            detail = face - cv2.GaussianBlur(face, (0, 0), 1.0)
            face = np.clip(face + rng.uniform(0.3, 1.5) * detail, 0, 255)
        back = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR)
        face = cv2.warpAffine(face, matrix, (width, height), flags=back, borderMode=cv2.BORDER_REPLICATE)
        region = blending.face_region(target, rng) * _inside(matrix, network.side, height, width)
        transfer = blending.TRANSFERS[rng.integers(len(blending.TRANSFERS))]
        face += rng.uniform(0.8, 1.0) * (transfer(np.clip(face, 0, 255), target.image, region) - face)
        if rng.random() < 0.3:
            face += rng.standard_normal((height, width), np.float32)[..., None] * rng.uniform(0.5, 2.5)
        feather = target.unit * rng.uniform(0.04, 0.22)
        if rng.random() < 0.3:
            face = blending.poisson(face, target.image, region > 0.5)
            feather = min(feather, 0.08 * target.unit)
        return composed(target.image, face, blending.feathered(region, feather))


class _Network:
    """The graphs of a weight file; a decoder is loaded when it is first used."""

    def __init__(self, weights: Path):
        config = read_config(weights)
        self.names: tuple[str, ...] = config["identities"]
        self.side: int = config["side"]
        self._encoder = Graph(ENCODER, weights, "encoder.")
        self._decoders = [Graph(DECODER, weights, f"decoders.{row}.") for row in range(len(self.names))]

    def decoded(self, image: np.ndarray, matrix: np.ndarray, identity: str) -> np.ndarray:
        """(side, side, 3) float32 in 0..255: the picture in the frame, by the decoder of an identity."""
        flags = cv2.INTER_AREA
        face = cv2.warpAffine(
            image, matrix, (self.side, self.side), flags=flags, borderMode=cv2.BORDER_REFLECT
        )
        planes = face.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        (code,) = self._encoder(face=planes)
        (decoded,) = self._decoders[self.names.index(identity)](code=code)
        return np.ascontiguousarray(decoded[0].transpose(1, 2, 0).clip(0, 1) * np.float32(255))


@lru_cache(maxsize=2)
def _network(weights: Path) -> _Network:
    return _Network(weights)


def _inside(matrix: np.ndarray, side: int, height: int, width: int) -> np.ndarray:
    """(H, W) float32: 1 where the frame covers the picture, without a rim of 3 % of its side."""
    rim = max(1, round(0.03 * side))
    frame = np.zeros((side, side), np.float32)
    frame[rim:-rim, rim:-rim] = 1
    return cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
