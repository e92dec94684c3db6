"""The attacking layer: order, ground truth under crops, pictures without attack."""

import dataclasses

import numpy as np
import pytest
import torch

from underdrawing.attacks.training_layer import AttackingLayer, Attacks, boxes


def batch(count: int = 6) -> torch.Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1


def test_skipped_pictures_are_unchanged_and_have_an_empty_mask():
    image = batch()
    attacked = AttackingLayer(Attacks(skip=1.0))(image, image, np.random.default_rng(0))
    torch.testing.assert_close(attacked.received, image)
    assert attacked.mask.sum() == 0


def test_equation_1_changes_pixels_inside_the_mask_only():
    image = batch()
    attacked = AttackingLayer(Attacks(skip=0.0, kinds=("none",)))(image, image, np.random.default_rng(0))
    outside = (attacked.received - image).abs() * (1 - attacked.mask)
    inside = ((attacked.received - image).abs() * attacked.mask).amax((1, 2, 3))
    assert outside.max() < 1e-6 and inside.min() > 0.01
    assert 0.03 < attacked.mask.mean() < 0.35


@pytest.mark.parametrize("kind", ["noise", "blur", "scale", "jpeg", "crop"])
@pytest.mark.parametrize("real", [False, True])
def test_every_benign_attack_passes_a_gradient(kind, real):
    image = batch(2).requires_grad_()
    attacks = Attacks(skip=0.0, kinds=(kind,), real_jpeg=real, rounding=real)
    attacked = AttackingLayer(attacks)(image, image.detach(), np.random.default_rng(3))
    assert attacked.received.shape == attacked.original.shape == image.shape
    attacked.received.square().sum().backward()
    assert image.grad.abs().sum() > 0 and torch.isfinite(image.grad).all()


def test_a_crop_applies_to_the_ground_truth():
    image = torch.linspace(0.1, 0.9, 64).expand(2, 3, 64, 64).contiguous()
    attacks = Attacks(skip=0.0, kinds=("crop",), crop_area=(0.5, 0.5))
    attacked = AttackingLayer(attacks)(image, image, np.random.default_rng(0))
    untouched = attacked.mask == 0
    difference = (attacked.received - attacked.original).abs() * untouched
    assert float(difference.mean()) < 0.01
    assert float(attacked.original[0, 0, 0, -1] - attacked.original[0, 0, 0, 0]) < 0.65


def test_mild_attacks_change_less():
    image, layer = batch(), AttackingLayer(Attacks(skip=0.0, untouched=1.0, kinds=("noise",)))
    errors = []
    for layer.severity in (0.1, 1.0):
        attacked = layer(image, image, np.random.default_rng(0))
        errors.append(float((attacked.received - image).square().mean()))
    assert errors[0] < errors[1] / 20


def test_the_same_seed_draws_the_same_attack():
    image, layer = batch(), AttackingLayer(dataclasses.replace(Attacks(), shapes=("free_form", "blob")))
    first, second = (layer(image, image, np.random.default_rng(7)) for _ in range(2))
    torch.testing.assert_close(first.received, second.received)


def test_boxes_cover_an_area_in_range():
    rng = np.random.default_rng(0)
    parts = [boxes(64, 64, rng, (0.1, 0.3)).mean() for _ in range(40)]
    assert min(parts) > 0.02 and max(parts) < 0.4
