"""Examining without effects: a received picture, which nobody protected, to an ExamineReport.

picture -> faces -> crop of each -> every detector by itself -> joint decision of the face
        -> every localizer by itself
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.core.errors import MissingExtraError, WeightsError
from underdrawing.core.interfaces import Detector, Localizer
from underdrawing.data.sources import SourcePicture
from underdrawing.faces import DetectedFace, crop
from underdrawing.faces.cropping import MARGIN
from underdrawing.faces.pose import is_turned
from underdrawing.judging.face_decision import FaceDecision
from underdrawing.registry.hashes import file_hash
from underdrawing.registry.record import now
from underdrawing.report.examination import ExamineReport, FaceFinding

LEAST_PX = 48.0
"""Smaller side of a face's box, below which nothing is said of it: the detectors work on 128 px."""

MOST_HEATED = 8
"""Largest faces for which maps are made."""


@dataclass(frozen=True)
class Examiner:
    """What examines a picture, the same for many pictures."""

    faces: Any
    """faces.detection.FaceDetector."""
    detectors: Mapping[str, Detector]
    localizers: Mapping[str, Localizer] = field(default_factory=dict)
    decision: FaceDecision | None = None
    """None: each detector is reported, and nothing is said of a face."""
    trained: Mapping[str, str] = field(default_factory=dict)
    """What each detector was trained on."""
    notes: tuple[str, ...] = ()
    """Why others are left out."""

    @classmethod
    def of_zoo(cls) -> Examiner:
        """All detectors and localizers of the zoo that can be loaded here. WeightsError for the faces'."""
        notes: list[str] = []
        detectors, localizers = _loaded("detector", notes), _loaded("localizer", notes)
        return cls(
            zoo.load("face-detector"),
            detectors,
            localizers,
            _decision(detectors, notes),
            {name: "; ".join(weight.trained for weight in zoo.card(name).weights) for name in detectors},
            tuple(notes),
        )

    def examine(self, source: SourcePicture, *, heat: bool = False) -> ExamineReport:
        """Examine a picture. heat: with the maps of every detector for the largest faces."""
        start = time.perf_counter()
        image = source.picture.shown
        faces = [
            self._examined(image, face, heat and number < MOST_HEATED)
            for number, face in enumerate(self.faces.detect(image))
        ]
        localizations = {name: localizer.examine(image) for name, localizer in self.localizers.items()}
        return ExamineReport(
            file=source.name,
            faces=faces,
            detectors=self.trained,
            picture=source.picture,
            seconds=time.perf_counter() - start,
            localizations=localizations,
            sha256=None if source.data is None else file_hash(source.data),
            checked=now(),
            notes=source.picture.notes + self.notes,
        )

    def _examined(self, image: np.ndarray, face: DetectedFace, heat: bool) -> FaceFinding:
        if face.size_px < LEAST_PX:
            return FaceFinding(face, "unknown", reason="small")
        received = crop(image, face, round(MARGIN * max(face.box[2:])))
        evidence = {name: detector.evidence(received.image) for name, detector in self.detectors.items()}
        finding = replace(self._decided(face, evidence), crop=received)
        if not heat:
            return finding
        maps = {name: detector.heat(received.image) for name, detector in self.detectors.items()}
        return replace(finding, heat=maps)

    def _decided(self, face: DetectedFace, evidence: Mapping[str, Any]) -> FaceFinding:
        if is_turned(face.landmarks):
            return FaceFinding(face, "unknown", evidence, reason="turned")
        if self.decision is None:
            return FaceFinding(face, "unknown", evidence, reason="undecided")
        joint = self.decision.joint_prob(evidence)
        if joint is None:
            return FaceFinding(face, "unknown", evidence, reason="outside")
        status = self.decision.status(joint)
        return FaceFinding(face, status, evidence, joint, "between" if status == "unknown" else None)


def _loaded(kind: str, notes: list[str]) -> dict[str, Any]:
    """All systems of a kind that can be loaded, by name. The others become notes, but for those without
    released weights."""
    loaded = {}
    for name in zoo.names(kind):
        try:
            loaded[name] = zoo.load(name)
        except (MissingExtraError, WeightsError) as error:
            if zoo.card(name).own_weights:
                notes.append(f"{name} is left out: {error}")
    return loaded


def _decision(detectors: Mapping[str, Detector], notes: list[str]) -> FaceDecision | None:
    """The stored joint decision, where it was fitted for the weights that are installed."""
    try:
        decision = FaceDecision.load()
    except WeightsError as error:
        notes.append(str(error))
        return None
    installed = {name: weight.sha256 for name in detectors for weight in zoo.card(name).own_weights}
    if other := [name for name, sha256 in decision.sha256.items() if installed.get(name) != sha256]:
        notes.append(f"no joint decision: it was fitted for other weights of {', '.join(other)}")
        return None
    return decision
