"""CMB-Net: maps of the trunk and words of a text -> mask and edge on four scales.

    words (B, L, CODE) -> linear -> T, with one more word for the whole sentence
    maps of the trunk at 1/4 .. 1/32 -> conv1x1 -> V_0 .. V_3

    V_3 pooled, T pooled -> ITCAM -> w                        ambiguity.py
    x_i = V_i + up(y_{i+1})                                   coarse to fine
    x_i, T = ITIM(x_i, T, w)                                  the coarsest scales (interaction.py)
    y_i, mask_i, edge_i = RED(x_i)                            restoration.py

Without text w is 0, and the outputs are those of the picture alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.localizer_outputs import LocalizerOutputs, certainty
from underdrawing.systems.cmb_net.ambiguity import CentralAmbiguity
from underdrawing.systems.cmb_net.interaction import POSITIONS, Interaction, positions
from underdrawing.systems.cmb_net.restoration import EdgeDecoderLevel
from underdrawing.systems.cmb_net.words import CODE, WORDS


@dataclass(frozen=True)
class Config:
    """Sizes and parts of CMB-Net; the released ones are what a processor core trains."""

    channels: tuple[int, ...] = (24, 48, 96, 128)
    """Of the trunk's maps, fine to coarse."""
    width: int = 48
    """d: channels of every scale, even."""
    couplings: int = 1
    """Additive couplings of a scale."""
    interactions: int = 2
    """Coarsest scales with ITIM."""
    dimensions: int = 16
    """k: of the Gaussians of ITCAM."""
    itcam: bool = True
    """Whether texts are weighted; else both Gaussians stay standard normal, and every text has weight 1."""
    red: bool = True
    """Whether the halves of a scale are coupled."""


RELEASED = Config()
"""Of the released weights."""


class TextBranch(nn.Module):
    """Codes of words -> T (B, L + 1, d), presence (B, L + 1); the first word stands for the sentence."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.word = nn.Linear(CODE, width)
        self.sentence = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, codes: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        words = self.word(codes) * present[:, :, None]
        mean = words.sum(1) / present.sum(1, keepdim=True).clamp(min=1)
        anything = present.amax(1, keepdim=True)
        return torch.cat([self.sentence(mean)[:, None], words], 1), torch.cat([anything, present], 1)


class CMBNet(nn.Module):
    """Images (B, 3, H, W), the trunk's maps, words -> LocalizerOutputs.

    parts: "mask.i" and "edge.i" logits of scale i (0 is 1/4), "divergence" and "weight" (B,) of ITCAM.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in config.channels)
        self.decoder = nn.ModuleList(
            EdgeDecoderLevel(width, config.couplings, config.red) for _ in config.channels
        )
        self.interaction = nn.ModuleList(Interaction(width) for _ in range(config.interactions))
        self.text = TextBranch(width)
        self.pooled = nn.Conv2d(width + POSITIONS, width, 1)
        self.ambiguity = CentralAmbiguity(width, config.dimensions)
        if not config.itcam:
            for parameter in self.ambiguity.requires_grad_(False).parameters():
                nn.init.zeros_(parameter)

    def forward(
        self,
        images: Tensor,
        maps: list[Tensor],
        words: Tensor | None = None,
        present: Tensor | None = None,
        extent: Tensor | None = None,
    ) -> LocalizerOutputs:
        """words (B, WORDS, CODE), present (B, WORDS): of words.encode; None: no text. extent (B, 4): x0, y0,
        x1, y1 of the images in the pictures that the text is about, in [0, 1]; None: they are whole."""
        count = len(images)
        if words is None or present is None:
            words, present = images.new_zeros(count, WORDS, CODE), images.new_zeros(count, WORDS)
        if extent is None:
            extent = images.new_tensor([[0.0, 0.0, 1.0, 1.0]]).expand(count, 4)
        scales = [layer(level) for layer, level in zip(self.lateral, maps, strict=True)]
        text, valid = self.text(words, present)
        divergence, weight = self._ambiguity(scales[-1], text[:, 0], valid[:, 0], extent)
        parts = {"divergence": divergence, "weight": weight}
        y = torch.zeros_like(scales[-1])
        for number in reversed(range(len(scales))):
            x = scales[number]
            x = x + (F.interpolate(y, scale_factor=2, mode="bilinear") if number + 1 < len(scales) else y)
            step = len(scales) - 1 - number
            if step < self.config.interactions:
                places = positions(extent, x.shape[2], x.shape[3])
                x, text = self.interaction[step](x, text, valid, weight, places)
            y, parts[f"mask.{number}"], parts[f"edge.{number}"] = self.decoder[number](x)
        logits = parts["mask.0"]
        return LocalizerOutputs(logits, certainty(logits), parts)

    def _ambiguity(
        self, coarsest: Tensor, sentence: Tensor, present: Tensor, extent: Tensor
    ) -> tuple[Tensor, Tensor]:
        places = positions(extent, coarsest.shape[2], coarsest.shape[3])
        pooled = self.pooled(torch.cat([coarsest, places], 1)).relu().mean((2, 3))
        return self.ambiguity(pooled, sentence, present)
