"""Networks for the same three tasks that two processor cores can train: nothing is computed at full size.

    x --> unshuffle 4 --> 1/4 --> 1/8 --> 1/16 --> 1/32
                           \\       \\       \\        |
    x' <-- shuffle 4 <--- 1/4 <-- 1/8 <-- 1/16 <----

They differ from the paper's in more than size: the residual is scaled to a bound on its energy in place of a
weighted loss, there is no normalization, and the decoder sees the mask. What a place says of itself has to be
written where an edit does not reach; the paper's networks have to find that out by the width of their view.
These are shown the picture moved by half its sides as well, so each place tells of the one half a frame away.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from underdrawing.nets.unet import Mix, conv, enlarge

STEM = 4
"""px a side of the squares that become the channels of one place."""


@dataclass(frozen=True)
class LeanConfig:
    """What the weights of the lean networks depend on."""

    channels: tuple[int, ...] = (48, 80, 128, 160)
    """At 1/4, 1/8, 1/16 ... of the sides; sides of pictures are multiples of the last divisor."""
    blocks: int = 1
    """Residual pairs of convolutions at each level below the first, down and up."""
    budget_db: float = 35.0
    """PSNR of the container that a residual of strength 1 never goes below (before rounding and clipping)."""


class LeanUNet(nn.Module):
    """(B, inputs, H, W) -> (B, outputs, H, W), linear at the end."""

    def __init__(self, inputs: int, outputs: int, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(STEM), conv(inputs * STEM**2, channels[0]))
        pairs = list(pairwise(channels))
        self.down = nn.ModuleList(nn.Sequential(conv(i, o, stride=2), *_mixes(o, blocks)) for i, o in pairs)
        self.bring = nn.ModuleList(nn.Conv2d(o, i, 1) for i, o in pairs)
        self.up = nn.ModuleList(nn.Sequential(*_mixes(i, blocks)) for i, _ in pairs[1:])
        self.last = conv(channels[0], channels[0])
        self.head = nn.Sequential(nn.Conv2d(channels[0], outputs * STEM**2, 1), nn.PixelShuffle(STEM))

    def forward(self, picture: Tensor) -> Tensor:
        """Values at every pixel."""
        levels = [self.stem(picture)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for level in range(len(self.bring) - 1, -1, -1):
            x = levels[level] + enlarge(self.bring[level](x), levels[level])
            x = self.up[level - 1](x) if level else self.last(x)
        return self.head(x)


def _mixes(channels: int, count: int) -> list[nn.Module]:
    return [Mix(channels) for _ in range(count)]


class LeanNetworks(nn.Module):
    """E, V and R over images (B, 3, H, W) in [0, 1]."""

    def __init__(self, config: LeanConfig) -> None:
        super().__init__()
        self.config = config
        self.budget_db = config.budget_db
        self.encoder = LeanUNet(6, 3, config.channels, config.blocks)
        self.verifier = LeanUNet(6, 1, config.channels, config.blocks)
        self.decoder = LeanUNet(8, 3, config.channels, config.blocks)

    def immunize(self, image: Tensor) -> Tensor:
        """I_M = I + r, r = E(I) scaled down where its energy is beyond the budget; may leave [0, 1]."""
        residual = 0.1 * self.encoder(with_far(2 * image - 1)).float()
        allowed = 10 ** (-self.budget_db / 20)
        energy = residual.square().mean((1, 2, 3), keepdim=True).add(1e-12).sqrt()
        return image + residual * (allowed / energy).clamp_max(1.0)

    def locate(self, received: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of M."""
        return self.verifier(with_far(2 * received - 1)).float()

    def recover(self, received: Tensor, mask: Tensor) -> Tensor:
        """I_R in [0, 1] from what the mask leaves of the received picture, and the mask itself."""
        rectified = (2 * received - 1) * (1 - mask)
        return torch.sigmoid(2 * self.decoder(with_far(torch.cat([rectified, mask], dim=1))).float())


def with_far(picture: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 2 C, H, W): every place beside the one half the sides away (torus)."""
    shift = [side // 2 for side in picture.shape[-2:]]
    return torch.cat([picture, picture.roll(shift, dims=(2, 3))], dim=1)
