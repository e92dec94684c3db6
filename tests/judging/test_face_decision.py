"""The joint decision of several detectors."""

import json
import math

import pytest

from underdrawing.core.errors import WeightsError
from underdrawing.core.interfaces import FaceEvidence
from underdrawing.judging.face_decision import FaceDecision, logit

DECISION = FaceDecision({"a": 0.75, "b": 0.25}, 2.0, -1.0, 0.9, 0.4, {"a": "0", "b": "1"}, "nothing")


def evidence(**probs):
    return {name: FaceEvidence(abs(p), 2.0 if p < 0 else 0.5, p < 0) for name, p in probs.items()}


def test_the_formula_by_hand():
    expected = 2 * (0.75 * math.log(0.8 / 0.2) + 0.25 * math.log(0.6 / 0.4)) - 1
    assert logit(DECISION.joint_prob(evidence(a=0.8, b=0.6))) == pytest.approx(expected)
    alone = 2 * math.log(0.8 / 0.2) - 1
    assert logit(DECISION.joint_prob(evidence(a=0.8, b=-0.6))) == pytest.approx(alone)
    assert logit(DECISION.joint_prob(evidence(a=0.8, c=0.01))) == pytest.approx(alone)


def test_nothing_is_decided_where_most_detectors_do_not_know_such_faces():
    assert DECISION.joint_prob(evidence(a=-0.99, b=0.99)) is None
    assert DECISION.joint_prob({}) is None


@pytest.mark.parametrize(
    ("prob", "status"), [(0.9, "signs"), (0.89, "unknown"), (0.4, "unknown"), (0.39, "none")]
)
def test_three_answers(prob, status):
    assert DECISION.status(prob) == status


def test_one_certain_detector_cannot_outweigh_the_others_without_limit():
    assert DECISION.joint_prob(evidence(a=0.01, b=1.0)) < 0.1
    assert 0 < DECISION.joint_prob(evidence(a=0.0, b=0.0)) < DECISION.joint_prob(evidence(a=1.0, b=1.0)) < 1


def test_stored_decisions(tmp_path):
    path = tmp_path / "decision.json"
    with pytest.raises(WeightsError, match="no joint decision"):
        FaceDecision.load(path)
    path.write_text('{"weights": {}}')
    with pytest.raises(WeightsError, match="no joint decision"):
        FaceDecision.load(path)
    path.write_text(json.dumps(vars(DECISION)))
    assert FaceDecision.load(path) == DECISION
