"""Training of the entropy code of the sketch, after the sketch is trained and frozen.

Context networks are trained on quantized latents (alone, and as refinements of a coarser layer), rounded to
whole numbers, and the frequency tables are counted with the rounded networks, on a logistic law where counts
are few.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from underdrawing.content.sketch.entropy import (
    CONDITION_BITS,
    EXACT,
    FRACTIONS,
    HIDDEN_BITS,
    HIDDEN_LIMIT,
    INPUT_BITS,
    REACH,
    SCALES,
    TABLE_BITS,
    WEIGHT_BITS,
    EntropyCode,
)  # fmt: skip
from underdrawing.content.sketch.parameters import (
    CONDITION_UNITS,
    SYMBOL_LIMIT,
    Config,
    condition_numbers,
    step_size,
    stretch,
)
from underdrawing.content.sketch.sketch_net import SketchNet
from underdrawing.data.shards import random_crop
from underdrawing.nets.context import ContextModel, logistic_bits
from underdrawing.train.crops import training_photos
from underdrawing.train.run import Recipe, load_averaged


@dataclass(frozen=True)
class CodeRecipe(Recipe):
    """Settings of the training of the entropy code: a cosine to zero, no average."""

    batch: int = 12
    """Latents of 16x16 cells a step, or four times as many of 8x8."""
    learning_rate: float = 1.5e-3
    step_numbers: tuple[int, int] = (120, 240)
    """Range of the finest layer's step number (see parameters.step_size)."""
    ratio_numbers: tuple[int, int] = (16, 80)
    """Range of a coarser layer's distance in step numbers."""
    with_base: float = 0.5
    """Share of the samples that refine a coarser layer."""
    other_prefix: float = 0.25
    """Share of the samples that stand on another number of token scales than `prefix`."""
    prefix: int = 4
    """Token scales below the symbols."""
    deadzone: float = 0.4
    """Values are quantized by floor(|v| + deadzone): what choosing by cost comes to on average."""
    counted: int = 400
    """Latents from which the tables are counted."""


RECIPES = {"default": CodeRecipe()}
DEFAULT = "default"
Sample = tuple[Tensor, Tensor, Tensor]
Pool = tuple[Tensor, Tensor]
"""Latents (N, C, h, w) of one size and token latents by number of scales (N, scales + 1, dim, h, w)."""


def quantize(value: Tensor, deadzone: float) -> Tensor:
    """Whole numbers, biased to zero."""
    return value.sign() * (value.abs() + deadzone).floor()


def draw(pools: list[Pool], recipe: CodeRecipe, rng: np.random.Generator) -> Sample:
    """Symbols, coarser layer and conditions of random latents, distributed as in the coder."""
    latents, totals = pools[rng.integers(len(pools))]
    count = recipe.batch * max(1, 256 // latents[0, 0].numel())
    pick = torch.from_numpy(rng.integers(len(latents), size=count))
    scales = totals.shape[1] - 1
    prefix = np.where(
        rng.random(count) < recipe.other_prefix,
        rng.integers(0, scales + 1, count),
        recipe.prefix,
    )
    number = rng.integers(*recipe.step_numbers, count)
    ratio = np.where(rng.random(count) < recipe.with_base, rng.integers(*recipe.ratio_numbers, count), 0)
    fine = torch.tensor([step_size(int(n)) for n in number])[:, None, None, None]
    coarse = torch.tensor([step_size(int(n + r)) for n, r in zip(number, ratio, strict=True)])[
        :, None, None, None
    ]
    rest = latents[pick].float()
    token_latent = totals[pick, torch.from_numpy(prefix)].float()
    rest = torch.cat((rest[:, : token_latent.shape[1]] - token_latent, rest[:, token_latent.shape[1] :]), 1)
    has = torch.from_numpy(ratio > 0)[:, None, None, None]
    base = torch.where(has, quantize(rest / coarse, recipe.deadzone), 0.0)
    symbols = quantize((rest - base * coarse) / fine, recipe.deadzone)
    below = torch.stack(
        [
            torch.from_numpy(stretch(b.numpy().astype(np.int64), int(r)))
            for b, r in zip(base, ratio, strict=True)
        ]
    )
    numbers = [
        condition_numbers(int(n), int(r), int(k)) for n, r, k in zip(number, ratio, prefix, strict=True)
    ]
    condition = torch.tensor(np.stack(numbers) * CONDITION_UNITS, dtype=torch.float32)
    return symbols, below.float(), condition


def fit(
    net: SketchNet, pools: list[Pool], recipe: CodeRecipe, progress: Callable[[], float]
) -> tuple[ContextModel, list[float]]:
    """Train the coder's context model.

    progress: share of the training done, in [0, 1]. Returns the model and each step's bits per
    latent cell.
    """
    config = net.config
    model = ContextModel(
        config.groups, config.context_width, len(CONDITION_UNITS), limit=SYMBOL_LIMIT, base=True
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    rng = np.random.default_rng(7)
    history = []
    while (share := progress()) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = (
                recipe.learning_rate * 0.5 * (1 + np.cos(np.pi * share)) * min(1.0, (len(history) + 1) / 50)
            )
        symbols, below, condition = draw(pools, recipe, rng)
        mean, scale = model(symbols, condition, below)
        bits = logistic_bits(symbols, mean, scale).flatten(1).sum(1) / (symbols.shape[-1] * symbols.shape[-2])
        # the square root keeps fine steps, which cost most, from dominating
        loss = (bits + 1.0).sqrt().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        history.append(float(bits.detach().mean()))
    return model, history


def round_model(model: ContextModel) -> dict[str, np.ndarray]:
    """The context model in whole numbers, each sum proven to stay below 2^24."""
    tensors: dict[str, np.ndarray] = {}
    for index, net in enumerate(model.passes):
        maps = model.seen(index // 2, index % 2)
        look = (
            net.look.weight[:, :maps]
            .detach()
            .double()
            .numpy()
            .transpose(0, 2, 3, 1)
            .reshape(len(net.look.weight), 9, maps)
        )
        bias = (net.look.bias + net.condition.bias).detach().double().numpy()
        condition = net.condition.weight.detach().double().numpy() * CONDITION_UNITS
        whole = {
            "look": np.rint(look * 2**INPUT_BITS),
            "bias": np.rint(bias * 2**INPUT_BITS),
            "condition": np.rint(condition * 2 ** (INPUT_BITS + CONDITION_BITS)),
            "mix": np.rint(net.mix.weight[:, :, 0, 0].detach().double().numpy() * 2**WEIGHT_BITS),
            "mix_bias": np.rint(net.mix.bias.detach().double().numpy() * 2 ** (WEIGHT_BITS + HIDDEN_BITS)),
            "tell": np.rint(net.output.weight[:, :, 0, 0].detach().double().numpy() * 2**WEIGHT_BITS),
            "tell_bias": np.rint(
                net.output.bias.detach().double().numpy() * 2 ** (WEIGHT_BITS + HIDDEN_BITS)
            ),
        }
        widest = max(
            np.abs(whole["look"]).sum((1, 2)).max() * SYMBOL_LIMIT + np.abs(whole["bias"]).max() + 2**18,
            np.abs(whole["mix"]).sum(1).max() * HIDDEN_LIMIT + np.abs(whole["mix_bias"]).max(),
            np.abs(whole["tell"]).sum(1).max() * HIDDEN_LIMIT + np.abs(whole["tell_bias"]).max(),
        )
        if widest >= EXACT:
            raise OverflowError(
                f"pass {index}: sums reach {widest:.0f}, beyond the exact integers of float32"
            )
        for name, values in whole.items():
            kind = np.int16 if np.abs(values).max(initial=0) < 2**15 else np.int32
            tensors[f"pass{index}.{name}"] = values.astype(
                np.int64 if name in ("bias", "condition") else kind
            )
    return tensors


def first_tables() -> np.ndarray:
    """Frequencies (SCALES * FRACTIONS, 2 REACH + 1) of the logistic law, summing to 2^TABLE_BITS a row."""
    distance = torch.arange(-REACH, REACH + 1).double()[None]
    rows = []
    for scale in range(SCALES):
        for fraction in range(FRACTIONS):
            mean, log2_scale = torch.tensor((fraction - 4) / 8.0), torch.tensor((scale - 16) / 4.0)
            rows.append(torch.exp2(-logistic_bits(distance, mean, log2_scale))[0])
    return whole_tables(torch.stack(rows).numpy())


def whole_tables(shares: np.ndarray) -> np.ndarray:
    """Rows of positive shares -> int32 rows summing to 2^TABLE_BITS, every entry at least 1."""
    total = 1 << TABLE_BITS
    shares = shares / shares.sum(1, keepdims=True)
    table = np.maximum(1, np.floor(shares * (total - shares.shape[1]))).astype(np.int64)
    table[np.arange(len(table)), table.argmax(1)] += total - table.sum(1)
    return table.astype(np.int32)


def count_tables(
    code: EntropyCode, pools: list[Pool], recipe: CodeRecipe, rng: np.random.Generator
) -> np.ndarray:
    """Tables counted on quantized latents with the rounded networks; prior: 60 symbols of the logistic
    law."""
    prior = first_tables() / float(1 << TABLE_BITS)
    counts = np.zeros(prior.shape)
    for _ in range(max(1, recipe.counted // recipe.batch)):
        symbols, below, condition = draw(pools, recipe, rng)
        numbers = np.rint(condition.numpy() / CONDITION_UNITS).astype(np.int64)
        for one, under, number in zip(symbols.numpy().astype(np.int64), below.numpy(), numbers, strict=True):
            floor = under.astype(np.int64) if under.any() or number[1] else None
            for distance, table in code.distances(one, len(code.groups), floor, number):
                np.add.at(counts, (table.ravel(), np.clip(distance, -REACH, REACH).ravel() + REACH), 1)
    return whole_tables(counts + 60 * prior)


@torch.inference_mode()
def collect(
    net: SketchNet, photos: list[np.ndarray], count: int, side: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Latents (count, C, h, w) of random crops and token latents by number of scales, float16."""
    latents, totals = [], []
    for part in np.array_split(rng.integers(len(photos), size=count), max(1, count // 16)):
        crops = np.stack([random_crop(photos[i], side, (side, side + 96), rng) for i in part])
        latent = net.encoder(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
        stack = net.quantizer.quantize(latent[:, : net.config.token_dim], len(net.config.sides))[1]
        totals.append(torch.stack((torch.zeros_like(stack[0]), *stack), 1).half())
        latents.append(latent.half())
    return torch.cat(latents), torch.cat(totals)


def export(net: SketchNet, code: dict[str, np.ndarray], path: Path, metadata: dict[str, str]) -> None:
    """Write networks (float16), entropy code (whole numbers), Config and metadata as one safetensors file."""
    tensors = {f"net.{name}": value.half().contiguous() for name, value in net.state_dict().items()}
    tensors |= {f"code.{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in code.items()}
    save_file(tensors, path, {"config": json.dumps(asdict(net.config)), **metadata})


def make(
    recipe: CodeRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Fit the entropy code to the sketch in out/checkpoint.pt and write out/sketch.safetensors.

    See train.run. minutes: of the context networks' training, which `resume` starts again.
    """
    net = SketchNet(Config())
    metadata = load_averaged(net, out, recipe)
    # The shipped weights have half precision: the code is fitted to the latents that they give.
    net = net.half().float().eval().requires_grad_(False)
    photos = training_photos(data, limit=2500)
    rng = np.random.default_rng(11)
    pools = [collect(net, photos, 1500, 256, rng), collect(net, photos, 5000, 128, rng)]
    started, length = time.monotonic(), 60 * (minutes or recipe.minutes)
    model, history = fit(net, pools, recipe, lambda: (time.monotonic() - started) / length)
    whole = round_model(model)
    code = EntropyCode(whole | {"tables": first_tables()}, net.config.groups)
    whole["tables"] = count_tables(code, pools, recipe, rng)
    export(net, whole, out / "sketch.safetensors", metadata)
    first, last = float(np.mean(history[:20])), float(np.mean(history[-200:]))
    return {"steps": len(history), "bits_first": first, "bits_last": last}
