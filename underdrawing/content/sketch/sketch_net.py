"""The networks of the sketch: a photograph's content as a short code, and back.

    image --mix_borders--> 16x16 blocks --analysis--> latent (B, C, H/16, W/16), orthonormal units
    latent = token part (sum of token scales, first `token_dim` channels) + step * symbols + error
    (token part, step, symbols) --decoder at 1/16--> blocks --unmix_borders--> image --polish at 1/4--> image

The analysis is the principal components of lapped blocks, a transform code without training; the decoder
learns to correct the quantization error of the plain inverse.
Images here are RGB in 8-bit levels, float (B, 3, H, W), sides multiples of 16.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.content.sketch.parameters import BLOCK, CONDITIONS, STEP_REFERENCE, Config
from underdrawing.nets.lapped import mix_borders, overlap_matrix, unmix_borders
from underdrawing.nets.residual_quantizer import ResidualQuantizer


def conditions(step: Tensor, prefix: Tensor, scales: int) -> Tensor:
    """Condition vector (B, 4) from steps (B,) in levels (0: tokens only) and decoded token scales (B,)."""
    tokens_only = (step <= 0).float()
    log_step = torch.log2(torch.where(step > 0, step, STEP_REFERENCE) / STEP_REFERENCE)
    share = prefix.float() / scales
    return torch.stack((log_step * (1 - tokens_only), tokens_only, share, (prefix == 0).float()), 1)


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), the first feature maps scaled and shifted by the conditions, if any."""

    def __init__(self, width: int, conditions: int = 0):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.steer = nn.Linear(conditions, 2 * width) if conditions else None
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)
        if self.steer is not None:
            nn.init.zeros_(self.steer.weight)
            nn.init.zeros_(self.steer.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, width, h, w) -> same."""
        hidden = self.first(x)
        if self.steer is not None and condition is not None:
            scale, shift = self.steer(condition)[:, :, None, None].chunk(2, 1)
            hidden = hidden * (1 + scale) + shift
        return x + self.second(F.relu(hidden))


class Encoder(nn.Module):
    """Image to latent."""

    def __init__(self, config: Config):
        super().__init__()
        self.analysis = nn.Conv2d(3 * BLOCK * BLOCK, config.channels, 1, bias=False)
        self.register_buffer("overlap", overlap_matrix(BLOCK))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in levels -> (B, C, H/16, W/16) in levels of an orthonormal transform."""
        return self.analysis(F.pixel_unshuffle(mix_borders(image - 128.0, self.overlap), BLOCK))


class Decoder(nn.Module):
    """Tokens and symbols to image."""

    def __init__(self, config: Config):
        super().__init__()
        width, polish = config.decoder_width, config.polish_width
        self.synthesis = nn.Conv2d(config.channels, 3 * BLOCK * BLOCK, 1, bias=False)
        self.register_buffer("deviation", torch.ones(config.channels))
        self.register_buffer("overlap", overlap_matrix(BLOCK))
        self.enter = nn.Conv2d(2 * config.channels, width, 1)
        self.blocks = nn.ModuleList(ResidualBlock(width, CONDITIONS) for _ in range(config.decoder_blocks))
        self.leave = nn.Conv2d(width, 3 * BLOCK * BLOCK, 1)
        self.features = nn.Conv2d(width, 16 * 12, 1)
        self.polish = nn.Sequential(
            nn.Conv2d(48 + 12, polish, 3, padding=1), nn.ReLU(),
            nn.Conv2d(polish, polish, 3, padding=1), nn.ReLU(),
            nn.Conv2d(polish, 48, 3, padding=1),
        )  # fmt: skip
        for layer in (self.leave, self.polish[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, latent: Tensor, refinement: Tensor, step: Tensor, condition: Tensor) -> Tensor:
        """Decode the quantized latent (B, C, h, w).

        refinement: the part of it from symbols. step: (B,) their width in levels (0: tokens only). The
        correction is proportional to the step, as the quantization error is.
        """
        unit = torch.where(step > 0, step, STEP_REFERENCE)[:, None, None, None]
        inputs = torch.cat((latent / self.deviation[:, None, None], (refinement / unit).clamp(-4, 4)), 1)
        hidden = self.enter(inputs)
        for block in self.blocks:
            hidden = block(hidden, condition)
        blocks = self.synthesis(latent) + self.leave(hidden) * (unit / 8)
        image = unmix_borders(F.pixel_shuffle(blocks, BLOCK), self.overlap)
        quarter = F.pixel_unshuffle(image / 64.0, 4)
        detail = F.pixel_shuffle(self.features(hidden), 4)
        polished = self.polish(torch.cat((quarter, detail), 1)) * (unit / 8)
        return image + F.pixel_shuffle(polished, 4) + 128.0


class SketchNet(nn.Module):
    """Encoder, token scales and decoder."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualQuantizer(config.token_dim, config.codes, config.sides)
        self.decoder = Decoder(config)

    def widen(self, token_latent: Tensor) -> Tensor:
        """Pad the latent of the tokens (B, token_dim, h, w) with zero channels up to the latent's."""
        return F.pad(token_latent, (0, 0, 0, 0, 0, self.config.channels - self.config.token_dim))
