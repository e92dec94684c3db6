"""Lossless codec of pictures: masked sampling, coarse to fine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from underdrawing.coding.table_coder import models
from underdrawing.core.errors import CodeError, ShapeError, WeightsError
from underdrawing.data import udl
from underdrawing.data.udl import Container, Header
from underdrawing.nets.masked_format import Format
from underdrawing.nets.masked_network import TABLES, Layers, Net
from underdrawing.nets.masked_order import ORDER
from underdrawing.nets.weights import read_tensors
from underdrawing.systems.masked_lossless.fitting import Material, enter, fit_layers
from underdrawing.systems.masked_lossless.own_weights import packed, restored
from underdrawing.systems.masked_lossless.tile import Model, decode_tile, encode_tile, lossy_base

WEIGHTS = Path(__file__).parent / "weights" / "masked-lossless.safetensors"
ROUNDS = 8
"""T where none is given."""
MAX_PIXELS = 120_000_000
_SCHEME = b"6"
"""Other with each change of what the bytes of a tile mean: no file is decoded by another scheme."""
_FITTED_PIXELS, _FITTED_SQUARES, _FITTED_SIDE = 1 << 20, 8, 256
"""A picture's own weights are fitted to all of it; with more pixels, to so many squares of this side, px."""
Region = tuple[int, int, int, int]
"""Left, top, right, bottom, px; right and bottom are outside."""


class MaskedLossless:
    """Codes pictures of 8 or 16 bits, gray or RGB, with or without alpha; loads its weights when needed."""

    def __init__(self, weights: Path = WEIGHTS, rounds: int = ROUNDS, threads: int | None = None):
        """rounds: T of `encode`, 1 to 16. threads: side by side; None: one a core, at most 8."""
        self._path = weights
        self.rounds = rounds
        self.threads = threads or min(8, os.cpu_count() or 1)

    @cached_property
    def sha256(self) -> str:
        """First 16 hex digits of a sha256 of the weights and the scheme that they are used in."""
        return hashlib.sha256(_SCHEME + self._path.read_bytes()).hexdigest()[:16]

    @cached_property
    def _model(self) -> Model:
        tensors = read_tensors(self._path)
        try:
            layers, nets = _parts(tensors)
            found = {
                (name, channel): Layers(**own, net=nets.get((name.rstrip("0123456789"), channel)))
                for (name, channel), own in layers.items()
            }
            tables = tensors["tables"].astype(np.int64)
        except (KeyError, ValueError, TypeError) as error:
            raise WeightsError(f"{self._path}: not weights of masked-lossless ({error})") from error
        if tables.shape[0] != TABLES:
            raise WeightsError(f"{self._path}: {len(tables)} tables, expected {TABLES}")
        lengths = -np.log2(tables / tables[0].sum(dtype=np.float64)).astype(np.float32)
        return Model(found, models(tables), lengths)

    def encode(self, image: np.ndarray) -> bytes:
        """Code an image (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4), uint8 or uint16."""
        return self.pack(image)

    def decode(self, data: bytes) -> np.ndarray:
        """The coded image, (H, W) or (H, W, channels). CodeError for other bytes and damaged ones."""
        pixels = self.unpack(udl.read(data, MAX_PIXELS))
        return pixels[..., 0] if pixels.shape[2] == 1 else pixels

    def pack(
        self,
        pixels: np.ndarray,
        *,
        rounds: int | None = None,
        tile: int = udl.TILE,
        sections: Mapping[str, bytes] | None = None,
        facts: Mapping[str, Any] | None = None,
        order: str = ORDER,
    ) -> bytes:
        """A .udl file of pixels. sections, facts: kept beside them. order: one of masked_order.ORDERS.

        ShapeError for another array."""
        pixels = _checked(pixels)
        height, width, channels = pixels.shape
        form = Format(channels, 8 * pixels.itemsize, rounds or self.rounds, order)
        sha = _sha256(pixels)
        header = Header(
            width, height, channels, form.depth, form.rounds, tile, sha, self.sha256, facts or {}, form.order
        )
        model = self._fitted(pixels, form, header)
        with ThreadPoolExecutor(self.threads) as pool:
            tiles = list(pool.map(lambda place: encode_tile(pixels[place], form, model), header.tiles))
        own = packed(model, self._model, form)
        return udl.write(header, {**(sections or {}), "weights": own}, tiles)

    def unpack(
        self, file: Container, *, region: Region | None = None, rounds: int | None = None
    ) -> np.ndarray:
        """Pixels (h, w, channels) of a file or of a region of it.

        rounds: decode only so many rounds, for a preview. CodeError where tiles are damaged, or where the
        pixels of the whole picture have another sha256.
        """
        pixels, faults = self._decoded(file, region, rounds)
        if faults:
            raise CodeError("; ".join(faults))
        if region is None and rounds is None and _sha256(pixels) != file.header.sha256:
            raise CodeError("the decoded pixels have another sha256 than the header names")
        return pixels

    def salvage(self, file: Container, *, region: Region | None = None) -> tuple[np.ndarray, list[str]]:
        """Pixels as far as they can be decoded, middle gray elsewhere, and what is damaged."""
        return self._decoded(file, region, None)

    def _decoded(
        self, file: Container, region: Region | None, rounds: int | None
    ) -> tuple[np.ndarray, list[str]]:
        header = file.header
        if header.weights != self.sha256:
            raise CodeError(
                f"the file was coded with weights {header.weights}, these are {self.sha256}: use the version "
                "of the package that wrote it"
            )
        form = Format(header.channels, header.depth, header.rounds, header.order)
        left, top, right, bottom = region or (0, 0, header.width, header.height)
        if not (0 <= left < right <= header.width and 0 <= top < bottom <= header.height):
            raise ShapeError(
                f"the region {region} is not inside the picture of {header.width}x{header.height} px"
            )
        model = restored(file.section("weights") or b"", self._model, form)
        kind = np.uint8 if form.depth == 8 else np.uint16
        pixels = np.full((bottom - top, right - left, form.channels), 1 << (form.depth - 1), kind)
        wanted = [
            (number, place) for number, place in enumerate(header.tiles)
            if place[0].start < bottom and place[0].stop > top
            and place[1].start < right and place[1].stop > left
        ]  # fmt: skip

        def enter_tile(job: tuple[int, tuple[slice, slice]]) -> str | None:
            number, (rows, columns) = job
            size = rows.stop - rows.start, columns.stop - columns.start
            try:
                found = decode_tile(file.tile(number), size, form, model, rounds)
            except CodeError as error:
                text = str(error)
                return text if text.startswith("tile") else f"{file.tile_name(number)}: {text}"
            upper, lower = max(top, rows.start), min(bottom, rows.stop)
            first, last = max(left, columns.start), min(right, columns.stop)
            part = found[
                upper - rows.start : lower - rows.start, first - columns.start : last - columns.start
            ]
            pixels[upper - top : lower - top, first - left : last - left] = part
            return None

        with ThreadPoolExecutor(self.threads) as pool:
            faults = [fault for fault in pool.map(enter_tile, wanted) if fault]
        return pixels, faults

    def _fitted(self, pixels: np.ndarray, form: Format, header: Header) -> Model:
        """The model with weights fitted to some tiles of the picture."""
        places = header.tiles
        if len(places) * header.tile**2 > _FITTED_PIXELS:
            places = replace(header, tile=_FITTED_SIDE).tiles
            places = places[:: -(-len(places) // _FITTED_SQUARES)]
        parts = [pixels[place] for place in places]
        share = sum(part.shape[0] * part.shape[1] for part in parts) / (header.width * header.height)
        planes = [form.planes(part) for part in parts]
        tiles = [form.empty_tile(own, lossy_base(own, form)[1]) for own in planes]
        layers = dict(self._model.layers)
        for step in form.steps:
            for channel in range(form.channels):
                key = step.name, form.weights_of(channel)
                if channel and form.alone[channel]:
                    start = layers[key]  # of the first channel: alpha has no weights of its own
                    contexts = [tile.context(step, channel) for tile in tiles]
                else:
                    contexts = [tile.context(step, channel) for tile in tiles]
                    truth = [own[channel][step.pixels].ravel() for own in planes]
                    others = len(tiles[0].channels_before(channel))
                    start = fit_layers(
                        Material(contexts, truth, step, channel, others, form), layers[key], share
                    )
                    layers[key] = start
                for tile, own, context in zip(tiles, planes, contexts, strict=True):
                    enter(tile, start, context, step, channel, own[channel][step.pixels].ravel(), form)
        return replace(self._model, layers=layers)


def _parts(
    tensors: Mapping[str, np.ndarray],
) -> tuple[dict[tuple[str, int], dict[str, np.ndarray]], dict[tuple[str, int], Net]]:
    """Linear weights by step and channel, and perceptrons by kind of step and channel."""
    layers: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    nets: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for name, values in tensors.items():
        if name != "tables":
            *_, step, channel, part = name.split(".")
            group = nets if name.startswith("net.") else layers
            group.setdefault((step, int(channel)), {})[part] = values
    return layers, {key: Net.of(found) for key, found in nets.items()}


def _sha256(pixels: np.ndarray) -> str:
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(np.ascontiguousarray(little)).hexdigest()


def _checked(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or pixels.dtype not in (np.uint8, np.uint16):
        raise ShapeError(
            f"expected (H, W) or (H, W, 1 to 4), uint8 or uint16, got {pixels.shape} {pixels.dtype}"
        )
    if 0 in pixels.shape:
        raise ShapeError(f"expected at least one pixel, got {pixels.shape}")
    return pixels
