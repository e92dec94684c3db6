"""Detectors of forged faces at run time, without PyTorch: a graph, its weights, and their calibration.

face (H, W, 3) uint8 --resample--> (1, 3, S, S) float32 --graph--> logit, embedding, heat
logit -> Platt -> fake_prob        embedding -> distance to the training faces, 1.0 = threshold
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from underdrawing.core.errors import ShapeError, WeightsError
from underdrawing.core.interfaces import FaceEvidence
from underdrawing.metrics.calibration import Outside, Platt, read_calibration
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import read_config, read_tensors

LEAST_PX = 16
"""Least side of a crop."""
PREFIX = "network."
"""Of the names of the parameters in a weight file."""


class FaceScorer:
    """One detector.

    graph: input `faces` (1, 3, side, side) float32, RGB in 0..255; outputs as nets.face_outputs: logit (1,),
    embedding (1, D), heat (1, h, w). weights: its parameters, and the tensors of metrics.calibration.
    WeightsError at once where a file is missing, and at the first call where one cannot be read, or lacks the
    calibration.
    """

    def __init__(self, graph: Path, weights: Path, side: int):
        for path in (graph, weights):
            if not path.is_file():
                raise WeightsError(f"{path}: no such file; the detector has no released weights yet")
        self.side, self._weights = side, weights
        self._graph = Graph(graph, weights, PREFIX)

    @classmethod
    def of_training(cls, graph: Path, weights: Path) -> FaceScorer:
        """The detector of a weight file of train.classify, at the side that its Config names."""
        return cls(graph, weights, read_config(weights)["side"])

    def examine(self, face: np.ndarray) -> float | None:
        """Calibrated probability that the face is forged; None: outside what the detector knows."""
        evidence = self.evidence(face)
        return None if evidence.outside else evidence.fake_prob

    def evidence(self, face: np.ndarray) -> FaceEvidence:
        """Probability and distance of a crop (H, W, 3) uint8 of 16 px or more. ShapeError for others."""
        logit, embedding, _ = self._run(face)
        platt, known = self._calibration
        distance = float(known.distance(embedding)[0])
        return FaceEvidence(float(platt.prob(logit)[0]), distance, distance > 1)

    def heat(self, face: np.ndarray) -> np.ndarray:
        """(H, W) float32: contribution of the neighbourhood of each pixel to the logit, in nats per position
        of the network's last maps; positive: towards forged."""
        heat = self._run(face)[2][0]
        return cv2.resize(heat, face.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _run(self, face: np.ndarray) -> list[np.ndarray]:
        if face.ndim != 3 or face.shape[2] != 3 or min(face.shape[:2]) < LEAST_PX:
            raise ShapeError(f"expected a face (H, W, 3) of {LEAST_PX} px or more, got {face.shape}")
        return self._graph(faces=resample(face, self.side).transpose(2, 0, 1)[None].astype(np.float32))

    @cached_property
    def _calibration(self) -> tuple[Platt, Outside]:
        try:
            return read_calibration(read_tensors(self._weights))
        except KeyError as error:
            raise WeightsError(
                f"{self._weights}: no tensor {error.args[0]}: the weights lack the calibration that "
                "`underdrawing train` writes"
            ) from error


def resample(face: np.ndarray, side: int) -> np.ndarray:
    """A crop (H, W, C) as (side, side, C): means of areas where it is larger, else bilinear."""
    smaller = side < min(face.shape[:2])
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
