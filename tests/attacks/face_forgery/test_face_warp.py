"""Warps: the identity, affine maps, and moves at points."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.attacks.face_forgery import warp

PICTURE = data.astronaut()[0:200, 100:320]
HEIGHT, WIDTH = PICTURE.shape[:2]
POINTS = np.random.default_rng(2).uniform((20, 20), (WIDTH - 20, HEIGHT - 20), (24, 2))
FITS = (warp.delaunay, warp.moving_least_squares)


@pytest.mark.parametrize("interpolation", warp.INTERPOLATIONS)
def test_the_identity_gives_the_same_picture(interpolation):
    assert np.array_equal(warp.warped(PICTURE, warp.identity(HEIGHT, WIDTH), interpolation), PICTURE)


@pytest.mark.parametrize("fit", FITS)
def test_points_at_their_place_give_the_identity(fit):
    assert np.abs(fit(POINTS, POINTS, HEIGHT, WIDTH) - warp.identity(HEIGHT, WIDTH)).max() < 2e-3


@pytest.mark.parametrize("fit", FITS)
def test_an_affine_map_is_reproduced_everywhere(fit):
    matrix, shift = np.array([[1.1, 0.2], [-0.1, 0.9]]), np.array([5.0, -3.0])
    expected = warp.identity(HEIGHT, WIDTH) @ matrix.T + shift
    assert np.abs(fit(POINTS, POINTS @ matrix.T + shift, HEIGHT, WIDTH) - expected).max() < 0.02


@pytest.mark.parametrize("fit, error", [(warp.delaunay, 0.6), (warp.moving_least_squares, 1.5)])
def test_each_point_has_its_source(fit, error):
    sources = POINTS + np.random.default_rng(3).uniform(-3, 3, POINTS.shape)
    found = cv2.remap(
        fit(POINTS, sources, HEIGHT, WIDTH), *POINTS.astype(np.float32).T[..., None], cv2.INTER_LINEAR
    )
    assert np.abs(found[:, 0] - sources).mean() < error


def test_no_moves_give_no_displacement_and_moves_are_met():
    points = np.array([[60.0, 60.0], [120.0, 90.0], [150.0, 150.0]])
    assert np.abs(warp.displacement(points, np.zeros_like(points), 20.0, HEIGHT, WIDTH)).max() == 0
    moves = np.array([[4.0, 0.0], [0.0, -5.0], [0.0, 0.0]])
    field = warp.displacement(points, moves, 20.0, HEIGHT, WIDTH)
    rows, columns = points.astype(int).T[::-1]
    assert np.abs(field[rows, columns] - moves).max() < 0.5
    assert np.abs(field[:5, -5:]).max() < 0.05


def test_the_elastic_field_is_smooth_and_within_its_bound():
    field = warp.elastic(HEIGHT, WIDTH, 5.0, 12.0, np.random.default_rng(0))
    assert field.shape == (HEIGHT, WIDTH, 2) and 3 < np.abs(field).max() < 6
    assert np.abs(np.diff(field, axis=0)).max() < 1.5
