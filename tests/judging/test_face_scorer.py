"""A detector as it runs for users, with a small network whose outputs are known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from underdrawing.core.errors import ShapeError, WeightsError
from underdrawing.judging.face_scorer import LEAST_PX, FaceScorer, resample
from underdrawing.metrics.calibration import Outside, Platt

SIDE = 32


class MeanNet(nn.Module):
    """logit: red minus green of the mean; embedding: mean colour; heat: red minus green of blocks."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 1, bias=False)

    def forward(self, faces):
        maps = nn.functional.avg_pool2d(faces, 8)
        mean = maps.mean((2, 3))
        return self.head(mean)[:, 0], mean, (maps * self.head.weight[0, :, None, None]).sum(1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "tools")
        from export_graphs import Source
    folder = tmp_path_factory.mktemp("scorer")
    graph, weights = folder / "net.onnx", folder / "net.safetensors"
    inputs = {"faces": torch.zeros(1, 3, SIDE, SIDE)}
    graph.write_bytes(Source(graph, MeanNet, inputs, ("logit", "embedding", "heat")).export())
    outside = Outside(np.array([[100, 100, 100]], np.float32), np.eye(3, dtype=np.float32), 50.0)
    tensors = {"network.head.weight": np.array([[1, -1, 0]], np.float16)}
    save_file(tensors | Platt(0.1, -0.5).tensors() | outside.tensors(), weights)
    return graph, weights


def flat(colour, side=64):
    return np.full((side, side, 3), colour, np.uint8)


def test_evidence_is_the_calibrated_logit_and_the_distance_in_thresholds(files):
    scorer = FaceScorer(*files, SIDE)
    evidence = scorer.evidence(flat((120, 90, 100)))
    assert evidence.fake_prob == pytest.approx(1 / (1 + np.exp(-(0.1 * 30 - 0.5))))
    assert evidence.distance == pytest.approx(np.hypot(20, 10) / 50) and not evidence.outside
    assert scorer.examine(flat((120, 90, 100))) == evidence.fake_prob
    far = scorer.evidence(flat((100, 100, 160)))
    assert far.distance == pytest.approx(1.2) and far.outside
    assert scorer.examine(flat((100, 100, 160))) is None


def test_heat_lies_where_the_evidence_is(files):
    face = flat((100, 100, 100), 96)
    face[:24, 72:] = 200, 100, 100
    heat = FaceScorer(*files, SIDE).heat(face)
    assert heat.shape == (96, 96) and heat.dtype == np.float32
    assert heat[:12, 84:].min() == pytest.approx(100) and abs(heat[48:, :48]).max() < 1e-3


@pytest.mark.parametrize("side", [LEAST_PX, 31, 32, 33, 500])
def test_every_size_of_a_face_gives_about_the_same(files, side):
    scorer = FaceScorer(*files, SIDE)
    face = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    face = np.repeat(np.repeat(face, 64, 0), 64, 1)
    a, b = scorer.evidence(face), scorer.evidence(resample(face, side))
    assert a.fake_prob == pytest.approx(b.fake_prob, abs=0.05) and a.distance == pytest.approx(
        b.distance, abs=0.1
    )


def test_a_larger_face_is_averaged_over_areas():
    checked = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert np.ptp(resample(checked, 16)) <= 1 and resample(checked[:8, :8], 16).shape == (16, 16, 3)


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 4), (15, 64, 3), (64, 15, 3), (0, 0, 3)])
def test_other_shapes_are_refused(files, shape):
    with pytest.raises(ShapeError, match="expected a face"):
        FaceScorer(*files, SIDE).evidence(np.zeros(shape, np.uint8))


def test_weights_without_calibration_are_refused(files, tmp_path):
    graph, weights = files
    tensors = load_file(weights)
    for missing in ("calibration.offset", "outside.mean"):
        other = tmp_path / f"{missing}.safetensors"
        save_file({name: value for name, value in tensors.items() if name != missing}, other)
        with pytest.raises(WeightsError, match=f"no tensor {missing}"):
            FaceScorer(graph, other, SIDE).examine(flat((100, 100, 100)))
    with pytest.raises(WeightsError, match="no such file"):
        FaceScorer(graph, tmp_path / "none.safetensors", SIDE)
