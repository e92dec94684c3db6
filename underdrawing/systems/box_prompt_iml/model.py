"""BoxPromptIML as a localizer; runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

from underdrawing.content.manipulation_trunk.model import trunk
from underdrawing.judging.map_scorer import MapScorer

WEIGHTS = Path(__file__).parent / "weights" / "box_prompt_iml.safetensors"
"""Released weights."""
GRAPH = WEIGHTS.with_suffix(".onnx")


def localizer(weights: Path = WEIGHTS) -> MapScorer:
    """The localizer on the released trunk, with the released weights or others of the same architecture.

    WeightsError for a file that is missing or not of its training.
    """
    return MapScorer(GRAPH, weights, trunk())
