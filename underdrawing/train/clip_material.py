"""Clips of a training: from animations, and made of photographs by motion (data/motion.py).

face set of `underdrawing forge`, or any folder of animations and photographs
  -> Material, frames with the landmarks of one face where there is one -> draw: (T, side, side, 3), landmarks
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from underdrawing.attacks.clip_channels import SentClip
from underdrawing.attacks.face_forgery import Face
from underdrawing.core.errors import PictureError, ShapeError, UsageError
from underdrawing.data.animations import is_animation, read_animation
from underdrawing.data.face_set import MANIFEST
from underdrawing.data.motion import View, draw_path, frames_of
from underdrawing.data.pictures import load_picture
from underdrawing.faces.detection import FaceDetector
from underdrawing.train.real_faces import Faces

_STORED = 288  # short side in memory, px
_MOST_FRAMES = 48  # of an animation in memory
_HELD_OUT = 8  # every so many files of a folder are the val split
_SUFFIXES = frozenset({".gif", ".png", ".apng", ".webp", ".jpg", ".jpeg"})


@dataclass(frozen=True, eq=False)
class Material:
    """One animation, or one photograph."""

    frames: np.ndarray
    """(N, H, W, 3) uint8; N = 1: a photograph."""
    landmarks: np.ndarray | None
    """(N, 5, 2) float32, px, of the largest face; None where a frame has none."""

    def draw(self, count: int, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """A random clip of at most `count` frames, and its landmarks."""
        height, width = self.frames.shape[1:3]
        if len(self.frames) > 1:
            first = int(rng.integers(max(1, len(self.frames) - count + 1)))
            chosen = slice(first, first + count)
            square = min(height, width)
            left, top = (int(rng.integers(length - square + 1)) for length in (width, height))
            view = View(left, top, square)
            parts = self.frames[chosen, top : top + square, left : left + square]
            clip = np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in parts])
            points = None if self.landmarks is None else self.landmarks[chosen]
            return clip, None if points is None else np.stack([view.points(one, side) for one in points])
        path = draw_path(height, width, count, rng)
        clip = frames_of(self.frames[0], path, side)
        if self.landmarks is None:
            return clip, None
        return clip, np.stack([view.points(self.landmarks[0], side) for view in path.views])


def read_material(folder: Path) -> dict[str, list[Material]]:
    """By split, train and val. UsageError where one of them is empty."""
    found = _of_faces(folder) if (folder / MANIFEST).is_file() else _of_files(folder)
    for split, materials in found.items():
        if not materials:
            raise UsageError(f"{folder}: no animation or photograph for the split {split!r}")
    return found


def _of_faces(folder: Path) -> dict[str, list[Material]]:
    faces = Faces.read(folder)
    found: dict[str, list[Material]] = {"train": [], "val": []}
    for crop, landmarks, split in zip(faces.crops, faces.landmarks, faces.splits, strict=True):
        if split in found:
            found[split].append(Material(crop[None], landmarks[None]))
    return found


def _of_files(folder: Path) -> dict[str, list[Material]]:
    found: dict[str, list[Material]] = {"train": [], "val": []}
    detector = FaceDetector()
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    for number, path in enumerate(files):
        try:
            content = path.read_bytes()
            if is_animation(content):
                frames = read_animation(content).shown
                frames = frames[:: max(1, len(frames) // _MOST_FRAMES)]
            else:
                frames = load_picture(content).pixels[None]
        except PictureError:
            continue
        if min(frames.shape[1:3]) >= 64 and frames.dtype == np.uint8:
            split = "val" if number % _HELD_OUT == 0 else "train"
            found[split].append(_with_landmarks(np.stack([_stored(one) for one in frames]), detector))
    return found


def _stored(frame: np.ndarray) -> np.ndarray:
    scale = _STORED / min(frame.shape[:2])
    if scale >= 1:
        return frame
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def _with_landmarks(frames: np.ndarray, detector: FaceDetector) -> Material:
    points = []
    for frame in frames:
        faces = detector.detect(frame)
        if not faces:
            return Material(frames, None)
        points.append(faces[0].landmarks)
    return Material(frames, np.stack(points))


@dataclass(frozen=True, eq=False)
class Clips:
    """The clips of a step."""

    frames: Tensor
    """(B, 3, T, side, side) float32, RGB in 0..255, whole levels."""
    bits: Tensor
    """(B, L) float32 in {-1, +1}."""
    landmarks: tuple[np.ndarray | None, ...]
    """(T, 5, 2) of each clip."""
    donors: tuple[Face | None, ...]


def to_volumes(clips: np.ndarray) -> Tensor:
    """(B, T, S, S, 3) of any number type -> (B, 3, T, S, S) float32."""
    return torch.from_numpy(np.ascontiguousarray(clips.transpose(0, 4, 1, 2, 3), np.float32))


def sent_clips(clips: Clips, marked: Tensor) -> list[SentClip]:
    """The marked clips, rounded to 8 bits, as channels take them."""
    volumes = [
        volume.detach().clamp(0, 255).round().byte().permute(0, 2, 3, 4, 1).numpy()
        for volume in (marked, clips.frames)
    ]
    return [SentClip(*parts) for parts in zip(*volumes, clips.landmarks, clips.donors, strict=True)]


def donor_of(material: Material, side: int, rng: np.random.Generator) -> Face | None:
    """A face of another clip for deepfakes, from a crop of `side` px; None where it has none that fits."""
    clip, landmarks = material.draw(1, side, rng)
    try:
        return None if landmarks is None else Face(clip[0], landmarks[0])
    except ShapeError:
        return None
