"""Networks in safetensors files: parameters at half precision in the file, at full precision in memory.

The metadata of a file holds the network's Config as JSON, under "config".
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from underdrawing.core.errors import WeightsError

_UNREADABLE = (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError)


def save_network(network: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Write parameters, `network.config` and further metadata; floats at half precision."""
    state = {name: v.half() if v.is_floating_point() else v for name, v in network.state_dict().items()}
    state = {name: value.cpu().contiguous() for name, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, {"config": json.dumps(asdict(network.config)), **metadata})


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a weight file. WeightsError where it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except _UNREADABLE as error:
        raise WeightsError(f"{path}: not a weight file ({error})") from error


def load_network(path: Path, config_class: type, network_class: type) -> Any:
    """`network_class(config_class(...))` with the parameters of a file, for inference.

    WeightsError where the file cannot be read, or its config or parameters do not fit the classes.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            config = json.loads((file.metadata() or {})["config"])
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
        network = network_class(config_class(**fields))
        network.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in state.items()})
    except _UNREADABLE as error:
        raise WeightsError(f"{path}: no {network_class.__name__} can be loaded from it ({error})") from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
