"""Adaptation to received faces without labels: statistics of batch normalization (Schneider et al. 2020).

    mean' = (1 - m) mean + m mean(received)        variance' likewise        m = n / (N + n)

n: received faces; N: how many of them the statistics of the training count for. Nothing is learned, and the
detector does not use it: a batch of received faces is rarely half real and half forged.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from underdrawing.systems.dpnet_fgl.network import DPNet

PRIOR = 64
"""N. Schneider et al. find 16 to 512 good, by the size of the batch."""


@torch.no_grad()
def adapt(network: DPNet, faces: Tensor, prior: int = PRIOR) -> DPNet:
    """A network with adapted statistics; faces (n, 3, S, S) float32, RGB in 0..255, of any mixture; n > 1."""
    adapted = copy.deepcopy(network)
    for layer in adapted.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = len(faces) / (prior + len(faces))
    adapted.train()(faces)
    return adapted.eval()
