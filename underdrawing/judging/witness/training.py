"""Training of the witness on samples of signed and received pictures: losses, measurement, calibration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from underdrawing.judging.signed_content import LOCAL_BITS
from underdrawing.judging.witness.network import BITS, PLANES, WitnessNet, centred
from underdrawing.judging.witness.witness import BLOCK_KILO_PX, SILENT, WEIGHTS, Calibration, log_amount
from underdrawing.nets.loading import load_network
from underdrawing.train.run import Recipe

UNTOUCHED, EDITED, OTHER, MIRRORED, MOVED = range(5)
"""Kinds of samples: MOVED is another exposure of the scene, which the signed bits can hardly tell."""
FIELDS = ("planes", "mask", "facts", "density")
"""Arrays of samples of s x s px: planes (n, s / 4, s / 4, 12) uint8 of received picture, sketch and original;
mask (n, s / 8, s / 8) uint8, altered share of a block; facts (n, 3) int32: kind, altered share of the picture
in thousandths, hash bits of a cell; density (n, s / 8, s / 8) float16, sketch bits of each block."""
KIND, AREA, HASH_BITS = range(3)
"""Columns of the facts."""
_NO_SKETCH = torch.tensor([128, 128, 128, 0], dtype=torch.uint8)[:, None, None]  # planes of a gray picture
_PEAK_WEIGHT = 1.5  # of the logits in the soft maximum
_FALSE_ALARMS = 0.002  # share of untouched pictures above the threshold
_TAIL = 0.01  # share of untouched pictures, the highest peaks of which are taken for exponential
_INPUTS = ("area", "sketch", "hash", "blocks")  # of the logistic fit, in the order of Calibration.detection
_MEASURED = ("kind", "peak", "other", "change", *_INPUTS)
_VISIBLE = 20.0  # levels of mean change that make an edit visible; smaller ones are left out of the fit
_REGION = 0.0  # logit: the border of a region lies where an alteration is as probable as not


@dataclass(frozen=True)
class WitnessRecipe(Recipe):
    """Settings of the training of the witness."""

    learning_rate: float = 2e-3
    minutes: float = 74.0
    sides: tuple[int, ...] = (256, 416)
    """Of the samples, px; batches of one side alternate at random."""
    samples: tuple[int, ...] = (19200, 9600)
    batch: int = 24
    """Samples of the smaller side in a step; of the larger ones as many as have the same area."""
    parts: float = 0.25
    """Share of batches in which only a part of the picture is in view."""
    without_hash: float = 0.1
    without_sketch: float = 0.1
    fewer_bits: float = 0.2
    """Shares of samples without hash bits, without a sketch, and with fewer hash bits than were drawn."""
    other: float = 0.1
    whole: float = 0.06
    balance: float = 0.02
    robust: float = 0.03
    """Weights of the losses: another picture, picture altered, balanced bits, bits that channels keep."""
    released_hash: bool = False
    """Start from the released weights and train the comparison alone: the hash bits of protected pictures,
    which are signed, stay valid."""


Samples = dict[int, dict[str, np.ndarray]]


class WitnessTraining:
    """The system that the loop trains."""

    def __init__(self, samples: Samples, recipe: WitnessRecipe):
        self.data, self.recipe = samples, recipe
        self.module, trained = _start(recipe)
        self.players = {"witness": [{"params": list(trained.parameters()), "lr": recipe.learning_rate}]}

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Planes, altered blocks, facts, sketch bits of blocks, and visible blocks of a random batch."""
        side = int(rng.choice(self.recipe.sides))
        count = max(1, round(self.recipe.batch * (self.recipe.sides[0] / side) ** 2))
        picks = rng.choice(len(self.data[side]["mask"]), count, replace=False)
        planes, mask, facts, density = tensors(self.data[side], picks)
        for axis in (2, 3):
            if rng.random() < 0.5:
                planes, mask, density = (x.flip(axis) for x in (planes, mask, density))
        if rng.random() < 0.5:
            planes, mask, density = (x.transpose(2, 3) for x in (planes, mask, density))
        visible = torch.ones_like(mask)
        if rng.random() < self.recipe.parts:
            visible *= torch.from_numpy(_part(visible.shape[2], rng))
        draws = torch.from_numpy(rng.random((3, count)))
        fewer = (draws[1] * (facts[:, HASH_BITS] + 1)).int()
        none, less = self.recipe.without_hash, self.recipe.without_hash + self.recipe.fewer_bits
        kept = torch.where(draws[0] < less, fewer, facts[:, HASH_BITS])
        facts[:, HASH_BITS] = torch.where(draws[0] < none, 0, kept)
        blank = (draws[2] < self.recipe.without_sketch) & (draws[0] >= none)
        planes, density = _without_sketch(planes, density, blank)
        return planes, mask, facts, density, visible

    def losses(
        self, batch: tuple[Tensor, ...], rng: np.random.Generator
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Cross-entropies of blocks, of the picture's strongest blocks and of "another picture"."""
        planes, mask, facts, density, visible = batch
        local, other, hashed, measured = compare(self.module, planes, facts[:, HASH_BITS], density, visible)
        kind, one = facts[:, KIND], (facts[:, KIND] != MOVED).float()
        differs = (mask.amax((1, 2, 3)) > 0.3) | (kind == MOVED)
        is_other = ((kind != UNTOUCHED) & (kind != EDITED)).float()
        blocks = F.binary_cross_entropy_with_logits(local, mask, reduction="none") * visible
        whole = F.binary_cross_entropy_with_logits(other, is_other, reduction="none") * (0.3 + 0.7 * one)
        smooth = F.avg_pool2d(local, 3, 1, 1).flatten(1)
        peak = torch.logsumexp(smooth * _PEAK_WEIGHT, 1) / _PEAK_WEIGHT
        in_view = (mask * visible).sum((1, 2, 3)) > 0.5 * mask.sum((1, 2, 3))
        counts = one * (in_view | (kind == UNTOUCHED))
        altered = F.binary_cross_entropy_with_logits(peak - 1, differs.float(), reduction="none") * counts
        same = hashed.detach().sign() * measured * F.adaptive_avg_pool2d(visible, hashed.shape[2:])
        kept = same.clamp(max=0.7) * (kind == UNTOUCHED).float()[:, None, None, None]
        yield (
            "witness",
            {
                "blocks": (blocks.mean((1, 2, 3)) * one).mean(),
                "other": self.recipe.other * whole.mean(),
                "whole": self.recipe.whole * altered.mean(),
                "balance": self.recipe.balance * hashed.mean((0, 2, 3)).square().mean(),
                "robust": -self.recipe.robust * kept.mean(),
            },
        )


def _start(recipe: WitnessRecipe) -> tuple[WitnessNet, nn.Module]:
    """The network, and the part of it to train; released weights are loaded without gradients."""
    if not recipe.released_hash:
        net = WitnessNet().to(memory_format=torch.channels_last)
        return net, net
    net = load_network(WEIGHTS, None, WitnessNet)
    return net, net.comparison.requires_grad_(True)


def _part(side: int, rng: np.random.Generator) -> np.ndarray:
    """(side, side) float32 of blocks in view, 1 inside a rectangle or a free form (a cut-out)."""
    part = np.zeros((side, side), np.float32)
    if rng.random() < 0.5:
        (top, left), (down, right) = rng.integers(0, side // 2, 2), side - rng.integers(0, side // 3, 2)
        part[top:down, left:right] = 1
        return part
    form = cv2.resize(rng.random((5, 5)), (side, side), interpolation=cv2.INTER_CUBIC)
    return (form > np.quantile(form, rng.uniform(0.1, 0.6))).astype(np.float32)


def tensors(samples: dict[str, np.ndarray], picks: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Planes (n, 12, h, w) uint8, altered share of blocks (n, 1, h / 2, w / 2), facts (n, 3), and sketch bits
    of blocks (n, 1, h / 2, w / 2) of samples."""
    planes = torch.from_numpy(samples["planes"][picks]).permute(0, 3, 1, 2)
    mask = torch.from_numpy(samples["mask"][picks].astype(np.float32) / 255)[:, None]
    return (
        planes.contiguous(memory_format=torch.channels_last),
        mask,
        torch.from_numpy(samples["facts"][picks]),
        torch.from_numpy(samples["density"][picks].astype(np.float32))[:, None],
    )


def _without_sketch(planes: Tensor, density: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Planes and sketch bits of blocks, some samples (n,) bool without their sketch."""
    planes = planes.clone()
    planes[which, PLANES : 2 * PLANES] = _NO_SKETCH
    return planes, density * ~which[:, None, None, None]


def compare(
    net: WitnessNet, planes: Tensor, hash_bits: Tensor, density: Tensor, visible: Tensor
) -> tuple[Tensor, ...]:
    """Logits by block, logit of "another picture", and the hash of the original and of the received picture.

    hash_bits: (n,) of a cell; density: (n, 1, r, c) sketch bits of blocks; visible: as density, 0 or 1. In
    training the gradient passes the sign of the hash bits unchanged.
    """
    received, sketch, own = (centred(planes[:, i : i + PLANES]) for i in (0, PLANES, 2 * PLANES))
    received = received * F.interpolate(visible, scale_factor=2, mode="nearest")
    hashed = net.hash(own)
    bits = hashed.sign() + (hashed - hashed.detach() if net.training else 0)
    present = (torch.arange(BITS) < hash_bits[:, None]).float()[:, :, None, None]
    measured = net.hash(received)
    sketch_bits = density / BLOCK_KILO_PX
    fast = torch.autocast("cpu", torch.bfloat16, enabled=torch.is_grad_enabled())
    with fast:  # ten times as many steps in a minute
        local, other = net.comparison(received, sketch, bits * present, measured, visible, sketch_bits)
    return local.float(), other.float(), hashed, measured


@torch.no_grad()
def measure(net: WitnessNet, samples: Samples) -> dict[str, np.ndarray]:
    """Per held-out sample, with and without its hash bits: _MEASURED."""
    net.eval()
    columns: dict[str, list[np.ndarray]] = {name: [] for name in _MEASURED}
    for (side, data), with_hash in product(samples.items(), (True, False)):
        blocks = (side // 8) ** 2
        for first in range(0, len(data["mask"]), 32):
            picks = np.arange(first, min(first + 32, len(data["mask"])))
            planes, mask, facts, density = tensors(data, picks)
            facts[:, HASH_BITS] *= with_hash
            bits, visible = facts[:, HASH_BITS], torch.ones_like(mask)
            _, other, _, _ = compare(net, planes, bits, density, visible)
            few = density.sum((1, 2, 3)) < LOCAL_BITS  # as in Witness.compare
            planes, density = _without_sketch(planes, density, few)
            local, _, _, _ = compare(net, planes, bits, density, visible)
            local[few & (bits == 0)] = SILENT
            values = {
                "kind": facts[:, KIND].numpy(),
                "peak": F.avg_pool2d(local, 3, 1, 1).amax((1, 2, 3)).numpy(),
                "other": other.numpy(),
                "change": _mean_change(planes, mask),
                "area": np.log2(np.maximum(facts[:, AREA].numpy(), 1) * blocks / 1000),
                "sketch": log_amount(density.numpy()).mean((1, 2, 3)),
                "hash": log_amount(bits.numpy()),
                "blocks": np.full(len(mask), np.log2(blocks)),
            }
            for name, value in values.items():
                columns[name].append(value)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def _mean_change(planes: Tensor, mask: Tensor) -> np.ndarray:
    """(n,) mean colour difference in the mask between received and original picture, in 8-bit levels."""
    difference = planes[:, :3].float() - planes[:, 2 * PLANES : 2 * PLANES + 3].float()
    distance = F.avg_pool2d(difference.square().sum(1, keepdim=True).sqrt(), 2)
    return ((distance * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1e-6)).numpy()


def calibrate(measured: dict[str, np.ndarray]) -> Calibration:
    """Thresholds at the wanted rate of false alarms, and a logistic fit of the rate of detection at them."""
    kind = measured["kind"]
    hashed, untouched = measured["hash"] > 0, kind == UNTOUCHED
    local, without = (
        float(np.quantile(measured["peak"][untouched & among], 1 - _FALSE_ALARMS))
        for among in (hashed, ~hashed)
    )
    other = float(np.quantile(measured["other"][(kind == UNTOUCHED) | (kind == EDITED)], 1 - _FALSE_ALARMS))
    peaks = measured["peak"][untouched & hashed]
    start = np.quantile(peaks, 1 - _TAIL)
    tail, blocks = float((peaks[peaks > start] - start).mean()), 2 ** measured["blocks"][untouched].mean()
    known = Calibration(local, without, _REGION, other, (0.0,) * 5, tail, float(blocks))
    edits = (kind == EDITED) & (measured["change"] > _VISIBLE)
    found = torch.from_numpy(_is_above(measured, known)[edits].astype(np.float64))
    columns = np.stack([measured[name][edits] for name in _INPUTS], 1).astype(np.float64)
    mean, spread = columns.mean(0), columns.std(0) + 1e-6
    inputs = torch.from_numpy((columns - mean) / spread)
    weights = torch.zeros(1 + len(_INPUTS), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200)

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = weights[0] + inputs @ weights[1:]
        value = F.binary_cross_entropy_with_logits(logits, found) + 1e-4 * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    fitted = weights.detach().numpy()
    slopes = fitted[1:] / spread
    return replace(known, detection=(float(fitted[0] - slopes @ mean), *map(float, slopes)))


def _is_above(measured: dict[str, np.ndarray], known: Calibration) -> np.ndarray:
    """(n,) bool: samples whose peak is above the threshold for their size."""
    sizes = zip(2 ** measured["blocks"], measured["hash"] > 0, strict=True)
    return measured["peak"] > [known.threshold(blocks, hashed=hashed) for blocks, hashed in sizes]


def scores(measured: dict[str, np.ndarray], known: Calibration) -> dict[str, float]:
    """Share found of edits and of other pictures at the thresholds."""
    kind = measured["kind"]
    found = _is_above(measured, known) | (measured["other"] > known.other)
    return {"edits": float(found[kind == EDITED].mean()), "other": float(found[kind == OTHER].mean())}
