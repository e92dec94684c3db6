"""ITIM, the image-text interaction module: places and words exchange features through a correlation matrix.

    C  = (Q V + P)(K T)' / sqrt d                    (N, L): places times words
    V' = V + w O softmax_words(C) T                  text into the picture, by the weight of ITCAM
    T' = T + softmax_places(C)' V                    picture into the text

P: code of the place in the whole picture, so that "top left" can be related to one; convolutions have none.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

POSITIONS = 10
"""Numbers of a place: x, y, and the first two harmonics of both."""


def positions(extent: Tensor, height: int, width: int) -> Tensor:
    """(B, POSITIONS, height, width) of a grid. extent (B, 4): its x0, y0, x1, y1 in the picture, 0 to 1."""
    x0, y0, x1, y1 = (value[:, None] for value in extent.unbind(1))
    steps = [(torch.arange(count, device=extent.device) + 0.5) / count for count in (height, width)]
    y, x = y0 + (y1 - y0) * steps[0], x0 + (x1 - x0) * steps[1]
    grid = (y[:, :, None].expand(-1, -1, width), x[:, None, :].expand(-1, height, -1))
    harmonics = [
        wave(order * math.pi * z) for z in grid for order in (1, 2) for wave in (torch.cos, torch.sin)
    ]
    return torch.stack([*grid, *harmonics], 1)


class Interaction(nn.Module):
    """Maps (B, d, h, w), words (B, L, d), presence (B, L), weight (B,), places -> maps, words as given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(width, width, 1)
        self.place = nn.Conv2d(POSITIONS, width, 1, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.picture = nn.Linear(width, width)
        self.text = nn.Linear(width, width)

    def forward(
        self, maps: Tensor, words: Tensor, present: Tensor, weight: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        correlation = self.correlation(maps, words, places)
        absent = (1 - present)[:, None] * -1e4
        from_text = (correlation + absent).softmax(2) @ self.text(words)
        from_picture = correlation.softmax(1).transpose(1, 2) @ self.picture(maps.flatten(2).transpose(1, 2))
        added = from_text.transpose(1, 2).unflatten(2, maps.shape[2:])
        return maps + weight[:, None, None, None] * added, words + from_picture * present[:, :, None]

    def correlation(self, maps: Tensor, words: Tensor, places: Tensor) -> Tensor:
        """C (B, h w, L)."""
        query = (self.query(maps) + self.place(places)).flatten(2).transpose(1, 2)
        return query @ self.key(words).transpose(1, 2) / math.sqrt(maps.shape[1])
