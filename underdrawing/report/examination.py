"""The result of examine: as JSON, as sentences, and as HTML in notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image

from underdrawing import __version__
from underdrawing.core.interfaces import FaceEvidence, Localization
from underdrawing.data.picture import Picture
from underdrawing.faces import DetectedFace, FaceCrop
from underdrawing.judging.classical.evidence import Evidence
from underdrawing.judging.face_decision import FaceStatus
from underdrawing.judging.map_agreement import MapAgreement
from underdrawing.report.page import notebook_html

Reason = Literal["small", "turned", "outside", "between", "undecided"]
REASONS: dict[Reason, str] = {
    "small": "too small to examine",
    "turned": "in profile or turned",
    "outside": "unlike the faces that the detectors were trained on",
    "between": "too little evidence for either answer",
    "undecided": "no joint decision fits the installed detectors",
}
"""Why nothing can be said of a face."""
_NO_FACE = (
    "Cannot tell: no face was found in the picture, and nothing that can decide examines the rest of it."
)
_LISTED = 5
"""Most faces that a message numbers."""
STATES = {
    "signs": ("Signs of forgery", "#b3261e"),
    "none": ("No signs found", "#5f6368"),
    "unknown": ("Cannot tell", "#8a5a00"),
}
"""Title and colour of each status."""
_BORDERS = {"signs": (179, 38, 30), "none": (95, 99, 104), "unknown": (138, 90, 0)}


@dataclass(frozen=True)
class FaceFinding:
    """One face of a picture and what the detectors find in it."""

    face: DetectedFace
    status: FaceStatus
    evidence: Mapping[str, FaceEvidence] = field(default_factory=dict)
    """By the name of the detector; empty for a face that was not examined."""
    joint_prob: float | None = None
    """Probability of forgery by all detectors together; None where nothing can be said."""
    reason: Reason | None = None
    """Why the status is unknown."""
    crop: FaceCrop | None = None
    """What the detectors received; None for a face that was not examined."""
    heat: Mapping[str, np.ndarray] = field(default_factory=dict)
    """(H, W) float32 of the crop by the name of the detector, see core.interfaces.Detector; on demand."""

    def to_json(self) -> dict[str, Any]:
        """One entry of `faces`."""
        evidence = self.evidence
        return {
            "box": [round(value, 1) for value in self.face.box],
            "landmarks": [[round(float(v), 1) for v in point] for point in self.face.landmarks],
            "status": self.status,
            "fake_prob": {n: None if e.outside else round(e.fake_prob, 4) for n, e in evidence.items()},
            "distance": {name: round(e.distance, 3) for name, e in evidence.items()},
            "outside_training": self.reason == "outside",
            "joint_prob": None if self.joint_prob is None else round(self.joint_prob, 4),
            "reason": self.reason,
        }


@dataclass(frozen=True, repr=False)
class ExamineReport:
    """Result of `examine`."""

    file: str | None
    faces: Sequence[FaceFinding]
    """Largest first."""
    detectors: Mapping[str, str]
    """By name, what each detector was trained on."""
    picture: Picture
    """As received."""
    seconds: float
    """Time of the examination, without reading and writing files."""
    localizations: Mapping[str, Localization] = field(default_factory=dict)
    """By the name of the localizer."""
    sha256: str | None = None
    """Of the file, 64 hex digits; None where the source is no file."""
    checked: str = "1970-01-01T00:00:00Z"
    """Time of the examination, UTC."""
    notes: tuple[str, ...] = ()
    """What reading tolerated or converted, and which detectors could not be loaded; a sentence each."""
    written: dict[str, str] | None = None
    """Paths of the written files by kind: html, face1.NAME and others."""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """Classical evidence by method; it decides nothing."""
    agreement: MapAgreement | None = None
    """Of the maps of all localizers; None without any."""
    picture_prob: float | None = None
    """Probability of manipulation by all localizers together; None where no decision fits them."""
    picture_status: FaceStatus | None = None
    """Answer of all localizers together; None as above."""
    text: str | None = None
    """About the picture, as localizers got it that use one; None without a text."""

    @property
    def status(self) -> FaceStatus:
        """Of the picture: signs where a face has them or all localizers together find them; none where faces
        or the whole were examined without any sign, and those faces that nothing can be said of are too small
        to examine; else unknown. Classical evidence does not count: its false alarms are too many."""
        found = [face.status for face in self.faces if face.reason != "small"]
        found += [] if self.picture_status is None else [self.picture_status]
        if "signs" in found:
            return "signs"
        return "none" if found and "unknown" not in found else "unknown"

    @property
    def message(self) -> str:
        """The status in sentences for people."""
        return " ".join([*self._of_faces(), *self._of_picture()])

    def _of_picture(self) -> list[str]:
        """Sentences on the whole picture."""
        texts = []
        if self.picture_prob is not None:
            found = {
                "signs": f"Signs of manipulation, probability {100 * self.picture_prob:.0f} %.",
                "none": "No signs of manipulation found in the whole picture; this proves nothing.",
                "unknown": "Cannot tell for the whole picture: too little evidence for either answer.",
            }
            texts.append(found[self.picture_status or "unknown"])
        if self.agreement is not None:
            texts.append(self.agreement.sentence)
        if names := [name for name, one in self.evidence.items() if one.found]:
            texts.append(f"Classical evidence, which decides nothing: {', '.join(names)}.")
        return texts

    def _of_faces(self) -> list[str]:
        """Sentences on the faces."""
        if not self.faces:
            return [_NO_FACE if self.picture_prob is None else "No face was found in the picture."]
        total, texts = len(self.faces), []
        signs = [number for number, face in enumerate(self.faces, 1) if face.status == "signs"]
        clear = sum(face.status == "none" for face in self.faces)
        if signs:
            listed = "the face" if total == 1 else f"{_named(signs)} of {total}"
            highest = max(self.faces[number - 1].joint_prob or 0 for number in signs)
            texts.append(f"Signs of forgery in {listed}, probability up to {100 * highest:.0f} %.")
        if clear:
            where = "the face" if total == 1 else f"{clear} of {_count(total)}"
            texts.append(f"No signs of forgery found in {where}; this proves nothing.")
        for reason, text in REASONS.items():
            numbers = [n for n, face in enumerate(self.faces, 1) if face.reason == reason]
            if numbers:
                texts.append(f"Cannot tell for {'the face' if total == 1 else _named(numbers)}: {text}.")
        return texts

    def to_json(self) -> dict[str, Any]:
        """The object that `examine --json` prints."""
        written = self.written or {}
        names = self.localizations
        return {
            "file": self.file,
            "status": self.status,
            "faces": [face.to_json() for face in self.faces],
            "maps": {name: written.get(f"map.{name}") for name in names},
            "reliability": {name: written.get(f"reliability.{name}") for name in names},
            "tampered_prob": {name: round(image_prob(found), 4) for name, found in names.items()},
            "agreement": None if self.agreement is None else self.agreement.to_json(),
            "picture_status": self.picture_status,
            "picture_prob": None if self.picture_prob is None else round(self.picture_prob, 4),
            "evidence": {name: self._evidence(name, written) for name in self.evidence},
            "text": self.text,
            "detectors": dict(self.detectors),
            "heat": {kind: path for kind, path in written.items() if kind.startswith("face")},
            "html": written.get("html"),
            "message": self.message,
            "notes": list(self.notes),
            "sha256": self.sha256,
            "checked": self.checked,
            "version": __version__,
            "seconds": round(self.seconds, 3),
        }

    def _evidence(self, name: str, written: Mapping[str, str]) -> dict[str, Any]:
        found = self.evidence[name]
        return {
            "found": found.found,
            "score": None if found.score is None else round(found.score, 3),
            "sentence": found.sentence,
            "innocent": found.innocent,
            "map": written.get(f"evidence.{name}"),
        }

    def __repr__(self) -> str:
        return f"<ExamineReport {self.file or 'picture'}: {self.status}, {_count(len(self.faces))}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        title, color = STATES[self.status]
        return notebook_html(title, color, self.message, {"Faces": outlined(self)})


def image_prob(found: Localization) -> float:
    """Of a whole image: the localizer's own; else the probability that the most suspect percent of its pixels
    reaches, by reliability."""
    if found.picture_prob is not None:
        return found.picture_prob
    return float(np.quantile(found.tampered_prob * found.reliability, 0.99))


def outlined(report: ExamineReport) -> Image.Image:
    """The received picture with a numbered box around each face, in the colour of its status."""
    image = report.picture.shown.copy()
    width = max(1, round(max(image.shape[:2]) / 300))
    font, size = cv2.FONT_HERSHEY_SIMPLEX, width / 2
    for number, finding in enumerate(report.faces, 1):
        left, top, across, down = (round(value) for value in finding.face.box)
        color = _BORDERS[finding.status]
        cv2.rectangle(image, (left, top), (left + across, top + down), color, width)
        (across, down), _ = cv2.getTextSize(str(number), font, size, width)
        left, top = max(left, 0), max(top, 0)
        corner = (left + across + 4 * width, top + down + 4 * width)
        cv2.rectangle(image, (left, top), corner, color, cv2.FILLED)
        place = (left + 2 * width, top + down + 2 * width)
        cv2.putText(image, str(number), place, font, size, (255, 255, 255), width, cv2.LINE_AA)
    return Image.fromarray(image)


def _named(numbers: Sequence[int]) -> str:
    """face 2; faces 2, 3; 14 faces."""
    if len(numbers) > _LISTED:
        return _count(len(numbers))
    return f"face{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _count(faces: int) -> str:
    return "1 face" if faces == 1 else f"{faces} faces"
