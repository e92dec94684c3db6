"""The trunk at run time, one for all localizers of a process, and the plain head; without PyTorch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from underdrawing.judging.map_scorer import MapScorer, TrunkMaps

WEIGHTS = Path(__file__).parent / "weights" / "manipulation-trunk.safetensors"
"""Parameters of the trunk under "trunk.", of the plain head under "network."; the graphs stand beside it."""
TRUNK_GRAPH = WEIGHTS.with_suffix(".onnx")
HEAD_GRAPH = WEIGHTS.with_name("plain-head.onnx")


@lru_cache(maxsize=1)
def trunk(weights: Path = WEIGHTS) -> TrunkMaps:
    """The trunk; the same object at every call, so that localizers share the maps of a picture.

    WeightsError where it has no released weights, or the file is missing.
    """
    return TrunkMaps(TRUNK_GRAPH, weights)


def localizer(weights: Path = WEIGHTS) -> MapScorer:
    """The plain head on the released trunk, with the released weights or others of its training."""
    return MapScorer(HEAD_GRAPH, weights, trunk())
