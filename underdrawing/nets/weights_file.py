"""Parameters of trained networks in a safetensors file: half precision there, full precision here."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


def write_weights(state: dict[str, Tensor], path: Path, stated: dict[str, str]) -> None:
    """Write a state dict, floats at half precision; `stated` becomes the file's metadata."""
    half = {name: (v.half() if v.is_floating_point() else v).cpu().contiguous() for name, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(half, path, stated)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State dict, floats in full, and metadata. OSError or SafetensorError where there is no such file."""
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = file.metadata() or {}
    return {name: v.float() if v.is_floating_point() else v for name, v in state.items()}, about


def tuples(table: dict) -> dict:
    """A config as JSON gives it back, its lists tuples again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
