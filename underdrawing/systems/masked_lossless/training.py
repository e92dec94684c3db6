"""Fit of the network's default weights and of the range coder's tables, in closed form, on photographs.

DIR holds tar shards of photographs. Three passes over them, each with all schedules that have weights of
their own: mean by weighted least squares, scale by least squares on the errors of those means, tables by
counts of the errors at each scale. The photographs are halved: lossy files lack the noise that is coded here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from underdrawing.coding.logistic_tables import fitted_shape, frequencies
from underdrawing.coding.residual_coder import HALF
from underdrawing.data.files import write_atomic
from underdrawing.nets.masked_context import Tile, bounds
from underdrawing.nets.masked_network import FINE_SCALES, FRACTIONS, SCALES, Layers
from underdrawing.nets.masked_schedule import Step
from underdrawing.systems.masked_lossless.fitting import (
    MEAN,
    SCALE,
    Material,
    Normal,
    StepEquations,
    enter,
    fit_mean,
    fit_scale,
    solved,
    start_layers,
)
from underdrawing.systems.masked_lossless.tile import Format, lossy_base
from underdrawing.train.crops import training_photos

SCHEDULES = (1, 2, 4, 6, 9, 11, 16)
"""Numbers of rounds that together have every kind of step at every distance."""
_SAVED_EVERY = 8
_FEW = 5000
"""Errors of a scale; with fewer, those of its neighbours help to fit its table."""
Key = tuple[str, int]


@dataclass(frozen=True)
class Recipe:
    """Settings of the fit."""

    photos: int
    """Photographs at most, the first of the folder."""
    side: int
    """Sides of the crop of each halved photograph, px at most."""


RECIPES = {"cpu": Recipe(48, 192), "paper": Recipe(2000, 512)}
DEFAULT = "cpu"


@dataclass
class State:
    """Progress of a fit; saved after every few photographs."""

    stage: int
    """0 mean, 1 scale, 2 tables, 3 done."""
    photo: int
    """Next one of the stage."""
    equations: dict[Key, StepEquations]
    layers: dict[Key, Layers]
    counts: np.ndarray
    """(SCALES, errors in eighths) int64."""


def make(recipe: Recipe, data: Path, out: Path, *, minutes: float | None, resume: bool) -> dict[str, float]:
    """Fit, and write out/masked-lossless.safetensors; see train.run. The fit has an end: no minutes."""
    photos = halved_crops(training_photos(data, limit=recipe.photos), recipe.side)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "state.npz"
    state = State(0, 0, {}, {}, np.zeros((SCALES, 16 * HALF + 1), np.int64))
    if resume and path.is_file():
        state = _read(path)
    log = out / "log.jsonl"
    while state.stage < 3:
        for number in range(state.photo, len(photos)):
            _enter_photo(photos[number], state)
            state.photo = number + 1
            if number % _SAVED_EVERY == _SAVED_EVERY - 1:
                _save(state, path)
        _finish_stage(state)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.stage, "photos": len(photos)}) + "\n")
    tensors = {f"{name}.{c}.{part}": getattr(layers, part) for (name, c), layers in state.layers.items()
               for part in ("mean", "scale")}  # fmt: skip
    tensors["tables"] = _tables(state.counts).astype(np.int32)
    save_file(tensors, out / "masked-lossless.safetensors", {"recipe": json.dumps(asdict(recipe))})
    return {"photos": float(len(photos)), "keys": float(len(state.layers))}


def _save(state: State, path: Path) -> None:
    arrays = {"at": np.array([state.stage, state.photo]), "counts": state.counts}
    for (name, channel), layers in state.layers.items():
        arrays |= {f"layers/{name}/{channel}/{part}": getattr(layers, part) for part in ("mean", "scale")}
    for (name, channel), equations in state.equations.items():
        for part in ("mean", "scale"):
            for group, normal in enumerate(getattr(equations, part)):
                last = np.append(normal.vector, normal.count)[:, None]
                matrix = np.hstack([np.vstack([normal.matrix, np.zeros(len(last) - 1)]), last])
                arrays[f"normal/{name}/{channel}/{part}/{group:02}"] = matrix
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue(), overwrite=True)


def _read(path: Path) -> State:
    with np.load(path) as stored:
        arrays = dict(stored)
    state = State(*map(int, arrays.pop("at")), {}, {}, arrays.pop("counts"))
    parts: dict[Key, dict[str, np.ndarray]] = {}
    for place in sorted(arrays):
        kind, name, channel, part = place.split("/")[:4]
        if kind == "layers":
            parts.setdefault((name, int(channel)), {})[part] = arrays[place]
            continue
        matrix, last = arrays[place][:-1, :-1], arrays[place][:, -1]
        equations = state.equations.setdefault((name, int(channel)), StepEquations())
        getattr(equations, part).append(Normal(matrix, last[:-1], int(last[-1])))
    state.layers = {key: Layers(**found) for key, found in parts.items()}
    return state


def halved_crops(photos: list[np.ndarray], side: int) -> list[np.ndarray]:
    """The middle (h, w, 3) uint8 of each photograph at half its size, at most `side` px a side."""
    crops = []
    for photo in photos:
        height, width = (length // 2 for length in photo.shape[:2])
        blocks = photo[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).astype(np.uint32)
        half = ((blocks.sum((1, 3)) + 2) >> 2).astype(np.uint8)
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
    for count in SCHEDULES:
        form = Format(3, 8, count)
        for tile, step, channel, values, key in _steps(photo, form):
            layers = state.layers.get(key) or start_layers(step, len(tile.channels_before(channel)))
            context = tile.context(step, channel)
            material = Material([context], [values], step, channel, len(tile.channels_before(channel)), form)
            found = state.equations.setdefault(key, StepEquations())
            if state.stage == 0:
                mean, equations = fit_mean(material, layers.mean)
                _add(found.mean, equations)
                layers = Layers(mean, layers.scale)
            if state.stage < 2:
                _add(found.scale, fit_scale(material, layers)[1])
            prediction = enter(tile, layers, context, step, channel, values, form)
            if state.stage == 2:
                _count(state.counts, values, prediction)


def _add(total: list[Normal], more: list[Normal]) -> None:
    if not total:
        total += more
        return
    for normal, other in zip(total, more, strict=True):
        normal.matrix += other.matrix
        normal.vector += other.vector
        normal.count += other.count


def _count(counts: np.ndarray, values: np.ndarray, prediction: Any) -> None:
    """Enter the errors of a step by scale, in eighths of a level."""
    if prediction.shift is not None:
        return
    table = prediction.table.astype(np.int64)
    fine = table < FINE_SCALES * FRACTIONS
    scale = np.where(fine, table // FRACTIONS, table - FINE_SCALES * (FRACTIONS - 1))
    error = np.clip(values * FRACTIONS - prediction.mean.astype(np.int64), -8 * HALF, 8 * HALF) + 8 * HALF
    np.add.at(counts, (scale, error), 1)


def _finish_stage(state: State) -> None:
    form = Format(3, 8, 1)
    for key, equations in state.equations.items():
        step = Step(*_split(key[0]), 0, 0)
        layers = state.layers.get(key) or start_layers(step, key[1])
        limits = bounds(step, key[1], form.depth)
        mean, scale = layers.mean, layers.scale
        if state.stage == 0:
            mean = solved(equations.mean, mean, limits[0], form, MEAN, None)
        if state.stage < 2:
            scale = solved(equations.scale, scale, limits[1], form, SCALE, None)
        state.layers[key] = Layers(mean, scale)
    state.stage, state.photo, state.equations = state.stage + 1, 0, {}


def _split(name: str) -> tuple[str, int]:
    kind = name.rstrip("0123456789")
    return kind, int(name[len(kind) :])


def _tables(counts: np.ndarray) -> np.ndarray:
    """Integer frequencies (TABLES, 2 HALF) from counts of errors at each scale."""
    rows = []
    for scale, count in enumerate(counts):
        spread = 2 ** ((scale + 0.5) / 4 - 6)
        enough = counts[max(0, scale - 1) : scale + 2].sum(0) if count.sum() < _FEW else count
        places = np.flatnonzero(enough)
        shape = fitted_shape((places - 8 * HALF) / FRACTIONS, enough[places], spread)
        fractions = range(FRACTIONS) if scale < FINE_SCALES else (FRACTIONS // 2,)
        errors = np.arange(-HALF, HALF)
        rows += [frequencies(errors - f / FRACTIONS + 0.5, spread, shape) for f in fractions]
    return np.stack(rows)
