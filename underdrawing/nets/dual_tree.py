"""Real parts of four bands of the dual-tree complex wavelet transform, and their synthesis, in PyTorch.

The matrices are those of ops.dual_tree; as constants, they are no parameters of a weight file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from underdrawing.ops.dual_tree import cumulated

_HALF = 0.5**0.5


class DualTreeBands(nn.Module):
    """Bands 1, 3, 4 and 6 (15, 75, 105, 165 degrees) of the last level; m = side / 2^levels."""

    def __init__(self, side: int, levels: int) -> None:
        super().__init__()
        filters = cumulated(side, levels)
        for name in ("low", "high", "low_back", "high_back"):
            matrix = torch.from_numpy(getattr(filters, name)).float()
            trees = (matrix[:, 0::2], matrix[:, 1::2]) if "back" in name else (matrix[0::2], matrix[1::2])
            for tree, part in zip("ab", trees, strict=True):
                self.register_buffer(f"{name}_{tree}", part.contiguous(), persistent=False)

    def analyse(self, picture: Tensor) -> Tensor:
        """(B, side, side) -> (B, 4, m, m)."""
        rows = [
            high @ picture @ low.T for high, low in ((self.high_a, self.low_a), (self.high_b, self.low_b))
        ]
        columns = [
            low @ picture @ high.T for high, low in ((self.high_a, self.low_a), (self.high_b, self.low_b))
        ]
        bands = rows[0] - rows[1], columns[0] - columns[1], columns[0] + columns[1], rows[0] + rows[1]
        return _HALF * torch.stack(bands, 1)

    def synthesise(self, change: Tensor) -> Tensor:
        """(B, 2, m, m) change of bands 1 and 3 -> (B, side, side) change of the picture."""
        one, three = _HALF * change[:, 0], _HALF * change[:, 1]
        rows = self.high_back_a @ one @ self.low_back_a.T - self.high_back_b @ one @ self.low_back_b.T
        return (
            rows + self.low_back_a @ three @ self.high_back_a.T - self.low_back_b @ three @ self.high_back_b.T
        )
