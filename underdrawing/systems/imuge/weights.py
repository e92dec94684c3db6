"""The networks of either family in a file, and out of it again; the file says which they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError

from underdrawing.core.errors import WeightsError
from underdrawing.nets.weights_file import read_weights, tuples, write_weights
from underdrawing.systems.imuge.lean import LeanConfig, LeanNetworks
from underdrawing.systems.imuge.published import PublishedConfig, PublishedNetworks

Networks = PublishedNetworks | LeanNetworks
FAMILIES = {"published": (PublishedConfig, PublishedNetworks), "lean": (LeanConfig, LeanNetworks)}


def save_weights(networks: Networks, path: Path, stated: dict[str, str]) -> None:
    """Write parameters at half precision; `stated` goes into the file beside family and config."""
    family = next(name for name, (_, kind) in FAMILIES.items() if isinstance(networks, kind))
    about = {"family": family, "config": json.dumps(asdict(networks.config)), **stated}
    write_weights(networks.state_dict(), path, about)


def load_weights(path: Path) -> Networks:
    """The networks of a file, ready to be asked. WeightsError where it cannot be read or does not fit."""
    try:
        state, about = read_weights(path)
        config_kind, kind = FAMILIES[about["family"]]
        networks = kind(config_kind(**tuples(json.loads(about["config"]))))
        networks.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: no weights of imuge can be read from it ({error})") from error
    networks.eval().requires_grad_(False)
    return networks.to(memory_format=torch.channels_last)
