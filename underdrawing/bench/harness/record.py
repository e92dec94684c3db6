"""Results: results/STUDY/SYSTEM.json with a summary of each part, SYSTEM.npz with the values by photograph.

A part holds its figures and what they depend on: protocol, hash of the photographs, commit, date, device,
revision of the study and versions of the systems. It is stale when revision or a version is not current.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.bench.harness.protocol import Protocol
from underdrawing.bench.harness.render import Cell
from underdrawing.bench.harness.versions import outdated
from underdrawing.data.files import write_atomic

Figures = dict[str, dict[str, float]]
_PACKAGES = ("underdrawing", "numpy", "torch", "pillow", "opencv-python-headless")
_LINE = 110


def conditions(protocol: Protocol) -> dict[str, Any]:
    """Commit, date, device, seed and versions of packages."""
    return {
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": f"CPU, {os.cpu_count()} cores, {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "python": platform.python_version(),
        "seed": protocol.seed,
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _commit() -> str:
    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        run = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True)
        return run.stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@dataclass(frozen=True)
class Store:
    """The results of one study below a folder of results."""

    results: Path
    study: str
    revision: int
    """Current revision of the study."""

    def path(self, system: str) -> Path:
        """The summary of one system."""
        return self.results / self.study / f"{system.replace(':', '-')}.json"

    def write(self, system: str, name: str, part: Mapping[str, Any], values: Columns | None = None) -> None:
        """Add or replace one part of a system's results; values: by photograph."""
        path = self.path(system)
        table = {"study": self.study, "system": system, "parts": {}}
        if path.is_file():
            table = json.loads(path.read_text(encoding="utf-8"))
        parts = table["parts"] | {name: {**part, "revision": self.revision}}
        table["parts"] = dict(sorted(parts.items()))
        if values is not None:
            write_columns(path.with_suffix(".npz"), name, values)
        write_atomic(path, f"{to_json(table)}\n".encode(), overwrite=True)

    @cached_property
    def parts(self) -> dict[str, dict[str, Any]]:
        """Parts of all systems by name."""
        paths = sorted((self.results / self.study).glob("*.json"))
        tables = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        return dict(sorted((name, part) for table in tables for name, part in table["parts"].items()))

    @cached_property
    def figures(self) -> Figures:
        """Figures of all parts by key."""
        return {key: value for part in self.parts.values() for key, value in part.get("figures", {}).items()}

    @cached_property
    def _origins(self) -> dict[str, str]:
        """Figure key -> part."""
        return {key: name for name, part in self.parts.items() for key in part.get("figures", {})}

    def reasons(self, name: str) -> list[str]:
        """What has changed since a part was measured; empty: the part is current."""
        part = self.parts[name]
        changed = [f"the study {self.study}"] if part["revision"] != self.revision else []
        return changed + outdated(part["measured"])

    def cell(self, key: str, digits: int = 2, field: str = "mean", scale: float = 1) -> Cell:
        """One figure, times `scale`, as text; "-" where it was not measured."""
        if key not in self.figures:
            return Cell("-")
        return self.marked(self._origins[key], f"{self.figures[key][field] * scale:.{digits}f}")

    def marked(self, part: str, text: str) -> Cell:
        """A cell that is stale where its part is."""
        return Cell(text, bool(self.reasons(part)))

    def stale(self, keys: list[str] | tuple[str, ...]) -> bool:
        """Whether one of the figures is stale."""
        return any(bool(self.reasons(self._origins[key])) for key in keys if key in self._origins)


@dataclass(frozen=True)
class Columns:
    """The values of one part, a row for each "PLACE/METRIC" and a column for each photograph."""

    photos: list[str]
    keys: list[str]
    values: np.ndarray
    """(keys, photographs) float32, NaN where a photograph has no value."""


def write_columns(path: Path, part: str, columns: Columns) -> None:
    """Add or replace the values of one part in an .npz file; the same values give the same bytes."""
    arrays: dict[str, np.ndarray] = {}
    if path.is_file():
        with np.load(path) as stored:
            arrays = dict(stored)
    arrays[f"{part}/photos"] = np.array(columns.photos)
    arrays[f"{part}/keys"] = np.array(columns.keys)
    arrays[f"{part}/values"] = columns.values.astype(np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(sorted(arrays.items())))
    write_atomic(path, buffer.getvalue(), overwrite=True)


def part_of(protocol: Protocol, at: Mapping[str, Any], measured: Mapping[str, str], **facts: Any) -> dict:
    """The summary of a part. at: `conditions` from before the measurement; measured: see `versions_of`."""
    return {"protocol": asdict(protocol), "conditions": dict(at), "measured": dict(measured), **facts}


def to_json(value: Any, indent: int = 0) -> str:
    """JSON with sorted figures, a container on one line where it fits."""
    line = json.dumps(value, default=float)
    if len(line) + indent <= _LINE or not isinstance(value, dict | list):
        return line
    space = "\n" + " " * (indent + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {to_json(item, indent + 1)}" for key, item in value.items()]
        return "{" + space + f",{space}".join(items) + space[:-1] + "}"
    return "[" + space + f",{space}".join(to_json(item, indent + 1) for item in value) + space[:-1] + "]"
