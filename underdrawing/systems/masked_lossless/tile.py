"""Encoding and decoding of one tile: the base, then the rounds of masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from underdrawing.coding.residual_coder import Reader, Writer
from underdrawing.coding.table_coder import Table
from underdrawing.nets import masked_levels
from underdrawing.nets.masked_context import Tile
from underdrawing.nets.masked_format import Format
from underdrawing.nets.masked_network import (
    FRACTIONS,
    SCALE_BITS,
    Layers,
    Prediction,
    quarter_octaves,
    scale_index,
    table_number,
)
from underdrawing.nets.masked_order import Mask
from underdrawing.nets.masked_schedule import Step, rounds, stride_of
from underdrawing.ops.block_base import BLOCK, differences, summed


@dataclass(frozen=True)
class Model:
    """Weights by (name of the step, channel), and the range coder's tables."""

    layers: dict[tuple[str, int], Layers]
    tables: list[Table]
    lengths: np.ndarray
    """float32 (tables, symbols): bits of a symbol by each table."""


_WEIGHT_SPREAD = 8 * 16
"""Expected magnitude of the weights of a correction, in sixteenths."""
_CHANGE_SPREADS = 24, 8
"""Of changes of levels and shapes."""


def encode_tile(pixels: np.ndarray, form: Format, model: Model) -> bytes:
    """Code pixels (h, w, channels)."""
    planes = form.planes(pixels)
    levels, base = lossy_base(planes, form)
    writer = Writer(model.tables)
    spreads = bytearray()
    for level in levels:
        for coded in differences(level):
            spread = min(255, int(np.abs(coded).sum()) * 16 // coded.size)
            spreads.append(spread)
            writer.write(coded.ravel().astype(np.int32), _plain(spread, coded.size), None)
    tile = Tile([plane.astype(form.kind) for plane in planes], base, form.depth, form.alone)
    for step, channel, inside in _order(form, pixels.shape[:2], planes[0].shape):
        mask = _mask(tile, step, channel, form, model)
        values = planes[channel][step.pixels].flatten()
        for part, found in mask.parts():
            coded, missed = inside[part], mask.missed_of(part)
            weights = mask.fitted(part, values[part], missed)
            writer.write(weights, _plain(_WEIGHT_SPREAD, len(weights)), None)
            prediction = mask.corrected(part, found, missed, weights)
            if masked_levels.bin_count(len(part)):
                changes = masked_levels.fitted(prediction, values[part], coded, model.lengths)
                writer.write(changes.ravel(), _spreads(changes.shape[1]), None)
                prediction = masked_levels.changed(prediction, changes)
            writer.write((values[part] - prediction.center)[coded], *_tables(prediction, coded))
            values[part] = np.where(coded, values[part], prediction.center)
            mask.enter(part, values[part])
        tile.update(step, channel, values.astype(form.kind), mask.linear)
        tile.enter_missed(step, channel, mask.missed)
    return bytes(spreads) + writer.close()


def decode_tile(
    data: bytes, size: tuple[int, int], form: Format, model: Model, stop: int | None = None
) -> np.ndarray:
    """Pixels (h, w, channels) of a tile. CodeError where the bytes were damaged.

    stop: decode so many rounds; the rest is predicted. 0 to T.
    """
    unit = max(BLOCK, stride_of(form.rounds))
    height, width = (side + -side % unit for side in size)
    shape = len(form.base.frequencies), height // BLOCK, width // BLOCK
    heads = form.channels * shape[0]
    reader = Reader(data[heads:], model.tables)
    base = []
    for channel in range(form.channels):
        spreads = data[channel * shape[0] : (channel + 1) * shape[0]]
        coded = [reader.read(_plain(spread, shape[1] * shape[2]), None) for spread in spreads]
        levels = summed(np.stack(coded).reshape(shape).astype(np.int64))
        base.append(form.reconstructed(levels, channel))
    tile = Tile([np.zeros((height, width), form.kind) for _ in base], base, form.depth, form.alone)
    known = {step for part in rounds(form.rounds)[:stop] for step in part}
    for step, channel, inside in _order(form, size, (height, width)):
        mask = _mask(tile, step, channel, form, model)
        values = np.empty(len(inside), np.int32)
        for part, prediction in mask.parts():
            if step in known:
                coded, missed = inside[part], mask.missed_of(part)
                weights = reader.read(_plain(_WEIGHT_SPREAD, len(missed)), None)
                prediction = mask.corrected(part, prediction, missed, weights)
                if count := masked_levels.bin_count(len(part)):
                    changes = reader.read(_spreads(count), None).reshape(2, count)
                    prediction = masked_levels.changed(prediction, changes)
                prediction.center[coded] += reader.read(*_tables(prediction, coded))
            values[part] = prediction.center
            mask.enter(part, values[part])
        tile.update(step, channel, values.astype(form.kind), mask.linear)
        tile.enter_missed(step, channel, mask.missed)
    return form.pixels(tile.planes, size, clip=len(known) < len(form.steps))


def lossy_base(planes: list[np.ndarray], form: Format) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Levels and reconstruction of each plane."""
    levels = [form.base.quantized(plane, form.is_chroma(c)) for c, plane in enumerate(planes)]
    return levels, [form.reconstructed(level, channel) for channel, level in enumerate(levels)]


def _plain(spread: int, count: int) -> np.ndarray:
    """Table numbers (count,) for values around 0 of an expected magnitude of spread / 16, at most 16."""
    scale, _ = scale_index(quarter_octaves(np.array([spread << (SCALE_BITS - 4)], np.float32)))
    return np.repeat(table_number(scale, np.full(1, FRACTIONS // 2, np.int16)), count)


def _spreads(bins: int) -> np.ndarray:
    """Table numbers (2 bins,) of the changes of levels, then of shapes."""
    return np.concatenate([_plain(spread, bins) for spread in _CHANGE_SPREADS])


def _order(
    form: Format, size: tuple[int, int], padded: tuple[int, int]
) -> Iterator[tuple[Step, int, np.ndarray]]:
    """Steps and channels in coding order; which pixels (n,) lie inside the picture."""
    inside = np.zeros(padded, bool)
    inside[: size[0], : size[1]] = True
    for step in form.steps:
        part = inside[step.pixels].ravel()
        for channel in range(form.channels):
            yield step, channel, part


def _mask(tile: Tile, step: Step, channel: int, form: Format, model: Model) -> Mask:
    layers = model.layers[step.name, form.weights_of(channel)]
    size = tile.planes[channel][step.pixels].shape
    context, missed = tile.context(step, channel), tile.missed_around(step, channel)
    return Mask(layers, context, form.limits(channel), size, form.order, missed)


def _tables(prediction: Prediction, coded: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    table, shift = prediction.tables
    return table[coded], None if shift is None else shift[coded]
