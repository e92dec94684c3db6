"""TAEF2: the tiny autoencoder of FLUX.2's latent space (Ollin Boer Bohan, "Tiny AutoEncoder", MIT licence).

    picture (B, 3, h, w) in [0, 1] -> TinyEncoder -> latent (B, 32, h/8, w/8) -> TinyDecoder -> picture

The weights are not part of this package: taef2_encoder.pth and taef2_decoder.pth of a folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from underdrawing.core.errors import WeightsError
from underdrawing.nets.weights import UNREADABLE

LATENT, _WIDTH, _NORMALIZED = 32, 64, 256
ENCODER, DECODER = "taef2_encoder.pth", "taef2_decoder.pth"


class _Clamp(nn.Module):
    """3 tanh(x / 3): the range of latents that the decoder was trained on."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class _Block(nn.Module):
    """Three 3x3 convolutions with a skip; `pool` adds a normalized mixture of channels before them."""

    def __init__(self, normalized: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(), nn.ReLU(), _conv(), nn.ReLU(), _conv())
        if normalized:
            self.pool = nn.Sequential(
                nn.Conv2d(_WIDTH, _NORMALIZED, 1, bias=False),
                nn.GroupNorm(4, _NORMALIZED),
                nn.ReLU(),
                nn.Conv2d(_NORMALIZED, _WIDTH, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        if hasattr(self, "pool"):
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def _conv(inputs: int = _WIDTH, outputs: int = _WIDTH, **options: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


def _halved() -> nn.Conv2d:
    return _conv(stride=2, bias=False)


def encoder() -> nn.Sequential:
    """The encoder, in the names of the published file."""
    levels = [_conv(3), _Block()]
    for normalized in (False, False, True):
        levels += [_halved(), *(_Block(normalized) for _ in range(3))]
    return nn.Sequential(*levels, _conv(outputs=LATENT))


def decoder() -> nn.Sequential:
    """The decoder, in the names of the published file."""
    levels: list[nn.Module] = [_Clamp(), _conv(LATENT), nn.ReLU()]
    for count, normalized in ((3, True), (3, False), (3, False)):
        levels += [_Block(normalized) for _ in range(count)]
        levels += [nn.Upsample(scale_factor=2), _conv(bias=False)]
    return nn.Sequential(*levels, _Block(), _conv(outputs=3))


class TinyAutoencoder:
    """Encoder and decoder of a folder, on arrays. WeightsError where a file is missing or does not fit."""

    def __init__(self, folder: Path):
        self._encoder, self._decoder = (
            _loaded(network, folder / name) for network, name in ((encoder(), ENCODER), (decoder(), DECODER))
        )

    @torch.inference_mode()
    def encode(self, picture: np.ndarray) -> np.ndarray:
        """(1, 3, h, w) float32 in [0, 1] -> latent (1, LATENT, h/8, w/8)."""
        return self._encoder(torch.from_numpy(picture)).numpy()

    @torch.inference_mode()
    def decode(self, latent: np.ndarray) -> np.ndarray:
        """Latent -> picture, about [0, 1]."""
        return self._decoder(torch.from_numpy(latent)).numpy()


def _loaded(network: nn.Sequential, path: Path) -> nn.Sequential:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({name: value.float() for name, value in state.items()})
    except (*UNREADABLE, AttributeError, EOFError) as error:
        raise WeightsError(f"{path}: no part of TAEF2 can be loaded from it ({error})") from error
    return network.eval().requires_grad_(False)
