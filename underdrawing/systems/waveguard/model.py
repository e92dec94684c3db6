"""WaveGuard as a carrier of 30 bits in a face; runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from underdrawing.carriers.face_bits import FaceBits
from underdrawing.core.errors import WeightsError
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import learned_threshold, read_tensors

WEIGHTS = Path(__file__).parent / "weights" / "waveguard.safetensors"
"""Released weights; the graphs of the encoder and of the heads stand beside them."""
ENCODER, TRACER, DETECTOR = (WEIGHTS.with_name(f"{name}.onnx") for name in ("encoder", "tracer", "detector"))
BITS, SIDE = 30, 128


class WaveGuardCodec:
    """Bits of one face of 128 px: a carriers.face_bits.FaceCodec. One of both heads reads."""

    bits, side = BITS, SIDE

    def __init__(self, weights: Path = WEIGHTS, head: str = "tracer", leaves_marks: bool = False) -> None:
        self._head = head
        scales = read_tensors(weights, "calibration.")
        gate = {"plain.leaving.threshold": learned_threshold(weights)} if leaves_marks else {}
        self._encoder = Graph(ENCODER, weights, "network.encoder.", gate)
        self._heads = {
            name: (Graph(graph, weights, f"network.heads.{name}."), _scale(scales, name, weights))
            for name, graph in (("tracer", TRACER), ("detector", DETECTOR))
        }

    def encode(self, face_u8: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Change (128, 128, 3) float32, 8-bit levels, of a face (128, 128, 3) uint8 for bits (30,)."""
        image = _image(face_u8)
        signs = 2 * bits[None].astype(np.float32) - 1
        return (self._encoder(images=image, bits=signs)[0] - image)[0].transpose(1, 2, 0)

    def decode(self, face_u8: np.ndarray) -> np.ndarray:
        """(30,) float32 calibrated soft bits ln p(0) / p(1) of the head that reads."""
        return self.soft_bits(face_u8, self._head)

    def soft_bits(self, face_u8: np.ndarray, head: str) -> np.ndarray:
        """Of the head "tracer" or "detector"; the latter's are near 0 after a forgery."""
        graph, scale = self._heads[head]
        return -scale * graph(received=_image(face_u8))[0][0]


def carrier(weights: Path = WEIGHTS, head: str = "tracer", leaves_marks: bool = False) -> FaceBits:
    """The carrier, with the released weights or others of the same architecture, read by the tracer or the
    detector. WeightsError for a file that is not of its training.

    leaves_marks: with the learned threshold of its gate (nets.leaving), which leaves a mark that is there."""
    name = "waveguard" if head == "tracer" else f"waveguard-{head}"
    return FaceBits(name, WaveGuardCodec(weights, head, leaves_marks), leaves_marks=leaves_marks)


def _scale(scales: dict[str, np.ndarray], head: str, weights: Path) -> np.float32:
    """Log-likelihood ratio of a logit of 1."""
    if f"{head}.scale" not in scales:
        raise WeightsError(f"{weights}: no calibration of the head {head}; not of a training of WaveGuard")
    return np.float32(scales[f"{head}.scale"][0])


def _image(face_u8: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(face_u8.transpose(2, 0, 1)[None], np.float32)
