"""`examine` of every kind of file and picture: whatever can be read has a report of its size, and nothing is
ever found to be genuine."""

import io
import json

import numpy as np
import pytest
import skimage.data
from hostile_files import BROKEN, CUT, NARROW, ODD
from PIL import Image
from variants import variants

from underdrawing import UnderdrawingError, zoo
from underdrawing.api.examining import Examiner
from underdrawing.core.interfaces import Localization
from underdrawing.data.graphics import KINDS, draw_graphic
from underdrawing.data.sources import decode_source
from underdrawing.judging.classical import LEAST_PX, METHODS
from underdrawing.report.examined import examined_files


class Even:
    """A localizer that marks nothing."""

    def examine(self, image):
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        return Localization(np.zeros(image.shape[:2], np.float32), np.ones(image.shape[:2], np.float32), 0.1)


EXAMINER = Examiner(zoo.load("face-detector"), {}, {"even": Even()})


def examined(source):
    """The report, after what holds for all of them."""
    report = EXAMINER.examine(decode_source(source))
    height, width = report.picture.shown.shape[:2]
    assert set(report.evidence) == set(METHODS)
    for one in report.evidence.values():
        assert one.sentence and one.innocent and (one.found is None or one.score >= 0)
        if one.map is not None:
            assert one.map.shape == (height, width) and one.map.dtype == np.float32
            assert one.map.min() >= 0 and one.map.max() <= 1
        if min(height, width) < LEAST_PX:
            assert one.found is None
    assert report.localizations["even"].tampered_prob.shape == (height, width)
    assert report.status == "unknown" and "genuine" not in report.message
    json.dumps(report.to_json(), allow_nan=False)
    return report


def first_of_each():
    """A file of each format, depth, and with or without alpha and colour."""
    chosen = {}
    for one in variants():
        key = one.suffix, one.pixels.dtype.name, one.pixels.shape[2], one.alpha is None
        chosen.setdefault(key, one)
    return [pytest.param(one, id=one.name) for one in chosen.values()]


@pytest.mark.parametrize("variant", first_of_each())
def test_every_format_and_depth(variant):
    report = examined(variant.make())
    assert report.picture.shown.shape[:2] == variant.pixels.shape[:2] and report.sha256


@pytest.mark.parametrize("name", [*ODD, *NARROW])
def test_unusual_files_are_examined(name):
    report = examined((ODD | NARROW)[name]())
    files = examined_files(report, "a")
    size = Image.open(io.BytesIO(files["a.examined.map.even.png"])).size
    assert size == report.picture.shown.shape[1::-1] and files["a.examined.html"]


@pytest.mark.parametrize("name", [*BROKEN, *CUT])
def test_broken_and_cut_files_are_refused(name):
    with pytest.raises(UnderdrawingError):
        examined((BROKEN | CUT)[name]())


def scan():
    """A gray page with the shade of a lamp, the grain of a sensor and dust."""
    rng = np.random.default_rng(1)
    page = draw_graphic("page", 320, 240, rng).mean(2) * np.linspace(0.85, 1, 240)
    page = page + rng.normal(0, 2, page.shape)
    page[rng.random(page.shape) < 0.001] = 60
    return np.repeat(np.clip(page, 0, 255).astype(np.uint8)[..., None], 3, 2)


def screen_with_a_photograph():
    """A drawn screen that shows a JPEG beside text."""
    screen = draw_graphic("screenshot", 400, 520, np.random.default_rng(2)).copy()
    buffer = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()[:256, 128:384]).save(buffer, "JPEG", quality=70)
    screen[61:317, 131:387] = np.asarray(Image.open(buffer))
    return screen


PICTURES = {
    **{kind: lambda kind=kind: draw_graphic(kind, 240, 320, np.random.default_rng(3)) for kind in KINDS},
    "scan": scan,
    "white": lambda: np.full((96, 130, 3), 255, np.uint8),
    "black": lambda: np.zeros((64, 64, 3), np.uint8),
    "gray": lambda: np.full((200, 200, 3), 127, np.uint8),
    "ramp": lambda: np.tile(np.arange(256, dtype=np.uint8)[:, None], (100, 1, 3)),
    "noise": lambda: np.random.default_rng(1).integers(0, 256, (128, 128, 3), np.uint8),
    "stripes": lambda: np.tile(np.uint8([[[0] * 3], [[255] * 3]]), (64, 100, 1)),
    "pixel": lambda: np.zeros((1, 1, 3), np.uint8),
    "row": lambda: np.zeros((1, 500, 3), np.uint8),
    "63 px": lambda: skimage.data.astronaut()[:63, :200],
    "64 px": lambda: skimage.data.astronaut()[:64, :65],
}


@pytest.mark.parametrize("name", PICTURES)
def test_graphics_scans_and_flat_pictures(name):
    examined(PICTURES[name]())


@pytest.mark.parametrize("name", ["white", "black", "gray", "ramp", "pixel", "row"])
def test_nothing_is_found_where_nothing_is(name):
    assert not any(one.found for one in examined(PICTURES[name]()).evidence.values())


def test_a_screen_that_shows_a_photograph_has_the_grid_of_the_photograph():
    """Drawn areas have no grid of their own, so that there is nothing to compare it with."""
    found = examined(screen_with_a_photograph()).evidence["jpeg-grid"]
    assert not found.found and "one grid at offset (3, 5)" in found.sentence
