"""The trunk that a TrunkConfig describes."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from underdrawing.nets.lite_trunk import LiteTrunk
from underdrawing.nets.resnet18 import ResNet18, TrunkConfig

Trunk = ResNet18 | LiteTrunk


def build_trunk(
    config: TrunkConfig, *, inputs: int = 3, attention: Callable[[int], nn.Module] | None = None
) -> Trunk:
    """A trunk with random parameters; see ResNet18."""
    return (LiteTrunk if config.lite else ResNet18)(config, inputs=inputs, attention=attention)
