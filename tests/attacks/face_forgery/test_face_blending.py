"""Poisson blending against its equations, and the colour transfers against the statistics they promise."""

import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.face_forgery import blending

SOURCE = data.astronaut()[20:140, 150:290].astype(np.float32)
TARGET = data.astronaut()[300:420, 60:200].astype(np.float32)
ROWS, COLUMNS = np.indices(SOURCE.shape[:2])
DISK = (ROWS - 60) ** 2 + (COLUMNS - 70) ** 2 < 45**2
RING = DISK & ~((ROWS - 60) ** 2 + (COLUMNS - 80) ** 2 < 12**2)


def laplacian(picture):
    return (
        picture[:-2, 1:-1]
        + picture[2:, 1:-1]
        + picture[1:-1, :-2]
        + picture[1:-1, 2:]
        - 4 * picture[1:-1, 1:-1]
    )


@pytest.mark.parametrize("region", [DISK, RING, COLUMNS < 60], ids=["disk", "ring", "at the border"])
def test_poisson_keeps_the_rim_of_the_target_and_the_laplacian_of_the_source(region):
    blended = blending.poisson(SOURCE, TARGET, region)
    inside = region.copy()
    inside[[0, -1]] = inside[:, [0, -1]] = False
    assert np.array_equal(blended[~inside], TARGET[~inside])
    residual = (laplacian(blended) - laplacian(SOURCE))[inside[1:-1, 1:-1]]
    assert np.abs(residual).mean() < 0.05 and np.abs(residual).max() < 1.0


def test_poisson_of_a_shifted_source_gives_the_target():
    """A source that differs by a constant has the same gradients: the constant disappears."""
    assert np.abs(blending.poisson(TARGET + 40, TARGET, DISK) - TARGET).max() < 0.5


def test_poisson_is_the_direct_solution():
    small = np.s_[20:48, 30:60]
    source, target, region = SOURCE[small], TARGET[small], DISK[small].copy()
    region[[0, -1]] = region[:, [0, -1]] = False
    number = np.full(region.shape, -1)
    number[region] = np.arange(region.sum())
    matrix, right = 4 * np.eye(region.sum()), np.zeros((region.sum(), 3))
    for row, column in np.argwhere(region):
        own = number[row, column]
        for y, x in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            right[own] += source[row, column] - source[y, x]
            if region[y, x]:
                matrix[own, number[y, x]] -= 1
            else:
                right[own] += target[y, x]
    exact = np.linalg.solve(matrix, right)
    error = np.abs(blending.poisson(source, target, region)[region] - exact)
    assert error.mean() < 0.25 and error.max() < 1.0  # 8-bit levels


def test_an_empty_region_changes_nothing():
    assert np.array_equal(blending.poisson(SOURCE, TARGET, np.zeros_like(DISK)), TARGET)


def test_lab_transfer_gives_mean_and_deviation_of_the_target():
    moved = blending.to_lab(blending.lab_transfer(SOURCE, SOURCE[::-1] * 0.5 + 60, DISK.astype(np.float32)))
    goal = blending.to_lab(SOURCE[::-1] * 0.5 + 60)
    assert np.abs(moved[DISK].mean(0) - goal[DISK].mean(0)).max() < 1.5
    assert np.abs(moved[DISK].std(0) / goal[DISK].std(0) - 1).max() < 0.15


def test_covariance_transfer_gives_the_covariance_of_the_target():
    goal = SOURCE[::-1] @ np.float32([[0.5, 0.1, 0], [0.1, 0.4, 0.1], [0, 0.1, 0.5]]) + 20
    moved = blending.covariance_transfer(SOURCE, goal, DISK.astype(np.float32))
    wanted, found = np.cov(goal[DISK].T), np.cov(moved[DISK].T)
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


def test_histogram_transfer_gives_the_quantiles_of_the_target():
    goal = (SOURCE * 0.5 + 60).astype(np.uint8)
    moved = blending.histogram_transfer(SOURCE, goal, DISK.astype(np.float32))
    quantiles = [np.percentile(picture[DISK], (10, 50, 90), axis=0) for picture in (moved, goal)]
    assert np.abs(quantiles[0] - quantiles[1]).max() < 8


def test_a_feather_falls_to_zero_at_the_rim_and_reaches_one():
    mask = blending.feathered(DISK.astype(np.float32), 6.0)
    assert mask[~DISK].max() == 0 and mask[60, 70] == pytest.approx(1)
    assert 0.02 < mask[60, 70 - 43] < 0.5
