"""Fit the joint decision of `examine` to the released detectors, and write judging/face_decision.json.

    python tools/fit_face_decision.py SET PHOTOS...

SET: a set of faces, as `underdrawing forge` writes it; its split `val` gives the weights of the detectors.
PHOTOS: untouched photographs of people that no detector was trained on; half of them give the threshold, the
other half the rate of false signs that is printed and stored.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from underdrawing import zoo
from underdrawing.api.examining import Examiner
from underdrawing.attacks.face_forgery.camera import Camera
from underdrawing.bench.studies.face_detection.joint import sets_threshold
from underdrawing.core.errors import UnderdrawingError
from underdrawing.core.interfaces import FaceEvidence
from underdrawing.data.face_set import REAL, FaceSet
from underdrawing.data.files import find_pictures
from underdrawing.data.sources import decode_source
from underdrawing.judging.face_decision import STORED, FaceDecision, logit
from underdrawing.metrics.classification import auc, wilson
from underdrawing.report.examination import ExamineReport

Evidence = dict[str, FaceEvidence]
SIDE = 128
MOST_PER_KIND = 150
FALSE_SIGNS = 0.01
"""Largest share of the fitting half of the photographs with signs; the aim is 0.02 on others."""
CLEAR = 0.5
_RIDGE, _STEPS, _RATE = 0.02, 4000, 0.05


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, write and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path)
    parser.add_argument("photos", nargs="+")
    given = parser.parse_args(arguments)
    examiner = replace(Examiner.of_zoo(), decision=None, localizers={})
    forged, evidence = of_set(given.set, examiner)
    decision = fit_weights(evidence, forged, sha256s(examiner))
    known = [(decision.joint_prob(found), label) for found, label in zip(evidence, forged, strict=True)]
    scores, labels = zip(*((p, label) for p, label in known if p is not None), strict=True)
    area = float(auc(np.array(scores), np.array(labels)))
    photos = [report for report in of_photos(given.photos, examiner) if judged(report)]
    halves = [[r for r in photos if sets_threshold(r.file or "") == first] for first in (True, False)]
    decision = replace(decision, threshold=least_threshold([highest(r, decision) for r in halves[0]]))
    false = sum(highest(report, decision) >= decision.threshold for report in halves[1])
    low, high = wilson(false, len(halves[1]))
    found = sum(p >= decision.threshold for p, label in zip(scores, labels, strict=True) if label)
    text = (
        f"{len(forged)} faces of the split val, AUC {area:.3f}; {found} of {sum(labels)} forged have signs; "
        f"threshold on {len(halves[0])} photographs; {false} of {len(halves[1])} others with signs, "
        f"{100 * false / len(halves[1]):.1f} % (95 %: {100 * low:.1f} to {100 * high:.1f})"
    )
    STORED.write_text(
        json.dumps(asdict(replace(decision, fitted_on=text)), indent=2) + "\n", encoding="utf-8"
    )
    print(STORED.read_text(encoding="utf-8"))


def of_set(folder: Path, examiner: Examiner) -> tuple[np.ndarray, list[Evidence]]:
    """Whether each face of the split is forged, and the evidence: at most MOST_PER_KIND of a kind, and
    as many real ones."""
    faces, camera, rng = FaceSet.read(folder, "val"), Camera(), np.random.default_rng(0)
    chosen = [rng.permutation(faces.indices(kind))[:MOST_PER_KIND] for kind in faces.kinds]
    chosen.append(rng.permutation(faces.indices(REAL))[: sum(map(len, chosen))])
    places = np.concatenate(chosen)
    evidence = []
    for place in places:
        face = camera.picture(faces.pictures[place], SIDE, rng)
        evidence.append({name: detector.evidence(face) for name, detector in examiner.detectors.items()})
    return np.array([faces.entries[place].kind != REAL for place in places]), evidence


def of_photos(paths: Sequence[str], examiner: Examiner) -> list[ExamineReport]:
    """Reports of all photographs that can be read."""
    reports = []
    for entry in find_pictures(paths, {}):
        try:
            reports.append(examiner.examine(decode_source(entry.path)))
        except UnderdrawingError as error:
            print(f"{entry.path}: {error}")
    return reports


def sha256s(examiner: Examiner) -> dict[str, str]:
    """Of the weight file of each detector."""
    return {name: zoo.card(name).own_weights[0].sha256 for name in examiner.detectors}


def fit_weights(evidence: Sequence[Evidence], forged: np.ndarray, sha256: dict[str, str]) -> FaceDecision:
    """Logistic regression with weights of 0 or more on the detectors' logits, drawn a little to equal ones;
    the classes count alike. By projected gradient descent."""
    names = list(sha256)
    x = np.array([[logit(found[name].fake_prob) for name in names] for found in evidence])
    share = np.where(forged, 0.5 / forged.sum(), 0.5 / (~forged).sum())
    equal = np.full(len(names), 1 / len(names))
    w, b = equal.copy(), 0.0
    for _ in range(_STEPS):
        error = share * (1 / (1 + np.exp(-(x @ w + b))) - forged)
        w = np.maximum(w - _RATE * (error @ x + _RIDGE * (w - equal)), 0)
        b -= _RATE * error.sum()
    scale = float(w.sum())
    weights = {name: round(float(value) / scale, 4) for name, value in zip(names, w, strict=True)}
    return FaceDecision(weights, round(scale, 4), round(float(b), 4), 1.0, CLEAR, sha256, "")


def judged(report: ExamineReport) -> bool:
    """Whether a picture has a face that `examine` judges."""
    return any(finding.reason == "undecided" for finding in report.faces)


def highest(report: ExamineReport, decision: FaceDecision) -> float:
    """The greatest joint probability of the picture's faces."""
    found = [decision.joint_prob(f.evidence) for f in report.faces if f.reason == "undecided"]
    return max((prob for prob in found if prob is not None), default=0.0)


def least_threshold(probs: Sequence[float]) -> float:
    """Least threshold, CLEAR or more, that at most FALSE_SIGNS of the pictures reach."""
    allowed = int(FALSE_SIGNS * len(probs))
    reached = sorted(probs, reverse=True)[allowed]
    return round(max(CLEAR, float(np.nextafter(reached, 1)) + 1e-4), 4)


if __name__ == "__main__":
    main()
