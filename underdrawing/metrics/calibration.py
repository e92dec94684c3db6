"""From raw scores to probabilities (Platt 1999), and the distance of an embedding to those of the training.

Both are fitted on the validation split after a training, and stored as tensors beside the parameters:

    calibration.scale, calibration.offset       prob = sigmoid(scale * logit + offset)
    picture.scale, picture.offset               the same for a whole picture, by its `picture_logit`
    outside.mean, outside.whitening, outside.threshold       distance = min_k |(e - mean_k) W| / threshold
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

CELLS, PICTURE = "calibration", "picture"
"""Of Platt scaling: of the logits of a network, and of `picture_logit`; first part of the tensors' names."""
_TOP = 0.01  # share of the cells of a picture that decide on it
_STEPS = 100
_STOP = 1e-10
_SHRINKAGE = 0.05
"""Least weight of the sphere in the covariance: a feature that is zero in most of the training pictures must
not rule the distance."""
_INSIDE = 0.99  # share of the held-out embeddings below the threshold


class Platt(NamedTuple):
    """prob = sigmoid(scale * logit + offset)."""

    scale: float
    offset: float

    def prob(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of logits of any shape."""
        return 1 / (1 + np.exp(-np.clip(self.scale * logits + self.offset, -60, 60)))

    def tensors(self, name: str = CELLS) -> dict[str, np.ndarray]:
        """For the weight file."""
        return {f"{name}.{part}": np.float32([getattr(self, part)]) for part in ("scale", "offset")}

    @classmethod
    def read(cls, tensors: Mapping[str, np.ndarray], name: str = CELLS) -> Platt:
        """Out of the tensors of a weight file. KeyError where one is missing."""
        return cls(*(float(tensors[f"{name}.{part}"].item()) for part in ("scale", "offset")))


class Outside(NamedTuple):
    """Gaussians about the means of K groups of embeddings, with one covariance."""

    mean: np.ndarray
    """(K, D) float32."""
    whitening: np.ndarray
    """(D, D) float32, W with W W' = inverse of the covariance within groups."""
    threshold: float
    """Distance below which 99 % of held-out embeddings of the same kinds lie."""

    def distance(self, embeddings: np.ndarray) -> np.ndarray:
        """(N, D) -> (N,) distances to the nearest mean, in thresholds: above 1 is outside."""
        offsets = (embeddings[:, None] - self.mean) @ self.whitening
        return np.sqrt(np.square(offsets).sum(2)).min(1) / self.threshold

    def tensors(self) -> dict[str, np.ndarray]:
        """For the weight file."""
        return {
            "outside.mean": self.mean.astype(np.float32),
            "outside.whitening": np.ascontiguousarray(self.whitening, np.float32),
            "outside.threshold": np.float32([self.threshold]),
        }


def read_calibration(tensors: Mapping[str, np.ndarray]) -> tuple[Platt, Outside]:
    """Both, out of the tensors of a weight file. KeyError where one is missing."""
    threshold = float(tensors["outside.threshold"].item())
    return Platt.read(tensors), Outside(tensors["outside.mean"], tensors["outside.whitening"], threshold)


def picture_logit(logits: np.ndarray) -> float:
    """Logit of a whole picture from those of its cells, (N,) or (h, w): the mean of the largest 1 %."""
    cells = logits.reshape(-1)
    count = max(1, round(_TOP * cells.size))
    return float(np.partition(cells, cells.size - count)[cells.size - count :].mean())


def fit_platt(logits: np.ndarray, fake: np.ndarray) -> Platt:
    """Maximum likelihood of scale and offset, with Platt's targets (n + 1) / (n + 2) and 1 / (n + 2) in place
    of 1 and 0; by Newton's method with step halving (Lin, Lin and Weng 2007).

    logits: (N,); fake: (N,) bool or 0 and 1.
    """
    x, fake = np.asarray(logits, np.float64), np.asarray(fake, bool)
    forged, real = int(fake.sum()), int((~fake).sum())
    target = np.where(fake, (forged + 1) / (forged + 2), 1 / (real + 2))
    rows = np.stack([x, np.ones_like(x)])
    at = np.array([0.0, np.log((forged + 1) / (real + 1))])
    loss = _cross_entropy(at @ rows, target)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(at @ rows, -60, 60)))
        slope = rows @ (p - target)
        curvature = (rows * (p * (1 - p))) @ rows.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        size = 1.0
        while (tried := _cross_entropy((at - size * step) @ rows, target)) > loss and size > _STOP:
            size /= 2
        at = at - size * step
        if loss - tried <= _STOP * max(1.0, loss):
            break
        loss = tried
    return Platt(float(at[0]), float(at[1]))


def _cross_entropy(z: np.ndarray, target: np.ndarray) -> float:
    """Sum of -t ln sigmoid(z) - (1 - t) ln sigmoid(-z), in nats."""
    return float((np.logaddexp(0, z) - target * z).sum())


def fit_outside(
    embeddings: np.ndarray, groups: np.ndarray | None = None, held_out: np.ndarray | None = None
) -> Outside:
    """Means of the groups, their common covariance, shrunk to a sphere, and the threshold.

    embeddings: (N, D) of known pictures; groups: (N,) labels, such as the kinds of forgery, real among them;
    None: one group. held_out: (M, D) of pictures of the same kinds that the network was not trained on; None:
    the same ones. The weight of the sphere is the oracle approximating one (Chen et al. 2010), .05 at least.
    """
    e = np.asarray(embeddings, np.float64)
    names, place = np.unique(np.zeros(len(e)) if groups is None else groups, return_inverse=True)
    mean = np.stack([e[place == k].mean(0) for k in range(len(names))])
    n, d = e.shape
    rest = e - mean[place]
    covariance = rest.T @ rest / n
    level = float(np.trace(covariance)) / d
    square = float(np.square(covariance).sum())
    top = (1 - 2 / d) * square + (level * d) ** 2
    below = (n + 1 - 2 / d) * (square - level * level * d)
    weight = max(_SHRINKAGE, min(1.0, top / below)) if below > 0 else 1.0
    shrunk = (1 - weight) * covariance + weight * max(level, 1e-12) * np.eye(d)
    whitening = np.linalg.inv(np.linalg.cholesky(shrunk)).T
    unscaled = Outside(mean.astype(np.float32), whitening.astype(np.float32), 1.0)
    threshold = float(
        np.quantile(unscaled.distance(np.asarray(embeddings if held_out is None else held_out)), _INSIDE)
    )
    return Outside(unscaled.mean, unscaled.whitening, threshold)
