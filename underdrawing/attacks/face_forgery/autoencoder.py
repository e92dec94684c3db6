"""The first deepfakes: a face through a shared encoder and the decoder of another identity.

    target -> frame of 64 px -> encoder -> code -> projected on codes of one identity -> its decoder
           -> colour of the target -> blended

A decoder knows the codes of its own identity alone. The first deepfakes trained for one target; here it is
any face, so its code is replaced by the nearest one in the subspace of the identity's own codes.
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
from underdrawing.nets.weights import read_config, read_tensors

WEIGHTS = Path(__file__).parent / "weights/swap.safetensors"
ENCODER, DECODER = WEIGHTS.with_name("swap_encoder.onnx"), WEIGHTS.with_name("swap_decoder.onnx")
EVERYBODY = "everybody"
"""The decoder of all faces, which keeps the encoder general; it replaces nobody."""
_SPREADS = 1.5
"""Standard deviations of the identity's own codes within which a projected code lies."""


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
        matrix = to_frame(target.landmarks, network.side)
        face = network.decoded(target.image, matrix, identity)
        if rng.random() < 0.5:
            detail = face - cv2.GaussianBlur(face, (0, 0), 1.0)
            face = np.clip(face + rng.uniform(0.3, 1.5) * detail, 0, 255)
        height, width = target.image.shape[:2]
        back = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR)
        face = cv2.warpAffine(face, matrix, (width, height), flags=back, borderMode=cv2.BORDER_REPLICATE)
        region = blending.face_region(target, rng) * _inside(matrix, network.side, height, width)
        changed, mask = target.image.astype(np.float32), np.zeros((height, width), np.float32)
        window = blending.bounds(region)
        changed[window], mask[window] = _blended(face[window], target, region[window], window, rng)
        return composed(target.image, changed, mask)


def _blended(
    face: np.ndarray, target: Face, region: np.ndarray, window: tuple[slice, slice], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The decoded face in the colours of the target's window, and the weight of each pixel."""
    image, face = target.image[window], np.clip(face, 0, 255)
    face = _recoloured(face, image, region)
    if rng.random() < 0.85:
        detail = image - cv2.GaussianBlur(
            image.astype(np.float32), (0, 0), target.unit * rng.uniform(0.02, 0.07)
        )
        face = face + np.float32(rng.uniform(0.5, 1.0)) * detail
    if rng.random() < 0.3:
        face = face + rng.standard_normal(region.shape, np.float32)[..., None] * rng.uniform(0.5, 2.5)
    feather = target.unit * rng.uniform(0.04, 0.22)
    if rng.random() < 0.3:
        face = blending.poisson(face, image, region > 0.5)
        feather = min(feather, 0.08 * target.unit)
    return face, blending.feathered(region, feather)


def _recoloured(face: np.ndarray, image: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The face with the mean of each Lab channel as in the image, and its deviation within a quarter."""
    lab, goal, inside = blending.to_lab(face), blending.to_lab(image), region > 0.5
    if not inside.any():
        return face
    mean, wanted = lab[inside].mean(0), goal[inside].mean(0)
    ratio = (goal[inside].std(0) + 1) / (lab[inside].std(0) + 1)
    return blending.from_lab((lab - mean) * ratio.clip(0.8, 1.25) + wanted)


class _Network:
    """The graphs of a weight file; a decoder is loaded when it is first used."""

    def __init__(self, weights: Path):
        config = read_config(weights)
        self.names: tuple[str, ...] = config["identities"]
        self.side: int = config["side"]
        self._codes = read_tensors(weights, "code_")
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
        row = self.names.index(identity)
        (decoded,) = self._decoders[row](code=self._projected(code, row))
        return np.ascontiguousarray(decoded[0].transpose(1, 2, 0).clip(0, 1) * np.float32(255))

    def _projected(self, code: np.ndarray, row: int) -> np.ndarray:
        """Mean of the identity + its directions b, each by (code - mean of EVERYBODY) b within a spread."""
        offset = code.reshape(-1) - self._codes["mean"][self.names.index(EVERYBODY)]
        basis, most = self._codes["basis"][row], _SPREADS * self._codes["spread"][row]
        own = self._codes["mean"][row] + np.clip(basis @ offset, -most, most) @ basis
        return own.reshape(code.shape)


@lru_cache(maxsize=2)
def _network(weights: Path) -> _Network:
    return _Network(weights)


def _inside(matrix: np.ndarray, side: int, height: int, width: int) -> np.ndarray:
    """(H, W) float32: 1 where the frame covers the picture, without a rim of 3 % of its side."""
    rim = max(1, round(0.03 * side))
    frame = np.zeros((side, side), np.float32)
    frame[rim:-rim, rim:-rim] = 1
    return cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
