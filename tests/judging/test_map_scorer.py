"""Localizers as they run for users, with a trunk and a head whose outputs are known."""

import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from skimage import data
from torch import nn

from underdrawing.core.errors import ShapeError, WeightsError
from underdrawing.judging import map_scorer
from underdrawing.judging.map_scorer import MAPS, MapScorer, TrunkMaps, reduced, spans
from underdrawing.metrics.calibration import PICTURE, Platt
from underdrawing.nets.weights import fingerprint


class MeansTrunk(nn.Module):
    """Means of the colours at each stride, times a gain."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, 3, 1, 1))

    def forward(self, images):
        return tuple(self.gain * nn.functional.avg_pool2d(images, stride) for stride in (4, 8, 16, 32))


class RedHead(nn.Module):
    """logit: red minus green at 1/4, by a factor; reliability: blue / 255 + shift."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, maps4, shift):
        red, green, blue = maps4.split(1, 1)
        return self.factor * (red - green), blue / 255 + shift


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "tools")
        from export_graphs import Source
    folder = tmp_path_factory.mktemp("localizer")
    images = {"images": torch.zeros(1, 3, 64, 96)}
    (folder / "trunk.onnx").write_bytes(Source(folder, MeansTrunk, images, MAPS).export())
    inputs = {"maps4": torch.zeros(1, 3, 16, 24), "shift": torch.zeros(1)}
    graph = Source(folder, RedHead, inputs, ("logits", "reliability"))
    (folder / "head.onnx").write_bytes(graph.export())
    gain = {"gain": np.ones((1, 3, 1, 1), np.float16)}
    save_file({f"trunk.{name}": value for name, value in gain.items()}, folder / "trunk.safetensors")
    tensors = {"network.factor": np.ones(1, np.float16)} | Platt(0.1, -0.5).tensors()
    metadata = {"trunk_sha256": fingerprint(gain)}
    save_file(tensors | Platt(0.2, 0.0).tensors(PICTURE), folder / "head.safetensors", metadata)
    return folder


@pytest.fixture
def trunk(folder):
    return TrunkMaps(folder / "trunk.onnx", folder / "trunk.safetensors")


@pytest.fixture
def scorer(folder, trunk):
    return MapScorer(folder / "head.onnx", folder / "head.safetensors", trunk)


def no_shift(tiles, tile):
    """The extra input of the head."""
    return {"shift": np.zeros(1, np.float32)}


def expected(image):
    """Probability at each pixel of a picture that changes slowly."""
    colours = image.astype(np.float32)
    return 1 / (1 + np.exp(0.5 - 0.1 * (colours[..., 0] - colours[..., 1])))


def smooth(height, width):
    rows, cols = np.mgrid[:height, :width]
    planes = 128 + 40 * np.sin(rows / 60), 120 + 30 * np.cos(cols / 70), 100 + 50 * np.sin((rows + cols) / 90)
    return np.stack(planes, 2).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (32, 32), (33, 65), (512, 512), (700, 521), (513, 1100)])
def test_maps_of_every_size_are_those_of_the_pixels(scorer, shape):
    image = smooth(*shape)
    found = scorer.examine(image, no_shift)
    for values in (found.tampered_prob, found.reliability):
        assert values.shape == shape and values.dtype == np.float32
        assert values.min() >= 0 and values.max() <= 1
    assert np.abs(found.tampered_prob - expected(image)).max() < 0.05
    assert np.abs(found.reliability - image[..., 2] / 255).max() < 0.03


def test_a_large_picture_is_reduced(monkeypatch, scorer):
    monkeypatch.setattr(map_scorer, "MOST_PX", 200_000)
    image = cv2.resize(smooth(500, 400), (1200, 1500), interpolation=cv2.INTER_LINEAR)
    found = scorer.examine(image, no_shift)
    assert found.tampered_prob.shape == (1500, 1200)
    assert np.abs(found.tampered_prob - expected(image)).max() < 0.05
    tiles = scorer.trunk(image)
    assert tiles.height * tiles.width <= 200_000 and abs(tiles.height / tiles.width - 1.25) < 0.01
    assert reduced(image, image.size) is image


def test_extra_inputs_are_those_of_each_tile(scorer):
    """Such as its place in the picture."""

    def place(tiles, tile):
        return {"shift": np.float32([(tile.top > 0) * tile.top / tiles.height])}

    image = smooth(600, 300)
    found = scorer.examine(image, place).reliability - image[..., 2] / 255
    (_, last) = spans(600)
    assert np.abs(found[: last.start]).max() < 0.03
    assert np.abs(found[spans(600)[0].stop :] - last.start / 600).max() < 0.03


def test_the_largest_logits_decide_on_the_picture(scorer):
    image = np.full((320, 320, 3), 100, np.uint8)
    assert scorer.examine(image, no_shift).picture_prob == pytest.approx(0.5)
    image[64:96, 64:96, 0] = 110  # 1 % of the picture
    assert scorer.examine(image, no_shift).picture_prob == pytest.approx(1 / (1 + np.exp(-2)), abs=0.01)


def test_what_is_added_to_the_sides_does_not_decide_on_the_picture(scorer):
    image = np.full((40, 33, 3), 100, np.uint8)
    image[:, 28:, 0] = 90
    assert scorer.examine(image, no_shift).picture_prob == pytest.approx(0.5, abs=0.02)


def test_localizers_share_the_maps_of_the_last_picture(folder, scorer, trunk):
    image = smooth(64, 64)
    first, again = trunk(image), trunk(image.copy())
    assert first is again
    image[0, 0] = 7
    assert trunk(image) is not first
    assert trunk(image.reshape(32, 128, 3)).sides == (32, 128)
    other = MapScorer(folder / "head.onnx", folder / "head.safetensors", trunk)
    assert np.array_equal(
        other.examine(image, no_shift).tampered_prob, scorer.examine(image, no_shift).tampered_prob
    )


@pytest.mark.parametrize("length", [1, 31, 32, 33, 500, 512, 513, 960, 961, 1632, 2309, 4000])
def test_tiles_cover_a_side_with_overlap(length):
    found = spans(length)
    assert found[0].start == 0 and 0 <= found[-1].stop - length < 32
    assert all(one.start % 8 == 0 and (one.stop - one.start) % 32 == 0 for one in found)
    assert all(one.stop - one.start <= map_scorer.TILE_PX for one in found)
    overlaps = [one.stop - other.start for one, other in pairwise(found)]
    assert all(overlap >= map_scorer.OVERLAP_PX - 8 for overlap in overlaps)
    area = sum(one.stop - one.start for one in found)
    assert area <= 1.25 * length + 96  # work beyond the picture


@pytest.mark.parametrize("image", [
    np.zeros((64, 64), np.uint8), np.zeros((64, 64, 4), np.uint8), np.zeros((0, 64, 3), np.uint8),
    np.zeros((64, 64, 3), np.float32),
])  # fmt: skip
def test_other_arrays_are_refused(scorer, image):
    with pytest.raises(ShapeError, match="expected a picture"):
        scorer.examine(image, no_shift)


def test_strided_pictures_are_those_of_their_pixels(scorer):
    whole = np.ascontiguousarray(data.astronaut()[:128, :128])
    mirrored = scorer.examine(whole[:, ::-1], no_shift)
    copied = scorer.examine(np.ascontiguousarray(whole[:, ::-1]), no_shift)
    assert np.array_equal(mirrored.tampered_prob, copied.tampered_prob)


def test_weights_that_do_not_fit_are_refused(folder, trunk, tmp_path):
    tensors = load_file(folder / "head.safetensors")
    cases = {
        "no tensor picture.scale": (
            {n: v for n, v in tensors.items() if n != "picture.scale"},
            trunk.fingerprint,
        ),
        "trained on another trunk": (tensors, "0" * 64),
    }
    for message, (stored, sha256) in cases.items():
        path = tmp_path / "head.safetensors"
        save_file(stored, path, {"trunk_sha256": sha256, "config": json.dumps({})})
        with pytest.raises(WeightsError, match=message):
            MapScorer(folder / "head.onnx", path, trunk).examine(smooth(32, 32), no_shift)
    with pytest.raises(WeightsError, match="no such file"):
        MapScorer(folder / "head.onnx", tmp_path / "none.safetensors", trunk)
    with pytest.raises(WeightsError, match="no such file"):
        TrunkMaps(tmp_path / "none.onnx", folder / "trunk.safetensors")
