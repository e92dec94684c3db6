"""BoxPromptIML's student: gated fusion, observed map, recalled map, their mixture, refinement.

Guo et al., "From Passive Perception to Active Memory", AAAI 2026 (arXiv 2511.20359).

    maps of the trunk -> MGFM -> F_fused, G_avg                                (mgfm.py)
    A_base  = conv1x1(F_fused)                    A_mem: read from the memory bank by F_fused
    A_final = alpha (A_base * G_avg) + (1 - alpha) A_mem
    A_refined = sigmoid(A_final + R(A_final))     R: two convolutions

All A but A_refined are in nats: where the gates close, the observed evidence is 0 and only the memory counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from underdrawing.content.manipulation_trunk.network import CHANNELS
from underdrawing.nets.localizer_outputs import LocalizerOutputs, certainty
from underdrawing.systems.box_prompt_iml.mgfm import OPEN, GatedFusion, MemoryBank

REFINEMENT = 16
"""Channels inside the refinement."""


@dataclass(frozen=True)
class Config:
    """Architecture. The paper's sizes are not in its public text; these are a reading."""

    channels: tuple[int, ...] = CHANNELS
    """Of the trunk's maps, strides 4 to 32."""
    width: int = 64
    """d: channels of all maps behind the trunk."""
    prototypes: int = 64
    """Of the memory bank."""
    memory: bool = True
    """False: alpha = 1, so that A_final = A_base * G_avg."""
    gates: bool = True
    """False: G_i = 1."""


RELEASED = Config()
"""Of the recipe `lean`, and of the graph beside the weights."""


class DualGuidance(nn.Module):
    """A_final = alpha (A_base * G_avg) + (1 - alpha) A_mem, alpha = sigmoid(a), a trained from 0.

    memory: False for alpha = 1, not trained.
    """

    def __init__(self, memory: bool = True) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.full((1,), 0.0 if memory else OPEN), requires_grad=memory)

    def forward(self, base: Tensor, gate: Tensor, memory: Tensor) -> Tensor:
        """Maps (B, 1, h, w); base and memory in nats, gate in [0, 1]."""
        alpha = self.a.sigmoid()
        return alpha * (base * gate) + (1 - alpha) * memory


class BoxPromptIML(nn.Module):
    """Images (B, 3, H, W) in 0..255, which it does not read itself, and the trunk's maps -> LocalizerOutputs.

    `logits` is the logit of A_refined; `reliability` is 1 - H(A_refined) / ln 2.
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        self.fusion = GatedFusion(config.channels, config.width, config.gates)
        self.base = nn.Conv2d(config.width, 1, 1)
        self.memory = MemoryBank(config.width, config.prototypes)
        self.guidance = DualGuidance(config.memory)
        last = nn.Conv2d(REFINEMENT, 1, 3, padding=1)
        nn.init.zeros_(last.weight)  # A_refined starts as the sigmoid of A_final
        nn.init.zeros_(last.bias)
        self.refinement = nn.Sequential(nn.Conv2d(1, REFINEMENT, 3, padding=1), nn.ReLU(), last)

    def forward(self, images: Tensor, maps: Sequence[Tensor]) -> LocalizerOutputs:
        features, gate = self.fusion(maps)
        base, memory = self.base(features), self.memory(features)
        final = self.guidance(base, gate, memory)
        logits = final + self.refinement(final)
        return LocalizerOutputs(logits, certainty(logits), {"base": base, "gate": gate, "memory": memory})
