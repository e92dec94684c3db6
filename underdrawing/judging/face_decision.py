"""From what several detectors find in one face to one of three answers.

    logit = scale * sum_i w_i logit(p_i) / sum_i w_i + offset     over the detectors i that know such faces
    signs: prob >= threshold        none: prob < clear        unknown: between, or too few detectors know it

The numbers come from tools/fit_face_decision.py, for detectors of the sha256 that are named with them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from underdrawing.core.errors import WeightsError
from underdrawing.core.interfaces import FaceEvidence

STORED = Path(__file__).parent / "face_decision.json"
FaceStatus = Literal["signs", "none", "unknown"]
_LEAST_PROB = 1e-4
"""Probabilities nearer to 0 or 1 count as this: one detector alone decides nothing."""


@dataclass(frozen=True)
class FaceDecision:
    """The joint decision of several detectors."""

    weights: Mapping[str, float]
    """Of the detectors by name, 0 or more, sum 1."""
    scale: float
    offset: float
    threshold: float
    """Least probability that is a sign of forgery: at most 2 % of untouched photographs reach it."""
    clear: float
    """Probability below which no sign was found."""
    sha256: Mapping[str, str]
    """Of the weight file of each detector, for which this was fitted."""
    fitted_on: str
    """Pictures, and rates that were reached."""

    @classmethod
    def load(cls, path: Path = STORED) -> FaceDecision:
        """WeightsError where the file is missing or not one of these."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise WeightsError(f"{path}: no joint decision can be read ({reason})") from error

    def joint_prob(self, evidence: Mapping[str, FaceEvidence]) -> float | None:
        """Probability that the face is forged; None where detectors with less than half of the weight know
        such faces."""
        known = {n: e for n, e in evidence.items() if n in self.weights and not e.outside}
        weight = sum(self.weights[name] for name in known)
        if weight < sum(self.weights.values()) / 2 or weight == 0:
            return None
        mean = sum(self.weights[n] * logit(e.fake_prob) for n, e in known.items()) / weight
        return 1 / (1 + math.exp(-(self.scale * mean + self.offset)))

    def status(self, joint_prob: float) -> FaceStatus:
        """The answer for a face."""
        if joint_prob >= self.threshold:
            return "signs"
        return "none" if joint_prob < self.clear else "unknown"


def logit(prob: float) -> float:
    """ln(p / (1 - p)), limited to those of 0.0001 and 0.9999."""
    limited = min(max(prob, _LEAST_PROB), 1 - _LEAST_PROB)
    return math.log(limited / (1 - limited))
