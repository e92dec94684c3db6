"""A photograph's tokens as bits; any prefix of whole scales can be decoded.

    image --> longer side 256 px --> grids z_s1 ... z_sK --> indices, coarse to fine, row by row --> bits

A picture of other proportions than a square has fewer tokens along its shorter side (token_grid).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from underdrawing.core.errors import CapacityError, CodeError, ShapeError
from underdrawing.nets.code_order import pseudo_gray
from underdrawing.nets.loading import load_network, save_network
from underdrawing.nets.residual_quantizer import token_grid
from underdrawing.nets.token_net import BLOCK, TokenConfig, TokenNet

WEIGHTS = Path(__file__).parent / "weights" / "tokens.safetensors"
LONGER_PX = 256
SMALLEST_PX = 16
"""Least side of a picture."""


class Tokenizer:
    """Photographs to tokens and bits, and back; weights are loaded at the first use."""

    def __init__(self, weights: Path | TokenNet = WEIGHTS) -> None:
        self._from = weights

    @cached_property
    def net(self) -> TokenNet:
        """The networks in evaluation mode."""
        if isinstance(self._from, TokenNet):
            return self._from.eval()
        return load_network(self._from, TokenConfig, TokenNet)

    @property
    def scales(self) -> int:
        """Number of scales."""
        return len(self.net.config.sides)

    @property
    def token_bits(self) -> int:
        """Bits of a token."""
        return (self.net.config.codes - 1).bit_length()

    def grids(self, height: int, width: int) -> list[tuple[int, int]]:
        """Rows and columns of every scale for a picture of that size."""
        rows, columns = (side // BLOCK for side in working_sides(height, width))
        return [token_grid(side, rows, columns) for side in self.net.config.sides]

    def lengths_bits(self, height: int, width: int) -> list[int]:
        """Bits of the first 1, 2, ... all scales."""
        counts = np.cumsum([rows * columns for rows, columns in self.grids(height, width)])
        return [int(count) * self.token_bits for count in counts]

    def prefix_for(self, room_bits: int, height: int, width: int) -> int:
        """Number of scales that fit into so many bits; 0 where the first does not."""
        return sum(length <= room_bits for length in self.lengths_bits(height, width))

    @torch.inference_mode()
    def encode(self, image_u8: np.ndarray, prefix: int | None = None) -> list[np.ndarray]:
        """Indices (rows, columns) int64 of each of the first `prefix` scales (None: all) of (H, W, 3)."""
        latent = self.latent(image_u8)
        tokens, _ = self.net.quantizer.quantize(latent, self.scales if prefix is None else prefix)
        return [grid[0].numpy() for grid in tokens]

    @torch.inference_mode()
    def latent(self, image_u8: np.ndarray) -> Tensor:
        """(1, dim, h, w) of a picture. ShapeError for another array or less than 16 px a side."""
        if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
            raise ShapeError(f"expected a picture (H, W, 3) uint8, got {image_u8.shape} {image_u8.dtype}")
        height, width = image_u8.shape[:2]
        if min(height, width) < SMALLEST_PX:
            raise ShapeError(f"expected sides of at least {SMALLEST_PX} px, got {width}x{height}")
        rows, columns = working_sides(height, width)
        small = cv2.resize(image_u8, (columns, rows), interpolation=cv2.INTER_AREA)
        picture = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
        return self.net.encoder(picture)

    @torch.inference_mode()
    def decode(self, tokens: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
        """The picture (height, width, 3) uint8 of a prefix of at least one scale."""
        size = tuple(side // BLOCK for side in working_sides(height, width))
        grids = [torch.from_numpy(np.asarray(grid, np.int64))[None] for grid in tokens]
        return self.picture(self.net.quantizer.total(grids, size), len(tokens), height, width)

    @torch.inference_mode()
    def picture(self, total: Tensor, prefix: int, height: int, width: int) -> np.ndarray:
        """The picture of a running total (1, dim, h, w) of the first `prefix` scales."""
        decoded = self.net.decoder(total, torch.tensor([prefix]))[0].permute(1, 2, 0)
        levels = np.rint(255 * decoded.clamp(0, 1).numpy()).astype(np.uint8)
        return cv2.resize(levels, (width, height), interpolation=cv2.INTER_CUBIC)

    def to_bits(self, tokens: Sequence[np.ndarray]) -> np.ndarray:
        """Indices as uint8 bits, most significant first."""
        flat = np.concatenate([np.asarray(grid).ravel() for grid in tokens]) if tokens else np.zeros(0, int)
        shifts = np.arange(self.token_bits)[::-1]
        return (flat[:, None] >> shifts & 1).astype(np.uint8).ravel()

    def from_bits(self, bits: np.ndarray, height: int, width: int) -> list[np.ndarray]:
        """The whole scales in the bits of a code; a rest at the end is ignored.

        CodeError for more bits than all scales have, or fewer than the first.
        """
        lengths = self.lengths_bits(height, width)
        if len(bits) > lengths[-1]:
            raise CodeError(f"a code of {len(bits)} bits for a picture that has at most {lengths[-1]}")
        prefix = self.prefix_for(len(bits), height, width)
        if not prefix:
            raise CodeError(f"{len(bits)} bits are less than the first scale's {lengths[0]}")
        rows = np.asarray(bits[: lengths[prefix - 1]], np.int64).reshape(-1, self.token_bits)
        flat = rows @ (1 << np.arange(self.token_bits)[::-1])
        grids, start = [], 0
        for shape in self.grids(height, width)[:prefix]:
            count = shape[0] * shape[1]
            grids.append(flat[start : start + count].reshape(shape))
            start += count
        return grids

    def fit(self, image_u8: np.ndarray, room_bits: int) -> np.ndarray:
        """The longest code of at most `room_bits`: uint8 bits. CapacityError where not one scale fits."""
        height, width = image_u8.shape[:2]
        prefix = self.prefix_for(room_bits, height, width)
        if not prefix:
            least = self.lengths_bits(height, width)[0]
            raise CapacityError(f"{room_bits} bits hold no scale of tokens; the first takes {least}")
        return self.to_bits(self.encode(image_u8, prefix))


def working_sides(height: int, width: int) -> tuple[int, int]:
    """Sides in px of the resized picture: the longer one 256, both multiples of 16."""
    factor = LONGER_PX / max(height, width)
    rows, columns = (max(1, round(side * factor / BLOCK)) * BLOCK for side in (height, width))
    return rows, columns


def save_tokens(net: TokenNet, path: Path, metadata: dict[str, str]) -> None:
    """Write a weight file, with codes ordered so that a single bit error has a small effect."""
    stored = TokenNet(net.config)
    stored.load_state_dict({name: net.state_dict()[name] for name in stored.state_dict()})
    for scale, book in enumerate(stored.quantizer.codebooks):
        order = pseudo_gray(book.numpy().astype(np.float64))
        stored.quantizer.codebooks[scale] = book[torch.from_numpy(order)]
    save_network(stored, path, metadata)
