"""The dual-tree transform: perfect reconstruction, values of the package dtcwt, orientation, shifts."""

import numpy as np
import pytest

from underdrawing.core.errors import ShapeError
from underdrawing.ops.dual_tree import forward, inverse


def noise(side):
    return np.random.default_rng(side).standard_normal((side, side))


@pytest.mark.parametrize(("side", "levels"), [(16, 1), (32, 3), (64, 2), (128, 2), (128, 3), (136, 3)])
def test_perfect_reconstruction(side, levels):
    picture = noise(side)
    pyramid = forward(picture, levels)
    np.testing.assert_allclose(inverse(pyramid), picture, atol=1e-12)
    assert [band.shape for band in pyramid.bands] == [(6, side >> n, side >> n) for n in range(1, levels + 1)]


def test_values_of_the_package_dtcwt():
    """Of version 0.14.0, near_sym_b and qshift_b: a picture of which every value is known."""
    rows, columns = np.mgrid[:32, :32]
    pyramid = forward(np.sin(0.3 * rows) * np.cos(0.5 * columns) + 0.01 * rows * columns, 2)
    np.testing.assert_allclose(pyramid.low[3, [0, 5, 15]], VALUES_OF_LOW, atol=1e-9)
    for bands, expected in zip(pyramid.bands, VALUES_OF_BANDS, strict=True):
        np.testing.assert_allclose(bands[:, 2, 5], expected, atol=1e-9)


VALUES_OF_LOW = [1.9218838992, 2.3399910884, 2.2974471725]
VALUES_OF_BANDS = [
    [0.0029916851 - 0.0104093502j, -7.82438e-05 + 0.000217635j, 0.006839612 - 0.0145616759j,
     -0.0149981101 - 0.0058206004j, 0.0002068014 + 0.0001035388j, -0.0098521899 - 0.0053987198j],
    [-0.0137118233 + 0.0034219646j, 0.0019779977 - 0.0021486227j, 0.0830709652 - 0.0459104465j,
     0.0877828654 - 0.0473605289j, 0.0028477423 - 0.0006184899j, -0.0240008665 - 0.0001030553j],
]  # fmt: skip
"""At row 2 and column 5, bands 1 to 6 of both levels."""


@pytest.mark.parametrize(("angle", "band"), [(15, 1), (45, 2), (75, 3), (105, 4), (135, 5), (165, 6)])
def test_a_wave_of_an_angle_is_in_its_band(angle, band):
    rows, columns = np.mgrid[:64, :64]
    turn = np.deg2rad(angle)
    wave = np.cos(2 * np.pi * 0.19 * (np.sin(turn) * columns + np.cos(turn) * rows))
    energy = (np.abs(forward(wave, 2).bands[1][:, 4:-4, 4:-4]) ** 2).sum((1, 2))
    assert energy.argmax() + 1 == band and energy.max() > 0.45 * energy.sum()


def test_magnitudes_hardly_change_under_a_shift():
    """The property that the transform is made for; those of a real wavelet transform change by half."""
    step = np.zeros((64, 64))
    step[:, 30:] = 1
    energies = [
        (np.abs(forward(np.roll(step, shift, 1)[:, 8:56][8:56], 2).bands[1][2]) ** 2).sum()
        for shift in range(4)
    ]
    assert np.ptp(energies) < 0.1 * np.mean(energies)


@pytest.mark.parametrize(
    ("shape", "levels"), [((64, 32), 2), ((60, 60), 3), ((8, 8), 1), ((64, 64), 0), ((64,), 1)]
)
def test_other_shapes_are_refused(shape, levels):
    with pytest.raises(ShapeError):
        forward(np.zeros(shape), levels)
