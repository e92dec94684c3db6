"""What is measured of a recovered picture: its label, its retrieval among originals, its distance."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.attacks.tamper import Fill, inpaint
from underdrawing.attacks.texture import texture
from underdrawing.content.labelling.recognizer import EfficientNetRecognizer
from underdrawing.metrics.perceptual import masked_stlpips
from underdrawing.metrics.quality import masked_psnr_db, masked_ssim


@dataclass(frozen=True, eq=False)
class Tasks:
    """Both tasks: Top-1 label, and Top-1 image among the originals."""

    recognizer: EfficientNetRecognizer
    gallery: np.ndarray
    """(photos, C) float32: embeddings of the originals, each of length 1."""

    def scores(self, picture_u8: np.ndarray, label: int, index: int) -> dict[str, bool]:
        """Whether the picture is given its label, and whether original `index` has the greatest cosine."""
        look = self.recognizer.look(picture_u8)
        nearest = int(np.argmax(self.gallery @ look.embedding))
        return {"label": look.label == label, "image": nearest == index}


def distances(image_u8: np.ndarray, picture_u8: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """PSNR, SSIM and ST-LPIPS to the original, inside and outside of the altered mask (H, W) bool apart."""
    values = {}
    nearness = masked_stlpips(image_u8, picture_u8, mask)
    for side, where, perceived in zip(("inside", "outside"), (mask, ~mask), nearness, strict=True):
        values[f"{side}_psnr_db"] = masked_psnr_db(image_u8, picture_u8, where)
        values[f"{side}_ssim"] = masked_ssim(image_u8, picture_u8, where)
        values[f"{side}_stlpips"] = perceived
    return values


def navier_stokes(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """OpenCV's other inpainting (Bertalmio et al. 2001)."""
    return cv2.inpaint(image_u8, mask.astype(np.uint8), 3, cv2.INPAINT_NS)


BLIND: dict[str, Fill] = {"telea": inpaint, "navier-stokes": navier_stokes, "texture": texture}
"""Blind inpainting: it gets the true mask and nothing of the original."""
