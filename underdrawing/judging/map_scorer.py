"""Localizers of manipulations at run time, without PyTorch: a shared trunk, graphs, weights, calibration.

    picture --at most 4 MP--> tiles of up to 512 px --trunk--> maps, kept for the next localizer
    tile, its maps --graph--> logits, reliability of cells of 4 px --blended where tiles overlap--> whole
    logits -> Platt -> tampered_prob          their largest 1 % -> Platt -> picture_prob

The memory for a picture of 4 MP: 30 MB of maps in tiles, and the activations of two tiles at a time.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from underdrawing.core.errors import ShapeError, WeightsError
from underdrawing.core.interfaces import Localization
from underdrawing.metrics.calibration import PICTURE, Platt, picture_logit
from underdrawing.nets.graph import Graph
from underdrawing.nets.weights import TRUNK, fingerprint, read_metadata, read_tensors

PREFIX = "network."
"""Of the names of the parameters of a localizer in a weight file."""
MAPS = ("maps4", "maps8", "maps16", "maps32")
"""Outputs of the graph of the trunk, and inputs of those of the localizers, by stride."""
CELL = 4
"""Side of the cells of the outputs, px."""
MOST_PX = 4_000_000
"""Larger pictures are reduced to this many pixels."""
TILE_PX, OVERLAP_PX = 512, 64
"""Largest side of a tile, and the least overlap of two tiles."""
_STEP = 32  # sides of tiles are multiples of the trunk's largest stride
_GRID = 8  # places of tiles are multiples of the side of a JPEG block
_WORKERS = 2  # tiles at a time
_SCALES = np.linspace(1, 0.95, 26)  # of the sides of reduced pictures


@dataclass(frozen=True)
class Tile:
    """A part of the picture at its working size."""

    top: int
    left: int
    image: np.ndarray
    """(S, T, 3) uint8; S and T are multiples of 32."""
    maps: tuple[np.ndarray, ...]
    """(1, C, S/s, T/s) float32 for the strides 4, 8, 16, 32."""

    def planes(self) -> np.ndarray:
        """(1, 3, S, T) float32 in 0..255."""
        return _planes(self.image)


@dataclass(frozen=True)
class Tiles:
    """A picture in tiles with the maps of a trunk."""

    height: int
    """Of the picture at its working size, px."""
    width: int
    tiles: tuple[Tile, ...]

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width that the tiles cover, px: those of the picture rounded up."""
        last = self.tiles[-1]
        return last.top + last.image.shape[0], last.left + last.image.shape[1]


class TrunkMaps:
    """The trunk; keeps the maps of the last picture, so that all localizers on it share them.

    graph: input `images` (1, 3, H, W) float32, RGB in 0..255; outputs MAPS. weights: file with its parameters
    under "trunk.". WeightsError at once where a file is missing, and at the first call for one that does not
    fit.
    """

    def __init__(self, graph: Path, weights: Path):
        _present(graph, weights)
        self._weights, self._graph = weights, Graph(graph, weights, TRUNK)
        self._lock = threading.Lock()
        self._last: tuple[bytes, Tiles] | None = None

    def __call__(self, image: np.ndarray) -> Tiles:
        """Maps of a picture (H, W, 3) uint8 of any size. ShapeError for other arrays."""
        if image.ndim != 3 or image.shape[2] != 3 or not image.size or image.dtype != np.uint8:
            raise ShapeError(f"expected a picture (H, W, 3) uint8, got {image.shape} {image.dtype}")
        key = hashlib.blake2b(np.ascontiguousarray(image).data, key=str(image.shape).encode()).digest()
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = None  # its memory is free before the next maps take theirs
                self._last = key, self._tiles(reduced(image, MOST_PX))
            return self._last[1]

    @cached_property
    def fingerprint(self) -> str:
        """Of its parameters, see nets.weights."""
        return fingerprint(read_tensors(self._weights, TRUNK))

    def _tiles(self, image: np.ndarray) -> Tiles:
        height, width = image.shape[:2]
        rows, cols = spans(height), spans(width)
        bottom, right = rows[-1].stop - height, cols[-1].stop - width
        padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REFLECT)

        def tile(place: tuple[slice, slice]) -> Tile:
            part = padded[place]
            maps = tuple(self._graph(images=_planes(part)))
            return Tile(place[0].start, place[1].start, part, maps)

        places = [(row, col) for row in rows for col in cols]
        return Tiles(height, width, tuple(_in_parallel(tile, places)))


class MapScorer:
    """One localizer on the trunk.

    graph: inputs `images` (1, 3, H, W) float32, RGB in 0..255, and MAPS, as far as it uses them, and others
    that `examine` takes; outputs `logits`, `reliability` (1, 1, H/4, W/4). weights: a file of train.localize.
    WeightsError at once where a file is missing, and at the first call where one cannot be read, lacks the
    calibration, or was trained on another trunk.
    """

    def __init__(self, graph: Path, weights: Path, trunk: TrunkMaps):
        _present(graph, weights)
        self.trunk, self._weights = trunk, weights
        self._graph = Graph(graph, weights, PREFIX)

    def examine(
        self, image: np.ndarray, inputs: Callable[[Tiles, Tile], dict[str, np.ndarray]] | None = None
    ) -> Localization:
        """Maps of a picture (H, W, 3) uint8 of any size. ShapeError for other arrays.

        inputs: other inputs of the graph for one of the tiles.
        """
        by_cell, by_picture = self._calibration
        tiles = self.trunk(image)

        def cells(tile: Tile) -> np.ndarray:
            shared = {"images": tile.planes(), **dict(zip(MAPS, tile.maps, strict=True))}
            used = {name: value for name, value in shared.items() if name in self._graph.inputs}
            others = inputs(tiles, tile) if inputs else {}
            logits, reliability = self._graph(**used, **others)
            return np.stack([logits[0, 0], reliability[0, 0]])

        logits, reliability = blended(tiles, _in_parallel(cells, tiles.tiles))
        inside = logits[: math.ceil(tiles.height / CELL), : math.ceil(tiles.width / CELL)]
        return Localization(
            _of_picture(by_cell.prob(logits), tiles, image.shape),
            _of_picture(reliability, tiles, image.shape),
            float(by_picture.prob(np.array(picture_logit(inside)))),
        )

    @cached_property
    def _calibration(self) -> tuple[Platt, Platt]:
        trained_on = read_metadata(self._weights).get("trunk_sha256")
        if trained_on != self.trunk.fingerprint:
            raise WeightsError(f"{self._weights}: trained on another trunk than that which it is used with")
        tensors = read_tensors(self._weights)
        try:
            return Platt.read(tensors), Platt.read(tensors, PICTURE)
        except KeyError as error:
            raise WeightsError(
                f"{self._weights}: no tensor {error.args[0]}: the weights lack the calibration that "
                "`underdrawing train` writes"
            ) from error


def reduced(image: np.ndarray, most_px: int) -> np.ndarray:
    """A picture with at most that many pixels, by means of areas; the same picture where it has no more.

    Of the sizes down to 5 % less on a side, the one whose tiles cover the fewest pixels.
    """
    height, width = image.shape[:2]
    if height * width <= most_px:
        return image
    most = math.sqrt(most_px / (height * width))
    rows, cols = min(
        (tuple(max(1, math.floor(scale * side)) for side in (height, width)) for scale in most * _SCALES),
        key=lambda size: math.prod(sum(s.stop - s.start for s in spans(side)) for side in size),
    )
    return cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA)


def spans(length: int) -> list[slice]:
    """Equal tiles along a side of `length` px: as few as TILE_PX and OVERLAP_PX allow, as small as possible.

    Sides are multiples of 32 and starts of 8; the last tile ends at the side rounded up to a multiple of 32.
    """
    covered = _rounded_up(length, _STEP)
    count = max(1, math.ceil((covered - OVERLAP_PX) / (TILE_PX - OVERLAP_PX)))
    side = min(covered, _rounded_up(math.ceil((covered + (count - 1) * OVERLAP_PX) / count), _STEP))
    last = covered - side
    starts = [number * last // max(1, count - 1) // _GRID * _GRID for number in range(count)]
    return [slice(start, start + side) for start in starts]


def blended(tiles: Tiles, cells: list[np.ndarray]) -> np.ndarray:
    """(K, H, W) float32 of the whole from planes (K, h, w) of the cells of each tile.

    Where tiles overlap, each counts by the distance to its own border: there it has the least context.
    """
    height, width = (side // CELL for side in tiles.sides)
    total = np.zeros((len(cells[0]), height, width), np.float32)
    weights = np.zeros((height, width), np.float32)
    for tile, planes in zip(tiles.tiles, cells, strict=True):
        rows, cols = planes.shape[1:]
        weight = np.outer(_ramp(rows), _ramp(cols))
        place = np.s_[
            tile.top // CELL : tile.top // CELL + rows, tile.left // CELL : tile.left // CELL + cols
        ]
        total[(slice(None), *place)] += weight * planes
        weights[place] += weight
    return total / weights


def _ramp(length: int) -> np.ndarray:
    """(length,) float32: 1, 2, ... up to the overlap from both ends."""
    steps = np.arange(1, length + 1)
    return np.minimum(np.minimum(steps, steps[::-1]), OVERLAP_PX // CELL).astype(np.float32)


def _of_picture(cells: np.ndarray, tiles: Tiles, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) float32 in [0, 1] in pixels of the picture from cells of its working size."""
    height, width = tiles.sides
    pixels = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    pixels = pixels[: tiles.height, : tiles.width]
    if pixels.shape != shape[:2]:
        pixels = cv2.resize(pixels, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(pixels, 0, 1, out=pixels)


def _planes(image: np.ndarray) -> np.ndarray:
    return image.transpose(2, 0, 1)[None].astype(np.float32)


def _in_parallel(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Results in the order of the items."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(work, items))


def _rounded_up(length: int, step: int) -> int:
    return math.ceil(length / step) * step


def _present(*paths: Path) -> None:
    for path in paths:
        if not path.is_file():
            raise WeightsError(f"{path}: no such file; the localizer has no released weights yet")
