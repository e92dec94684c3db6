"""Fit of the network's released weights and of the range coder's tables on photographs.

DIR holds tar shards of photographs. The first pass over them, with all schedules that have weights of their
own, fits the linear mean by weighted least squares, and the scale by least squares on the errors of the mean
of each photograph. The second takes pixels, with linear weights fitted to each photograph as in coding; on
them the perceptrons are trained by gradients. The photographs are halved, since lossy files lack the noise
that is coded here: by means of blocks and by a Lanczos filter in turn, as pictures come from both.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from underdrawing.coding.error_tables import frequencies
from underdrawing.coding.residual_coder import HALF
from underdrawing.data.files import write_atomic
from underdrawing.nets.masked_context import Tile, bounds
from underdrawing.nets.masked_format import Format
from underdrawing.nets.masked_gradients import Samples, train_net
from underdrawing.nets.masked_network import FINE_SCALES, FRACTIONS, SCALES, SHAPES, Layers, Net
from underdrawing.nets.masked_order import Mask
from underdrawing.nets.masked_schedule import Step
from underdrawing.systems.masked_lossless.fitting import (
    MEAN,
    SCALE,
    Material,
    Normal,
    StepEquations,
    enter,
    fit_layers,
    fit_mean,
    fit_scale,
    solved,
    start_layers,
)
from underdrawing.systems.masked_lossless.tile import lossy_base
from underdrawing.train.crops import training_photos

SCHEDULES = (1, 2, 4, 6, 9, 11, 16)
"""Numbers of rounds that together have every kind of step at every distance."""
NET_SCHEDULES = (2, 4, 11, 16)
"""Those that together have every kind of step at the distances that most pixels have."""
_SAVED_EVERY = 8
_FILTERS = (Image.Resampling.BOX, Image.Resampling.LANCZOS)
Key = tuple[str, int]


@dataclass(frozen=True)
class Recipe:
    """Settings of the fit."""

    photos: int
    """Photographs at most, the first of the folder."""
    side: int
    """Sides of the crop of each halved photograph, px at most."""
    linear: int
    """Photographs at most that the linear weights are fitted to, the first ones."""
    every: int
    """One of so many pixels trains the perceptrons."""
    steps: int
    """Of the gradient, for each perceptron."""


RECIPES = {"cpu": Recipe(600, 208, 220, 8, 8000), "paper": Recipe(2000, 512, 2000, 4, 20000)}
DEFAULT = "cpu"


@dataclass
class State:
    """Progress of a fit; saved after every few photographs, and after each perceptron."""

    stage: int = 0
    """0 linear weights, 1 perceptrons, 2 done."""
    photo: int = 0
    """Next one of the first stage."""
    equations: dict[Key, StepEquations] = field(default_factory=dict)
    layers: dict[Key, Layers] = field(default_factory=dict)
    nets: dict[Key, Net] = field(default_factory=dict)
    """By kind of step and channel."""


def make(recipe: Recipe, data: Path, out: Path, *, minutes: float | None, resume: bool) -> dict[str, float]:
    """Fit, and write out/masked-lossless.safetensors; see train.run. The fit has an end: no minutes."""
    photos = halved_crops(training_photos(data, limit=recipe.photos), recipe.side)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "state.npz"
    state = _read(path) if resume and path.is_file() else State()
    log = out / "log.jsonl"
    if state.stage == 0:
        for number in range(state.photo, min(recipe.linear, len(photos))):
            _enter_photo(photos[number], state)
            state.photo = number + 1
            if number % _SAVED_EVERY == _SAVED_EVERY - 1:
                _save(state, path)
        _finish_linear(state)
        _save(state, path)
        _log(log, {"step": state.stage, "photos": len(photos)})
    if state.stage == 1:
        _train_nets(_samples(photos, recipe, state), recipe, state, path, log)
    tensors = {f"{name}.{c}.{part}": getattr(layers, part) for (name, c), layers in state.layers.items()
               for part in ("mean", "scale")}  # fmt: skip
    tensors |= {f"net.{name}.{c}.{part}": values for (name, c), net in state.nets.items()
                for part, values in net.tensors().items()}  # fmt: skip
    tensors["tables"] = _tables().astype(np.int32)
    save_file(tensors, out / "masked-lossless.safetensors", {"recipe": json.dumps(asdict(recipe))})
    return {"photos": float(len(photos)), "keys": float(len(state.layers))}


def _log(log: Path, row: dict[str, float]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _save(state: State, path: Path) -> None:
    arrays = {"at": np.array([state.stage, state.photo])}
    for (name, channel), layers in state.layers.items():
        arrays |= {f"layers/{name}/{channel}/{part}": getattr(layers, part) for part in ("mean", "scale")}
    for (name, channel), net in state.nets.items():
        arrays |= {f"net/{name}/{channel}/{part}": values for part, values in net.tensors().items()}
    for (name, channel), equations in state.equations.items():
        for part in ("mean", "scale"):
            normal = getattr(equations, part)
            last = np.append(normal.vector, normal.count)[:, None]
            matrix = np.hstack([np.vstack([normal.matrix, np.zeros(len(last) - 1)]), last])
            arrays[f"normal/{name}/{channel}/{part}"] = matrix
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue(), overwrite=True)


def _read(path: Path) -> State:
    with np.load(path) as stored:
        arrays = dict(stored)
    state = State(*map(int, arrays.pop("at")))
    parts: dict[tuple[str, str, int], dict[str, np.ndarray]] = {}
    for place, values in arrays.items():
        kind, name, channel, part = place.split("/")
        parts.setdefault((kind, name, int(channel)), {})[part] = values
    for (kind, name, channel), found in parts.items():
        key = name, channel
        if kind == "layers":
            state.layers[key] = Layers(**found)
        elif kind == "net":
            state.nets[key] = Net.of(found)
        else:
            normals = {part: Normal(m[:-1, :-1], m[:-1, -1], int(m[-1, -1])) for part, m in found.items()}
            state.equations[key] = StepEquations(**normals)
    return state


def halved_crops(photos: list[np.ndarray], side: int) -> list[np.ndarray]:
    """The middle (h, w, 3) uint8 of each photograph at half its size, at most `side` px a side."""
    crops = []
    for number, photo in enumerate(photos):
        height, width = (length // 2 for length in photo.shape[:2])
        whole = Image.fromarray(photo[: 2 * height, : 2 * width])
        half = np.asarray(whole.resize((width, height), _FILTERS[number % len(_FILTERS)]))
        top, left = max(0, height - side) // 2, max(0, width - side) // 2
        crops.append(half[top : top + side, left : left + side])
    return crops


def _steps(photo: np.ndarray, form: Format) -> Iterator[tuple[Tile, Step, int, np.ndarray, Key]]:
    """All steps of a photograph: whoever takes one enters its true values before the next."""
    planes = form.planes(photo)
    base = lossy_base(planes, form)[1]
    tile = form.empty_tile(planes, base)
    for step in form.steps:
        for channel in range(form.channels):
            yield tile, step, channel, planes[channel][step.pixels].ravel(), (step.name, channel)


def _enter_photo(photo: np.ndarray, state: State) -> None:
    done = set()
    for count in SCHEDULES:
        form = Format(3, 8, count)
        for tile, step, channel, values, key in _steps(photo, form):
            layers, context = start_layers(step, channel), tile.context(step, channel)
            if key not in done:
                done.add(key)
                material = Material([context], [values], step, channel, channel, form)
                found = state.equations.setdefault(key, StepEquations.empty(layers))
                mean, equations = fit_mean(material, layers.mean)
                layers = replace(layers, mean=mean)
                found.mean.enter(equations)
                found.scale.enter(fit_scale(material, layers)[1])
            enter(tile, layers, context, step, channel, values, form)


def _samples(photos: list[np.ndarray], recipe: Recipe, state: State) -> dict[Key, Samples]:
    """Pixels by kind of step and channel, with the linear weights fitted to each photograph."""
    parts: dict[Key, list[Samples]] = {}
    for number, photo in enumerate(photos):
        rng = np.random.default_rng(number)
        for count in NET_SCHEDULES:
            form = Format(3, 8, count)
            for tile, step, channel, values, key in _steps(photo, form):
                context = tile.context(step, channel)
                material = Material([context], [values], step, channel, channel, form)
                layers = fit_layers(material, state.layers[key], 1.0)
                enter(tile, layers, context, step, channel, values, form)
                if step.kind != "seed":
                    size = tile.planes[channel][step.pixels].shape
                    mask = Mask(layers, context, form.limits(channel), size)
                    found = Samples.of(mask, values, rng, recipe.every)
                    parts.setdefault((step.kind, channel), []).append(found)
    return {key: Samples.joined(found) for key, found in sorted(parts.items())}


def _train_nets(samples: dict[Key, Samples], recipe: Recipe, state: State, path: Path, log: Path) -> None:
    """Train the perceptrons that the state does not have yet."""
    for number, (key, part) in enumerate(samples.items()):
        if key not in state.nets:
            state.nets[key], bits = train_net(part, recipe.steps, number)
            _save(state, path)
            row = {"kind": key[0], "channel": key[1], "samples": len(part.error), "bits_saved": bits}
            _log(log, {"step": state.stage, **row})
    state.stage = 2


def _finish_linear(state: State) -> None:
    form = Format(3, 8, 1)
    for key, equations in state.equations.items():
        step = Step(*_split(key[0]), 0, 0)
        start, limits = start_layers(step, key[1]), bounds(step, key[1], form.depth)
        mean = solved(equations.mean, start.mean, limits[0], form, MEAN, None)
        scale = solved(equations.scale, start.scale, limits[1], form, SCALE, None)
        state.layers[key] = Layers(mean, scale)
    state.stage, state.equations = 1, {}


def _split(name: str) -> tuple[str, int]:
    kind = name.rstrip("0123456789")
    return kind, int(name[len(kind) :])


def _tables() -> np.ndarray:
    """Integer frequencies (TABLES, 2 HALF)."""
    rows = []
    for shape in range(SHAPES):
        for scale in range(SCALES):
            fractions = range(FRACTIONS) if scale < FINE_SCALES else (FRACTIONS // 2,)
            spread, errors = 2 ** ((scale + 0.5) / 4 - 6), np.arange(-HALF, HALF)
            heavy = (shape + 0.5) / SHAPES
            rows += [frequencies(errors - f / FRACTIONS + 0.5, spread, heavy) for f in fractions]
    return np.stack(rows)
