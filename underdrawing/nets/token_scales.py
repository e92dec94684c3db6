"""Token scales for inference: nets/residual_quantizer.py in numpy, with the parameters that it trains.

Latents here are (dim, h, w) float32, grids of tokens (rows, cols) integers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_CUBIC = -0.75  # of the kernel of PyTorch's bicubic resizing


def token_grid(side: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the scale `side` on a latent of (height, width): the longer side gets `side`
    tokens."""
    longest = max(height, width)
    return max(1, (side * height + longest // 2) // longest), max(1, (side * width + longest // 2) // longest)


class TokenScales:
    """Codebooks and corrections of all scales.

    tensors: of a ResidualQuantizer, by their names there; sides: of its scales.
    """

    def __init__(self, tensors: dict[str, np.ndarray], sides: tuple[int, ...]):
        self.sides = sides
        self._codebooks = tensors["codebooks"]
        kernels = [tensors[f"phi.{scale}.weight"] for scale in range(len(sides))]
        self._kernels = [kernel.reshape(len(kernel), -1) for kernel in kernels]
        self._biases = [tensors[f"phi.{scale}.bias"] for scale in range(len(sides))]

    def quantize(self, latent: np.ndarray, prefix: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Tokens of the first `prefix` scales, and the latent that they describe."""
        tokens, total = [], np.zeros_like(latent)
        for scale, side in enumerate(self.sides[:prefix]):
            down, across = map(averaging, token_grid(side, *latent.shape[1:]), latent.shape[1:])
            pooled = np.moveaxis(down @ (latent - total) @ across.T, 0, 2)
            codes = self._codebooks[scale]
            tokens.append(((codes**2).sum(1) - 2 * pooled @ codes.T).argmin(2))
            total += self._part(tokens[-1], scale, latent.shape[1:])
        return tokens, total

    def total(self, tokens: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """The latent of a prefix of token grids, (dim, *size)."""
        total = np.zeros((self._codebooks.shape[2], *size), np.float32)
        for scale, grid in enumerate(tokens):
            total += self._part(grid, scale, size)
        return total

    def _part(self, grid: np.ndarray, scale: int, size: tuple[int, ...]) -> np.ndarray:
        """Codes enlarged to the latent's size, and their 3x3 correction."""
        down, across = map(bicubic, size, grid.shape)
        enlarged = down @ np.moveaxis(self._codebooks[scale][grid], 2, 0) @ across.T
        padded = np.pad(enlarged, ((0, 0), (1, 1), (1, 1)))
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
        columns = around.transpose(0, 3, 4, 1, 2).reshape(self._kernels[scale].shape[1], -1)
        corrected = self._kernels[scale] @ columns + self._biases[scale][:, None]
        return enlarged + corrected.reshape(enlarged.shape)


@lru_cache(maxsize=64)
def averaging(cells: int, length: int) -> np.ndarray:
    """(cells, length) float32: adaptive average pooling; cells overlap where the length is no multiple."""
    matrix = np.zeros((cells, length), np.float32)
    for i in range(cells):
        first, last = i * length // cells, -(-(i + 1) * length // cells)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


@lru_cache(maxsize=64)
def bicubic(length: int, cells: int) -> np.ndarray:
    """(length, cells) float32: bicubic resizing with the ends repeated (Keys 1981, a = -.75)."""
    at = (np.arange(length) + 0.5) * cells / length - 0.5
    first = np.floor(at).astype(int) - 1
    matrix = np.zeros((length, cells))
    for tap in range(4):
        distance = np.abs(at - first - tap)
        near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
        far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
        np.add.at(matrix, (np.arange(length), (first + tap).clip(0, cells - 1)), np.where(tap % 3, near, far))
    return matrix.astype(np.float32)
