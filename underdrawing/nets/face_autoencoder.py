"""Autoencoders of faces for the forgery laboratory, in PyTorch.

    swap         aligned face -> SwapEncoder -> code -> SwapDecoder of one identity -> its face, same pose
    resynthesis  crop -> PatchEncoder -> latent of 1/8 of the sides -> PatchDecoder -> crop

The swap is the arrangement of the first deepfakes: one encoder for everybody, one decoder for each identity.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.unet import Mix, conv


@dataclass(frozen=True)
class SwapConfig:
    """Sizes of the swap, and the identities that have a decoder."""

    identities: tuple[str, ...]
    """One decoder each, in this order."""
    side: int = 64
    """Sides of an aligned face, px; a multiple of 16."""
    width: int = 16
    """Channels of the encoder's first level; 2, 4 and 6 times as many in the next."""
    code: int = 96
    """Numbers that describe pose, expression and light."""
    start: int = 48
    """Channels of the code's map, of 1/16 of the sides."""
    decoder: tuple[int, ...] = (32, 24, 20)
    """Channels of a decoder at 1/8, 1/4 and 1/2 of the sides."""
    basis: int = 8
    """Directions in which the codes of an identity vary most; a foreign code is projected on them."""

    @property
    def cells(self) -> int:
        """Sides of the code map."""
        return self.side // 16


class SwapEncoder(nn.Module):
    """(B, 3, S, S) in [0, 1] -> code map (B, start, S/16, S/16)."""

    def __init__(self, config: SwapConfig) -> None:
        super().__init__()
        width, self.cells = config.width, config.cells
        levels = (3, width, 2 * width, 4 * width, 6 * width)
        self.down = nn.Sequential(*(conv(i, o, stride=2) for i, o in itertools.pairwise(levels)))
        self.squeeze = nn.Linear(levels[-1] * self.cells**2, config.code)
        self.expand = nn.Linear(config.code, config.start * self.cells**2)

    def forward(self, face: Tensor) -> Tensor:
        """The code as a map."""
        code = self.squeeze(self.down(face - 0.5).flatten(1))
        return F.leaky_relu(self.expand(code), 0.1).unflatten(1, (-1, self.cells, self.cells))


class SwapDecoder(nn.Module):
    """Code map (B, start, S/16, S/16) -> face of one identity (B, 3, S, S), about [0, 1]."""

    def __init__(self, config: SwapConfig) -> None:
        super().__init__()
        levels = (config.start, *config.decoder)
        self.up = nn.ModuleList(conv(i, o) for i, o in itertools.pairwise(levels))
        self.head = nn.Conv2d(levels[-1], 12, 3, padding=1)

    def forward(self, code: Tensor) -> Tensor:
        """The face; the last step shuffles channels."""
        x = code
        for layer in self.up:
            x = layer(_double(x))
        return F.pixel_shuffle(self.head(x), 2) + 0.5


class SwapNet(nn.Module):
    """The encoder, and the decoders in the order of config.identities.

    code_mean, code_basis, code_spread: (N, D), (N, basis, D) and (N, basis) of the codes of each identity,
    with D numbers of a code map; written after the training.
    """

    def __init__(self, config: SwapConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = SwapEncoder(config)
        self.decoders = nn.ModuleList(SwapDecoder(config) for _ in config.identities)
        count, size = len(config.identities), config.start * config.cells**2
        self.register_buffer("code_mean", torch.zeros(count, size))
        self.register_buffer("code_basis", torch.zeros(count, config.basis, size))
        self.register_buffer("code_spread", torch.zeros(count, config.basis))

    def forward(self, face: Tensor, identity: int) -> Tensor:
        """The face of that identity in the pose of `face`."""
        return self.decoders[identity](self.encoder(face))


@dataclass(frozen=True)
class PatchConfig:
    """Sizes of the autoencoder of re-synthesis."""

    width: int = 16
    """Channels of the encoder's first level; 2 and 4 times as many in the next."""
    latent: int = 12
    """Channels of the latent: with 1/64 of the positions, 16 numbers of the picture become one."""
    decoder: tuple[int, int, int] = (64, 48, 32)
    """Channels of the decoder at 1/8, 1/4 and 1/2 of the sides."""


class PatchEncoder(nn.Module):
    """(B, 3, h, w) in [0, 1], sides multiples of 8 -> latent (B, latent, h/8, w/8)."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        width = config.width
        self.down = nn.Sequential(
            conv(3, width, stride=2), conv(width, 2 * width, stride=2), conv(2 * width, 4 * width, stride=2)
        )
        self.mix = Mix(4 * width)
        self.head = nn.Conv2d(4 * width, config.latent, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """The latent."""
        return self.head(F.leaky_relu(self.mix(self.down(picture - 0.5)), 0.1))


class PatchDecoder(nn.Module):
    """Latent (B, latent, h/8, w/8) -> picture (B, 3, h, w), about [0, 1]; the last step shuffles channels."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        low, mid, high = config.decoder
        self.stem = nn.Sequential(conv(config.latent, low), Mix(low))
        self.mid = nn.Sequential(conv(low, mid), Mix(mid))
        self.high = nn.Sequential(conv(mid, high), conv(high, high))
        self.head = nn.Conv2d(high, 12, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """The picture."""
        x = self.mid(_double(self.stem(latent)))
        return F.pixel_shuffle(self.head(self.high(_double(x))), 2) + 0.5


class PatchNet(nn.Module):
    """Encoder and decoder of re-synthesis."""

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = PatchEncoder(config), PatchDecoder(config)

    def forward(self, picture: Tensor) -> Tensor:
        """The picture from its latent."""
        return self.decoder(self.encoder(picture))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
