"""Training recipes of Imuge.

paper, gpu-25min, cpu-2h, smoke            published networks and losses, at four budgets
code                                       the same with the settings of the authors' released code
ablation-...                               the six rows of the paper's table 3 at one small budget
lean-gpu-25min, lean-cpu-2h, lean-smoke    lean networks and their losses
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from underdrawing.attacks.training_layer import Attacks
from underdrawing.systems.imuge.network_lean import LeanConfig
from underdrawing.systems.imuge.network_published import PublishedConfig
from underdrawing.train.run import CropRecipe


@dataclass(frozen=True)
class PublishedRecipe(CropRecipe):
    """Training as published (sec. 3.3 to 3.5, 4.1)."""

    shortest: tuple[int, int] = (256, 512)
    betas: tuple[float, float] = (0.9, 0.999)
    """Of Adam."""
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
    """Whether there are discriminators (critics)."""
    decoupling: bool = True
    """Task decoupling: the decoder gets the true mask in the first part of the run."""
    decoupled_until: float = 0.5
    """Share of the run with task decoupling (100 of 200 epochs)."""
    converged_cls: float | None = None
    """Running mean of the classification loss that ends the decoupling earlier; None: never."""
    progressive: bool = True
    """Progressive recovery, in four stages."""
    stage: float = 0.1
    """Length of each stage but the last, as a share of the run (20 of 200 epochs)."""
    fade: float = 0.5
    """Share of a stage in which its new segments are blended in."""
    least_squares: bool = True
    """Least-squares critics (equations 7 and 9); False: cross entropy."""
    hinge_db: float | None = None
    """Container PSNR above which the container's losses are zero; None: never."""
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
class LeanRecipe(CropRecipe):
    """Training of the lean networks: container PSNR set by the period, free-form masks, real JPEG."""

    shortest: tuple[int, int] = (256, 512)
    networks: LeanConfig = field(default_factory=LeanConfig)
    attacks: Attacks = field(default_factory=_lean_attacks)
    locate: float = 0.6
    """Weight of the mask's cross entropy (nats)."""
    recover: float = 1.0
    """Weight of the recovery loss, log_masked_mse."""
    smooth: float = 0.3
    """Weight of the same loss at 1/8 of the sides: colours before detail."""
    encoder_rate: float = 0.1
    """The encoder's learning rate as a share of the others'."""
    encoder_from: float = 0.7
    """Share of the run without training of the encoder: gradients of untrained readers degrade its code."""
    harden: tuple[float, float] = (0.0, 0.05)
    """Shares of the run between which the attacks' severity rises to 1."""
    small_side: int = 128
    """Sides of the crops in the first part of the run; batches have as many pixels as later ones."""
    small_until: float = 0.55
    """Share of the run with small crops."""
    true_mask_until: float = 0.5
    """Share of the run with true masks only; later half of the batches use predicted masks."""


_PAPER = PublishedRecipe(
    epochs=200, learning_rate=2e-4, warmup=0.0, floor=1.0, clip=float("inf"), average=0.0,
)  # fmt: skip
_SMALL = PublishedRecipe(learning_rate=2e-4, warmup=0.01, converged_cls=0.1)
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
_LEAN = LeanRecipe(batch=4, learning_rate=1.2e-3, minutes=120.0)

RECIPES: dict[str, PublishedRecipe | LeanRecipe] = {
    "paper": _PAPER,
    "code": replace(
        _PAPER, batch=4, epochs=100, learning_rate=1e-3, alpha=1.0, beta=1.0, gamma=1.0, theta=1.0,
        least_squares=False, hinge_db=33.0, converged_cls=0.1,
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
                          shortest=(128, 200), small_side=64, steps=20),
}  # fmt: skip
"""By the name that `--recipe` takes."""
