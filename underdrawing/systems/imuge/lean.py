"""Networks for the same three tasks that two processor cores can train.

    I --> spectrum --> encoder --> numbers --> written modulo a period (wrapped.py) --> I_M
    I_A --> spectrum, numbers --> verifying network --> M
    I_A (1 - M), numbers of elsewhere --> decoder --> I_R

Everything is computed on the 8x8 block DCT, at an eighth of the sides and below. A place is told of by the
one half a frame away, where an edit hardly reaches both: the paper's networks have to find that out by the
width of their view. What is written of it begins with a plain code (means and lowest frequencies), which
the encoder learns to change; the decoder begins with that code's own answer. So the first step of the
training recovers already, and none is spent on finding out that something can be hidden at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.unet import Mix, conv, enlarge
from underdrawing.ops.dct import BLOCK
from underdrawing.systems.imuge.spectrum import Spectrum
from underdrawing.systems.imuge.wrapped import MARGIN, Writing

_SPECTRUM = 192


@dataclass(frozen=True)
class LeanConfig:
    """What the weights of the lean networks depend on."""

    encoder: tuple[int, ...] = (64, 64, 96)
    """Channels at 1/8, 1/16, 1/32 of the sides, which are multiples of the last divisor."""
    verifier: tuple[int, ...] = (80, 80, 96)
    decoder: tuple[int, ...] = (96, 96, 128)
    period: float = 42.0
    """Of wrapped.Writing, 8-bit levels: with `details` and `pilots` it sets the container's PSNR."""
    details: int = 8
    """Frequencies of luma that are written beside the means."""
    pilots: int = 3
    """Zeros a block."""


class LeanUNet(nn.Module):
    """(B, inputs, h, w) -> (B, outputs, h, w), linear at the end; begins with zeros."""

    def __init__(self, inputs: int, outputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        pairs = list(pairwise(channels))
        self.stem = nn.Sequential(nn.Conv2d(inputs, channels[0], 1), Mix(channels[0]))
        self.down = nn.ModuleList(nn.Sequential(conv(i, o, stride=2), Mix(o)) for i, o in pairs)
        self.bring = nn.ModuleList(nn.Conv2d(o, i, 1) for i, o in pairs)
        self.up = nn.ModuleList(Mix(i) for i, _ in pairs)
        self.head = nn.Conv2d(channels[0], outputs, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Values at every place."""
        levels = [self.stem(features)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for level in range(len(self.bring) - 1, -1, -1):
            x = self.up[level](levels[level] + enlarge(self.bring[level](x), levels[level]))
        return self.head(x).float()


class LeanNetworks(nn.Module):
    """E, V and R over images (B, 3, H, W) in [0, 1]."""

    def __init__(self, config: LeanConfig) -> None:
        super().__init__()
        self.config = config
        self.spectrum = Spectrum()
        self.writing = Writing(config.period, config.details, config.pilots)
        waves, told = 2 * len(self.writing.places), len(self.writing.told)
        self.encoder = LeanUNet(2 * _SPECTRUM, len(self.writing.places), config.encoder)
        self.verifier = LeanUNet(_SPECTRUM + 2 * (waves + told), BLOCK**2, config.verifier)
        self.decoder = LeanUNet(_SPECTRUM + waves + told + 2, _SPECTRUM, config.decoder)

    def immunize(self, image: Tensor) -> Tensor:
        """I_M: every block's spectrum, changed until it tells of the block half a frame away; may leave
        [0, 1]."""
        seen = self.spectrum(2 * image - 1)
        learned = self.encoder(torch.cat([seen, far(seen)], dim=1))
        numbers = far(self.writing.tell(seen)) + learned
        return image + self.spectrum.inverse(self.writing.write(seen, numbers)) / 2

    def locate(self, received: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of M."""
        seen = self.spectrum(2 * received - 1)
        numbers = self.writing.read(2 * received - 1, torch.ones_like(seen[:, :1]))
        waves = _waves(numbers)
        contradiction = far(self.writing.untell(numbers.detach())) - seen[:, self.writing.told]
        features = [seen, waves, far(waves), contradiction, far(contradiction)]
        return F.pixel_shuffle(self.verifier(torch.cat(features, dim=1)), BLOCK)

    def recover(self, received: Tensor, mask: Tensor) -> Tensor:
        """I_R from what the mask leaves of the received picture and its numbers; may leave [0, 1]."""
        kept = (F.max_pool2d(mask, BLOCK) < 0.5).to(mask)
        numbers = self.writing.read(2 * received - 1, kept)
        seen = self.spectrum((2 * received - 1) * (1 - mask))
        whole, told = far(kept), far(self.writing.untell(numbers.detach()) * kept)
        features = [seen, told, whole * far(_waves(numbers)), kept, whole]
        content = self.decoder(torch.cat(features, dim=1))
        channels = torch.tensor(self.writing.told, device=mask.device)
        return (self.spectrum.inverse(content.index_add(1, channels, told)) + 1) / 2


def far(maps: Tensor) -> Tensor:
    """(B, C, h, w): every place's value at the one half the sides away (on the torus; its own inverse)."""
    return maps.roll([side // 2 for side in maps.shape[-2:]], dims=(2, 3))


def _waves(numbers: Tensor) -> Tensor:
    """Numbers as points on a circle, on which neighbours stay neighbours across the wrap."""
    turn = torch.pi * MARGIN * numbers
    return torch.cat([torch.cos(turn), torch.sin(turn)], dim=1)
