"""GIFGuard in PyTorch: STARE marks volumes of frames, DIRD reads them; both start as the plain code.

    frames, bits --plain code--> change --STARE--> change (1 + a) + r                a, r start as 0
    received --band, soft clip--> z --DIRD--> z + d --mean over frames--> groups --> logits      d starts as 0

Volumes are (B, 3, T, 128, 128) RGB in 0..255 with any T. Convolutions work on patches of a frame, T in full.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.systems.gifguard.spread_code import CodeConfig, SpreadCode

CODE = CodeConfig()
_START_SCALE = 0.15  # nats per unit of a statistic


@dataclass(frozen=True)
class Config:
    """Sizes of the networks. The paper states none; the defaults are a reading of its abstract."""

    patch: int = 1
    """Sides of the patches that are one position of the convolutions, px."""
    width: int = 64
    """Channels of STARE."""
    blocks: int = 5
    """Residual blocks of STARE."""
    reduction: int = 8
    """Of the channels inside the recalibration and the attention."""
    levels: tuple[int, int, int] = (64, 128, 256)
    """Channels of the three levels of DIRD."""


RELEASED = Config(patch=4, width=24, blocks=3, reduction=4, levels=(24, 32, 48))
"""Of the released weights: eight frames in some 60 ms on a processor core."""


def to_patches(volume: Tensor, patch: int) -> Tensor:
    """(B, C, T, H, W) -> (B, C patch^2, T, H / patch, W / patch)."""
    b, c, t, h, w = volume.shape
    split = volume.reshape(b, c, t, h // patch, patch, w // patch, patch)
    return split.permute(0, 1, 4, 6, 2, 3, 5).reshape(b, c * patch**2, t, h // patch, w // patch)


def from_patches(volume: Tensor, patch: int) -> Tensor:
    """The inverse of `to_patches`."""
    b, c, t, h, w = volume.shape
    split = volume.reshape(b, c // patch**2, patch, patch, t, h, w)
    return split.permute(0, 1, 4, 5, 2, 6, 3).reshape(b, c // patch**2, t, h * patch, w * patch)


class Recalibration(nn.Module):
    """Adaptive channel recalibration: each channel times a gate of the means of all channels."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        inner = max(4, channels // reduction)
        self.gate = nn.Sequential(nn.Conv3d(channels, inner, 1), nn.ReLU(), nn.Conv3d(inner, channels, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Of the same shape."""
        return maps * torch.sigmoid(self.gate(maps.mean((2, 3, 4), keepdim=True)))


class ResidualBlock(nn.Module):
    """x + recalibrated(conv(ReLU(conv(x)))), 3 x 3 x 3 each."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)
        self.recalibration = Recalibration(channels, reduction)

    def forward(self, maps: Tensor) -> Tensor:
        """Of the same shape."""
        return maps + self.recalibration(self.second(F.relu(self.first(F.relu(maps)))))


class Attention3d(nn.Module):
    """Channel attention, then attention over places of the volume, frames among them."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.channels = Recalibration(channels, reduction)
        self.places = nn.Conv3d(2, 1, (3, 5, 5), padding=(1, 2, 2))

    def forward(self, maps: Tensor) -> Tensor:
        """Of the same shape."""
        maps = self.channels(maps)
        pooled = torch.cat([maps.mean(1, keepdim=True), maps.amax(1, keepdim=True)], 1)
        return maps * torch.sigmoid(self.places(pooled))


class STARE(nn.Module):
    """Encoder: frames and plain change (B, 3 and 1, T, H, W) -> change (B, 3, T, H, W) in levels."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.patch, area = config.patch, config.patch**2
        self.stem = nn.Conv3d(4 * area, config.width, 3, padding=1)
        self.blocks = nn.Sequential(
            *(ResidualBlock(config.width, config.reduction) for _ in range(config.blocks))
        )
        self.head = _zero(nn.Conv3d(config.width, 4 * area, 1))

    def forward(self, frames: Tensor, plain: Tensor) -> Tensor:
        """The change of each channel."""
        inputs = torch.cat([frames / 128 - 1, plain / 4], 1)
        maps = self.blocks(self.stem(to_patches(inputs, self.patch)))
        heads = from_patches(self.head(F.relu(maps)), self.patch)
        return plain * (1 + heads[:, :1]) + heads[:, 1:]


class DIRD(nn.Module):
    """Decoder: a three-level hourglass over frames and z (B, 3 and 1, T, H, W) -> (B, H, W), mean over T."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.patch, area = config.patch, config.patch**2
        a, b, c = config.levels
        self.stem = nn.Conv3d(4 * area, a, 3, padding=1)
        self.down1 = nn.Conv3d(a, b, 3, stride=(1, 2, 2), padding=1)
        self.down2 = nn.Conv3d(b, c, 3, stride=(1, 2, 2), padding=1)
        self.attention = nn.ModuleList(Attention3d(n, config.reduction) for n in (a, b, c))
        self.up2 = nn.Conv3d(b + c, b, 3, padding=1)
        self.up1 = nn.Conv3d(a + b, a, 3, padding=1)
        self.head = _zero(nn.Conv3d(a, area, 1))

    def forward(self, frames: Tensor, z: Tensor) -> Tensor:
        """The volume of the code without the picture, as far as it is known."""
        inputs = torch.cat([frames / 128 - 1, z / CODE.clip], 1)
        at_a, at_b, at_c = self.attention
        first = at_a(F.relu(self.stem(to_patches(inputs, self.patch))))
        second = at_b(F.relu(self.down1(first)))
        third = at_c(F.relu(self.down2(second)))
        second = F.relu(self.up2(torch.cat([_twice(third), second], 1)))
        first = F.relu(self.up1(torch.cat([_twice(second), first], 1)))
        correction = from_patches(self.head(first), self.patch)
        return (z + CODE.clip * correction).mean((1, 2))


class GIFGuard(nn.Module):
    """Encoder and decoder. bits (B, 128) in {-1, +1}; logits (B, 128), positive: bit 1."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.stare, self.dird = STARE(config), DIRD(config)
        side = CODE.band[1]
        self.weights = nn.Parameter(torch.ones(side, side))
        """Of the coefficients in the statistics: the fully connected layer of the decoder."""
        self.scale = nn.Parameter(torch.tensor(_START_SCALE))
        """Nats per unit of a statistic."""
        self.code = SpreadCode.of(CODE).mapped(torch.from_numpy)

    def plain(self, frames: Tensor, bits: Tensor) -> Tensor:
        """Change (B, 1, T, 128, 128) of the plain code; without gradient."""
        with torch.no_grad():
            signs = torch.cat([bits, bits.new_ones(len(bits), CODE.pilots), bits.new_zeros(len(bits), 1)], 1)
            return self.code.embedded(frames, signs[:, None])[:, None]

    def encode(self, frames: Tensor, bits: Tensor) -> Tensor:
        """Marked frames, not clipped."""
        return frames + self.stare(frames, self.plain(frames, bits))

    def suppressed(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """z (B, 1, T, 128, 128). mask (128, 128): 1 inside of the received part."""
        z = self.code.suppressed(self.code.band(frames.mean(1, keepdim=True)))
        return z if mask is None else z * mask

    def decode(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits of received frames, aligned; any number of them."""
        volume = self.dird(frames, self.suppressed(frames, mask))
        return self.scale * self.code.statistics(volume, self.weights)[:, : CODE.bits]


def _zero(layer: nn.Conv3d) -> nn.Conv3d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _twice(maps: Tensor) -> Tensor:
    """Rows and columns doubled."""
    return maps.repeat_interleave(2, 3).repeat_interleave(2, 4)
