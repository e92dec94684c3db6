"""Published results stay as they are: pixels of the bundled photograph, fields of both JSON objects."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from underdrawing.api import Session
from underdrawing.demo import PHOTO

EVEN_SHA256 = "eb9875de2e6c29e22c124016d348f24eac1b30d60737fc1c8876c75be67d11ba"
"""Of the bundled photograph, unsigned, under the identity below, as layout 2 protects it without a focus."""
PIXELS_SHA256 = "04843a35b1188d50cc8b50d8560b6562868d7bc280b2243c9a52b3b3c89c8047"
"""The same with the focus that is chosen by default, and with the layer of lossless copies."""
IDENTITY = "0123456789abcdef"
FACTS = {"caption": "An astronaut.", "who": ["Eileen Collins"]}


def types(value: Any) -> Any:
    """The JSON value with type names in place of values."""
    if isinstance(value, dict):
        return {name: types(item) for name, item in value.items()}
    if isinstance(value, list):
        return [types(value[0])] if value else []
    return type(value).__name__


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> tuple[Any, Any]:
    folder = tmp_path_factory.mktemp("desk")
    with Session(trust=folder / "trust", registry=folder / "photos.db") as session:
        made = session.protect(PHOTO, folder / "protected.png", identity=IDENTITY, facts=FACTS)
        return made, session.verify(folder / "protected.png", folder / "out")


def sha256(report: Any) -> str:
    return hashlib.sha256(report.protected.image.tobytes()).hexdigest()


def test_protected_pixels_are_the_same(reports):
    assert sha256(reports[0]) == PIXELS_SHA256


def test_pixels_without_focus_and_lossless_layer_are_those_of_earlier_versions():
    with Session(focus="none") as session:
        assert sha256(session.produce(PHOTO, "photo.jpg", identity=IDENTITY)[0]) == EVEN_SHA256


def test_json_has_the_same_fields(reports):
    expected = json.loads((Path(__file__).parent / "json_fields.json").read_text(encoding="utf-8"))
    made, found = (json.loads(json.dumps(report.to_json())) for report in reports)
    assert types(made) == expected["protect"]
    assert types(found) == expected["verify"]
