"""Batches of faces to be marked: crops, random bits, landmarks and the partners of deepfakes.

Only one split of the identities is drawn from; a partner is another person of the same split, turned as far.
Where the set has squares of photographs in place of faces, one crop in four is such a square, as pictures
without faces are marked too.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from underdrawing.attacks.face_channels import SentFace
from underdrawing.attacks.face_forgery import Face
from underdrawing.core.errors import ShapeError, UsageError
from underdrawing.data.face_set import SQUARES
from underdrawing.faces import CONTEXT
from underdrawing.faces.cropping import MARGIN
from underdrawing.train.real_faces import Faces

_PARTNERS = 8
_SQUARES = 0.25
_ZOOM, _SHIFT = (0.94, 1.08), 0.02
"""Random size of the square and largest shift of its centre, in sides of the square."""


@dataclass(frozen=True, eq=False)
class BitsBatch:
    """Faces and bits of a step."""

    images: Tensor
    """(B, 3, side, side) float32, RGB in 0..255, whole levels."""
    bits: Tensor
    """(B, L) float32 in {-1, +1}."""
    landmarks: np.ndarray
    """(B, 5, 2) float32, px."""
    donors: tuple[Face | None, ...]
    """Partner of each face for deepfakes; None for a square of a photograph, or where none fits."""

    def sent(self, marked: Tensor) -> list[SentFace]:
        """The marked faces (B, 3, side, side), rounded to 8 bits, as channels take them."""
        images, originals = to_u8(marked), to_u8(self.images)
        return [
            SentFace(*parts) for parts in zip(images, originals, self.landmarks, self.donors, strict=True)
        ]


class MarkedFaces:
    """Random batches of one split of the real faces of a set."""

    def __init__(self, faces: Faces, split: str, side: int, bits: int):
        """split: train, val or test; side: of the crops, px; bits: L. UsageError where it has no faces."""
        self.side, self.bits = side, bits
        sources = faces.sources or ("",) * len(faces.splits)
        of_split = np.array([name == split for name in faces.splits])
        squares = np.array([name == SQUARES for name in sources])
        self.rows, self._squares = np.flatnonzero(of_split & ~squares), np.flatnonzero(of_split & squares)
        if not len(self.rows):
            raise UsageError(f"the set has no real faces in the split {split!r}")
        self._faces = faces
        self._partners = _partners(faces, self.rows)

    def draw(self, rng: np.random.Generator, count: int) -> BitsBatch:
        """A batch of random faces, squares and sides (left and right)."""
        rows = rng.choice(self.rows, count, replace=count > len(self.rows))
        if len(self._squares):
            rows = np.where(rng.random(count) < _SQUARES, rng.choice(self._squares, count), rows)
        return self._batch(rows, [_square(rng) for _ in rows], rng)

    def fixed(self, rng: np.random.Generator, first: int, count: int) -> BitsBatch:
        """At most `count` faces of the split from position `first`, in the square of `faces.crop`."""
        rows = self.rows[first : first + count]
        return self._batch(rows, [(1.0, 0.0, 0.0, False)] * len(rows), rng)

    def _batch(self, rows: np.ndarray, squares: list, rng: np.random.Generator) -> BitsBatch:
        crops, landmarks = zip(*map(self._crop, rows, squares), strict=True)
        donors = []
        for row in rows:
            near = self._partners.get(int(row), ())
            image, points = (
                self._crop(rng.choice(near), (1.0, 0.0, 0.0, False)) if len(near) else (None, None)
            )
            donors.append(_face(image, points))
        images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().contiguous()
        bits = torch.from_numpy(rng.integers(0, 2, (len(rows), self.bits)).astype(np.float32)) * 2 - 1
        return BitsBatch(images, bits, np.stack(landmarks), tuple(donors))

    def _crop(self, row: int, square: tuple[float, float, float, bool]) -> tuple[np.ndarray, np.ndarray]:
        """Crop (side, side, 3) uint8 and landmarks of a face. square: zoom, shift x and y, mirrored."""
        zoom, right, down, mirrored = square
        source, points = self._faces.crops[row], self._faces.landmarks[row]
        width = len(source) * MARGIN / CONTEXT
        scale = self.side / (zoom * width)
        corner = len(source) / 2 + width * np.array([right, down]) - zoom * width / 2
        matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
        moved = (points - corner) * scale
        matrix[:, 2] += 0.5 * scale - 0.5  # between indices of pixels, which lie half a pixel from the corner
        if scale < 1:
            sigma = 0.4 * (1 / scale - 1)
            source = cv2.GaussianBlur(source, (0, 0), sigma) if sigma > 0.1 else source
        size, border = (self.side, self.side), cv2.BORDER_REFLECT
        image = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)
        if mirrored:
            image, moved = image[:, ::-1], moved[[1, 0, 2, 4, 3]] * (-1, 1) + (self.side, 0)
        return np.ascontiguousarray(image), moved.astype(np.float32)


def to_u8(images: Tensor) -> np.ndarray:
    """(B, 3, H, W) levels as (B, H, W, 3) uint8, rounded and clipped."""
    levels = images.detach().round().clamp(0, 255).byte()
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())


def to_tensor(images: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 as (B, 3, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()


def _square(rng: np.random.Generator) -> tuple[float, float, float, bool]:
    shift = rng.uniform(-_SHIFT, _SHIFT, 2)
    return float(rng.uniform(*_ZOOM)), float(shift[0]), float(shift[1]), bool(rng.random() < 0.5)


def _face(image: np.ndarray | None, landmarks: np.ndarray | None) -> Face | None:
    try:
        return None if image is None or landmarks is None else Face(image, landmarks)
    except ShapeError:
        return None


def _partners(faces: Faces, rows: np.ndarray) -> dict[int, np.ndarray]:
    """For each row those of other people whose nose lies as far aside between the eyes, nearest first."""
    points = faces.landmarks[rows]
    eyes = np.maximum(1.0, np.linalg.norm(points[:, 1] - points[:, 0], axis=1))
    aside = np.abs(points[:, 2, 0] - points[:, :2, 0].mean(1)) / eyes
    people = np.array(faces.identities)[rows]
    partners = {}
    for place, row in enumerate(rows):
        others = np.flatnonzero(people != people[place])
        order = np.argsort(np.abs(aside[others] - aside[place]), kind="stable")[:_PARTNERS]
        partners[int(row)] = rows[others[order]]
    return partners
