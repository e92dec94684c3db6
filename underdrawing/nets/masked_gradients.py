"""Training of one perceptron of the probability network by gradients, and its integers."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from underdrawing.coding.error_tables import DEVIATION, HEAVY
from underdrawing.nets.masked_network import (
    FRACTIONS,
    HIDDEN_ONE,
    INPUT_ONE,
    LARGEST,
    NET_WEIGHT_ONE,
    SIZES,
    Net,
)
from underdrawing.nets.masked_order import Mask

HIDDEN = (64, 64)
"""Values of the hidden layers."""
_BATCH = 4096
_RATE = 1e-2
_MOST_WEIGHT = 3.99


@dataclass(frozen=True)
class Samples:
    """Pixels of one kind of step and channel."""

    inputs: np.ndarray
    """(n, K) int8, as of `net_inputs`."""
    error: np.ndarray
    """(n,) int16: of the linear mean, in eighths of a level."""
    level: np.ndarray
    """(n,) uint8: quarter octaves of the expected error."""

    @classmethod
    def of(cls, mask: Mask, values: np.ndarray, rng: np.random.Generator, every: int) -> Samples:
        """One of `every` pixels at random of a mask with these values (n,), which are entered."""
        parts = []
        for pixels in mask.split():
            picks = pixels[rng.integers(every, size=len(pixels)) == 0]
            error = FRACTIONS * values[picks] - mask.linear[picks]
            inputs = mask.inputs(picks).T.astype(np.int8)
            parts.append(cls(inputs, error.astype(np.int16), mask.level[picks].astype(np.uint8)))
            mask.enter(pixels, values[pixels])
        return cls.joined(parts)

    @classmethod
    def joined(cls, parts: list[Samples]) -> Samples:
        """All of several lists."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__annotations__))


def train_net(samples: Samples, steps: int, seed: int) -> tuple[Net, float]:
    """The net of the smallest code length, and the bits a pixel that it saves."""
    torch.manual_seed(seed)
    sizes = [samples.inputs.shape[1], *HIDDEN, 3]
    layers = [torch.nn.Linear(first, second) for first, second in itertools.pairwise(sizes)]
    torch.nn.init.zeros_(layers[-1].weight)
    torch.nn.init.zeros_(layers[-1].bias)
    parameters = [p for layer in layers for p in layer.parameters()]
    optimizer = torch.optim.Adam(parameters, _RATE)
    inputs = torch.from_numpy(samples.inputs)
    error = torch.from_numpy(samples.error.astype(np.float32) / FRACTIONS)
    size = torch.from_numpy(SIZES[samples.level])
    first = last = 0.0
    for step in range(steps):
        picks = torch.randint(len(error), (_BATCH,))
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-5
        loss = _bits(_forward(layers, inputs[picks].float() / INPUT_ONE), error[picks], size[picks]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for layer in layers:
                layer.weight.clamp_(-_MOST_WEIGHT, _MOST_WEIGHT)
        if step < 20:
            first += float(loss.detach()) / 20
        if step >= steps - 100:
            last += float(loss.detach()) / min(steps, 100)
    return _integers(layers), first - last


def _forward(layers: list[torch.nn.Linear], hidden: Tensor) -> Tensor:
    for layer in layers[:-1]:
        hidden = functional.relu(layer(hidden)).clamp(max=LARGEST / HIDDEN_ONE)
        hidden = hidden + ((hidden * HIDDEN_ONE).round() / HIDDEN_ONE - hidden).detach()
    return layers[-1](hidden)


def _bits(outputs: Tensor, error: Tensor, size: Tensor) -> Tensor:
    """Code length of errors (n,) in levels; outputs (n, 3): mean in sizes, log2 of wider, tails."""
    wide = (size * 2 ** outputs[:, 1].clamp(-6, 6)).clamp(min=2**-6)
    away = -(error - outputs[:, 0] * size).abs()  # where differences of the functions keep their digits
    heavy = torch.sigmoid(outputs[:, 2])
    above, below = (away + 0.5) / wide, (away - 0.5) / wide
    normal = torch.special.ndtr(above / DEVIATION) - torch.special.ndtr(below / DEVIATION)
    tails = sum(share * (torch.sigmoid(above / w) - torch.sigmoid(below / w)) for share, w in HEAVY)
    return -torch.log2((normal + heavy * (tails - normal)) * 0.9999 + 1e-6)


def _integers(layers: list[torch.nn.Linear]) -> Net:
    weights, biases, one = [], [], INPUT_ONE
    for layer in layers:
        weights.append(np.rint(layer.weight.detach().numpy() * NET_WEIGHT_ONE).astype(np.int16))
        biases.append(np.rint(layer.bias.detach().numpy() * NET_WEIGHT_ONE * one).astype(np.int32))
        one = HIDDEN_ONE
    return Net(tuple(weights), tuple(biases))
