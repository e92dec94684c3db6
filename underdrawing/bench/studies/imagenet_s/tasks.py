"""What is measured of a recovered picture: its label, its retrieval among originals, its distance."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from underdrawing.attacks.tamper import Fill
from underdrawing.attacks.texture import texture
from underdrawing.bench.studies.imagenet_s.recognizer import Recognizer
from underdrawing.metrics.perceptual import masked_stlpips
from underdrawing.metrics.quality import masked_psnr_db, masked_ssim


@dataclass(frozen=True, eq=False)
class Gallery:
    """The originals that a picture is searched among."""

    embeddings: np.ndarray
    """(photos, C) float32, each of length 1."""

    def nearest(self, embedding: np.ndarray) -> int:
        """Index of the original of greatest cosine with (C,) float32 of length 1."""
        return int(np.argmax(self.embeddings @ embedding))


@dataclass(frozen=True, eq=False)
class Tasks:
    """Both tasks: Top-1 label and Top-1 image."""

    recognizer: Recognizer
    gallery: Gallery

    def scores(self, picture_u8: np.ndarray, label: int, index: int) -> dict[str, bool]:
        """Whether the picture is given its label, and whether original `index` is the nearest to it."""
        look = self.recognizer.look(picture_u8)
        return {"label": look.label == label, "image": self.gallery.nearest(look.embedding) == index}


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


def telea(
    image_u8: np.ndarray, mask: np.ndarray, donor_u8: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """OpenCV's inpainting (Telea 2004)."""
    return cv2.inpaint(image_u8, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)


BLIND: dict[str, Fill] = {"telea": telea, "navier-stokes": navier_stokes, "texture": texture}
"""Blind inpainting: it gets the true mask and nothing of the original."""
REFERENCES = ("original", "tampered", *BLIND)
"""The ceiling, the floor, and blind inpainting."""
