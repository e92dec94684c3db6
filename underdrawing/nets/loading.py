"""Networks in safetensors files: parameters at half precision in the file, at full precision in memory.

The metadata of a file holds the fields of the network's Config.
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
    """Write parameters, `network.config` where it has one, and metadata; floats at half precision."""
    state = {name: v.half() if v.is_floating_point() else v for name, v in network.state_dict().items()}
    state = {name: value.cpu().contiguous() for name, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    config = {"config": json.dumps(asdict(network.config))} if hasattr(network, "config") else {}
    save_file(state, path, config | metadata)


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a weight file. WeightsError where it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except _UNREADABLE as error:
        raise WeightsError(f"{path}: not a weight file ({error})") from error


def read_tensors(path: Path, prefix: str = "") -> dict[str, torch.Tensor]:
    """Tensors whose names start with `prefix`, by the rest of their names. WeightsError as above."""
    try:
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except _UNREADABLE as error:
        raise WeightsError(f"{path}: not a weight file ({error})") from error


def load_network(path: Path, config_class: Any, network_class: type, prefix: str = "") -> Any:
    """`network_class(config_class(...))` with the parameters of a file, for inference.

    config_class: takes the fields of the stored config; None: `network_class()` has none. prefix: of the
    parameters' names, where a file holds other tensors too. WeightsError where the file cannot be read, or
    its config or parameters do not fit the classes.
    """
    state = {n: v.float() if v.is_floating_point() else v for n, v in read_tensors(path, prefix).items()}
    try:
        network = network_class(*(() if config_class is None else [config_class(**_config(path))]))
        network.load_state_dict(state)
    except _UNREADABLE as error:
        raise WeightsError(f"{path}: no {network_class.__name__} can be loaded from it ({error})") from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _config(path: Path) -> dict[str, Any]:
    """Fields of the Config: JSON under "config", or an entry each, numbers separated by commas."""
    metadata = read_metadata(path)
    if "config" in metadata:
        config = json.loads(metadata["config"])
        return {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
    numbers = {name: tuple(int(n) for n in text.split(",")) for name, text in metadata.items()}
    return {name: values if len(values) > 1 else values[0] for name, values in numbers.items()}
