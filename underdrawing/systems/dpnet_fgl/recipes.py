"""Training recipes of DPNet.

paper                   the sizes of the backbones of its comparison, 256 px
lean                    what a processor core trains in half an hour, from the trained trunk
ablation-...            the same for fewer steps: whole, and without one part each
smoke                   20 steps of a tiny network
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from underdrawing.content.face_trunk.starting import ABLATION_STEPS, StartedRecipe
from underdrawing.systems.dpnet_fgl.guidance import Guidance
from underdrawing.systems.dpnet_fgl.network import RELEASED, Config


@dataclass(frozen=True)
class DPNetRecipe(StartedRecipe):
    """Training of DPNet."""

    network: Config = field(default_factory=Config)
    contrast: float = 0.1
    """Weight of the supervised contrastive loss."""
    guidance: Guidance | None = field(default_factory=Guidance)
    """FGL; None: all kinds of forgery in every batch, and no virtual step."""


_PAPER = DPNetRecipe(
    network=Config(width=64, embedding=256), side=256, batch=32, dense=0.0, ranking=0.0,
    learning_rate=2e-4, epochs=20, warmup=0.0, floor=1.0, clip=float("inf"), average=0.0,
)  # fmt: skip
_LEAN = DPNetRecipe(network=RELEASED, batch=36, learning_rate=2e-3, minutes=25.0, imagenet=True, squares=0.3)
_ABLATION = replace(_LEAN, steps=ABLATION_STEPS)

RECIPES: dict[str, DPNetRecipe] = {
    "paper": _PAPER,
    "lean": _LEAN,
    "resnet": replace(_LEAN, network=replace(RELEASED, lite=False)),
    "ablation-none": _ABLATION,
    "ablation-no-fgl": replace(_ABLATION, guidance=None),
    "ablation-no-graph": replace(_ABLATION, network=replace(RELEASED, graph_layers=0)),
    "ablation-frequency": replace(_ABLATION, network=replace(RELEASED, spatial=False)),
    "ablation-spatial": replace(_ABLATION, network=replace(RELEASED, frequency=False)),
    "smoke": replace(_LEAN, network=Config(width=8, embedding=16, neighbours=3), side=32, batch=12,
                     steps=20, imagenet=False),
}  # fmt: skip
"""By the name that `--recipe` takes."""
