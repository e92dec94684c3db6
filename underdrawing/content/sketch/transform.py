"""The sketch's transform for inference: picture -> latent -> tokens, and back (training: sketch_net.py).

Pictures are (H, W, 3) uint8, sides multiples of BLOCK; latents are (C, H / BLOCK, W / BLOCK) float32.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from underdrawing.content.sketch.parameters import BLOCK, STEP_REFERENCE, Config
from underdrawing.nets.graph import Graph
from underdrawing.nets.token_scales import TokenScales
from underdrawing.nets.weights import read_config, read_tensors

DECODER = Path(__file__).parent / "weights" / "decoder.onnx"


class Transform:
    """Analysis, token scales and decoder of one weight file; each is loaded at its first use."""

    def __init__(self, weights: Path):
        self._path = weights
        self._decoder = Graph(DECODER, weights, "net.decoder.")

    @cached_property
    def config(self) -> Config:
        """Of the weights."""
        return Config(**read_config(self._path))

    def latent(self, picture: np.ndarray) -> np.ndarray:
        """Orthonormal transform of lapped blocks, in levels."""
        overlap, analysis = self._analysis
        mixed = mix_borders(picture.transpose(2, 0, 1).astype(np.float32) - 128, overlap)
        rows, cols = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
        blocks = mixed.reshape(3, rows, BLOCK, cols, BLOCK).transpose(0, 2, 4, 1, 3)
        return (analysis @ blocks.reshape(-1, rows * cols)).reshape(-1, rows, cols)

    def quantize(self, latent: np.ndarray, prefix: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Tokens of the first `prefix` scales, and the part of the latent that they describe."""
        tokens, described = self._scales.quantize(latent[: self.config.token_dim], prefix)
        return tokens, self._widened(described)

    def picture(self, tokens: list[np.ndarray], refinement: np.ndarray, step: float) -> np.ndarray:
        """The picture of tokens plus refinement, a latent of symbols times `step` levels (0: tokens only)."""
        described = self._widened(self._scales.total(tokens, refinement.shape[1:]))
        share = len(tokens) / len(self.config.sides)
        condition = [np.log2(step / STEP_REFERENCE) if step else 0, step == 0, share, not tokens]
        (image,) = self._decoder(
            latent=(described + refinement)[None],
            refinement=refinement[None],
            step=np.array([step], np.float32),
            condition=np.array([condition], np.float32),
        )
        return np.rint(image[0]).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)

    def _widened(self, described: np.ndarray) -> np.ndarray:
        """The latent of the tokens with zero channels up to the latent's."""
        return np.pad(described, ((0, self.config.channels - len(described)), (0, 0), (0, 0)))

    @cached_property
    def _analysis(self) -> tuple[np.ndarray, np.ndarray]:
        tensors = read_tensors(self._path, "net.encoder.")
        return tensors["overlap"], tensors["analysis.weight"][:, :, 0, 0]

    @cached_property
    def _scales(self) -> TokenScales:
        return TokenScales(read_tensors(self._path, "net.quantizer."), self.config.sides)


def mix_borders(planes: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """Apply a matrix of nets/lapped.py across every inner block border of (C, H, W) float32."""
    return _along_width(_along_width(planes, overlap).swapaxes(1, 2), overlap).swapaxes(1, 2)


def _along_width(planes: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    half = len(overlap) // 2
    mixed = planes.copy()
    inner = mixed[..., half:-half]
    inner[:] = (inner.reshape(-1, len(overlap)) @ overlap.T).reshape(inner.shape)
    return mixed
