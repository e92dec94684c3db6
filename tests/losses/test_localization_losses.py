"""Losses of logits of cells."""

import pytest
import torch
import torch.nn.functional as F

from underdrawing.losses.localization import (
    balanced_loss,
    dice_by_picture,
    dice_loss,
    labelled_loss,
    picture_loss,
    ranking_loss,
)


def test_cells_without_labels_have_no_gradient():
    logits = torch.tensor([[[[2.0, -1.0, 3.0, 0.5]]]], requires_grad=True)
    labels = torch.tensor([[[[1.0, 0.0, -1.0, -1.0]]]])
    loss = labelled_loss(logits, labels)
    assert loss.item() == pytest.approx(
        (F.softplus(torch.tensor(-2.0)) + F.softplus(torch.tensor(-1.0))).item() / 2
    )
    (loss + dice_loss(logits, labels)).backward()
    assert logits.grad[0, 0, 0, 2:].tolist() == [0, 0] and (logits.grad[0, 0, 0, :2] != 0).all()


def test_no_labels_are_no_loss():
    logits = torch.ones(2, 1, 4, 4, requires_grad=True)
    none = torch.full((2, 1, 4, 4), -1.0)
    assert labelled_loss(logits, none) == 0 and dice_loss(logits, none) == 0
    assert dice_loss(logits, torch.zeros(2, 1, 4, 4)) == 0


def test_dice_is_zero_for_the_labels_and_one_for_their_opposite():
    labels = torch.zeros(2, 1, 40, 40)
    labels[0, :, :20] = 1
    assert dice_loss(60 * (labels - 0.5), labels) < 1e-3 and dice_loss(60 * (0.5 - labels), labels) > 0.99


def test_each_picture_has_a_dice_of_its_own():
    labels = torch.full((3, 1, 40, 40), 0.0)
    labels[0, :, :, :2], labels[1] = 1, 1  # a small region, all of a picture, none
    labels[0, :, :, 38:] = -1
    logits = 60 * (labels.clamp(min=0) - 0.5)
    assert dice_by_picture(logits, labels) < 0.02
    missed = logits.clone()
    missed[0] = -30  # the small region is half of the loss; of the whole batch it is 5 %
    assert dice_by_picture(missed, labels).item() == pytest.approx(0.5, abs=0.02)
    assert dice_loss(missed, labels) < 0.05
    assert dice_by_picture(logits, labels.clamp(max=0)) == 0
    flagged = logits.clone()
    flagged[2], flagged[0, ..., 38:] = 30, 30  # authentic pictures and cells without a class have no part
    assert dice_by_picture(flagged, labels) == dice_by_picture(logits, labels)


def test_a_picture_is_decided_by_its_largest_logits():
    logits = torch.full((2, 1, 20, 20), -8.0)
    logits[0, 0, :4, :5] = 8.0
    assert picture_loss(logits, torch.tensor([1.0, 0.0])) < 1e-3
    assert picture_loss(logits, torch.tensor([0.0, 1.0])) == pytest.approx(8.0, abs=1e-2)


def test_a_small_region_counts_as_much_as_a_large_one():
    labels = torch.zeros(4, 1, 8, 8)
    labels[0, 0, :4], labels[2, 0, 0, 0] = 1, 1
    missed = [torch.where(labels == 1, 9.0, -9.0) for _ in range(2)]
    missed[0][0, 0, :4], missed[1][2, 0, 0, 0] = -9.0, -9.0
    large, small = (balanced_loss(logits, labels).item() for logits in missed)
    assert large == pytest.approx(small, rel=1e-3) and large == pytest.approx(9 / 4, rel=1e-2)
    assert balanced_loss(torch.zeros(2, 1, 4, 4), torch.full((2, 1, 4, 4), -1.0)) == 0


def test_what_both_pictures_of_a_pair_have_does_not_count_in_the_ranking():
    labels = torch.zeros(2, 1, 8, 8)
    labels[0, 0, :2] = 1
    shared = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1)).repeat(2, 1, 1, 1)
    assert ranking_loss(shared, labels).item() == pytest.approx(0.6931, abs=1e-4)
    assert ranking_loss(shared + 20 * labels, labels) < 1e-4
    assert ranking_loss(shared - 20 * labels, labels).item() == pytest.approx(20, abs=1e-3)
