"""What boxes and scribbles of a set say of its masks, and what they cost an annotator."""

from __future__ import annotations

import numpy as np

from underdrawing.bench.studies.localization.figures import Figures
from underdrawing.data.annotation import box_map, tight_boxes
from underdrawing.data.manipulated_set import AUTHENTIC, IGNORED, ManipulatedSet
from underdrawing.metrics.localization import mean_score

SECONDS = {"masks": 23 * 60.0, "scribbles": 20.0, "boxes": 7.0, "pictures": 4.0}
"""For one picture: ten volunteers and 100 pictures (BoxPromptIML: mask, box, picture), Sc-IML (scribbles)."""


def measured_labels(read: ManipulatedSet) -> Figures:
    """Agreement of the weak labels of the manipulated pictures with their masks, "labels/..."."""
    rows: dict[str, list[float]] = {}
    photos = []
    for number, entry in enumerate(read.entries):
        if entry.kind == AUTHENTIC:
            continue
        photos.append(entry.photo)
        for name, value in _of_picture(read.masks[number], read.scribbles[number], entry.boxes).items():
            rows.setdefault(name, []).append(value)
    clusters = np.array(photos)
    return {f"labels/{name}": mean_score(np.array(values), clusters) for name, values in rows.items()}


def _of_picture(mask: np.ndarray, strokes: np.ndarray, boxes: list[list[int]]) -> dict[str, float]:
    manipulated, inside, drawn = mask == 1, box_map(mask.shape, boxes), strokes != IGNORED
    tight = box_map(mask.shape, tight_boxes(mask))
    known = mask != IGNORED
    return {
        "boxes/count": float(len(boxes)),
        "boxes/tight_iou": _iou(inside, tight),
        "boxes/mask_iou": _iou(inside & known, manipulated),
        "boxes/covered": (inside & manipulated).sum() / manipulated.sum(),
        "scribbles/labelled": float(drawn.mean()),
        "scribbles/labelled_manipulated": (strokes == 1).sum() / manipulated.sum(),
        "scribbles/wrong": float((drawn & (strokes != mask)).mean()),
    }


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
