"""GocNet: whether a face is forged, by gradients of its pixels; runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

from underdrawing.judging.face_scorer import FaceScorer

WEIGHTS = Path(__file__).parent / "weights" / "gocnet.safetensors"
SIDE = 128
"""Of the input of the released network, px."""


class GocNet:
    """Detector of forged faces with the released weights, or those of a file of the same architecture."""

    def __init__(self, weights: Path | None = None) -> None:
        scorer = FaceScorer(WEIGHTS.with_suffix(".onnx"), weights or WEIGHTS, SIDE)
        self.examine, self.evidence, self.heat = scorer.examine, scorer.evidence, scorer.heat
