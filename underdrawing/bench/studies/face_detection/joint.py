"""The joint decision of `examine` as a detector, and its answers on untouched photographs."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from underdrawing.api.examining import Examiner
from underdrawing.bench.studies.face_detection.figures import Figures, rate
from underdrawing.bench.studies.face_detection.samples import View
from underdrawing.bench.studies.face_detection.subjects import FaceSubject, Scores
from underdrawing.core.interfaces import FaceEvidence
from underdrawing.data.files import find_pictures
from underdrawing.data.sources import decode_source
from underdrawing.judging.face_decision import FaceDecision
from underdrawing.report.examination import ExamineReport, FaceFinding

EXAMINE = "examine"
ANSWERS = ("signs", "none", "unknown")


def joint(
    decision: FaceDecision,
    subjects: Sequence[FaceSubject],
    score: Callable[[FaceSubject, View], Scores],
) -> FaceSubject:
    """The decision as a detector: its probability, .5 and outside where too few detectors know such faces."""

    def joined(view: View) -> Scores:
        probs = joint_probs(decision, {subject.name: score(subject, view) for subject in subjects})
        known = ~np.isnan(probs)
        return Scores(np.where(known, probs, 0.5), np.where(known, 0.0, 2.0))

    versions = {name: version for subject in subjects for name, version in subject.versions.items()}
    return FaceSubject(EXAMINE, "", joined, None, versions)


def joint_probs(decision: FaceDecision, scores: Mapping[str, Scores]) -> np.ndarray:
    """(N,) joint probability of each face, nan where it is outside."""
    count = len(next(iter(scores.values())).prob)
    found = [
        decision.joint_prob(
            {
                name: FaceEvidence(float(s.prob[at]), float(s.distance[at]), bool(s.distance[at] > 1))
                for name, s in scores.items()
            }
        )
        for at in range(count)
    ]
    return np.array([np.nan if prob is None else prob for prob in found])


def answers(decision: FaceDecision, view: View, scores: Scores) -> Figures:
    """Share of each answer for the faces of each kind of a view."""
    given = np.array(
        [
            "unknown" if distance > 1 else decision.status(float(prob))
            for prob, distance in zip(scores.prob, scores.distance, strict=True)
        ]
    )
    kinds = view.faces.kinds
    return {
        f"{EXAMINE}/answers/{view.name}: {kind}/{answer}": rate(given[kinds == kind] == answer)
        for kind in sorted(set(kinds.tolist()))
        for answer in ANSWERS
    }


def sets_threshold(name: str) -> bool:
    """Whether tools/fit_face_decision.py takes a photograph for the threshold; the others are measured."""
    return zlib.crc32(Path(name).name.encode()) % 2 == 0


def untouched(folder: Path, limit: int | None) -> tuple[Figures, int, str]:
    """Rates of false signs on photographs of people, of `examine` and of each detector; their number; hash.

    A detector has a sign where it knows a face and finds it forged with more than .5. Photographs without a
    face that is large enough are not counted.
    """
    examiner, digest = Examiner.of_zoo(), hashlib.sha256()
    reports: list[ExamineReport] = []
    for path in [found.path for found in find_pictures([folder]) if not sets_threshold(found.path.name)][
        :limit
    ]:
        report = examiner.examine(decode_source(path))
        if _examined(report):
            reports.append(report)
            digest.update((report.sha256 or "").encode())
    figures = {
        f"{EXAMINE}/untouched/{answer}": rate(np.array([report.status == answer for report in reports]))
        for answer in ANSWERS
    }
    for name in examiner.detectors:
        signs = [any(_has_sign(face.evidence[name]) for face in _examined(report)) for report in reports]
        figures[f"{name}/untouched/signs"] = rate(np.array(signs))
    return figures, len(reports), digest.hexdigest()[:16]


def _examined(report: ExamineReport) -> list[FaceFinding]:
    return [face for face in report.faces if face.evidence]


def _has_sign(evidence: FaceEvidence) -> bool:
    return not evidence.outside and evidence.fake_prob > 0.5
