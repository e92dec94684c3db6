"""The study of the lossless codec: its peers are lossless, and are measured without the codec."""

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from underdrawing.bench.studies.archive.peers import PEERS
from underdrawing.cli import main


@pytest.mark.parametrize("name", PEERS)
def test_peers_give_back_every_pixel(name):
    for image in (skimage.data.astronaut()[:65, :33], np.full((9, 7, 3), 5, np.uint8)):
        try:
            data = PEERS[name].encode(np.ascontiguousarray(image))
        except ImportError as error:
            pytest.skip(str(error))
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
