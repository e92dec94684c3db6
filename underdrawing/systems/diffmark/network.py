"""DiffMark (arXiv 2507.01428): a conditional diffusion model that writes bits; half a UNet reads them.

    x_t, x_c, t --> UNet: down, self-attention --> middle --> up, CIF with the tokens of the bits --+
    x_c / its weight = face --> plain code of the bits -------------------------------------------- + --> x_0
    received --> half UNet --> logits (L, 2L), bit i: class i against class i + L;  plus the plain code's

Tensors inside are in [-1, 1]; `encode` and `heads` take levels of 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.unet import from_levels, to_levels, zero
from underdrawing.systems.diffmark.blocks import (
    CIF,
    BitEmbedding,
    ResBlock,
    SelfAttention,
    Style,
    time_embedding,
)
from underdrawing.systems.diffmark.diffusion import STEPS, Schedule, first_noise, sample
from underdrawing.systems.diffmark.plain_code import PlainCode


@dataclass(frozen=True)
class Config:
    """Sizes of the networks. The defaults are those published for faces of 128 px."""

    bits: int = 30
    """L."""
    side: int = 128
    """Of the faces, px."""
    base: int = 32
    """Channels at multiplier 1."""
    multipliers: tuple[float, ...] = (0.5, 1, 2, 4, 8)
    """Channels of each level, in units of `base`; each level halves the sides."""
    attention: tuple[int, ...] = (16, 8)
    """Sides of the maps with attention."""
    groups: int = 16
    """Of the normalization."""
    embedding: int = 256
    """Width of the tokens of the bits."""
    dropout: float = 0.1
    steps: int = STEPS
    """T of the diffusion."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(int(self.base * multiplier) for multiplier in self.multipliers)


LARGE = Config(
    bits=128, side=256, base=64, multipliers=(0.25, 0.5, 1, 2, 4, 8), attention=(32, 16, 8), embedding=1024
)
"""Published for faces of 256 px."""
RELEASED = Config(base=16, multipliers=(0.5, 1, 1.5, 2, 3), groups=4, embedding=48, dropout=0.0)
"""What a processor core trains: half the published channels."""

_LEARNED = 0.1
"""Factor on the learned part of x_0: a first step of Adam at 1e-3 changes a pixel by less than a level."""


class Down(nn.Module):
    """The way down and the middle of either network: maps of every step, for the way up, and the last one."""

    def __init__(self, inputs: int, config: Config, style: Style) -> None:
        super().__init__()
        widths, side = config.widths, config.side
        self.stem = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.blocks, self.attention, self.shrink = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels, self.skips = widths[0], [widths[0]]
        for level, width in enumerate(widths):
            self.blocks.append(ResBlock(channels, width, style))
            attends = side in config.attention
            self.attention.append(SelfAttention(width, style.groups) if attends else nn.Identity())
            channels = width
            self.skips.append(width)
            if level < len(widths) - 1:
                self.shrink.append(ResBlock(width, width, style, scale=0.5))
                self.skips.append(width)
                side //= 2
        self.side = side
        self.middle = nn.ModuleList([
            ResBlock(channels, channels, style), SelfAttention(channels, style.groups),
            ResBlock(channels, channels, style),
        ])  # fmt: skip

    def forward(self, x: Tensor, time: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """The last map, and those of the skips, from the full sides down."""
        x = self.stem(x)
        maps = [x]
        for level, (block, attention) in enumerate(zip(self.blocks, self.attention, strict=True)):
            x = attention(block(x, time))
            maps.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x, time)
                maps.append(x)
        first, attention, last = self.middle
        return last(attention(first(x, time)), time), maps


class UNet(nn.Module):
    """(x_t, x_c, t, bits) -> the learned part of x_0, (B, 3, side, side); 0 at the start."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.base, time = config.base, 4 * config.base
        style = Style(config.groups, config.dropout, time=time)
        self.time = nn.Sequential(nn.Linear(config.base, time), nn.SiLU(), nn.Linear(time, time))
        self.tokens = BitEmbedding(config.bits, config.embedding)
        self.down = Down(6, config, style)
        self.blocks, self.fusion, self.grow = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels, skips, side = config.widths[-1], list(self.down.skips), self.down.side
        for level, width in reversed(list(enumerate(config.widths))):
            for _ in range(2):  # one more than on the way down
                self.blocks.append(ResBlock(channels + skips.pop(), width, style))
                attends = side in config.attention
                self.fusion.append(
                    CIF(width, side, config.embedding, style.groups) if attends else nn.Identity()
                )
                channels = width
            if level:
                self.grow.append(ResBlock(width, width, style, scale=2))
                side *= 2
        self.norm = nn.GroupNorm(config.groups, channels)
        self.head = nn.Conv2d(channels, 3, 3, padding=1)
        zero(self.head)

    def forward(self, x_t: Tensor, x_c: Tensor, t: Tensor, bits: Tensor) -> Tensor:
        """t: (B,) float32 timesteps; bits: (B, L) in {-1, +1}."""
        time, tokens = self.time(time_embedding(t, self.base)), self.tokens(bits)
        x, maps = self.down(torch.cat([x_t, x_c], 1), time)
        for place, (block, fusion) in enumerate(zip(self.blocks, self.fusion, strict=True)):
            x = block(torch.cat([x, maps.pop()], 1), time)
            x = fusion(x, tokens) if isinstance(fusion, CIF) else x
            if place % 2 and place // 2 < len(self.grow):
                x = self.grow[place // 2](x, time)
        return _LEARNED * self.head(F.silu(self.norm(x)))


class HalfUNet(nn.Module):
    """Received faces (B, 3, side, side) in [-1, 1] -> logits (B, L, 2L); 0 at the start."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        style = Style(config.groups, config.dropout)
        self.down = Down(3, config, style)
        channels = config.widths[-1]
        self.norm = nn.GroupNorm(config.groups, channels)
        self.positions = nn.Linear(self.down.side**2, config.bits)
        self.dropout = nn.Dropout(config.dropout)
        self.classes = nn.Linear(channels, 2 * config.bits)
        zero(self.classes)

    def forward(self, received: Tensor) -> Tensor:
        """Row i: the classes of bit i."""
        x = F.silu(self.norm(self.down(received)[0])).flatten(2)
        return self.classes(self.dropout(self.positions(x)).transpose(1, 2))


class DiffMark(nn.Module):
    """The codec of one face: `encode` samples, `heads["decoder"]` reads."""

    abar: Tensor
    own: Tensor

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.schedule = Schedule(config.steps)
        self.register_buffer("abar", torch.from_numpy(self.schedule.abar).float(), persistent=False)
        self.register_buffer("own", torch.eye(config.bits), persistent=False)
        self.code = PlainCode(config.bits, config.side)
        self.unet, self.decoder = UNet(config), HalfUNet(config)
        self.heads = {"decoder": self.read}

    def denoise(self, x_t: Tensor, x_c: Tensor, t: Tensor, bits: Tensor) -> Tensor:
        """Prediction of x_0, the marked face. t: (B,) float32 timesteps."""
        face = x_c / (1 - self.abar[t.long()]).sqrt()[:, None, None, None]
        return face + self.code.residual(face, bits) + self.unet(x_t, x_c, t, bits)

    def encode(self, images: Tensor, bits: Tensor) -> Tensor:
        """Marked faces of (B, 3, side, side) in 0..255, sampled in ten steps; neither clipped nor rounded."""
        noise = torch.from_numpy(first_noise(self.config.side)).to(images).expand_as(images)

        def predict(x: Tensor, condition: Tensor, t: int) -> Tensor:
            return self.denoise(x, condition, torch.full((len(x),), float(t), device=x.device), bits)

        return to_levels(sample(predict, from_levels(images), noise, self.schedule))

    def classes(self, received: Tensor) -> Tensor:
        """Logits (B, L, 2L) of received faces in 0..255."""
        x = from_levels(received)
        plain = self.code.logits(x)[..., None] / 2 * self.own
        return self.decoder(x) + torch.cat([-plain, plain], 2)

    def read(self, received: Tensor) -> Tensor:
        """(B, L): logit of class i + L over that of class i; positive: bit 1."""
        absent, present = self.classes(received).chunk(2, 2)
        return ((present - absent) * self.own).sum(2)
