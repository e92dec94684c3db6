"""DPNet as a detector of forged faces; runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from underdrawing.core.interfaces import FaceEvidence
from underdrawing.judging.face_scorer import FaceScorer
from underdrawing.nets.weights import read_config

WEIGHTS = Path(__file__).parent / "weights" / "dpnet_fgl.safetensors"
"""Released weights; the graph of the network is beside them."""


class DPNetDetector:
    """Detector by a spatial and a frequency stream, with the released weights or those of a file of the same
    architecture. WeightsError where `weights` is no such file."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._scorer = FaceScorer(WEIGHTS.with_suffix(".onnx"), weights, read_config(weights)["side"])

    def examine(self, face: np.ndarray) -> float | None:
        """Calibrated probability that a face (H, W, 3) uint8 is forged; None: outside what it knows."""
        return self._scorer.examine(face)

    def evidence(self, face: np.ndarray) -> FaceEvidence:
        """The probability in any case, and the distance to the faces of the training."""
        return self._scorer.evidence(face)

    def heat(self, face: np.ndarray) -> np.ndarray:
        """(H, W) float32 contribution of each place to the logit; positive: towards forged."""
        return self._scorer.heat(face)
