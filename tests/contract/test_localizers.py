"""What every localizer of the zoo has to do with any picture, also before it has released weights."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file
from skimage import data

from underdrawing import zoo
from underdrawing.content.manipulation_trunk import model as trunk_model
from underdrawing.core.errors import ShapeError
from underdrawing.core.interfaces import Localizer
from underdrawing.judging.map_scorer import PREFIX, TrunkMaps
from underdrawing.metrics.calibration import PICTURE, Platt
from underdrawing.nets.weights import TRUNK

NAMES = zoo.names("localizer")
MODULES = {name: zoo.card(name).class_path.partition(":")[0] for name in NAMES}
MODULES["plain-head"] = trunk_model.__name__


def graph(name):
    """The graph of a localizer."""
    if name == "plain-head":
        return trunk_model.HEAD_GRAPH
    folder = Path(import_module(MODULES[name]).__file__).parent
    return folder / "weights" / f"{folder.name}.onnx"


def parameters(path, prefix):
    """Small random values for the parameters of a graph; of normalization: mean 0, variance and gain 1."""
    rng = np.random.default_rng(1)
    values = {}
    for entry in onnx.load(path, load_external_data=False).graph.initializer:
        shape, kind = tuple(entry.dims), onnx.helper.tensor_dtype_to_np_dtype(entry.data_type)
        fan_in = max(1, int(np.prod(shape[1:])))
        value = rng.normal(0, fan_in**-0.5, shape)
        if entry.name.endswith("running_var"):
            value = np.ones(shape)
        values[prefix + entry.name] = value.astype(kind)
    return values


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    """The trunk with random parameters."""
    path = tmp_path_factory.mktemp("trunk") / "trunk.safetensors"
    save_file(parameters(trunk_model.TRUNK_GRAPH, TRUNK), path)
    return TrunkMaps(trunk_model.TRUNK_GRAPH, path)


@pytest.fixture(scope="module", params=MODULES)
def localizer(request, trunk, tmp_path_factory):
    """A localizer with random parameters, on that trunk."""
    path = tmp_path_factory.mktemp(request.param) / "weights.safetensors"
    calibration = Platt(0.5, -1.0).tensors() | Platt(0.5, 0.0).tensors(PICTURE)
    metadata = {"trunk_sha256": trunk.fingerprint}
    save_file(parameters(graph(request.param), PREFIX) | calibration, path, metadata)
    module = import_module(MODULES[request.param])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "trunk", lambda: trunk)
        return module.localizer(path)


def screenshot():
    """Text on white, as a program draws it."""
    image = np.full((180, 240, 3), 255, np.uint8)
    for row in range(20, 180, 24):
        cv2.putText(image, "Untitled 1 - 0.58 %", (8, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20), 1)
    return image


PHOTO = np.ascontiguousarray(data.astronaut()[:203, 100:331])
PICTURES = {
    "photograph": PHOTO,
    "gray": np.repeat(PHOTO.mean(2, keepdims=True).astype(np.uint8), 3, 2),
    "mirrored": PHOTO[:, ::-1],
    "one pixel": PHOTO[:1, :1],
    "row": PHOTO[:1],
    "flat": np.full((64, 96, 3), 255, np.uint8),
    "black": np.zeros((33, 33, 3), np.uint8),
    "screenshot": screenshot(),
    "noise": np.random.default_rng(1).integers(0, 256, (100, 100, 3), np.uint8),
    "stripes": np.tile(np.uint8([[[0] * 3], [[255] * 3]]), (48, 96, 1)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_maps_of_any_picture(localizer, name):
    image = PICTURES[name]
    before, found = image.copy(), localizer.examine(image)
    for values in (found.tampered_prob, found.reliability):
        assert values.shape == image.shape[:2] and values.dtype == np.float32
        assert np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1
    assert found.picture_prob is None or 0 <= found.picture_prob <= 1
    again = localizer.examine(image)
    assert np.array_equal(again.tampered_prob, found.tampered_prob)
    assert np.array_equal(again.reliability, found.reliability) and again.picture_prob == found.picture_prob
    assert np.array_equal(image, before)


def test_the_maps_depend_on_the_picture(localizer):
    assert isinstance(localizer, Localizer)
    photo, other = (localizer.examine(PICTURES[name]).tampered_prob for name in ("photograph", "mirrored"))
    assert np.ptp(photo) > 1e-3 and np.abs(photo - other).max() > 1e-3


def test_tiles_of_a_large_picture_have_no_seams(localizer):
    """The map of a photograph of two tiles changes no more where they meet than elsewhere."""
    image = np.ascontiguousarray(cv2.resize(data.astronaut(), (640, 160), interpolation=cv2.INTER_AREA))
    prob = localizer.examine(image).tampered_prob
    steps = np.abs(np.diff(prob, axis=1)).mean(0)
    assert steps[290:350].max() <= 2 * max(steps[:256].max(), steps[384:].max())


def test_other_arrays_are_refused(localizer):
    for image in (PHOTO[..., 0], PHOTO[..., :2], PHOTO.astype(np.float32), PHOTO[:0]):
        with pytest.raises(ShapeError):
            localizer.examine(image)


def test_localizers_run_without_pytorch():
    imports = "; ".join(f"import {module}" for module in MODULES.values())
    code = f"import sys; {imports}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
