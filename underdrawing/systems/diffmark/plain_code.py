"""The plain code that DiffMark starts from: one pattern of low chroma frequencies for each bit.

    correlation_i = <pattern_i, face>
    marked = face + sum of b_i max(0, margin - b_i correlation_i) pattern_i       logit_i = gain correlation_i

Each correlation is moved to the margin on the side of its bit, so the face does not disturb the reading
(improved spread spectrum, Malvar and Florencio, IEEE TSP 2003). Where all correlations are at the margin
there is a mark, which the code leaves once that is learned (nets.leaving). A pattern is a sum of DCT
products of two chroma axes, in a band that blur and halved chroma keep; the patterns are orthonormal at the
start. Faces are in [-1, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from underdrawing.nets.leaving import Leaving

LEVEL = 1 / 127.5
"""One of 255 levels, in units of [-1, 1]."""
_BAND = (6.0, 18.0)
"""Range of the distance from frequency 0, half waves a side: periods of 14 to 43 px at 128 px."""
_AXES = ((1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
_SHARES = (0.7, 1.0)
"""Amplitudes on the axes red-blue and green-magenta; faces vary twice as much on the first."""
_MARGIN, _LOGIT = 115.0, 10.0
"""Margin in levels (38 dB for 30 bits at 128 px), and the logit of a bit at the margin."""
_SEED = 1


class PlainCode(nn.Module):
    """Writes and reads bits without a network; its patterns, margin and gain are trained with the rest."""

    def __init__(self, bits: int, side: int) -> None:
        """bits: at most 472, the products in the band; side: of the faces, at least 32 px."""
        super().__init__()
        size = int(_BAND[1])
        steps, lines = torch.arange(side) + 0.5, torch.arange(size)[:, None]
        waves = torch.cos(torch.pi / side * lines * steps) * (2 / side) ** 0.5  # the DCT, orthonormal
        waves[0] /= 2**0.5
        axes = nn.functional.normalize(torch.tensor(_AXES), dim=1)
        distance = torch.hypot(lines.float(), lines.T.float())
        band = ((distance >= _BAND[0]) & (distance < _BAND[1])).float()
        for name, value in (("waves", waves), ("axes", axes), ("band", band)):
            self.register_buffer(name, value, persistent=False)
        shares = torch.tensor(_SHARES)[:, None, None] * band
        generator = torch.Generator().manual_seed(_SEED)
        drawn = torch.randn((bits, *shares.shape), generator=generator) * shares
        patterns = torch.linalg.qr(drawn.flatten(1).T)[0].T.reshape(drawn.shape)
        self.write = nn.Parameter(patterns.clone())
        self.read = nn.Parameter(patterns.clone())
        self.margin = nn.Parameter(torch.tensor(_MARGIN * LEVEL))
        self.gain = nn.Parameter(torch.tensor(_LOGIT / (_MARGIN * LEVEL)))
        self.leaving = Leaving()

    def correlations(self, faces: Tensor) -> Tensor:
        """(B, L) of faces (B, 3, side, side)."""
        chroma = torch.einsum("ac,bchw->bahw", self.axes, faces)
        products = self.waves @ chroma @ self.waves.T
        return products.flatten(1) @ (self.read * self.band).flatten(1).T

    def residual(self, faces: Tensor, bits: Tensor) -> Tensor:
        """What writes the bits (B, L) in {-1, +1} into the faces: (B, 3, side, side)."""
        correlations = self.correlations(faces)
        found = (correlations.abs() / self.margin).clamp(max=1).mean(1, keepdim=True)
        moves = self.leaving(found) * bits * (self.margin - bits * correlations).clamp(min=0)
        products = (moves @ self.write.flatten(1)).unflatten(1, self.write.shape[1:]) * self.band
        chroma = self.waves.T @ products @ self.waves
        return torch.einsum("ac,bahw->bchw", self.axes, chroma)

    def logits(self, faces: Tensor) -> Tensor:
        """(B, L), positive: bit 1."""
        return self.gain * self.correlations(faces)
