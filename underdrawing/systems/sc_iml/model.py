"""Sc-IML as a localizer; runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

from underdrawing.content.manipulation_trunk.model import trunk
from underdrawing.judging.map_scorer import MapScorer

WEIGHTS = Path(__file__).parent / "weights" / "sc_iml.safetensors"
"""Released weights; the graph of the network stands beside them."""


def localizer(weights: Path = WEIGHTS) -> MapScorer:
    """The localizer, with the released weights or others of the same architecture. WeightsError for a file
    that is not of its training."""
    return MapScorer(WEIGHTS.with_suffix(".onnx"), weights, trunk())
