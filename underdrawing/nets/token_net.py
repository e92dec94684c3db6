"""Multi-scale tokenizer: a photograph as grids of codes of rising resolution, decodable from any prefix.

    I --> lapped 16x16 blocks --> principal components + learned correction --> f (B, dim, H/16, W/16)
    f --> z_s1, z_s2, ... z_sK      (nets/residual_quantizer: f = sum of parts + residual, after any prefix)
    sum of the first k parts --> decoder at 1/16 --> blocks --> polish at 1/4 --> I_k

Images here are RGB in [0, 1], sides multiples of 16; inside they are 8-bit levels less 128.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.lapped import mix_borders, overlap_matrix, unmix_borders
from underdrawing.nets.residual_quantizer import ResidualQuantizer
from underdrawing.nets.unet import Mix, zero

BLOCK = 16
_PIXELS = 3 * BLOCK * BLOCK
_QUARTER, _DETAIL = 48, 16


@dataclass(frozen=True)
class TokenConfig:
    """Architecture of the tokenizer."""

    dim: int = 32
    """Channels of the latent."""
    codes: int = 1024
    """Codes a scale: 10 bits a token. The paper's code base has 4096."""
    sides: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)
    """Tokens along the longer side, scale by scale (those of VAR, on which the paper builds)."""
    encoder_blocks: int = 2
    decoder_blocks: int = 5
    width: int = 96
    """Channels inside encoder and decoder at 1/16."""
    polish: int = 32
    """Channels of the last stage at 1/4."""


class Encoder(nn.Module):
    """Images to latents."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        self.register_buffer("overlap", overlap_matrix(BLOCK))
        self.analysis = nn.Conv2d(_PIXELS, config.dim, 1, bias=False)
        mixes = [Mix(config.width) for _ in range(config.encoder_blocks)]
        self.correction = nn.Sequential(
            nn.Conv2d(config.dim, config.width, 1), *mixes, nn.Conv2d(config.width, config.dim, 1)
        )
        zero(self.correction[-1])

    def blocks(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 768, H/16, W/16): lapped blocks in levels."""
        return F.pixel_unshuffle(mix_borders(255 * image - 128, self.overlap), BLOCK)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, dim, H/16, W/16), in levels of an orthonormal transform."""
        plain = self.analysis(self.blocks(image))
        return plain + _LEVEL * self.correction(plain / _LEVEL)


class Decoder(nn.Module):
    """Latents to images, conditioned on the number of scales in the latent."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        self.register_buffer("overlap", overlap_matrix(BLOCK))
        self.synthesis = nn.Conv2d(config.dim, _PIXELS, 1, bias=False)
        self.scales = len(config.sides)
        self.enter = nn.Conv2d(config.dim + self.scales, config.width, 1)
        self.mixes = nn.Sequential(*[Mix(config.width) for _ in range(config.decoder_blocks)])
        self.leave = nn.Conv2d(config.width, _PIXELS, 1)
        self.detail = nn.Conv2d(config.width, 16 * _DETAIL, 1)
        self.polish = nn.Sequential(
            nn.Conv2d(_QUARTER + _DETAIL, config.polish, 3, padding=1), Mix(config.polish),
            nn.Conv2d(config.polish, _QUARTER, 3, padding=1),
        )  # fmt: skip
        for layer in (self.leave, self.polish[-1]):
            zero(layer)

    def forward(self, latent: Tensor, prefix: Tensor) -> Tensor:
        """(B, dim, h, w) and (B,) int64 scales in it -> (B, 3, 16 h, 16 w) RGB, not clipped to [0, 1]."""
        condition = F.one_hot(prefix - 1, self.scales).to(latent)[:, :, None, None]
        condition = condition.expand(-1, -1, *latent.shape[-2:])
        hidden = self.mixes(self.enter(torch.cat([latent / _LEVEL, condition], dim=1)))
        blocks = self.synthesis(latent) + _LEVEL * self.leave(hidden).float()
        image = unmix_borders(F.pixel_shuffle(blocks, BLOCK), self.overlap)
        features = torch.cat(
            [F.pixel_unshuffle(image / _LEVEL, 4), F.pixel_shuffle(self.detail(hidden), 4)], dim=1
        )
        image = image + _LEVEL * F.pixel_shuffle(self.polish(features).float(), 4)
        return (image + 128) / 255


_LEVEL = 64.0
"""8-bit levels in one unit inside the networks."""


class TokenNet(nn.Module):
    """Encoder, quantizer and decoder."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualQuantizer(config.dim, config.codes, config.sides)
        self.decoder = Decoder(config)
