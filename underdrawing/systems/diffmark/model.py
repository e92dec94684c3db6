"""DiffMark as a carrier: 30 bits in a face. Runs without PyTorch, the guidance of the sampling excepted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from underdrawing.carriers.face_bits import FaceBits, FaceCodec
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import learned_threshold, read_config, read_tensors
from underdrawing.systems.diffmark.diffusion import Schedule, first_noise, sample

WEIGHTS = Path(__file__).parent / "weights" / "diffmark.safetensors"
"""Released weights; the graphs of both networks stand beside them."""
DENOISER, DECODER = (WEIGHTS.with_name(f"{name}.onnx") for name in ("denoiser", "decoder"))
PREFIX, SCALE = "network.", "calibration.decoder.scale"
"""Of the names of the parameters, and the name of the factor on the logits, in a weight file."""


class DiffMarkCodec:
    """Both networks on one face; see carriers.face_bits.FaceCodec. WeightsError for another file."""

    def __init__(self, weights: Path = WEIGHTS, as_released: bool = False, leaves_marks: bool = False):
        """as_released: see diffusion.sample. leaves_marks: with the learned threshold of nets.leaving."""
        config = read_config(weights)
        self.bits, self.side = int(config["bits"]), int(config["side"])
        self._schedule, self._as_released = Schedule(int(config["steps"])), as_released
        self._scale = float(read_tensors(weights, SCALE)[""][0])
        gate = {"code.leaving.threshold": learned_threshold(weights)} if leaves_marks else {}
        self._denoiser, self._decoder = (
            Graph(DENOISER, weights, PREFIX, gate),
            Graph(DECODER, weights, PREFIX),
        )

    def encode(self, face_u8: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Change (side, side, 3) float32 of a face for bits (L,) of 0 and 1: ten steps of the denoiser."""
        face, signs = _planes(face_u8) / np.float32(127.5) - 1, signed(bits)

        def predict(x: np.ndarray, condition: np.ndarray, t: int) -> np.ndarray:
            inputs = {"x_t": x, "x_c": condition, "t": np.float32([t]), "bits": signs}
            (marked,) = self._denoiser(**{name: np.asarray(x, np.float32) for name, x in inputs.items()})
            return marked

        start = first_noise(self.side)
        marked = sample(predict, face, start, self._schedule, as_released=self._as_released)
        return ((marked - face)[0].transpose(1, 2, 0) * 127.5).astype(np.float32)

    def decode(self, face_u8: np.ndarray) -> np.ndarray:
        """(L,) float32 soft bits ln p(0) / p(1)."""
        return np.float32(-self._scale) * self._decoder(faces=_planes(face_u8))[0][0]


class GuidedCodec(DiffMarkCodec):
    """Sampling with guidance against the frozen autoencoder; needs PyTorch."""

    def __init__(self, weights: Path = WEIGHTS):
        from underdrawing.nets.loading import load_network
        from underdrawing.systems.diffmark.autoencoded import Autoencoded
        from underdrawing.systems.diffmark.network import Config, DiffMark

        super().__init__(weights)
        self._network = load_network(weights, Config, DiffMark, PREFIX)
        self._deepfake = Autoencoded().redraw

    def encode(self, face_u8: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """As DiffMarkCodec.encode."""
        from underdrawing.systems.diffmark.guidance import encode_guided

        marked = encode_guided(self._network, face_u8, signed(bits), self._deepfake)
        return marked - face_u8.astype(np.float32)


def signed(bits: np.ndarray) -> np.ndarray:
    """Bits (L,) of 0 and 1 as (1, L) float32 of -1 and +1."""
    return (2 * bits.astype(np.float32) - 1)[None]


def carrier(
    weights: Path = WEIGHTS, as_released: bool = False, guided: bool = False, leaves_marks: bool = False
) -> FaceBits:
    """The carrier, with the released weights or others of the same architecture."""
    codec: FaceCodec = GuidedCodec(weights) if guided else DiffMarkCodec(weights, as_released, leaves_marks)
    return FaceBits("diffmark", codec, leaves_marks=leaves_marks)


def _planes(face_u8: np.ndarray) -> np.ndarray:
    """(side, side, 3) uint8 -> (1, 3, side, side) float32."""
    return np.ascontiguousarray(face_u8.transpose(2, 0, 1)[None], np.float32)
