"""Tensors and metadata of safetensors files, as numpy arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from underdrawing.core.errors import WeightsError

TRUNK = "trunk."
"""Of the names of the parameters of a trunk in a weight file."""
LEARNED = "ais.threshold"
"""Name of a threshold that is learned against further embeddings."""
UNREADABLE = (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError)
"""Errors of a file that is missing, damaged or of another kind."""


def read_metadata(path: Path) -> dict[str, str]:
    """Metadata of a weight file. WeightsError where it cannot be read."""
    try:
        with safe_open(path, framework="np") as file:
            return file.metadata() or {}
    except UNREADABLE as error:
        raise WeightsError(f"{path}: not a weight file ({error})") from error


def read_tensors(path: Path, prefix: str = "") -> dict[str, np.ndarray]:
    """Tensors whose names start with `prefix`, by the rest of their names; half precision becomes float32.

    WeightsError as above.
    """
    try:
        with safe_open(path, framework="np") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            tensors = {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except UNREADABLE as error:
        raise WeightsError(f"{path}: not a weight file ({error})") from error
    return {n: v.astype(np.float32) if v.dtype == np.float16 else v for n, v in tensors.items()}


def learned_threshold(path: Path) -> np.ndarray:
    """Of a gate that leaves marks (nets.leaving), which stands beside parameters whose own gate is open.

    WeightsError where the file has none.
    """
    tensors = read_tensors(path, LEARNED)
    if not tensors:
        raise WeightsError(f"{path}: no tensor {LEARNED}; not of weights that have learned to leave marks")
    return tensors[""]


def read_config(path: Path) -> dict[str, Any]:
    """Fields of the Config: JSON under "config", or an entry each, numbers separated by commas."""
    metadata = read_metadata(path)
    if "config" in metadata:
        config = json.loads(metadata["config"])
        return {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
    numbers = {name: tuple(int(n) for n in text.split(",")) for name, text in metadata.items()}
    return {name: values if len(values) > 1 else values[0] for name, values in numbers.items()}


def fingerprint(tensors: Mapping[str, np.ndarray]) -> str:
    """sha256 over names and values, which tells apart trunks that a network was trained on."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name], np.float32).tobytes())
    return digest.hexdigest()
