"""Overlap of the lapped orthogonal transform, applied to pixels before the block transform.

A time-domain lapped transform (Tran, Liang and Tu, 2003) is a block transform of a picture whose block
borders were mixed:

    P = 1/2 [I  J] [I  0] [I  J]        V = J C_II' C_IV J,   J the reversal
            [J -I] [0  V] [J -I]

P is orthogonal, works on the `block` pixels centred on each inner border, along rows and then columns, and
leaves the border of the picture unchanged. The inverse spreads the error of a block over its neighbours, so
that no block edge is visible.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def overlap_matrix(block: int = 16) -> Tensor:
    """The (block, block) float32 orthogonal matrix P for an even block length in pixels."""
    half = block // 2
    n = torch.arange(half, dtype=torch.float64)
    second = torch.cos(math.pi / half * (n[None] + 0.5) * n[:, None]) * math.sqrt(2 / half)
    second[0] /= math.sqrt(2)
    fourth = torch.cos(math.pi / half * (n[None] + 0.5) * (n[:, None] + 0.5)) * math.sqrt(2 / half)
    rotation = torch.flip(second.T @ fourth, (0, 1))
    eye = torch.eye(half, dtype=torch.float64)
    reverse = torch.flip(eye, (0,))
    butterfly = torch.cat((torch.cat((eye, reverse), 1), torch.cat((reverse, -eye), 1)), 0)
    middle = torch.block_diag(eye, rotation)
    return (0.5 * butterfly @ middle @ butterfly).float()


def mix_borders(picture: Tensor, matrix: Tensor) -> Tensor:
    """Apply the matrix across every inner block border of (B, C, H, W), sides multiples of the block; same
    shape."""
    return _along_width(_along_width(picture, matrix).transpose(-1, -2), matrix).transpose(-1, -2)


def unmix_borders(picture: Tensor, matrix: Tensor) -> Tensor:
    """Undo `mix_borders` (P is orthogonal: its inverse is its transpose)."""
    return mix_borders(picture, matrix.T)


def _along_width(picture: Tensor, matrix: Tensor) -> Tensor:
    block = matrix.shape[0]
    half = block // 2
    # Padded, for a picture of one block has no inner border, and a graph has no branches.
    batch, channels, height, _ = picture.shape
    mixed = F.pad(picture, (half, half)).reshape(batch, channels, height, -1, block) @ matrix.T
    mixed = mixed.reshape(batch, channels, height, -1)
    return torch.cat((picture[..., :half], mixed[..., block:-block], picture[..., -half:]), -1)
