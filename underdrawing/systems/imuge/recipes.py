"""The recipes of Imuge: what a training depends on, and the ones that have a name.

paper, gpu-25min, cpu-2h, smoke     the published networks and losses, at four budgets
code                                the same with the choices of the authors' released code
ablation-...                        the six rows of the paper's table 3 at one small budget
lean-gpu-25min, lean-cpu-2h, lean-smoke    the lean networks (lean.py) and the losses that suit a small budget
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from underdrawing.systems.imuge.attacking import Attacks
from underdrawing.systems.imuge.lean import LeanConfig
from underdrawing.systems.imuge.published import PublishedConfig


@dataclass(frozen=True)
class Recipe:
    """What both families share."""

    batch: int = 8
    """Pictures a step and process."""
    side: int = 256
    """Sides of the crops, px."""
    shortest: tuple[int, int] = (256, 512)
    """Short side that a photograph is brought to before it is cropped, px, drawn log-uniformly."""
    learning_rate: float = 2e-4
    """Peak rate of Adam."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of Adam."""
    epochs: int | None = None
    """Passes over the photographs; the length of the run where it is given."""
    steps: int | None = None
    """Length of the run in steps; None: by epochs or minutes."""
    minutes: float | None = None
    """Length of the run in minutes of work, where neither epochs nor steps are given."""
    warmup: float = 0.0
    """Share of the run in which the learning rate rises."""
    floor: float = 1.0
    """Where the learning rate ends, as a part of its peak (cosine); 1: constant."""
    clip: float = float("inf")
    """Largest norm of a player's gradient."""
    average: float = 0.0
    """Decay of the averaged parameters that are exported; 0: the last ones."""


@dataclass(frozen=True)
class PublishedRecipe(Recipe):
    """Training as published (sec. 3.3 to 3.5, 4.1)."""

    networks: PublishedConfig = field(default_factory=PublishedConfig)
    attacks: Attacks = field(default_factory=Attacks)
    alpha: float = 0.01
    """Weight of the classification loss (equation 3)."""
    beta: float = 0.005
    """Weight of the discriminative loss (equation 3)."""
    gamma: float = 0.5
    """Weight of the container in the reconstruction loss (equation 6)."""
    theta: float = 0.5
    """Weight of the container in the discriminative loss (equation 8)."""
    critics: bool = True
    """Whether there are discriminators."""
    decoupling: bool = True
    """Task decoupling: the decoder gets the true mask at first."""
    lift: float = 0.5
    """Share of the run after which the decoupling is lifted (100 of 200 epochs)."""
    lift_below: float | None = None
    """Running mean of the classification loss below which it is lifted earlier; None: never."""
    progressive: bool = True
    """Progressive recovery, in four stages."""
    stage: float = 0.1
    """Share of the run that each stage but the last takes (20 of 200 epochs)."""
    fade: float = 0.5
    """Share of a stage's time in which its new segments are faded in."""
    least_squares: bool = True
    """Critics by least squares (equations 7 and 9); otherwise by cross entropy."""
    hinge_db: float | None = None
    """Container PSNR above which the container's losses fall silent; None: never."""
    critic_width: int = 64
    """Channels of the critics' first layer."""


def _lean_attacks() -> Attacks:
    return Attacks(
        kinds=("none", "jpeg", "jpeg", "jpeg", "scale", "blur", "noise", "crop"),
        shapes=("free_form", "free_form", "blob", "box"),
        area=(0.04, 0.4), subtle=0.25,
        skip=0.06, untouched=0.06, noise=0.04, qualities=(45, 95), real_jpeg=True,
        rounding=True,
    )  # fmt: skip


@dataclass(frozen=True)
class LeanRecipe(Recipe):
    """Training of the lean networks: a fixed cost of the container, masks of any form, the real codec."""

    networks: LeanConfig = field(default_factory=LeanConfig)
    attacks: Attacks = field(default_factory=_lean_attacks)
    locate: float = 0.6
    """Weight of the mask's cross entropy, in nats."""
    recover: float = 1.0
    """Weight of the recovery: log10 of the squared error inside the mask, picture by picture."""
    smooth: float = 0.3
    """Weight of the same error at an eighth of the sides: colours first, detail later."""
    encoder_rate: float = 0.1
    """The encoder's learning rate as a part of the others': what it writes already can be read."""
    encoder_from: float = 0.7
    """Share of the run after which the encoder learns: networks that cannot yet read what is written make it
    write worse."""
    harden: tuple[float, float] = (0.0, 0.05)
    """Shares of the run between which the attacks grow from mild to full strength."""
    small_side: int = 128
    """Sides of the crops in the first part of the run, with as many more of them in a batch."""
    small_until: float = 0.55
    """Share of the run after which crops have the full sides."""
    lift: float = 0.5
    """Share of the run after which half of the batches are recovered by the predicted mask."""


_PAPER = PublishedRecipe(epochs=200)
_SMALL = replace(
    _PAPER, epochs=None, warmup=0.01, floor=0.02, clip=1.0, average=0.998, lift_below=0.1,
)  # fmt: skip
_CPU = replace(
    _SMALL, networks=PublishedConfig(width=12), side=128, shortest=(128, 300), learning_rate=1e-3,
    critic_width=16, minutes=120.0,
)  # fmt: skip
_SMOKE = replace(
    _CPU, networks=PublishedConfig(width=4), batch=4, side=64, shortest=(64, 128), steps=20, critic_width=8,
)  # fmt: skip
_ABLATION = replace(_CPU, side=64, steps=900, attacks=Attacks(kinds=("jpeg",), qualities=(70, 70)))
_NOTHING = replace(
    _ABLATION, networks=replace(_ABLATION.networks, sharing=False, verifier=False), critics=False,
    decoupling=False, progressive=False,
)  # fmt: skip
_LOCATING = replace(_NOTHING, networks=replace(_NOTHING.networks, verifier=True))
_LEAN = LeanRecipe(
    batch=4, shortest=(256, 512), learning_rate=1.2e-3, betas=(0.9, 0.99), minutes=120.0, warmup=0.02,
    floor=0.02, clip=1.0, average=0.998,
)  # fmt: skip

RECIPES: dict[str, PublishedRecipe | LeanRecipe] = {
    "paper": _PAPER,
    "code": replace(
        _PAPER, batch=4, epochs=100, learning_rate=1e-3, alpha=1.0, beta=1.0, gamma=1.0, theta=1.0,
        least_squares=False, hinge_db=33.0, lift_below=0.1,
        networks=PublishedConfig(dilations=(1, 1, 1, 1)),
        attacks=Attacks(kinds=("none", "jpeg", "jpeg", "noise", "scale"), qualities=(80, 90),
                        scales=(0.5, 0.5), area=(0.05, 0.2)),
    ),
    "gpu-25min": replace(_SMALL, batch=32, networks=PublishedConfig(width=20), minutes=25.0,
                         learning_rate=1e-3),
    "cpu-2h": _CPU,
    "smoke": _SMOKE,
    "ablation-none": _NOTHING,
    "ablation-verifier": _LOCATING,
    "ablation-critics": replace(_LOCATING, critics=True),
    "ablation-decoupling": replace(_LOCATING, critics=True, decoupling=True),
    "ablation-progressive": replace(_ABLATION, networks=_LOCATING.networks),
    "ablation-full": _ABLATION,
    "lean-gpu-25min": replace(_LEAN, batch=48, minutes=25.0, learning_rate=2e-3),
    "lean-cpu-2h": _LEAN,
    "lean-smoke": replace(_LEAN, networks=LeanConfig((16, 16), (16, 16), (16, 16)), batch=1, side=128,
                          shortest=(128, 200), small_side=64, steps=20, minutes=None),
}  # fmt: skip
"""By the name that `--recipe` takes."""
