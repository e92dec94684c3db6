"""The three networks of the Imuge paper (sec. 3.1, 3.2): encoder E, verifying network V and decoder R."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from underdrawing.systems.imuge.networks import STAGES, Decoder, UNet


@dataclass(frozen=True)
class PublishedConfig:
    """What the weights of the published networks depend on."""

    width: int = 64
    """Channels of the first level; each further one doubles them."""
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    """Of the convolutions at the bottom of each U-Net; the authors' code has none (1, 1, 1, 1)."""
    sharing: bool = True
    """Local feature sharing in the decoder (equation 2)."""
    verifier: bool = True
    """Whether there is a verifying network; without it the decoder sees the attacked image itself."""


class PublishedNetworks(nn.Module):
    """E, V and R over images (B, 3, H, W) in [0, 1], sides multiples of 16."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = UNet(config.width, 3, config.dilations)
        self.verifier = UNet(config.width, 1, config.dilations) if config.verifier else None
        self.decoder = Decoder(config.width, config.dilations, config.sharing)
        nn.init.normal_(self.encoder.head.weight, std=1e-3)  # an untrained encoder changes next to nothing
        nn.init.zeros_(self.encoder.head.bias)

    def immunize(self, image: Tensor) -> Tensor:
        """I_M = I + tanh(E(I)); may leave [0, 1] a little."""
        return image + torch.tanh(self.encoder(image))

    def locate(self, received: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of M: sigmoid(2 z) is tanh(z) brought from [-1, 1] to [0, 1]. Where there is no
        verifying network they are not asked for."""
        return 2 * self.verifier(received)

    def recover(self, received: Tensor, mask: Tensor, stage: int = STAGES, fade: float = 1.0) -> Tensor:
        """I_R in [0, 1] from I_V = I_A (1 - M), with gray where something was removed."""
        rectified = received * (1 - mask) + 0.5 * mask
        return self.decoder(rectified, mask, stage, fade)
