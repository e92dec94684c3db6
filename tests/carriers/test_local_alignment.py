"""Local alignment on real photographs: perspective, wave and rotation are undone, and maps come back."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.carriers.lattice.detection import BASE_CODE_BITS, detect_mark
from underdrawing.carriers.lattice.displacement import fit
from underdrawing.carriers.lattice.grid import Alignment, WholeFrame
from underdrawing.carriers.lattice.lattice import Lattice
from underdrawing.carriers.lattice.local_alignment import refine_locally
from underdrawing.carriers.lattice.parameters import EmbeddingLevel
from underdrawing.coding import payload
from underdrawing.coding.ldpc import short_code
from underdrawing.ops.color import luma

SIDE = 512


def _rotated(plane: np.ndarray) -> np.ndarray:
    """By half a degree, enlarged so that no corner is empty."""
    turn = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), 0.5, 1.009)
    return cv2.warpAffine(plane, turn, (SIDE, SIDE), flags=cv2.INTER_CUBIC)


def _perspective(plane: np.ndarray) -> np.ndarray:
    corners = np.float32([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]])
    moved = np.float32([[5, 3], [SIDE - 2, 5], [SIDE - 5, SIDE - 1], [1, SIDE - 4]])
    matrix = cv2.getPerspectiveTransform(moved, corners)
    return cv2.warpPerspective(plane, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)


def _wave(plane: np.ndarray) -> np.ndarray:
    x, y = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    return cv2.remap(
        plane, x + 2 * np.sin(y / 60), y + 2 * np.sin(x / 60), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


@pytest.fixture(scope="module")
def lattice() -> Lattice:
    return Lattice(base_bits=BASE_CODE_BITS)


@pytest.fixture(scope="module")
def edited(lattice) -> tuple[np.ndarray, np.ndarray]:
    """The luma of a marked photograph with a smoothed square, and the square."""
    plane = luma(data.astronaut())
    rows = cols = SIDE // 8
    base = payload.Base(rows, cols, bytes(range(8)))
    word = short_code(BASE_CODE_BITS, payload.BASE_BITS).encode(base.bits())
    marked = np.clip(np.rint(plane + lattice.embed(plane, word, {}, EmbeddingLevel())), 0, 255)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[200:360, 240:400] = 1
    marked[mask > 0] = cv2.GaussianBlur(plane, (0, 0), 3)[mask > 0]
    return marked.astype(np.float32), mask


@pytest.mark.parametrize("distorted", [_perspective, _rotated, _wave])
def test_a_distorted_picture_is_read_and_its_maps_come_back(lattice, edited, distorted):
    plane, mask = edited
    received = np.clip(np.rint(distorted(plane)), 0, 255).astype(np.float32)
    mark = detect_mark(received, lattice, moved=False)
    assert mark is not None and mark.base.identity == bytes(range(8))
    assert mark.view.alignment.displacement is not None
    frame = WholeFrame(mark.view.alignment, mark.grid)
    found, expected = frame.to_received(mask) > 0.5, distorted(mask) > 0.5
    assert (found & expected).sum() > 0.93 * (found | expected).sum()
    back = frame.whole(received)[16:-16, 16:-16]
    assert np.abs(back - plane[16:-16, 16:-16]).mean() < 5


def test_an_unmarked_picture_is_not_bent_to_the_key(lattice):
    plane = luma(data.astronaut())
    assert refine_locally(Alignment(SIDE, SIDE, (SIDE, SIDE)), plane, lattice.tables) is None


def test_a_stiff_displacement_is_affine():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 256, (60, 2))
    matrix = np.array([[0.01, -0.02], [0.015, 0.005]])
    bent = places @ matrix + 1 + 0.3 * np.sin(places / 9)
    found = fit(places, bent, np.ones(60), (256, 256), 64, 1e4)
    grid = found.at(np.arange(0, 256, 32), np.arange(0, 256, 32))
    for axis in (0, 1):
        assert np.abs(np.diff(grid, 2, axis=axis)).max() < 1e-3
    flexible = fit(places, bent, np.ones(60), (256, 256), 16, 1e-3)
    assert np.abs(flexible.at_points(places) - bent).max() < 0.1


def test_sampling_and_maps_use_the_displacement():
    y, x = np.mgrid[0:200, 0:240].astype(np.float32)
    picture = 128 + 60 * np.sin(x / 17) * np.cos(y / 23)
    plain = Alignment(200, 240, (160, 192), offset=(1.0, 2.5))
    places = np.random.default_rng(0).uniform(0, 150, (80, 2))
    moves = np.stack([2 * np.sin(places[:, 1] / 40), 0.01 * places[:, 0]], axis=1)
    bent = plain.moved(displacement=fit(places, moves, np.ones(80), (152, 184), 32, 1e-4))
    assert not bent.is_direct
    sampled = bent.sample(picture)
    assert np.abs(sampled - plain.sample(picture)).mean() > 1
    inside = (slice(16, -16), slice(16, -16))
    assert np.abs(bent.to_received(sampled) - picture)[inside].mean() < 1


def test_the_base_layer_is_read_after_a_median_filter(lattice, edited):
    received = cv2.medianBlur(edited[0].astype(np.uint8), 5).astype(np.float32)
    mark = detect_mark(received, lattice, moved=False)
    assert mark is not None and mark.base.identity == bytes(range(8))
