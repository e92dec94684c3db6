"""The published networks (sec. 3.1 to 3.3): encoder E, verifying network V and growing decoder R.

Images are RGB in [0, 1]; inside the networks in [-1, 1], so that gray is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.dilated_unet import LEVELS, DilatedUNet

STAGES = LEVELS  # of progressive recovery


class Decoder(DilatedUNet):
    """The decoder R (sec. 3.3): grows in four stages, from an eighth of the sides to the full sides.

    Stage s (1 to 4) uses the segments 5 - s to 4, on pictures of 2^(s - 4) of the sides; `fade` in [0, 1]
    blends the newest pair of segments in, as in PG-GAN.
    """

    def __init__(self, width: int, dilations: tuple[int, ...], sharing: bool) -> None:
        super().__init__(width, 3, dilations)
        self.sharing = sharing
        self.from_rgb = nn.ModuleList(nn.Conv2d(3, width * 2**level, 1) for level in range(STAGES - 1))
        self.to_rgb = nn.ModuleList(nn.Conv2d(width * 2**level, 3, 1) for level in range(STAGES - 1))

    def forward(self, rectified: Tensor, mask: Tensor, stage: int = STAGES, fade: float = 1.0) -> Tensor:
        """The recovered picture in [0, 1], of the sides of the rectified one, which are those of the stage.

        mask: (B, 1, h, w), 1 = altered; used by local feature sharing only.
        """
        first = STAGES - stage  # level of input and output; 0: full sides
        x, features = self._enter(2 * rectified - 1, first, fade)
        x = self.grow[-1](self.middle(x))
        below = x
        for level in range(STAGES - 2, first - 1, -1):
            below = x
            x = self.grow[level](torch.cat([self._shared(features[level], x, mask, level), x], dim=1))
        colour = self._leave(x, first)
        if fade < 1 and stage > 1:
            colour = torch.lerp(_twice(self._leave(below, first + 1)), colour, fade)
        return (colour + 1) / 2

    def _enter(self, picture: Tensor, first: int, fade: float) -> tuple[Tensor, dict[int, Tensor]]:
        x = picture if first == 0 else F.elu(self.from_rgb[first - 1](picture))
        features = {}
        for level in range(first, STAGES):
            x = self.shrink[level](x)
            if level == first and fade < 1 and first < STAGES - 1:
                old = F.elu(self.from_rgb[first](F.avg_pool2d(picture, 2)))
                x = torch.lerp(old, x, fade)
            features[level] = x
        return x, features

    def _leave(self, x: Tensor, first: int) -> Tensor:
        return torch.tanh(self.head(x) if first == 0 else self.to_rgb[first - 1](x))

    def _shared(self, encoded: Tensor, decoded: Tensor, mask: Tensor, level: int) -> Tensor:
        """Equation 2, in the first two levels."""
        if not self.sharing or level > 1:
            return encoded
        return share_features(encoded, decoded, F.adaptive_avg_pool2d(mask, encoded.shape[-2:]))


def share_features(encoded: Tensor, decoded: Tensor, mask: Tensor) -> Tensor:
    """F_G = F_D M + F_E (1 - M) (equation 2): decoder features replace encoder features inside the mask."""
    return decoded * mask + encoded * (1 - mask)


def _twice(picture: Tensor) -> Tensor:
    return F.interpolate(picture, scale_factor=2, mode="nearest")


@dataclass(frozen=True)
class PublishedConfig:
    """Architecture of the published networks."""

    width: int = 64
    """Channels of the first level, doubled at each further level."""
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    """Of the convolutions CS; (1, 1, 1, 1) in the authors' code."""
    sharing: bool = True
    """Local feature sharing in the decoder (equation 2)."""
    verifier: bool = True
    """Whether there is a verifying network; without it R gets the attacked image itself."""


class PublishedNetworks(nn.Module):
    """E, V and R over images (B, 3, H, W) in [0, 1], sides multiples of 16."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = DilatedUNet(config.width, 3, config.dilations)
        self.verifier = DilatedUNet(config.width, 1, config.dilations) if config.verifier else None
        self.decoder = Decoder(config.width, config.dilations, config.sharing)
        nn.init.normal_(self.encoder.head.weight, std=1e-3)  # near zero residual at the start
        nn.init.zeros_(self.encoder.head.bias)

    def immunize(self, image: Tensor) -> Tensor:
        """I_M = I + tanh(E(I)); not clipped to [0, 1]."""
        return image + torch.tanh(self.encoder(image))

    def locate(self, received: Tensor) -> Tensor:
        """Logits (B, 1, H, W) of M: sigmoid(2 z) is tanh(z) mapped to [0, 1]. Needs a verifier."""
        return 2 * self.verifier(received)

    def recover(self, received: Tensor, mask: Tensor, stage: int = STAGES, fade: float = 1.0) -> Tensor:
        """I_R in [0, 1] from I_V = I_A (1 - M), gray inside the mask."""
        rectified = received * (1 - mask) + 0.5 * mask
        return self.decoder(rectified, mask, stage, fade)
