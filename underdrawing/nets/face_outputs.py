"""What every network for faces returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class FaceOutputs(NamedTuple):
    """Outputs for faces (B, 3, S, S) float32, RGB in 0..255."""

    logit: Tensor
    """(B,) "forged" minus "real", in nats before calibration."""
    embedding: Tensor
    """(B, D) features of the face that the last linear layer uses."""
    heat: Tensor
    """(B, h, w) share of each position of the last feature maps in the logit: gradient times activation."""
    parts: dict[str, Tensor]
    """Other tensors, for the losses of the system; empty where it has none."""
