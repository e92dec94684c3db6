"""Published results stay as they are: pixels of the bundled photograph, fields of both JSON objects."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from underdrawing.api import Session
from underdrawing.demo import PHOTO

PLAIN_SHA256 = "60aafe333f7f7baf0e4c4cdcf95c4d973f2201b73846cea23730473277f95185"
"""Of the bundled photograph, unsigned, under the identity below, no caption, under the focus auto."""
PIXELS_SHA256 = "e574c90d5bb107274ca4ca79fa367b912e143e2ee7fbe31c25da68e6108c5c36"
"""The same with the caption's hash and the layer of lossless copies."""
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


def test_protected_pixels_are_the_same(reports):
    pixels = reports[0].protected.image
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == PIXELS_SHA256


def test_pixels_without_caption_and_lossless_layer_are_those_of_earlier_versions():
    with Session() as session:
        report = session.produce(PHOTO, "photo.jpg", identity=IDENTITY)[0]
    assert hashlib.sha256(report.protected.image.tobytes()).hexdigest() == PLAIN_SHA256


def test_json_has_the_same_fields(reports):
    expected = json.loads((Path(__file__).parent / "json_fields.json").read_text(encoding="utf-8"))
    made, found = (json.loads(json.dumps(report.to_json())) for report in reports)
    assert types(made) == expected["protect"]
    assert types(found) == expected["verify"]
