"""Teachers: masks of manipulated objects from coarse boxes. The student is trained on their masks alone.

    box           everything in the box
    grabcut       GrabCut (Rother et al. 2004): colours in the box against those around it
    promptable    a promptable segmenter, such as SAM, exported to ONNX; the paper's teacher

A mask never leaves its box, whatever the teacher segments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from underdrawing.data.cached_arrays import cached_array
from underdrawing.data.manipulated_set import MANIFEST, ManipulatedSet
from underdrawing.systems.box_prompt_iml.promptable import Promptable

Box = Sequence[int]
"""x, y, width, height, px."""


class Teacher(Protocol):
    """Segments the object of each box."""

    def segment(self, image: np.ndarray, boxes: Sequence[Box]) -> list[np.ndarray]:
        """(H, W) bool for each box of an image (H, W, 3) uint8; pixels outside of the box are ignored."""


def teacher_mask(teacher: Teacher, image: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """M_teacher (H, W) uint8, 1 where the image was manipulated: the union over its boxes, 0 without any."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for box, segment in zip(boxes, teacher.segment(image, boxes) if boxes else [], strict=True):
        place = inside(box)
        mask[place] |= segment[place]
    return mask


def inside(box: Box) -> tuple[slice, slice]:
    """Rows and columns of a box."""
    x, y, width, height = box
    return slice(max(0, y), y + height), slice(max(0, x), x + width)


class BoxItself:
    """Everything in the box."""

    def segment(self, image: np.ndarray, boxes: Sequence[Box]) -> list[np.ndarray]:
        return [np.ones(image.shape[:2], bool) for _ in boxes]


@dataclass(frozen=True)
class GrabCut:
    """Colours in the box against those around it; the box itself where they do not separate."""

    rounds: int = 1
    """Iterations of the graph cut; four reach no higher IoU than one (.69 on CASIA v2)."""
    margin: float = 0.5
    """Width of the surroundings that are compared, as a share of the sides of the box."""
    side: int = 128
    """Longest side of box and surroundings in the graph, px; larger ones are reduced."""
    least: float = 0.15
    """Smallest share of the box that is an object; below it the mask is the box."""

    def segment(self, image: np.ndarray, boxes: Sequence[Box]) -> list[np.ndarray]:
        return [self._segment(image, box) for box in boxes]

    def _segment(self, image: np.ndarray, box: Box) -> np.ndarray:
        mask = np.zeros(image.shape[:2], bool)
        mask[inside(box)] = True
        x, y, width, height = box
        dx, dy = int(self.margin * width) + 2, int(self.margin * height) + 2
        around = slice(max(0, y - dy), y + height + dy), slice(max(0, x - dx), x + width + dx)
        found = self._cut(image[around], mask[around])
        if found.sum() >= self.least * mask.sum():
            mask[around] &= found
        return mask

    def _cut(self, crop: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Foreground (h, w) bool of a crop; all of it where nothing is outside of the box (h, w) bool."""
        height, width = box.shape
        scale = min(1.0, self.side / max(height, width))
        size = max(1, round(scale * width)), max(1, round(scale * height))
        small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
        labels = cv2.resize(box.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        labels *= cv2.GC_PR_FGD  # outside it is 0, certain background
        if labels.all() or not labels.any():
            return np.ones_like(box)
        cv2.setRNGSeed(0)  # its k-means draws the first centres
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(small, labels, None, *models, self.rounds, cv2.GC_INIT_WITH_MASK)
        return cv2.resize((labels & 1), (width, height), interpolation=cv2.INTER_NEAREST) > 0


TEACHERS: dict[str, Callable[[Path], Teacher]] = {
    "box": lambda folder: BoxItself(),
    "grabcut": lambda folder: GrabCut(),
    "promptable": Promptable.of_folder,
}
"""By name; each is made for the folder of a set."""


def teacher_masks(pictures: ManipulatedSet, folder: Path, split: str, name: str) -> np.ndarray:
    """M_teacher of a split of the set in `folder`, (N, S, S) uint8: label maps of 0 and 1.

    They are made once, and stored beside the pictures as SPLIT-teacher-NAME.npy.
    """
    teacher = TEACHERS[name](folder)

    def mask(place: int) -> np.ndarray:
        return teacher_mask(teacher, pictures.pictures[place], pictures.entries[place].boxes)

    cache = folder / f"{split}-teacher-{name}.npy"
    shape = pictures.masks.shape[1:]
    return cached_array(cache, folder / MANIFEST, range(len(pictures.entries)), shape, mask)
