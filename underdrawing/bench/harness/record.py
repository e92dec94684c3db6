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
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing import zoo
from underdrawing.bench.harness.render import STALE, Cell, Table
from underdrawing.core.errors import WeightsError
from underdrawing.core.types import ALTERED_PROBABILITY
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

    def conditions_table(self, names: Iterable[str] | None = None, seconds: bool = False) -> Table:
        """A row for each part (of names, or all): photographs, strength, commit, date, data hash."""
        rows = []
        for name in self.parts if names is None else names:
            part = self.parts[name]
            at = part["conditions"]
            cells = [name, str(part["photos"]), f"{part['strength']:.2f}"]
            cells += [f"{part['seconds']:.0f}"] if seconds else []
            rows.append([*cells, at["commit"], self.marked(name, at["date"]), part["data_hash"]])
        head = ("part", "photos", "strength", *(["s"] if seconds else []), "commit", "date", "data")
        return Table(head, rows)

    def stale_note(self, names: Iterable[str] | None = None) -> str:
        """Explanation of the mark of stale rows; empty where all parts are current."""
        names = self.parts if names is None else names
        reasons = dict.fromkeys(reason for name in names for reason in self.reasons(name))
        return f"{STALE.strip()}: measured before the last change of {', '.join(reasons)}." if reasons else ""

    def measured_at(self, name: str) -> str:
        """Commit and date of one part, with the mark where it is stale."""
        at = self.parts[name]["conditions"]
        return f"commit {at['commit']}, {at['date']}" + (STALE if self.reasons(name) else "")


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


@dataclass(frozen=True)
class Protocol:
    """The conditions of one benchmark. Sizes are sides of square pictures in pixels; 0 means full size."""

    name: str
    seed: int = 20261
    """Of masks, contents, channels and offsets; each photo and channel draws from its own stream."""
    sizes: tuple[int, ...] = (256, 512, 0)
    strength: float = 1.0
    """What `protect` is asked for in all parts but recovery-strong."""
    suite: str = "photo-benign"
    """Channels of the attack parts at 256 and 512."""
    quality_sets: tuple[str, ...] = ("kodak24", "clic2025_val")
    """Folders of the photographs for container quality and attacks: centre square, Lanczos to the size."""
    object_set: str = "coco_val"
    """Folder with instances.json: recovery under true outlines, which serve other photos too."""
    full_set: str = "fullsize"
    stranger_set: str = "imagenet1k_one"
    """Photographs that were never protected."""
    edit_area: tuple[float, float] = (0.05, 0.30)
    """Part of the frame that edits cover; shapes alternate free-form and object, contents take turns."""
    mask_threshold: float = ALTERED_PROBABILITY
    strong_psnr_db: float = 34.6
    """Container PSNR that recovery-strong sets the strength for (Imuge's)."""
    full_channels: tuple[str, ...] = (
        "none", "jpeg90", "jpeg70", "jpeg50", "jpeg30", "webp50", "scale0.5", "scale0.7", "crop70%",
        "noise10", "screenshot",
    )  # fmt: skip
    """The channels of the attack part at full size, where a reading takes seconds."""
    recovery_channels: tuple[str, ...] = ("none", "jpeg90", "jpeg70", "jpeg50")
    strong_channels: tuple[str, ...] = ("none", "jpeg90", "jpeg70", "jpeg50", "scale0.5", "blur1")
    code_bits: tuple[int, ...] = (2000, 4000, 8000)
    """Sizes of the code that is compared with AVIF's picture data at equal bits."""


def versions_of(name: str, other_weights: bool = False) -> dict[str, str]:
    """Card name -> "BEHAVIOUR WEIGHTS" of one card and the blocks it uses; empty where there is no such card.

    BEHAVIOUR is the number in the card, WEIGHTS 12 hex digits over the sha256 of its own weights. With other
    weights than the released ones the card's own version is BEHAVIOUR alone.
    """
    name = name.partition(":")[0]
    try:
        card = zoo.card(name)
    except WeightsError:
        return {}
    cards = [card, *card.uses]
    versions = {found.name: _version(found) for found in cards}
    return versions | ({name: str(card.behaviour)} if other_weights else {})


def outdated(measured: Mapping[str, str]) -> list[str]:
    """Names whose version is no longer the recorded one; a recorded BEHAVIOUR alone fits any weights."""
    names = []
    for name, recorded in measured.items():
        current = versions_of(name).get(name, "").split()
        if current[: len(recorded.split())] != recorded.split():
            names.append(name)
    return names


def _version(card: zoo.Card) -> str:
    weights = "".join(weight.sha256 for weight in card.own_weights)
    return f"{card.behaviour} {sha256(weights.encode()).hexdigest()[:12]}" if weights else str(card.behaviour)
