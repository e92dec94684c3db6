"""The finish: what a sketch of a few thousand bits tells, drawn so that a thing looks like what it is.

told --> 1/4 --> 1/8 --> 1/16 --> 1/8 --> 1/4 --> told + strokes

The sketch alone is the least squared error, which is soft where it does not know. The finish was trained to
please a classifier's features as well (losses/features); it may only add to what the code tells.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from underdrawing.core.errors import WeightsError
from underdrawing.nets.unet import Mix, conv, enlarge
from underdrawing.nets.weights_file import read_weights, write_weights

WEIGHTS = Path(__file__).parent / "weights" / "finish.safetensors"
_QUARTER, _EIGHTH, _LAST = 64, 80, 96
_DEEP = 16  # sides are multiples of this many pixels inside


class FinishNet(nn.Module):
    """Pictures (B, 3, h, w) RGB in [0, 1], sides multiples of 16 -> the same, may leave [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.in_quarter = nn.Sequential(nn.Conv2d(48, _QUARTER, 3, padding=1), Mix(_QUARTER))
        self.in_eighth = nn.Sequential(conv(_QUARTER, _EIGHTH, stride=2), Mix(_EIGHTH))
        self.last = nn.Sequential(conv(_EIGHTH, _LAST, stride=2), Mix(_LAST), Mix(_LAST))
        self.up_eighth = nn.Sequential(conv(_LAST + _EIGHTH, _EIGHTH), Mix(_EIGHTH))
        self.up_quarter = nn.Sequential(conv(_EIGHTH + _QUARTER, _QUARTER), Mix(_QUARTER), Mix(_QUARTER))
        self.out = nn.Conv2d(_QUARTER, 48, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, told: Tensor) -> Tensor:
        """The told picture with its strokes."""
        quarter = self.in_quarter(F.pixel_unshuffle(told - 0.5, 4))
        eighth = self.in_eighth(quarter)
        x = self.last(eighth)
        x = self.up_eighth(torch.cat([enlarge(x, eighth), eighth], 1))
        x = self.up_quarter(torch.cat([enlarge(x, quarter), quarter], 1))
        return told + F.pixel_shuffle(self.out(x).float(), 4)


class Finish:
    """Finishes told pictures; loads its weights at the first use."""

    def __init__(self, weights: Path | FinishNet = WEIGHTS) -> None:
        self._from = weights

    @cached_property
    def net(self) -> FinishNet:
        """The network, ready to be asked."""
        return self._from.eval() if isinstance(self._from, FinishNet) else load_finish(self._from)

    @torch.inference_mode()
    def __call__(self, told_u8: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 -> the same, finished."""
        height, width = told_u8.shape[:2]
        rim = ((0, -height % _DEEP), (0, -width % _DEEP), (0, 0))
        padded = np.pad(told_u8, rim, mode="edge")
        picture = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
        finished = self.net(picture)[0].permute(1, 2, 0).clamp(0, 1).numpy()
        return np.rint(255 * finished[:height, :width]).astype(np.uint8)


def save_finish(net: FinishNet, path: Path, stated: dict[str, str]) -> None:
    """Write parameters at half precision; `stated` goes into the file."""
    write_weights(net.state_dict(), path, stated)


def load_finish(path: Path) -> FinishNet:
    """The network of a file. WeightsError where it cannot be read or does not fit."""
    net = FinishNet()
    try:
        net.load_state_dict(read_weights(path)[0])
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{path}: no finish can be read from it ({error})") from error
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
