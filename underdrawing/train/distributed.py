"""Several processes, one training: `torchrun --nproc-per-node N -m underdrawing.cli train ...`.

Each process draws its own batches; hooks average the gradients, outside the loop.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Place:
    """Rank and device of this process."""

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process reports and writes checkpoints."""
        return self.rank == 0


def join() -> Place:
    """Join the processes that torchrun started, or run alone; one GPU per process where available."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if cuda else "gloo")
    return Place(rank, world, device)


def share(module: nn.Module, place: Place) -> None:
    """Start all processes from the first one's parameters, and average every gradient over them."""
    if place.world == 1:
        return
    for value in module.state_dict().values():
        dist.broadcast(value, 0)

    def average(parameter: nn.Parameter) -> None:
        dist.all_reduce(parameter.grad)
        parameter.grad /= place.world

    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(average)


def leave(place: Place) -> None:
    """Leave the process group."""
    if place.world > 1:
        dist.destroy_process_group()
