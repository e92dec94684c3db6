"""PyTorch networks in safetensors files: parameters at half precision in the file, at full in memory.

The metadata of a file holds the fields of the network's Config.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from underdrawing.core.errors import WeightsError
from underdrawing.nets.weights import UNREADABLE, read_config, read_tensors


def save_network(
    network: nn.Module,
    path: Path,
    metadata: dict[str, str],
    *,
    prefix: str = "",
    others: dict[str, torch.Tensor] | None = None,
) -> None:
    """Write parameters as `stored_state` has them, `network.config` where it has one, and metadata.

    prefix: of the parameters' names. others: tensors that are stored as they are.
    """
    state = stored_state(network, prefix)
    path.parent.mkdir(parents=True, exist_ok=True)
    config = {"config": json.dumps(asdict(network.config))} if hasattr(network, "config") else {}
    save_file(state | (others or {}), path, config | metadata)


def stored_state(network: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    """Parameters by prefix and name, floats at half precision.

    Variances of batch normalization stay at full precision (those of inputs in 0..255 exceed 65,504), and its
    counters are left out.
    """
    return {
        prefix + name: (v.half() if v.is_floating_point() and not name.endswith("running_var") else v)
        .cpu().contiguous()
        for name, v in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }  # fmt: skip


def load_network(path: Path, config_class: Any, network_class: type, prefix: str = "") -> Any:
    """`network_class(config_class(...))` with the parameters of a file, for inference.

    config_class: takes the fields of the stored config; None: `network_class()` has none. prefix: of the
    parameters' names, where a file holds other tensors too. WeightsError where the file cannot be read, or
    its config or parameters do not fit the classes.
    """
    state = {name: torch.from_numpy(value) for name, value in read_tensors(path, prefix).items()}
    try:
        network = network_class(*(() if config_class is None else [config_class(**read_config(path))]))
        network.load_state_dict(state)
    except UNREADABLE as error:
        raise WeightsError(f"{path}: no {network_class.__name__} can be loaded from it ({error})") from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
