"""Statistics of batch normalization for averaged parameters: those of the last parameters do not fit them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from underdrawing.train.run import SEED

_BATCHES = 40


@torch.no_grad()
def recompute_statistics(module: nn.Module, forward: Callable[[np.random.Generator], object]) -> None:
    """Cumulative means over batches of the training, then evaluation mode.

    forward(rng): pass one batch, drawn by rng, through the module.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # cumulative mean over all batches
    module.train()
    for number in range(_BATCHES if layers else 0):
        forward(np.random.default_rng((SEED, 1, number)))
    module.eval()
