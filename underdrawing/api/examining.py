"""Examining without effects: a received picture, which nobody protected, to an ExamineReport.

picture -> faces -> crop of each -> every detector by itself -> joint decision of the face
        -> classical evidence, which decides nothing
        -> text about the picture, if any -> every localizer by itself -> agreement of their maps
           -> joint decision of the picture
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.api.picture_text import TextSource
from underdrawing.core.errors import MissingExtraError, WeightsError
from underdrawing.core.interfaces import Detector, Localization, Localizer, TextLocalizer
from underdrawing.data.sources import SourcePicture
from underdrawing.faces import DetectedFace, crop
from underdrawing.faces.cropping import MARGIN, square_side
from underdrawing.faces.pose import is_turned
from underdrawing.judging.classical import classical_evidence
from underdrawing.judging.classical.view import View
from underdrawing.judging.face_decision import FaceDecision, FaceStatus
from underdrawing.judging.map_agreement import MapAgreement, PictureDecision, joint_prob, without_traces
from underdrawing.registry.hashes import file_hash
from underdrawing.registry.record import now
from underdrawing.report.examination import ExamineReport, FaceFinding

LEAST_PX = 48.0
"""Smaller side of a face's box, below which nothing is said of it: the detectors work on 128 px."""

_INPUT = 128
"""Sides of the inputs of the released detectors, px."""
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
    picture_decision: PictureDecision | None = None
    """Of all localizers; None: each map is reported, and nothing is concluded from them."""

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
            _picture_decision(localizers),
        )

    def examine(
        self, source: SourcePicture, *, heat: bool = False, texts: TextSource | None = None
    ) -> ExamineReport:
        """Examine a picture. heat: with the maps of every detector for the largest faces; texts: has the text
        about the picture for localizers that use one."""
        start = time.perf_counter()
        image = source.picture.shown
        with ThreadPoolExecutor(1) as beside:
            classical = beside.submit(classical_evidence, View.of(source.picture))
            faces = [
                self._examined(image, face, heat and number < MOST_HEATED)
                for number, face in enumerate(self.faces.detect(image))
            ]
        evidence = classical.result()
        text = None if texts is None else texts.text(source, len(faces), evidence)
        localizations = {name: _localized(one, image, text) for name, one in self.localizers.items()}
        prob, status = self._of_picture(localizations)
        notes = source.picture.notes + self.notes
        if status is not None and (reason := without_traces(image)):
            status, notes = "unknown", (*notes, f"the whole picture is not judged: {reason}")
        if text is not None and not any(isinstance(one, TextLocalizer) for one in self.localizers.values()):
            notes += ("the text is not used: no installed localizer uses one",)
        return ExamineReport(
            file=source.name,
            faces=faces,
            detectors=self.trained,
            picture=source.picture,
            seconds=time.perf_counter() - start,
            localizations=localizations,
            sha256=None if source.data is None else file_hash(source.data),
            checked=now(),
            notes=notes,
            evidence=evidence,
            agreement=MapAgreement.of(localizations),
            picture_prob=prob,
            picture_status=status,
            text=text,
        )

    def _of_picture(
        self, localizations: Mapping[str, Localization]
    ) -> tuple[float | None, FaceStatus | None]:
        """Joint probability and answer of all localizers; None, None without a decision."""
        prob = joint_prob(localizations)
        if prob is None or self.picture_decision is None:
            return None, None
        return prob, self.picture_decision.status(prob)

    def _examined(self, image: np.ndarray, face: DetectedFace, heat: bool) -> FaceFinding:
        if face.size_px < LEAST_PX:
            return FaceFinding(face, "unknown", reason="small")
        longer = max(face.box[2:])
        side = square_side(MARGIN * longer, _INPUT)
        received = crop(image, face, side, side / longer)
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


def _localized(localizer: Localizer, image: np.ndarray, text: str | None) -> Localization:
    if text is not None and isinstance(localizer, TextLocalizer):
        return localizer.examine_with_text(image, text)
    return localizer.examine(image)


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
    except WeightsError:  # each face then says that no decision fits
        return None
    installed = {name: weight.sha256 for name in detectors for weight in zoo.card(name).own_weights}
    if other := [name for name, sha256 in decision.sha256.items() if installed.get(name) != sha256]:
        notes.append(f"no joint decision: it was fitted for other weights of {', '.join(other)}")
        return None
    return decision


def _picture_decision(localizers: Mapping[str, Localizer]) -> PictureDecision | None:
    """The stored joint decision, where it was fitted for exactly the localizers that are installed."""
    try:
        decision = PictureDecision.load()
    except WeightsError:
        return None
    installed = {name: weight.sha256 for name in localizers for weight in zoo.card(name).own_weights}
    return decision if installed == dict(decision.sha256) else None
