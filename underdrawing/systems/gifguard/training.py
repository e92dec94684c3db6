"""Training of GIFGuard on clips; the weights go to OUT/gifguard.safetensors.

    underdrawing train gifguard --data FOLDER -o runs/gifguard [--resume]

FOLDER: a set of `underdrawing forge`, or animations and photographs. A clip is marked, meets real channels
(palettes of Pillow, frames dropped or in another order, codecs, crops, forgeries), and is read; the gradient
passes a channel as if it added a constant. Of the channels drawn for a clip the worst one counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from underdrawing.attacks.clip_channels import POOLS, SentClip
from underdrawing.metrics.calibration import fit_platt
from underdrawing.nets.loading import save_network
from underdrawing.ops.window import SIDE, Window
from underdrawing.systems.gifguard.network import CODE, RELEASED, Config, GIFGuard
from underdrawing.train.bits import PREFIX, bit_loss, through
from underdrawing.train.clip_material import Clips, Material, donor_of, read_material, sent_clips, to_volumes
from underdrawing.train.run import SEED, Recipe, run_recipe

SCALE = "calibration.decoder.scale"
"""Of the logits to log-likelihood ratios, in the weight file."""
_HELD_OUT = 16  # clips a channel for calibration and scores


@dataclass(frozen=True)
class ClipRecipe(Recipe):
    """Settings of the training."""

    batch: int = 2
    """Clips a step."""
    learning_rate: float = 1e-3
    network: Config = field(default_factory=Config)
    frames: int = 8
    """Frames of a clip; every fourth clip is a single picture."""
    worst_of: int = 2
    """Channels drawn for each clip."""
    kinds: tuple[tuple[str, float], ...] = (
        ("quantizer", 2.0), ("retimed", 1.0), ("signal", 2.0), ("crop", 1.5), ("forged", 1.5),
    )  # fmt: skip
    """Weights of the kinds of channels."""
    crop_area: float = 0.6
    """Least share of the area that a crop keeps."""
    picture: float = 0.3
    """Weight of the picture term: mean square error over that of `target_psnr_db`."""
    target_psnr_db: float = 38.5
    """RGB PSNR at which the picture term equals its weight."""


class ClipTraining:
    """The networks and their losses, as train.loop trains them."""

    def __init__(self, network: GIFGuard, material: dict[str, list[Material]], recipe: ClipRecipe):
        self.network, self.material, self.recipe, self.module = network, material, recipe, network
        self.players = {"codec": [{"params": list(network.parameters()), "lr": recipe.learning_rate}]}
        weights = np.array([weight for _, weight in recipe.kinds])
        self._kinds, self._shares = [kind for kind, _ in recipe.kinds], weights / weights.sum()

    def batch(self, rng: np.random.Generator) -> Clips:
        """The clips of a step, all with as many frames."""
        count = 1 if rng.random() < 0.25 else self.recipe.frames
        return self.draw("train", count, self.recipe.batch, rng)

    def draw(self, split: str, count: int, clips: int, rng: np.random.Generator) -> Clips:
        """Random clips of `count` frames of a split."""
        materials = self.material[split]
        volumes, points, donors = [], [], []
        for number in rng.integers(len(materials), size=clips):
            clip, landmarks = materials[number].draw(count, SIDE, rng)
            clip = clip[np.minimum(np.arange(count), len(clip) - 1)]
            volumes.append(clip)
            points.append(
                None if landmarks is None else landmarks[np.minimum(np.arange(count), len(landmarks) - 1)]
            )
            donors.append(donor_of(materials[rng.integers(len(materials))], SIDE, rng))
        bits = rng.integers(0, 2, (clips, CODE.bits)).astype(np.float32) * 2 - 1
        return Clips(to_volumes(np.stack(volumes)), torch.from_numpy(bits), tuple(points), tuple(donors))

    def losses(self, clips: Clips, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The losses of one step."""
        marked = self.network.encode(clips.frames, clips.bits)
        allowed = 255.0**2 / 10 ** (self.recipe.target_psnr_db / 10)
        terms = {"picture": self.recipe.picture * (marked - clips.frames).square().mean() / allowed}
        read = [self._worst(one, marked[n : n + 1], clips.bits[n : n + 1], rng)
                for n, one in enumerate(sent_clips(clips, marked))]  # fmt: skip
        terms["bits"] = torch.cat(read).mean()
        yield "codec", terms

    def _worst(self, sent: SentClip, marked: Tensor, bits: Tensor, rng: np.random.Generator) -> Tensor:
        """(1,) bit term of a clip after the worst of the channels drawn for it."""
        candidates = [self._received(sent, marked, rng) for _ in range(self.recipe.worst_of)]
        with torch.no_grad():
            losses = [float(bit_loss(self.network.decode(*one), bits)) for one in candidates]
        return bit_loss(self.network.decode(*candidates[int(np.argmax(losses))]), bits)

    def _received(
        self, sent: SentClip, marked: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """A volume after a random channel, and the mask of what was received of it."""
        kind = self._kinds[rng.choice(len(self._kinds), p=self._shares)]
        if kind == "crop":
            frames, mask = cropped(POOLS["quantizer"][0](sent, rng).frames, self.recipe.crop_area, rng)
            inside = torch.from_numpy(mask)
            return through(marked * inside, to_volumes(frames[None])), inside
        pool = POOLS[kind]
        received = pool[rng.integers(len(pool))](sent, rng)
        return through(marked[:, :, received.order], to_volumes(received.frames[None])), None


def cropped(frames: np.ndarray, least: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Frames (T, S, S, 3) uint8 after a random crop, back in their place, float32; and the mask of it."""
    rows, cols = (max(16, round(SIDE * float(np.sqrt(rng.uniform(least, 1.0))))) for _ in range(2))
    top, left = int(rng.integers(SIDE - rows + 1)), int(rng.integers(SIDE - cols + 1))
    window = Window(top / SIDE, left / SIDE, rows / SIDE, cols / SIDE)
    parts = frames[:, top : top + rows, left : left + cols]
    return np.stack([window.placed(part) for part in parts]), window.mask()


RECIPES = {
    "paper": ClipRecipe(batch=8, frames=16, epochs=100, learning_rate=2e-4, worst_of=1),
    "lean": ClipRecipe(network=RELEASED, minutes=45.0),
    "plain": ClipRecipe(
        network=RELEASED, batch=1, frames=2, worst_of=1, steps=1, learning_rate=0.0, average=0.0
    ),
    "smoke": ClipRecipe(
        network=Config(patch=8, width=8, blocks=1, levels=(8, 8, 8)), frames=2, batch=2, steps=20
    ),
}
"""By the name that `--recipe` takes. plain: the start, with its calibration."""
DEFAULT = "lean"


def make(
    recipe: ClipRecipe, data: Path, out: Path, *, minutes: float | None, resume: bool
) -> dict[str, float]:
    """Train, calibrate and write out/gifguard.safetensors; see train.run."""
    material = read_material(data)

    def build(device: torch.device) -> ClipTraining:
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            return ClipTraining(GIFGuard(recipe.network), material, recipe)

    def save(system: ClipTraining, metadata: dict[str, str]) -> dict[str, float]:
        scale, scores = evaluate(system)
        rounded = {name: round(value, 5) for name, value in scores.items()}
        others = {SCALE: torch.tensor([scale])}
        path = out / "gifguard.safetensors"
        save_network(
            system.network, path, metadata | {"scores": json.dumps(rounded)}, prefix=PREFIX, others=others
        )
        return scores

    photos = len(material["train"])
    return run_recipe(build, recipe, out, save, photos=photos, minutes=minutes, resume=resume)


@torch.no_grad()
def evaluate(system: ClipTraining, count: int = _HELD_OUT) -> tuple[float, dict[str, float]]:
    """Factor of the logits to log-likelihood ratios, and scores on the val split: psnr_db (RGB, 8 bits), and
    the bit error rate of every channel, with crops in their true place."""
    right: dict[str, list[np.ndarray]] = {}
    psnr = []
    channels: list[tuple[str, Callable]] = [(one.name, one) for pool in POOLS.values() for one in pool]
    for number in range(count):
        rng = np.random.default_rng((SEED, 5, number))
        clips = system.draw("val", system.recipe.frames, 1, rng)
        (sent,) = sent_clips(clips, system.network.encode(clips.frames, clips.bits))
        error = (sent.marked.astype(np.float32) - sent.original) ** 2
        psnr.append(10 * np.log10(255.0**2 / max(float(error.mean()), 1e-4)))
        for name, channel in channels:
            volume = to_volumes(channel(sent, rng).frames[None])
            right.setdefault(name, []).append((system.network.decode(volume) * clips.bits).double().numpy())
        frames, mask = cropped(POOLS["quantizer"][0](sent, rng).frames, system.recipe.crop_area, rng)
        logits = system.network.decode(to_volumes(frames[None]), torch.from_numpy(mask))
        right.setdefault("crop", []).append((logits * clips.bits).double().numpy())
    every = np.concatenate([np.concatenate(values).ravel() for values in right.values()])
    truth = np.arange(2 * len(every)) < len(every)
    scale = fit_platt(np.concatenate([every, -every]), truth).scale
    scores = {name: float((np.concatenate(values) < 0).mean()) for name, values in right.items()}
    return float(scale), {"psnr_db": float(np.mean(psnr))} | scores
