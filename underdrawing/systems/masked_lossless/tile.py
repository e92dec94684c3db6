"""Encoding and decoding of one tile: the base, then the rounds of masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from underdrawing.coding.residual_coder import Reader, Writer
from underdrawing.coding.table_coder import Table
from underdrawing.core.errors import CodeError
from underdrawing.nets.masked_context import Tile
from underdrawing.nets.masked_network import (
    FRACTIONS,
    SCALE_BITS,
    Layers,
    Prediction,
    predict,
    quarter_octaves,
    scale_index,
    table_number,
)
from underdrawing.nets.masked_schedule import Step, rounds, stride_of
from underdrawing.ops.block_base import BLOCK, Base, differences, summed
from underdrawing.ops.reversible_color import from_ycocg, to_ycocg


@dataclass(frozen=True)
class Format:
    """What all tiles of a picture share."""

    channels: int
    """1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""
    depth: int
    """8 or 16 bits."""
    rounds: int
    """T."""

    @property
    def steps(self) -> list[Step]:
        """In coding order."""
        return [step for part in rounds(self.rounds) for step in part]

    @property
    def kind(self) -> type:
        """Floating-point type whose integers hold every sum."""
        return np.float32 if self.depth == 8 else np.float64

    @property
    def alone(self) -> tuple[bool, ...]:
        """Whether each channel is predicted without those before it: alpha."""
        return tuple(self.channels in (2, 4) and c == self.channels - 1 for c in range(self.channels))

    @property
    def base(self) -> Base:
        """Of all tiles."""
        return Base.of(stride_of(self.rounds), self.depth)

    def empty_tile(self, planes: list[np.ndarray], base: list[np.ndarray]) -> Tile:
        """A tile of which nothing but the base is known."""
        return Tile([np.zeros_like(plane, self.kind) for plane in planes], base, self.depth, self.alone)

    def limits(self, channel: int) -> tuple[int, int]:
        """Lowest and highest value of a plane."""
        top = (1 << self.depth) - 1
        return (-top, top) if self.is_chroma(channel) else (0, top)

    def reconstructed(self, levels: np.ndarray, channel: int) -> np.ndarray:
        """The base (H, W) of a channel, within its limits."""
        base = self.base.reconstructed(levels, self.is_chroma(channel))
        return np.clip(base, *self.limits(channel)).astype(self.kind)

    def is_chroma(self, channel: int) -> bool:
        """Whether a plane is Co or Cg."""
        return self.channels >= 3 and channel in (1, 2)

    def weights_of(self, channel: int) -> int:
        """Number of the channel in the names of the weights."""
        return 0 if self.alone[channel] else channel

    def planes(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Planes (H, W) int32 of pixels (h, w, channels), with repeated last row and column."""
        unit = max(BLOCK, stride_of(self.rounds))
        pad = [(0, -side % unit) for side in pixels.shape[:2]]
        padded = np.pad(pixels, [*pad, (0, 0)], mode="edge")
        color = to_ycocg(padded) if self.channels >= 3 else [padded[..., 0].astype(np.int32)]
        return color + [padded[..., -1].astype(np.int32)] * any(self.alone)

    def pixels(self, planes: list[np.ndarray], size: tuple[int, int], *, clip: bool) -> np.ndarray:
        """The inverse of `planes`, (h, w, channels). CodeError for values out of range, or clipped."""
        whole = [plane[: size[0], : size[1]].astype(np.int32) for plane in planes]
        color = from_ycocg(whole[:3]) if self.channels >= 3 else whole[0][..., None]
        values = np.concatenate([color, whole[-1][..., None]], -1) if any(self.alone) else color
        if clip:
            values = np.clip(values, 0, (1 << self.depth) - 1)
        if values.size and (values.min() < 0 or values.max() >> self.depth):
            raise CodeError("decoded values are out of range: the tile is damaged")
        return values.astype(np.uint8 if self.depth == 8 else np.uint16)


@dataclass(frozen=True)
class Model:
    """Weights by (name of the step, channel), and the range coder's tables."""

    layers: dict[tuple[str, int], Layers]
    tables: list[Table]


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
        prediction = predict(
            _layers(model, step, channel, form), tile.context(step, channel), form.limits(channel)
        )
        values = planes[channel][step.pixels].ravel()
        writer.write((values - prediction.center)[inside], *_tables(prediction, inside))
        if inside is not _ALL:
            values = np.where(inside, values, prediction.center)
        tile.update(step, channel, values.astype(form.kind), prediction.linear)
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
        prediction = predict(
            _layers(model, step, channel, form), tile.context(step, channel), form.limits(channel)
        )
        values = prediction.center
        if step in known:
            values = values.copy()
            values[inside] += reader.read(*_tables(prediction, inside))
        tile.update(step, channel, values.astype(form.kind), prediction.linear)
    return form.pixels(tile.planes, size, clip=len(known) < len(form.steps))


def lossy_base(planes: list[np.ndarray], form: Format) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Levels and reconstruction of each plane."""
    levels = [form.base.quantized(plane, form.is_chroma(c)) for c, plane in enumerate(planes)]
    return levels, [form.reconstructed(level, channel) for channel, level in enumerate(levels)]


def _plain(spread: int, count: int) -> np.ndarray:
    """Table numbers (count,) for values around 0 of an expected magnitude of spread / 16, at most 16."""
    scale, _ = scale_index(quarter_octaves(np.array([spread << (SCALE_BITS - 4)], np.float32)))
    return np.repeat(table_number(scale, np.full(1, FRACTIONS // 2, np.int16)), count)


def _order(
    form: Format, size: tuple[int, int], padded: tuple[int, int]
) -> Iterator[tuple[Step, int, np.ndarray | slice]]:
    """Steps and channels in coding order; which pixels (n,) lie inside the picture."""
    inside = np.zeros(padded, bool)
    inside[: size[0], : size[1]] = True
    for step in form.steps:
        part = _ALL if size == padded else inside[step.pixels].ravel()
        for channel in range(form.channels):
            yield step, channel, part


def _layers(model: Model, step: Step, channel: int, form: Format) -> Layers:
    return model.layers[step.name, form.weights_of(channel)]


def _tables(prediction: Prediction, inside: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray | None]:
    return prediction.table[inside], None if prediction.shift is None else prediction.shift[inside]


_ALL = slice(None)
