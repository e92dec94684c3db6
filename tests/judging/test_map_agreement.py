"""Agreement of the maps of several localizers, and the joint decision on a picture."""

import json

import numpy as np
import pytest
from skimage import data

from underdrawing.core.errors import WeightsError
from underdrawing.core.interfaces import Localization
from underdrawing.judging.map_agreement import MapAgreement, PictureDecision, joint_prob, without_traces


def localization(left, right, reliability=1.0, prob=None):
    """1 in columns from left to right of 40 x 100 px."""
    maps = np.zeros((40, 100), np.float32)
    maps[:, left:right] = 1
    return Localization(maps, np.full_like(maps, reliability), prob)


def test_no_localizer_has_no_agreement():
    assert MapAgreement.of({}) is None and joint_prob({}) is None
    assert joint_prob({"a": localization(0, 1)}) is None


def test_the_joint_map_weighs_by_reliability():
    found = MapAgreement.of({"a": localization(0, 50, 0.9), "b": localization(0, 0, 0.3)})
    assert found.joint[0, 0] == pytest.approx(0.75, abs=1e-4) and found.joint[0, 99] == 0
    nothing = MapAgreement.of({"a": localization(0, 50, 0.0)})
    assert np.isfinite(nothing.joint).all() and nothing.joint.max() == 0


@pytest.mark.parametrize(
    ("spans", "overlap", "sentence"),
    [
        ([(0, 0)], None, "The only localizer marks nothing"),
        ([(0, 0), (0, 0)], None, "None of 2 localizers marks a part; this proves nothing"),
        ([(10, 30), (0, 0)], None, "Only l0 of 2 localizers marks a part (20 %"),
        ([(10, 30), (10, 30), (0, 0)], 1.0, "2 of 3 localizers mark a part, and agree on it (overlap 100 %)"),
        ([(0, 20), (10, 30)], 1 / 3, "mark parts, but different ones (overlap 33 %)"),
    ],
)
def test_what_the_maps_have_in_common(spans, overlap, sentence):
    found = MapAgreement.of({f"l{n}": localization(*span) for n, span in enumerate(spans)})
    assert found.overlap == (None if overlap is None else pytest.approx(overlap))
    assert sentence in found.sentence and found.to_json()["sentence"] == found.sentence


def test_the_joint_probability_is_that_of_the_mean_logit():
    both = {"a": localization(0, 1, prob=0.9), "b": localization(0, 1, prob=0.1), "c": localization(0, 1)}
    assert joint_prob(both) == pytest.approx(0.5)
    assert joint_prob({"a": localization(0, 1, prob=1.0)}) == pytest.approx(0.9999)


def test_a_stored_decision(tmp_path):
    path = tmp_path / "decision.json"
    with pytest.raises(WeightsError, match="no joint decision"):
        PictureDecision.load(path)
    path.write_text(json.dumps({"threshold": 0.9, "clear": 0.2, "sha256": {"a": "0"}, "fitted_on": "x"}))
    decision = PictureDecision.load(path)
    assert [decision.status(prob) for prob in (0.1, 0.2, 0.89, 0.9)] == [
        "none",
        "unknown",
        "unknown",
        "signs",
    ]
    path.write_text('{"threshold": 1}')
    with pytest.raises(WeightsError):
        PictureDecision.load(path)


def test_localizers_do_not_judge_what_has_no_traces():
    photo = data.coffee()[:256, :256]
    assert without_traces(photo) is None
    assert "128 px" in without_traces(photo[:120])
    page = np.full((256, 256, 3), 255, np.uint8)
    page[40:60, 20:200] = 0
    assert "screenshots" in without_traces(page)
    page[:, :140] = photo[:, :140]
    assert without_traces(page) is None
