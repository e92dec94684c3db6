"""Checkpoints with the whole state of a run, which resumes at the next step."""

from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state atomically, by a temporary file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote (tensors and plain values only)."""
    return torch.load(path, map_location="cpu", weights_only=True)


class Average:
    """Exponential moving average of a module's parameters; buffers are not averaged."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self.decay = decay
        self.shadow = {name: p.detach().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: torch.nn.Module, step: int) -> None:
        """Move towards the parameters; early steps have a larger weight, to forget the start."""
        decay = min(self.decay, (1 + step) / (10 + step))
        names, values = zip(*module.named_parameters(), strict=True)
        torch._foreach_lerp_([self.shadow[name] for name in names], list(values), 1 - decay)

    def state(self, module: torch.nn.Module) -> dict[str, torch.Tensor]:
        """A state dict with the averaged parameters and the module's present buffers."""
        return {**module.state_dict(), **self.shadow}
