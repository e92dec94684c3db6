"""CMB-Net as a localizer, with or without a text about the picture; runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from underdrawing.content.manipulation_trunk.model import trunk
from underdrawing.core.interfaces import Localization
from underdrawing.judging.map_scorer import MapScorer, Tile, Tiles
from underdrawing.systems.cmb_net.words import encode

WEIGHTS = Path(__file__).parent / "weights" / "cmb_net.safetensors"
"""Released weights; the graph of the network stands beside them."""


class CMBNetLocalizer:
    """A TextLocalizer."""

    def __init__(self, scorer: MapScorer):
        self._scorer = scorer

    def examine(self, image: np.ndarray) -> Localization:
        """Maps of a picture (H, W, 3) uint8, by the picture alone. ShapeError for other arrays."""
        return self._with(image, None)

    def examine_with_text(self, image: np.ndarray, text: str) -> Localization:
        """Maps of a picture, by it and a text about it; a text without words is none."""
        return self._with(image, text)

    def _with(self, image: np.ndarray, text: str | None) -> Localization:
        words, present = encode(text)

        def inputs(tiles: Tiles, tile: Tile) -> dict[str, np.ndarray]:
            rows, cols = tile.image.shape[:2]
            corners = [tile.left / tiles.width, tile.top / tiles.height,
                       (tile.left + cols) / tiles.width, (tile.top + rows) / tiles.height]  # fmt: skip
            return {"words": words[None], "present": present[None], "extent": np.float32([corners])}

        return self._scorer.examine(image, inputs)


def localizer(weights: Path = WEIGHTS) -> CMBNetLocalizer:
    """The localizer, with the released weights or others of the same architecture. WeightsError for a file
    that is not of its training."""
    return CMBNetLocalizer(MapScorer(WEIGHTS.with_suffix(".onnx"), weights, trunk()))
