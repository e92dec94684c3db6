"""The weights of a picture as differences from the released ones, in the range coder's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from underdrawing.coding.residual_coder import Reader, Writer
from underdrawing.core.errors import CodeError
from underdrawing.nets.masked_context import bounds
from underdrawing.nets.masked_format import Format
from underdrawing.nets.masked_network import (
    FRACTIONS,
    SCALE_BITS,
    Layers,
    quarter_octaves,
    scale_index,
    table_number,
)
from underdrawing.systems.masked_lossless.fitting import MEAN, SCALE, Unit, is_exact
from underdrawing.systems.masked_lossless.tile import Model

_UNFITTED = 255
"""In place of an expected difference: the released weights."""


def packed(model: Model, start: Model, form: Format) -> bytes:
    """One byte for each layer, the quarter octave of its expected difference, then the differences."""
    writer, levels = Writer(model.tables), bytearray()
    for key, part, unit in _layers(form):
        old = getattr(start.layers[key], part).astype(np.int32)
        steps = (getattr(model.layers[key], part) - old) // unit.quantum
        if not steps.any():
            levels.append(_UNFITTED)
            continue
        expected = np.abs(steps).mean(dtype=np.float32) * np.float32(1 << SCALE_BITS)
        levels.append(int(quarter_octaves(expected[None])[0]))
        writer.write(steps, *_tables(levels[-1], len(steps)))
    return bytes(levels) + writer.close() if set(levels) != {_UNFITTED} else b""


def restored(data: bytes, start: Model, form: Format) -> Model:
    """The inverse of `packed`. CodeError where the weights are none that this package writes."""
    if not data:
        return start
    places = list(_layers(form))
    try:
        levels, reader = data[: len(places)], Reader(data[len(places) :], start.tables)
    except CodeError as error:
        raise CodeError("the weights of the picture are cut short") from error
    found: dict[tuple[str, int], Layers] = dict(start.layers)
    for (key, part, unit), level in zip(places, levels, strict=True):
        if level != _UNFITTED:
            old = getattr(start.layers[key], part)
            weights = old + unit.quantum * reader.read(*_tables(level, len(old)))
            step = next(step for step in form.steps if step.name == key[0])
            limits = bounds(step, key[1], form.depth)[unit is SCALE]
            if not is_exact(weights, limits, form.kind, unit.one):
                raise CodeError("the weights of the picture are out of range")
            found[key] = replace(found[key], **{part: weights.astype(np.int16)})
    return replace(start, layers=found)


def _layers(form: Format) -> Iterator[tuple[tuple[str, int], str, Unit]]:
    """Key, part and unit of all layers that a picture of this format uses."""
    channels = sorted({form.weights_of(channel) for channel in range(form.channels)})
    for name in dict.fromkeys(step.name for step in form.steps):
        for channel in channels:
            yield (name, channel), "mean", MEAN
            yield (name, channel), "scale", SCALE


def _tables(level: int, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    scale, shift = scale_index(np.full(count, level, np.int32))
    return table_number(scale, np.full(count, FRACTIONS // 2, np.int16)), shift
