"""The U-Net of the Imuge paper (sec. 3.2), as it stands and as the decoder that grows (sec. 3.3).

    x --> ES1 --> ES2 --> ES3 --> ES4 --> CS (dilated)          ES: halves the sides, doubles the channels
     \\      \\       \\       \\             |
     1x1 <-- DS1 <-- DS2 <-- DS3 <-------- DS4                   DS: doubles the sides, halves the channels

Images are RGB in [0, 1]; inside they are moved to [-1, 1], so that gray is 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STAGES = 4
"""Levels of the U-Net and stages of progressive recovery; sides are multiples of 2^STAGES."""


class Shrink(nn.Sequential):
    """ES: two convolutions with normalization and ELU, then pooling; (B, in, h, w) -> (B, out, h/2, w/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(*_block(inputs, outputs), *_block(outputs, outputs), nn.MaxPool2d(2))


class Grow(nn.Sequential):
    """DS: transposed convolution of stride 2, then one more; (B, in, h, w) -> (B, out, 2h, 2w)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
        super().__init__(up, nn.BatchNorm2d(outputs), nn.ELU(), *_block(outputs, outputs))


def _block(inputs: int, outputs: int, dilation: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ELU()]


class UNet(nn.Module):
    """(B, 3, H, W) in [0, 1] -> (B, outputs, H, W), before tanh."""

    def __init__(self, width: int, outputs: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(STAGES)]
        self.shrink = nn.ModuleList(Shrink(i, o) for i, o in zip([3, *widths], widths, strict=False))
        middle = [layer for dilation in dilations for layer in _block(widths[-1], widths[-1], dilation)]
        self.middle = nn.Sequential(*middle)
        # DS4 reads CS alone, every other one the output of the one below and the features of its level.
        inputs = [2 * widths[0], 2 * widths[1], 2 * widths[2], widths[3]]
        outs = [widths[0], *widths[:3]]
        self.grow = nn.ModuleList(Grow(i, o) for i, o in zip(inputs, outs, strict=True))
        self.head = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        """The last 1x1 convolution's output."""
        x, features = 2 * image - 1, []
        for shrink in self.shrink:
            x = shrink(x)
            features.append(x)
        x = self.grow[-1](self.middle(x))
        for level in range(STAGES - 2, -1, -1):
            x = self.grow[level](torch.cat([features[level], x], dim=1))
        return self.head(x)


class Decoder(UNet):
    """The decoder R: recovers from a rectified image, at an eighth of the sides first, at all of them last.

    At stage s (1 to 4) the segments 5 - s to 4 take part, the picture has sides of 2^(s - 4); `fade` from 0
    to 1 mixes the newest pair of segments in, as PG-GAN does.
    """

    def __init__(self, width: int, dilations: tuple[int, ...], sharing: bool) -> None:
        super().__init__(width, 3, dilations)
        self.sharing = sharing
        self.from_rgb = nn.ModuleList(nn.Conv2d(3, width * 2**level, 1) for level in range(STAGES - 1))
        self.to_rgb = nn.ModuleList(nn.Conv2d(width * 2**level, 3, 1) for level in range(STAGES - 1))

    def forward(self, rectified: Tensor, mask: Tensor, stage: int = STAGES, fade: float = 1.0) -> Tensor:
        """The recovered picture in [0, 1], sides of the rectified one, which has those of its stage.

        mask: (B, 1, h, w) of the same sides, 1 = altered; read by local feature sharing alone.
        """
        first = STAGES - stage  # the level that the picture enters and leaves at, 0 at full size
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
        """F_G = F_D M + F_E (1 - M) in the first two levels (equation 2)."""
        if not self.sharing or level > 1:
            return encoded
        return share_features(encoded, decoded, F.adaptive_avg_pool2d(mask, encoded.shape[-2:]))


def share_features(encoded: Tensor, decoded: Tensor, mask: Tensor) -> Tensor:
    """F_G = F_D M + F_E (1 - M) (equation 2): inside the mask what the decoder knows stands in for what was
    encoded from nothing."""
    return decoded * mask + encoded * (1 - mask)


def _twice(picture: Tensor) -> Tensor:
    return F.interpolate(picture, scale_factor=2, mode="nearest")
