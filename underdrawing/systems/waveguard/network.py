"""WaveGuard: bits in wavelet bands of a face's U, a robust reader and a semi-fragile one.

He, Guo, Wang, Yang, Diao and Ma, "WaveGuard: Robust Deepfake Detection and Source Tracing via Dual-Tree
Complex Wavelet and Graph Neural Networks", IEEE TCSVT, 2025 (arXiv 2505.08614).

    RGB -> U -> DT-CWT -> real parts of bands 1 and 3 --+--> + plain(bands, bits)     the plain code
                                                        +--> + 0.03 A(features) head(dense(features, bits))
    U' = U + inverse DT-CWT of the change of the bands;  RGB' = RGB + (U' - U) of the row of U in YUV -> RGB

    tracer    bands 1, 3, 4, 6 --> dense --> head --> linear --> + plain code --> logits
    detector  bands 1, 3       the same, with parameters of its own

The inverse transform is linear, so the change of the bands gives the change of U; Y and V keep their values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.dual_tree import DualTreeBands
from underdrawing.systems.waveguard import blocks
from underdrawing.systems.waveguard.plain import U_LEVELS, PlainDetector, PlainTracer, PlainWriter

TO_U = (-0.147, -0.289, 0.436)
"""U = 0.492 (B - Y) of RGB levels, as OpenCV has it."""
FROM_U = (0.0, -0.395, 2.032)
"""RGB of a unit of U."""
STRENGTH = 0.03
"""Of the learned change of the bands, of U in -1..1."""


@dataclass(frozen=True)
class Config:
    """Sizes; the defaults are published."""

    side: int = 128
    """Of the faces, px."""
    bits: int = 30
    """L."""
    levels: int = 2
    """Of the transform; the last one is written. At 3 the bands are 8 to 16 px long, which halved chroma
    keeps."""
    message_side: int = 30
    """Of the map that the bits become, and from which the decoders read them."""
    features: tuple[int, int] = (32, 64)
    """Channels of the two convolutions on the bands."""
    inner: int = 256
    """Channels inside a dense stage."""
    growth: int = 64
    """Channels that a dense stage adds."""
    encoder_head: tuple[int, ...] = (256, 128, 64, 4)
    decoder_head: tuple[int, ...] = (256, 128, 64, 64, 4)
    plain: bool = False
    """Start from the plain code, to which the networks add nothing at first."""

    @property
    def map_side(self) -> int:
        """m: of the bands, px."""
        return self.side >> self.levels


RELEASED = Config(
    levels=3, message_side=16, features=(16, 32), inner=64, growth=24, encoder_head=(64, 48, 24, 4),
    decoder_head=(64, 48, 24, 24, 4), plain=True,
)  # fmt: skip
"""Of the recipe `lean`, and of the graphs beside the weights."""


class WaveGuard(nn.Module):
    """Encoder and heads; see train.bits.BitsNetwork."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.encoder = Encoder(config)
        self.heads = nn.ModuleDict({"tracer": Tracer(config), "detector": Detector(config)})

    def encode(self, images: Tensor, bits: Tensor) -> Tensor:
        """(B, 3, side, side) RGB in 0..255, (B, L) in {-1, 1} -> marked faces, unclipped and unrounded."""
        return self.encoder(images, bits)


class Encoder(nn.Module):
    """Faces and bits -> marked faces."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        side, bits, width = config.map_side, config.bits, config.features[1]
        self.tree = DualTreeBands(config.side, config.levels)
        self.plain = PlainWriter(config.side, config.levels, bits) if config.plain else None
        self.features = blocks.extractor(2, config.features)
        self.attention = blocks.Attention(width)
        self.messages = nn.ModuleList(blocks.BitMaps(bits, config.message_side, side) for _ in range(3))
        self.stages = nn.ModuleList()
        for _ in self.messages:
            width += blocks.BitMaps.CHANNELS
            self.stages.append(blocks.DenseStage(width, config.inner, config.growth))
            width += config.growth
        self.head = blocks.head((width, *config.encoder_head, 2))
        if config.plain:
            _zero(self.head[-1])

    def forward(self, images: Tensor, bits: Tensor) -> Tensor:
        written = self.tree.analyse(to_u(images))[:, :2]
        features = self.features(written)
        maps = features
        for message, stage in zip(self.messages, self.stages, strict=True):
            maps = stage(torch.cat([maps, message(bits)], 1))
        change = STRENGTH * self.attention(features) * self.head(maps)
        if self.plain is not None:
            change = change + self.plain(written, bits)
        levels = U_LEVELS * self.tree.synthesise(change)
        return images + levels[:, None] * images.new_tensor(FROM_U).view(1, 3, 1, 1)


class Decoder(nn.Module):
    """Received faces -> logits (B, L), of the first `bands` of bands 1, 3, 4 and 6."""

    def __init__(self, config: Config, bands: int, plain: nn.Module | None) -> None:
        super().__init__()
        self.bands, self.message_side, width = bands, config.message_side, config.features[1]
        self.tree, self.plain = DualTreeBands(config.side, config.levels), plain
        self.features = blocks.extractor(bands, config.features)
        stages = []
        for _ in range(3):
            stages.append(blocks.DenseStage(width, config.inner, config.growth))
            width += config.growth
        self.stages = nn.Sequential(*stages)
        self.head = blocks.head((width, *config.decoder_head))
        self.plane = nn.Sequential(
            nn.Conv2d(config.decoder_head[-1], 1, 3, padding=1), nn.InstanceNorm2d(1), nn.ReLU(),
            nn.Conv2d(1, 1, 3, padding=1), nn.InstanceNorm2d(1), nn.ReLU(),
        )  # fmt: skip
        self.linear = nn.Linear(config.message_side**2, config.bits)
        if plain is not None:
            _zero(self.linear)

    def forward(self, received: Tensor) -> Tensor:
        bands = self.tree.analyse(to_u(received))
        plane = self.plane(self.head(self.stages(self.features(bands[:, : self.bands]))))
        plane = F.interpolate(plane, size=(self.message_side, self.message_side), mode="nearest")
        logits = self.linear(plane.flatten(1))
        return logits if self.plain is None else logits + self.plain(bands[:, :2])


class Tracer(Decoder):
    """The robust reader."""

    def __init__(self, config: Config) -> None:
        plain = PlainTracer(config.side, config.levels, config.bits) if config.plain else None
        super().__init__(config, 4, plain)


class Detector(Decoder):
    """The semi-fragile reader: after a forgery it reads no bits."""

    def __init__(self, config: Config) -> None:
        plain = PlainDetector(config.side, config.levels, config.bits) if config.plain else None
        super().__init__(config, 2, plain)


def to_u(images: Tensor) -> Tensor:
    """(B, 3, h, w) RGB in 0..255 -> (B, h, w): U in -1..1."""
    weights = images.new_tensor(TO_U).view(1, 3, 1, 1) / U_LEVELS
    return (images * weights).sum(1)


def _zero(layer: nn.Module) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
