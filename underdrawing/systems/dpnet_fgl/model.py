"""DPNet with FGL as a detector of forged faces; runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

from underdrawing.judging.face_scorer import FaceScorer

WEIGHTS = Path(__file__).parent / "weights" / "dpnet_fgl.safetensors"
"""Released weights; the graph of the network stands beside them."""


def detector(weights: Path = WEIGHTS) -> FaceScorer:
    """The detector, with the released weights or others of the same architecture. WeightsError for a file
    that is not of its training."""
    return FaceScorer.of_training(WEIGHTS.with_suffix(".onnx"), weights)
