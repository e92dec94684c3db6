"""Courtroom: a prosecution and a defence stream on the shared trunk, a debate, and a judge.

Li, Guo, Ma, Miao, Yang, "The Courtroom Trial of Pixels", arXiv 2604.14703, 2026.

    maps -> edge prior, two cascades with disagreement suppression -> debate -> p "manipulated", d "authentic"
    z = (p - d) / 2 -> judge: one action in each uncertain block -> final logit, reliability
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.systems.courtroom import judge
from underdrawing.systems.courtroom.debate import Debate
from underdrawing.systems.courtroom.streams import DualStreams, EdgeHead, Reducers


@dataclass(frozen=True)
class Config:
    """Architecture. The abstract states no sizes: all are readings. The default is the size for a GPU."""

    channels: tuple[int, ...] = (24, 48, 96, 128)
    """Of the trunk's maps, fine to coarse."""
    widths: tuple[int, ...] = (64, 64, 64, 64)
    """Channels of the streams at each level, fine to coarse."""
    suppression: bool = True
    """Whether the streams suppress each other where they disagree."""
    rounds: int = 3
    """K of the debate; 0: none."""
    debate_level: int = 0
    """Level of the debate: 0 at 1/4 of the sides, 1 at 1/8."""
    debate_width: int = 32
    """Channels of the ConvGRU's state."""
    judge: bool = True
    """Whether there is a judge; without one the logit is z."""
    judge_width: int = 64
    """Channels of the policy and of the re-inference."""
    entropy_above: float = 0.5
    """tau_h, bits: z between .11 and .89 is uncertain."""
    disagreement_above: float = 0.25
    """tau_c."""
    step: float = 2.0
    """Of "raise" and "lower", nats."""


RELEASED = Config(widths=(24, 32, 48, 64), rounds=2, debate_level=1, debate_width=16, judge_width=24)
"""Of the recipe `lean`, and of the graph beside the weights."""


class Courtroom(nn.Module):
    """Pictures (B, 3, H, W) in 0..255 and the trunk's four maps -> LocalizerOutputs.

    parts: "prosecution", "defence" p and d, (B, 1, H/4, W/4); "prosecution.N", "defence.N" those of each
    level before the debate; "edge" logit. With a judge: "revision" (B, 1, H/4, W/4), what re-inference adds
    to z; "actions" (B, 6, H/16, W/16) logits, "blocks" (B, C, H/16, W/16) their features, "uncertain"
    (B, 1, H/16, W/16).
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        widths = tuple(config.widths)
        self.reducers = Reducers(config.channels, widths)
        self.edge = EdgeHead(widths[0], widths[1])
        self.streams = DualStreams(widths, config.suppression)
        width = widths[config.debate_level]
        self.debate = Debate(width, config.debate_width, config.rounds) if config.rounds else None
        self.judge = judge.Judge(widths[0], widths[2], config.judge_width) if config.judge else None

    def forward(self, images: Tensor, maps: list[Tensor]) -> LocalizerOutputs:
        reduced = self.reducers(maps)
        edge = self.edge(reduced[0], reduced[1])
        evidence = self.streams(reduced, edge.sigmoid())
        p, d = evidence.logits[0]
        parts = {"edge": edge}
        for level, (p_level, d_level) in enumerate(evidence.logits):
            parts |= {f"prosecution.{level}": p_level, f"defence.{level}": d_level}
        if self.debate is not None:
            p, d = self._debated(evidence.features[self.config.debate_level], p, d)
        parts |= {"prosecution": p, "defence": d}
        logits = judge.evidence(p, d)
        if self.judge is not None:
            revision, actions, blocks = self.judge(images, reduced[0], reduced[2], (p, d), edge.sigmoid())
            uncertain = self.uncertain(p, d)
            parts |= {"revision": revision, "actions": actions, "blocks": blocks, "uncertain": uncertain}
            outcomes = judge.outcomes(p, d, revision, self.config.step)
            logits = judge.applied(outcomes, actions.argmax(1, keepdim=True), uncertain)
        return LocalizerOutputs(logits, judge.reliability(logits, p, d), parts)

    def uncertain(self, p: Tensor, d: Tensor) -> Tensor:
        """Cells in which the judge acts, (B, 1, H/16, W/16) of 0 and 1."""
        config = self.config
        return judge.uncertain_blocks(p, d, config.entropy_above, config.disagreement_above)

    def _debated(self, features: tuple[Tensor, Tensor], p: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        """p and d with what the debate adds, at the debate's resolution."""
        scale = 2**self.config.debate_level
        if scale == 1:
            changes = self.debate(*features, p, d)
        else:
            coarse = self.debate(*features, F.avg_pool2d(p, scale), F.avg_pool2d(d, scale))
            changes = [
                F.interpolate(x, scale_factor=float(scale), mode="bilinear", align_corners=False)
                for x in coarse
            ]
        return p + changes[0], d + changes[1]
