"""The gate of embedders that leave marks: exactly open until it is learned, then closed for a mark."""

import torch

from underdrawing.nets.leaving import FIRST, Leaving


def test_an_untrained_gate_changes_nothing_and_has_no_gradient():
    gate = Leaving()
    assert torch.equal(gate(torch.linspace(-1, 1, 9)), torch.ones(9))
    assert not gate.threshold.requires_grad


def test_a_trained_gate_closes_above_its_threshold():
    gate = Leaving()
    threshold = gate.learn()
    assert threshold.requires_grad and gate(torch.tensor(FIRST)).item() == 0.5
    threshold.data.fill_(0.6)
    unmarked, marked = gate(torch.tensor([0.35, 0.95])).tolist()
    assert unmarked > 0.99 and marked < 0.001
