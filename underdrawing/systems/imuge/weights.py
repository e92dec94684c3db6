"""The networks of either family in a file, and out of it again; the file says which they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from underdrawing.core.errors import WeightsError
from underdrawing.systems.imuge.lean import LeanConfig, LeanNetworks
from underdrawing.systems.imuge.published import PublishedConfig, PublishedNetworks

Networks = PublishedNetworks | LeanNetworks
FAMILIES = {"published": (PublishedConfig, PublishedNetworks), "lean": (LeanConfig, LeanNetworks)}


def save_weights(networks: Networks, path: Path, stated: dict[str, str]) -> None:
    """Write parameters at half precision; `stated` goes into the file beside family and config."""
    family = next(name for name, (_, kind) in FAMILIES.items() if isinstance(networks, kind))
    half = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in networks.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(half, path, {"family": family, "config": json.dumps(asdict(networks.config)), **stated})


def load_weights(path: Path) -> Networks:
    """The networks of a file, ready to be asked. WeightsError where it cannot be read or does not fit."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config_kind, kind = FAMILIES[about["family"]]
        table = json.loads(about["config"])
        config = config_kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})
        networks = kind(config)
        networks.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in state.items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: no weights of imuge can be read from it ({error})") from error
    networks.eval().requires_grad_(False)
    return networks.to(memory_format=torch.channels_last)
