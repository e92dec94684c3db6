"""verify --recover natural: the same verdict, other pixels, and a source map that states so."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from underdrawing import api
from underdrawing.api import Session
from underdrawing.cli import main
from underdrawing.core.errors import UsageError
from underdrawing.core.types import DECODED, NATURAL


@pytest.fixture(scope="module")
def altered(tmp_path_factory):
    """A protected picture with a painted face, as JPEG 80."""
    with Session() as session:
        made = session.produce(data.astronaut(), "astronaut.jpg")[0].protected.image.copy()
    cv2.ellipse(made, (224, 118), (58, 74), 0, 0, 360, (120, 90, 70), -1)
    path = tmp_path_factory.mktemp("altered") / "suspect.jpg"
    Image.fromarray(made).save(path, quality=80)
    return path


def test_the_verdict_is_the_same_and_the_source_map_tells_them_apart(altered):
    faithful, natural = (api.verify(altered, recover=kind).verdict for kind in ("faithful", "natural"))
    assert faithful.status == natural.status == "altered"
    assert (faithful.tampered_prob == natural.tampered_prob).all()
    replaced = faithful.source_map == DECODED
    assert replaced.any()
    assert not (faithful.source_map == NATURAL).any()
    assert ((natural.source_map == NATURAL) == replaced).all()
    assert not (natural.source_map == DECODED).any()
    assert (natural.recovered[replaced] != faithful.recovered[replaced]).any()
    assert (natural.recovered[~replaced] == faithful.recovered[~replaced]).all()
    assert "invented" in natural.message
    assert "invented" not in faithful.message


def test_the_command_writes_it(altered, tmp_path, capsys):
    assert main(["verify", str(altered), "-o", str(tmp_path / "out/"), "--recover", "natural", "--json"]) == 1
    assert "invented" in json.loads(capsys.readouterr().out)["message"]
    source = np.asarray(Image.open(tmp_path / "out" / "suspect.source.png"))
    assert set(np.unique(source)) == {0, NATURAL}


def test_other_words_and_other_systems_are_refused():
    with pytest.raises(UsageError, match="faithful or natural"):
        Session(recover="pretty")
    with pytest.raises(UsageError, match="imuge"):
        Session(recover="natural", system="imuge")
