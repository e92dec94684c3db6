"""Lean networks for E, V and R, which two processor cores can train (README, Departures).

    I --> spectrum --> encoder --> numbers --> modulo embedding (nets/modulo_embedding) --> I_M
    I_A --> spectrum, numbers --> verifying network --> M
    I_A (1 - M), numbers of other blocks --> decoder --> I_R

All networks work on the 8x8 block DCT, at 1/8 of the sides and below. The code of a block is embedded half a
picture away (`far`), where an edit rarely covers both. Encoder and decoder are residual to a fixed code
(means and lowest frequencies): the first training step already recovers it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.block_spectrum import CHANNELS, BlockSpectrum
from underdrawing.nets.modulo_embedding import MARGIN, ModuloEmbedding
from underdrawing.nets.unet import LeanUNet
from underdrawing.ops.dct import BLOCK


@dataclass(frozen=True)
class LeanConfig:
    """Architecture of the lean networks."""

    encoder: tuple[int, ...] = (64, 64, 96)
    """Channels at 1/8, 1/16, 1/32 of the sides, which are multiples of the last divisor."""
    verifier: tuple[int, ...] = (80, 80, 96)
    decoder: tuple[int, ...] = (96, 96, 128)
    period: float = 42.0
    """Of the modulo embedding, 8-bit levels; with `details` and `pilots` it sets the container's PSNR."""
    details: int = 8
    """Luma frequencies in the code beside the means."""
    pilots: int = 3
    """Zeros in the code of a block."""


class LeanNetworks(nn.Module):
    """E, V and R over images (B, 3, H, W) in [0, 1]."""

    def __init__(self, config: LeanConfig) -> None:
        super().__init__()
        self.config = config
        self.spectrum = BlockSpectrum()
        self.code = ModuloEmbedding(config.period, config.details, config.pilots)
        carriers, encoded = len(self.code.carriers), len(self.code.encoded)
        phases = 2 * carriers
        self.encoder = LeanUNet(2 * CHANNELS, carriers, config.encoder)
        self.verifier = LeanUNet(CHANNELS + 2 * (phases + encoded), BLOCK**2, config.verifier)
        self.decoder = LeanUNet(CHANNELS + phases + encoded + 2, CHANNELS, config.decoder)

    def immunize(self, image: Tensor) -> Tensor:
        """I_M: each block carries the code of the block half a picture away; not clipped to [0, 1]."""
        spectrum = self.spectrum(2 * image - 1)
        correction = self.encoder(torch.cat([spectrum, far(spectrum)], dim=1))
        numbers = far(self.code.encode(spectrum)) + correction
        return image + self.spectrum.inverse(self.code.embed(spectrum, numbers)) / 2

    def locate(self, received: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of M."""
        spectrum = self.spectrum(2 * received - 1)
        numbers = self.code.extract(2 * received - 1, torch.ones_like(spectrum[:, :1]))
        phases = _phases(numbers)
        difference = far(self.code.decode(numbers.detach())) - spectrum[:, self.code.encoded]
        features = [spectrum, phases, far(phases), difference, far(difference)]
        return F.pixel_shuffle(self.verifier(torch.cat(features, dim=1)), BLOCK)

    def recover(self, received: Tensor, mask: Tensor) -> Tensor:
        """I_R from the received picture and its numbers outside the mask; not clipped to [0, 1]."""
        intact = (F.max_pool2d(mask, BLOCK) < 0.5).to(mask)
        numbers = self.code.extract(2 * received - 1, intact)
        spectrum = self.spectrum((2 * received - 1) * (1 - mask))
        readable, decoded = far(intact), far(self.code.decode(numbers.detach()) * intact)
        features = [spectrum, decoded, readable * far(_phases(numbers)), intact, readable]
        content = self.decoder(torch.cat(features, dim=1))
        channels = torch.tensor(self.code.encoded, device=mask.device)
        return (self.spectrum.inverse(content.index_add(1, channels, decoded)) + 1) / 2


def far(maps: Tensor) -> Tensor:
    """(B, C, h, w) rolled by half of the sides (a torus); its own inverse."""
    return maps.roll([side // 2 for side in maps.shape[-2:]], dims=(2, 3))


def _phases(numbers: Tensor) -> Tensor:
    """Numbers as points on the unit circle: continuous across the wrap."""
    turn = torch.pi * MARGIN * numbers
    return torch.cat([torch.cos(turn), torch.sin(turn)], dim=1)
