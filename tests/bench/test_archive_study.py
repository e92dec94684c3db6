"""The study of the lossless codec: its peers are lossless, and are measured without the codec."""

import importlib.util
import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing.bench.studies.archive.peers import PEERS
from underdrawing.cli import main

PACKAGES = {"oxipng": "oxipng", "jpegls": "imagecodecs", "jxl7": "pillow_jxl", "jxl9": "pillow_jxl"}
"""Of the peers that Pillow alone does not have."""


@pytest.mark.parametrize("name", PEERS)
def test_peers_give_back_every_pixel_or_name_what_is_missing(name):
    images = skimage.data.astronaut()[:65, :33], np.full((9, 7, 3), 5, np.uint8)
    if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
        with pytest.raises(ImportError, match=r"oxipng|imagecodecs|JXL"):
            PEERS[name].encode(images[1])
        return
    for image in images:
        data = PEERS[name].encode(np.ascontiguousarray(image))
        assert np.array_equal(PEERS[name].decode(data), image)


def test_peers_are_parts_of_their_own(tmp_path):
    (tmp_path / "kodak24").mkdir()
    Image.fromarray(skimage.data.astronaut()[:64, :64]).save(tmp_path / "kodak24" / "one.png")
    command = ["bench", "archive", "--data", str(tmp_path), "--results", str(tmp_path / "results")]
    assert main([*command, "--only", "peers-kodak24", "--set", "peers=png,webp"]) == 0
    stored = json.loads((tmp_path / "results" / "archive" / "peers.json").read_text())
    assert set(stored["parts"]) == {"peers-kodak24"}
    part = stored["parts"]["peers-kodak24"]
    assert part["measured"] == {} and 8 > part["figures"]["kodak24/png/bpsp"]["mean"] > 2
