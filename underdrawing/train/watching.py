"""Progress of a training: a line on the terminal, TensorBoard if installed, sample pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from underdrawing.train.loop import System


class Watched:
    """A wrapper of a system that reports its loss terms and draws its sample pictures.

    A system may have `begin(step, progress)`, and `samples()` -> (H, W, 3) uint8 of its present state.
    """

    def __init__(self, system: System, out: Path, *, every_s: float = 10.0, pictures: int = 40) -> None:
        self.system, self.out, self.every_s = system, out, every_s
        self.module, self.players = system.module, system.players
        self.step, self.progress, self.drawn, self.pictures = -1, 0.0, -1, pictures
        self.sums: dict[str, float] = {}
        self.count, self.reported_s, self.reported_step = 0, time.monotonic(), 0
        self.writer = _writer(out)

    def begin(self, step: int, progress: float) -> None:
        """Report every few seconds, draw samples at every 1/pictures of the run."""
        if self.step < 0:
            self.reported_step = step
        self.step, self.progress = step, progress
        if self.count and time.monotonic() - self.reported_s > self.every_s:
            self._report()
        if int(progress * self.pictures) > self.drawn:
            self.drawn = int(progress * self.pictures)
            self._draw()
        if hasattr(self.system, "begin"):
            self.system.begin(step, progress)

    def batch(self, rng: np.random.Generator) -> Any:
        """The batch of the system."""
        return self.system.batch(rng)

    def losses(self, batch: Any, rng: np.random.Generator) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
        """The terms of the system, summed for the next report."""
        for player, terms in self.system.losses(batch, rng):
            yield player, terms
            for name, value in terms.items():
                self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        self.count += 1

    def close(self) -> None:
        """Last report and samples."""
        if self.count:
            self._report()
        self._draw()
        if self.writer is not None:
            self.writer.close()

    def _report(self) -> None:
        now = time.monotonic()
        speed = (self.step - self.reported_step) / max(1e-6, now - self.reported_s)
        means = {name: total / self.count for name, total in self.sums.items()}
        shown = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        sys.stderr.write(f"{100 * self.progress:5.1f} %  step {self.step}  {speed:.2f}/s  {shown}\n")
        sys.stderr.flush()
        if self.writer is not None:
            for name, value in means.items():
                self.writer.add_scalar(name, value, self.step)
        self.sums, self.count, self.reported_s, self.reported_step = {}, 0, now, self.step

    def _draw(self) -> None:
        if not hasattr(self.system, "samples"):
            return
        picture = self.system.samples()
        folder = self.out / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{self.step:07d}.png")
        if self.writer is not None:
            self.writer.add_image("samples", picture, self.step, dataformats="HWC")


def _writer(out: Path) -> Any:
    """TensorBoard's writer, or None where it is not installed (the `train` extra)."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out / "tensorboard"))
