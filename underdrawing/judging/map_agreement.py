"""From the maps of several localizers of one picture to one map, to how far they agree, and to one answer.

    joint map = sum_i r_i p_i / sum_i r_i         r: reliability, p: probability, of localizer i at a pixel
    logit(joint prob) = mean_i logit(picture_prob_i)
    signs: joint prob >= threshold        none: joint prob < clear        unknown: between

Without a stored decision that was fitted for the installed weights the maps are shown and decide nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from underdrawing.core.errors import WeightsError
from underdrawing.core.interfaces import Localization
from underdrawing.core.types import ALTERED_PROBABILITY
from underdrawing.judging.face_decision import FaceStatus, logit
from underdrawing.ops.bands import bands

STORED = Path(__file__).parent / "picture_decision.json"
_LEAST_SHARE = 0.001
"""Of the picture: a map that marks less marks nothing."""
_COMPARED_PX = 1024
"""Longest side at which maps are compared."""
_AGREE = 0.5
"""Mean overlap from which maps agree: the regions of two annotators overlap by more."""
_LEAST_PX = 128  # of the squares that localizers are trained on
_BLOCK_PX = 8
_MOST_EVEN = 0.5  # share of blocks of a single colour


@dataclass(frozen=True)
class MapAgreement:
    """The maps of several localizers together."""

    joint: np.ndarray
    """(H, W) float32 in [0, 1], the joint map."""
    marked: Mapping[str, float]
    """By localizer, share of the pixels whose probability of manipulation is above 0.5."""
    overlap: float | None
    """Mean intersection over union of each two of the maps that mark something; None for fewer than two."""

    @classmethod
    def of(cls, localizations: Mapping[str, Localization]) -> MapAgreement | None:
        """None without any localizer."""
        if not localizations:
            return None
        found = list(localizations.values())
        joint = np.empty_like(found[0].tampered_prob)
        for band in bands(len(joint)):
            total, weight = np.zeros_like(joint[band]), np.full_like(joint[band], 1e-6)
            for one in found:
                total += one.reliability[band] * one.tampered_prob[band]
                weight += one.reliability[band]
            np.divide(total, weight, out=joint[band])
        masks = {name: _mask(one.tampered_prob) for name, one in localizations.items()}
        marked = {name: float(mask.mean()) for name, mask in masks.items()}
        marking = [mask for name, mask in masks.items() if marked[name] >= _LEAST_SHARE]
        overlaps = [float((a & b).sum() / (a | b).sum()) for a, b in combinations(marking, 2)]
        return cls(joint, marked, float(np.mean(overlaps)) if overlaps else None)

    @property
    def sentence(self) -> str:
        """What the maps have in common."""
        names = [name for name, share in self.marked.items() if share >= _LEAST_SHARE]
        count = len(self.marked)
        localizers = "the only localizer" if count == 1 else f"{count} localizers"
        if not names:
            none = "The only localizer marks nothing" if count == 1 else f"None of {localizers} marks a part"
            return f"{none}; this proves nothing."
        if self.overlap is None:
            one = f"Only {names[0]} of {localizers} marks" if count > 1 else "The only localizer marks"
            return f"{one} a part ({100 * self.marked[names[0]]:.0f} % of the picture)."
        some, share = f"{len(names)} of {localizers} mark", f"overlap {100 * self.overlap:.0f} %"
        if self.overlap >= _AGREE:
            return f"{some} a part, and agree on it ({share}); they share one trunk."
        return f"{some} parts, but different ones ({share}): trust none."

    def to_json(self) -> dict:
        """The field `agreement`."""
        marked = {name: round(share, 4) for name, share in self.marked.items()}
        overlap = None if self.overlap is None else round(self.overlap, 4)
        return {"marked": marked, "overlap": overlap, "sentence": self.sentence}


@dataclass(frozen=True)
class PictureDecision:
    """The joint decision of all localizers on a picture."""

    threshold: float
    """Least joint probability that is a sign of manipulation."""
    clear: float
    """Joint probability below which no sign was found."""
    sha256: Mapping[str, str]
    """Of the weight file of each localizer, for which this was fitted."""
    fitted_on: str
    """Pictures, and rates that were reached."""

    @classmethod
    def load(cls, path: Path = STORED) -> PictureDecision:
        """WeightsError where the file is missing or not one of these."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise WeightsError(f"{path}: no joint decision can be read ({reason})") from error

    def status(self, joint_prob: float) -> FaceStatus:
        """The answer for a picture."""
        if joint_prob >= self.threshold:
            return "signs"
        return "none" if joint_prob < self.clear else "unknown"


def joint_prob(localizations: Mapping[str, Localization]) -> float | None:
    """Probability that the picture was manipulated, by all localizers that give one; None without any."""
    probs = [one.picture_prob for one in localizations.values() if one.picture_prob is not None]
    if not probs:
        return None
    return 1 / (1 + math.exp(-sum(map(logit, probs)) / len(probs)))


def without_traces(image: np.ndarray) -> str | None:
    """Why the localizers know no picture (H, W, 3) uint8 like this one; None where they do."""
    if min(image.shape[:2]) < _LEAST_PX:
        return f"a side is shorter than {_LEAST_PX} px"
    rows, cols = (length // _BLOCK_PX * _BLOCK_PX for length in image.shape[:2])
    blocks = image[:rows, :cols].reshape(rows // _BLOCK_PX, _BLOCK_PX, cols // _BLOCK_PX, _BLOCK_PX, 3)
    even = (blocks.max((1, 3)) == blocks.min((1, 3))).all(2)
    if even.mean() > _MOST_EVEN:
        return "more than half of it has one colour without noise, as drawings and screenshots have"
    return None


def _mask(prob: np.ndarray) -> np.ndarray:
    """(h, w) bool at the size at which maps are compared."""
    scale = min(1.0, _COMPARED_PX / max(prob.shape))
    size = tuple(max(1, round(side * scale)) for side in prob.shape[::-1])
    return cv2.resize(prob, size, interpolation=cv2.INTER_AREA) > ALTERED_PROBABILITY
