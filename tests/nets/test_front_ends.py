"""Front ends of face classifiers, against the formulas of their papers on small pictures."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from skimage import data

from underdrawing.nets import front_ends
from underdrawing.nets.front_ends import AMTEN, FRONT_ENDS, SRM, TP, Bayar, Plain, Residuals

PHOTO = np.ascontiguousarray(data.astronaut()[:64, 200:264])


def maps(front_end, image=PHOTO):
    """Output (maps, H, W) for an image (H, W, 3)."""
    with torch.no_grad():
        return front_end(torch.from_numpy(image).permute(2, 0, 1)[None].float())[0].numpy()


def correlated(channel, kernel):
    return correlate(channel.astype(np.float64), np.array(kernel, np.float64), mode="constant")


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_front_end_has_as_many_maps_as_it_names(name):
    front_end = FRONT_ENDS[name]()
    assert maps(front_end).shape == (front_end.maps, 64, 64)


def test_plain_spans_minus_one_to_one():
    values = maps(Plain(), np.array([[[0, 255, 51]]], np.uint8))
    assert np.allclose(values.ravel(), [-1, 1, -0.6])


def test_tp_is_the_gradient_of_each_channel_apart():
    values = maps(TP())
    for channel in range(3):
        expected = correlated(PHOTO[..., channel] / 255, [[0, 1, 1], [-1, 0, 1], [-1, -1, 0]])
        assert np.abs(values[channel] - expected).max() < 1e-5


def test_tp_of_a_vertical_edge_by_hand():
    image = np.zeros((5, 5, 3), np.uint8)
    image[:, 3:, 0] = 255  # red, right of column 3
    values = maps(TP(), image)
    assert values[0, 2].tolist() == [0, 0, 2, 2, -2]  # the last one: zeros beyond the border
    assert not values[1:].any()


def test_srm_is_truncated_and_zero_on_flat_areas_and_ramps():
    ramp = np.repeat(np.arange(40, 56, dtype=np.uint8)[None, :, None], 16, 0).repeat(3, 2)
    assert np.abs(maps(SRM(), ramp)[:, 2:-2, 2:-2]).max() < 1e-4
    values = maps(SRM())
    assert values.max() == 3 and values.min() == -3


def test_residuals_are_those_of_srm_for_each_colour():
    values = maps(Residuals())
    for colour in range(3):
        for number, (kernel, q) in enumerate(front_ends.SRM_KERNELS):
            expected = correlated(PHOTO[..., colour], kernel) / q
            assert np.abs(values[3 * colour + number] - expected.clip(-24, 24)).max() < 1e-3


def test_srm_is_each_kernel_over_the_sum_of_colours():
    values, total = maps(SRM()), PHOTO.sum(2)
    for number, (kernel, q) in enumerate(front_ends.SRM_KERNELS):
        assert np.abs(values[number] - np.clip(correlated(total, kernel) / q, -3, 3)).max() < 1e-3


def test_bayar_kernels_satisfy_the_constraint_after_any_step():
    bayar = Bayar()
    optimizer = torch.optim.SGD(bayar.parameters(), lr=10.0)
    photo = torch.from_numpy(PHOTO).permute(2, 0, 1)[None].float()
    for _ in range(3):
        optimizer.zero_grad()
        bayar(photo).square().mean().backward()
        optimizer.step()
        kernels = bayar.constrained().detach()
        assert torch.all(kernels[..., 2, 2] == -1)
        assert torch.allclose(kernels.sum(dim=(2, 3)), torch.zeros(3, 3), atol=1e-5)
    assert bayar.weight.grad.abs().max() > 0


def test_bayar_is_zero_where_all_pixels_are_equal():
    assert np.abs(maps(Bayar(), np.full((9, 9, 3), 200, np.uint8))[:, 2:-2, 2:-2]).max() < 1e-5


def test_amten_by_hand():
    """All kernels but the prediction pass a channel on, so all maps are Fmt = prediction - x."""
    amten = AMTEN()
    with torch.no_grad():
        for layer in (amten.predict, *amten.first, *amten.second):
            layer.weight.zero_()
            layer.bias.zero_()
            for channel in range(len(layer.weight)):
                layer.weight[channel, channel, 1, 1] = 1.0
        for channel in range(3):  # prediction: the mean of the left and the right neighbour
            amten.predict.weight[channel, channel, 1] = torch.tensor([0.5, 0.0, 0.5])
    image = np.zeros((3, 3, 3), np.uint8)
    image[..., 0] = [[10, 20, 60], [0, 100, 0], [4, 4, 4]]
    expected = [[0, 15, -50], [50, -100, 50], [-2, 0, -2]]
    values = maps(amten, image)
    assert values[0].tolist() == values[3].tolist() == values[6].tolist() == values[9].tolist() == expected
    assert not values[[1, 2, 4, 5, 7, 8, 10, 11]].any()


def test_amten_is_linear():
    amten = AMTEN()
    for layer in (*amten.first, *amten.second):
        torch.nn.init.zeros_(layer.bias)
    dark = PHOTO // 2 * 2
    assert np.allclose(maps(amten, dark), 2 * maps(amten, dark // 2), atol=1e-2)
