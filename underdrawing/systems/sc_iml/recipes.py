"""Training recipes of Sc-IML.

lean                        what a processor core trains on the released trunk
paper                       published sizes and schedule
no-...                      as lean, without one part
...-as-released             as lean, with one error of the released code
smoke                       20 steps of a tiny network on a trunk of its own
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from underdrawing.content.manipulation_trunk.network import Config as TrunkConfig
from underdrawing.systems.sc_iml.network import RELEASED, Config
from underdrawing.train.localize import FOCUSED, SETTLED, STEPS, LocalizeRecipe, Supervision


@dataclass(frozen=True)
class ScIMLRecipe(LocalizeRecipe):
    """Training of Sc-IML."""

    supervision: Supervision = "scribbles"
    network: Config = RELEASED
    trunk: TrunkConfig | None = None
    """Of an untrained trunk; None: the released one."""
    bank_pictures: int = 384
    """Pictures of the train split whose scribbled places the banks are chosen from."""
    lsc: float = 0.3
    """Weight of LSC."""
    colour_sigmas: tuple[float, float, float] = (0.1, 0.1, 0.1)
    """Of LSC, for the finest head first; the released code comes to .1, .01, .001."""
    ssc: bool = True
    """Whether there is SSC, at a second pass for the views."""
    cem: float = 0.05
    """Last weight of CEM."""
    cem_start: float = 25 / 70
    """Share of the training before CEM."""
    cem_classes: int = 2
    """Channels of the softmax that CEM takes the entropy of. 1, as released, makes it 0."""


@dataclass(frozen=True)
class PaperRecipe(ScIMLRecipe):
    """Optimizer and schedule of the released code."""

    network: Config = field(default_factory=Config)
    side: int = 512
    batch: int = 32
    learning_rate: float = 1e-4
    epochs: int | None = 70
    clip: float = float("inf")
    average: float = 0.0
    weight_decay: float = 1e-4
    fall_after: float = 50 / 70
    """Share of the training after which the learning rate is a tenth."""


_LEAN = ScIMLRecipe(learning_rate=2e-3, steps=STEPS, focused=FOCUSED, settled=SETTLED)
_SMALL = (8, 16, 16, 16)
RECIPES: dict[str, ScIMLRecipe] = {
    "lean": _LEAN,
    "paper": PaperRecipe(),
    "no-pfmm": replace(_LEAN, network=replace(RELEASED, priors=False)),
    "no-ssc": replace(_LEAN, ssc=False),
    "no-lsc": replace(_LEAN, lsc=0.0),
    "no-cem": replace(_LEAN, cem=0.0),
    "lsc-as-released": replace(_LEAN, colour_sigmas=(0.1, 0.01, 0.001)),
    "cem-as-released": replace(_LEAN, cem_classes=1),
    "smoke": replace(
        _LEAN,
        network=Config(_SMALL, width=8, branch=8, prototypes=8, bounded=True),
        trunk=TrunkConfig(_SMALL, traces=(8, 8, 8)),
        side=64,
        batch=4,
        bank_pictures=8,
        steps=20,
    ),
}
"""By the name that `--recipe` takes."""
