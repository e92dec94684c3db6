"""Embedder and reader of many faces at once (arXiv 2604.26342; a reading, the paper states no layers).

    faces (N, 4, 128, 128) -> detail -> plain code ------------------------------ x gains --+-> residuals
                                 |-> shared trunk -> F --- FiLM -> upwards -> gains, learned -+
                                                     |-> tokens + bits -> attention across faces

    faces -> detail -> c_i ------------------------------------------------------- + -> payload logits
                |-> agreement -> z-score -----------------------------------------+ -> logits of the map
                |-> shared trunk -> F -> FiLM by tokens after attention across faces -> learned parts

The fourth channel is 1 inside the picture and 0 outside. At the start the learned parts are 0 and the
networks are the plain code of patterns.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.transformer import Layer
from underdrawing.systems.dawf import patterns

MAP_SIDE = 32
"""Of the map of a face: cells of 4 px of the aligned face."""


@dataclass(frozen=True)
class Config:
    """Architecture of both networks."""

    bits: int = 64
    """L of each face; coding.short_identity has codes for 30, 64 and 128."""
    width: int = 16
    """Channels of the trunk at half the grid; twice as many at a quarter."""
    token: int = 64
    """Width of the token of a face. 256 in the reading of the paper."""
    layers: int = 2
    """Of attention across faces."""
    heads: int = 4
    payload_margin: float = 0.8
    """Least |c_i| after embedding."""
    payload_levels: float = 14.0
    """Least change of <p_i, luma> in levels that the margin stands for: flat faces have small details."""
    pilot: float = 10.0
    """Margin of the pilot in margins of a bit."""
    agreement_margin: float = 0.22
    """Least agreement after embedding."""
    agreement_levels: float = 1.0
    """The same in levels of the field's amplitude."""


class Detail(nn.Module):
    """(N, 4, 128, 128) -> z and its factor g on luma, (N, 1, 64, 64); as patterns.detail."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = Mean(patterns.DETAIL_SIGMA)
        self.register_buffer("luma", torch.tensor(patterns.LUMA).view(1, 3, 1, 1))

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        small = F.avg_pool2d(faces, 2)
        luma = (small[:, :3] * self.luma).sum(1, keepdim=True)
        above = luma - self.mean(luma)
        gain = small[:, 3:] / (torch.sqrt(self.mean(above * above) + 1e-4) + patterns.FLOOR)
        return above * gain, gain


class Mean(nn.Module):
    """Gaussian mean of (N, 1, h, w); beyond the border the last pixels are repeated."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        weights = torch.from_numpy(patterns.gaussian(sigma))
        self.reach = len(weights) // 2
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        r = self.reach
        x = F.pad(x, (r, r, r, r), mode="replicate")
        return F.conv2d(F.conv2d(x, self.weights.view(1, 1, -1, 1)), self.weights.view(1, 1, 1, -1))


class Faces(nn.Module):
    """Attention across the faces of a picture: tokens (N, D) -> scale and offset (N, 2 C, 1, 1) for FiLM."""

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config.token, config.heads) for _ in range(config.layers))
        self.film = nn.Linear(config.token, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, tokens: Tensor, maps: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (N, C, h, w) changed by the tokens. mask: (N, N) bool, faces of one picture; None: all are."""
        x = tokens[None]
        for layer in self.layers:
            x, _ = layer(x, mask, None)
        scale, offset = self.film(x[0])[:, :, None, None].chunk(2, 1)
        return maps * (1 + scale) + offset


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    return nn.Sequential(conv, nn.GroupNorm(4, outputs), nn.SiLU())


def _zero(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Embedder(nn.Module):
    """Residuals of the faces of a picture, or of several."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.detail, self.near = Detail(), Mean(patterns.AGREEMENT_SIGMA)
        self.patterns = nn.Parameter(torch.from_numpy(patterns.payload_patterns(config.bits).copy()))
        self.field = nn.Parameter(torch.from_numpy(patterns.agreement_field().copy())[None, None])
        inside = torch.from_numpy(patterns.ellipse(patterns.INTERIOR))
        self.register_buffer("inside", inside)
        self.register_buffer("ratio", torch.tensor([1.0] * config.bits + [config.pilot]))
        self.register_buffer("window", torch.from_numpy(patterns.window()))
        self.trunk = nn.Sequential(
            _conv(4, width, 2), _conv(width, 2 * width, 2), _conv(2 * width, 2 * width)
        )
        self.token, self.bits = nn.Linear(2 * width, config.token), nn.Linear(config.bits, config.token)
        self.faces = Faces(config, 2 * width)
        self.up = _conv(2 * width, width)
        self.learned = _zero(nn.Conv2d(width + 2, 5, 3, padding=1))

    def forward(self, faces: Tensor, bits: Tensor, strength: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, 3, 128, 128) residuals in levels. bits: (N, L) in {-1, 1}; strength: (N,) factor on margins."""
        z, gain = self.detail(faces)
        strength = strength.view(-1, 1)
        payload = self.payload(z, gain, bits, strength)
        agreement = self.agreement(z, gain, strength.view(-1, 1, 1, 1))
        maps = self.trunk(torch.cat([z, 10 * gain, payload / 8, agreement / 8], 1))
        tokens = self.token(maps.mean((2, 3))) + self.bits(bits)
        maps = self.up(self.faces(tokens, maps, mask))
        maps = F.interpolate(maps, scale_factor=4, mode="bilinear", align_corners=False)
        learned = self.learned(torch.cat([maps, payload / 8, agreement / 8], 1))
        gains = 1 + torch.tanh(learned[:, :2])
        total = gains[:, :1] * payload + gains[:, 1:] * agreement + 8 * torch.tanh(learned[:, 2:])
        return F.interpolate(total * self.window, scale_factor=2, mode="bilinear", align_corners=False)

    def payload(self, z: Tensor, gain: Tensor, bits: Tensor, strength: Tensor) -> Tensor:
        """(N, 1, 64, 64) levels: the least change along each pattern that brings its bit to the margin."""
        rows, signs = self.patterns.flatten(1), F.pad(bits, (0, 1), value=1.0)
        found, slope = z.flatten(1) @ rows.T, gain.flatten(1) @ rows.square().T + 1e-4
        margin = strength * torch.clamp(self.config.payload_levels * slope, min=self.config.payload_margin)
        change = signs * F.relu(margin * self.ratio - signs * found) / slope
        most = MOST_LEVELS * self.ratio
        return (torch.maximum(torch.minimum(change, most), -most) @ rows).view_as(z)

    def agreement(self, z: Tensor, gain: Tensor, strength: Tensor) -> Tensor:
        """(N, 1, 64, 64) levels: the field, where the agreement is below the margin."""
        slope = self.near(gain) + 1e-4
        levels, least = self.config.agreement_levels, self.config.agreement_margin
        missing = F.relu(strength * torch.clamp(levels * slope, min=least) - self.near(z * self.field))
        return self.field * self.inside * (missing / slope).clamp(max=16)


class Reader(nn.Module):
    """Payload and map of the faces of a picture, or of several."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.detail, self.near = Detail(), Mean(patterns.AGREEMENT_SIGMA)
        self.wide = Mean(WIDE_SIGMA)
        self.patterns = nn.Parameter(torch.from_numpy(patterns.payload_patterns(config.bits).copy()))
        self.field = nn.Parameter(torch.from_numpy(patterns.agreement_field().copy())[None, None])
        inside = torch.from_numpy(patterns.ellipse(patterns.REPLACED))[None, None]
        self.register_buffer("inside", F.avg_pool2d(inside, 2))
        self.register_buffer("distance", torch.from_numpy(patterns.distance(MAP_SIDE))[None, None])
        self.scale, self.plain = nn.Parameter(torch.tensor([4.0])), nn.Parameter(torch.tensor(PLAIN_MAP))
        self.trunk = nn.Sequential(
            _conv(5, width, 2), _conv(width, 2 * width, 2), _conv(2 * width, 2 * width)
        )
        self.token = nn.Linear(2 * width + 2, config.token)
        self.faces = Faces(config, 2 * width)
        self.up = _conv(2 * width, width)
        self.learned_map = _zero(nn.Conv2d(width + 3, 1, 3, padding=1))
        self.squeeze = nn.Conv2d(2 * width, 4, 1)
        self.learned_bits = _zero(nn.Linear(4 * 16 * 16, config.bits))

    def forward(self, faces: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits of the payload (N, L), positive: bit 1; of the map (N, 1, 32, 32), positive: forged."""
        z, gain = self.detail(faces)
        found = z.flatten(1) @ self.patterns.flatten(1).T
        payload, pilot = found[:, :-1], found[:, -1:]
        agreement = self.near(z * self.field)
        evidence, whole = self.evidence(agreement)
        maps = self.trunk(torch.cat([z, 10 * gain, z * self.field, 4 * agreement, z.square()], 1))
        level = torch.cat([maps.mean((2, 3)), 4 * whole.flatten(1), pilot / 4], 1)
        maps = self.faces(self.token(level), maps, mask)
        up = F.interpolate(self.up(maps), scale_factor=2, mode="bilinear", align_corners=False)
        small, inside = F.avg_pool2d(4 * agreement, 2), self.inside.expand_as(evidence)
        learned = self.learned_map(torch.cat([up, evidence / 4, small, inside], 1))
        logits = self.scale * payload + self.learned_bits(self.squeeze(maps).flatten(1))
        return logits, evidence + learned

    def evidence(self, agreement: Tensor) -> tuple[Tensor, Tensor]:
        """Plain logits of the map (N, 1, 32, 32), and the mean agreement of each face (N, 1, 1, 1)."""
        around = F.avg_pool2d(self.wide(agreement), 2)
        weight = self.inside / self.inside.sum()
        whole = (F.avg_pool2d(agreement, 2) * weight).sum((2, 3), keepdim=True)
        local, face, place, offset = self.plain
        return offset - local * around - face * whole - place * self.distance, whole


MOST_LEVELS = 120.0
"""Largest change of <p_i, luma> for a bit."""
WIDE_SIGMA = 3.0
"""Of the mean of the agreement that the plain map is of, px of the grid."""
PLAIN_MAP = (10.5, 20.4, 2.9, 5.8)
"""Factors on the agreement around a place, on that of the face and on the squared distance from its middle,
and the offset: logistic regression on the cells of 1,100 faces of the train split, half of them forged, after
codecs and changes of colour."""


class Dawf(nn.Module):
    """Both networks in one weight file."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.embedder, self.reader = Embedder(config), Reader(config)
