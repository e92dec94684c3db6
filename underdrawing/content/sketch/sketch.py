"""The sketch: codec of a photograph's content to a few thousand bits, in layers that refine each other.

    encode: image -> resized to a grid of 16-px cells -> latent -> tokens + symbols of step 0 | symbols of
    step 1 | ... decode: the layers read so far -> latent -> picture -> resized

The grid and the steps are chosen so that each layer fills its budget of bits. With an importance map the
resizing gives important rows and columns more cells (focus.py), and important cells more of the bits.
"""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from underdrawing.content.sketch.entropy import EntropyCode
from underdrawing.content.sketch.focus import EVEN, Focus, choose_focus, read_focus
from underdrawing.content.sketch.parameters import (
    BLOCK,
    FIELDS_FIRST,
    FIELDS_NEXT,
    Grid,
    condition_numbers,
    put,
    step_size,
    stretch,
    take,
)  # fmt: skip
from underdrawing.content.sketch.transform import Transform
from underdrawing.core.errors import CapacityError, CodeError, ShapeError
from underdrawing.nets.token_scales import token_grid
from underdrawing.nets.weights import read_tensors

WEIGHTS = Path(__file__).parent / "weights" / "sketch.safetensors"
TOKEN_BITS = 10
PREFIXES = ((1200, 1), (6000, 2), (1 << 40, 3))
"""Token scales below the symbols where all layers together have fewer bits than this. Measured on held-out
training photos at 256x256, at equal bits in all: 200 bits 18.4 dB with one scale and symbols against 15.4
with tokens alone, 700 bits 20.3 against 16.9, 2,400 bits 22.6 against 21.5; further scales gain only in
larger codes."""
SYMBOLS_FROM_BITS = 100
"""A first layer below this budget holds tokens alone."""
CELL_BITS = 30.0
"""Bits per latent cell; with fewer, a smaller grid with finer steps has less error."""
FIRST_CELL_BITS = 11.0
"""Least bits per cell in the first layer. Layers of 350, 400 and 900 bits (256x256, six photographs): with 7
bits 16.0, 18.4 and 20.1 dB, with 12 bits 17.3, 18.5 and 20.0 dB; one layer alone 17.5, 19.0 and 20.6 dB."""
SMALLEST, LARGEST = 3, 64
BIT_COST = 0.06
"""Lagrange multiplier of the choice of symbols: squared error, in steps, per bit."""
STEP_NUMBERS = (16, 244)
COARSEST = 256
BITS_FALL = 0.027
"""Approximate decrease of the log of a layer's bits per step number."""
CLOSING_BITS = 10
"""Bits of the range coder's end mark and termination."""
FOCUSED = 9
"""Added to the token scales of the header where a focus follows; older decoders refuse such a code."""
FOCUS_FROM_BITS = 150
"""A first layer below this budget has no focus."""
UNIMPORTANT_COST = 4.0
"""Most that a bit in an unimportant cell costs, over one in a cell of at least mean importance."""


class Layer(NamedTuple):
    """One refinement of the latent, as written or read."""

    number: int
    groups: int
    symbols: np.ndarray


class Sketch:
    """Codes photographs; loads its weights at the first use."""

    def __init__(self, weights: Path = WEIGHTS):
        self._path = weights
        self._lock = threading.Lock()
        self._transform = Transform(weights)

    def encode(
        self, image_u8: np.ndarray, budgets_bits: Sequence[int], importance: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """Code (H, W, 3) uint8 RGB into one bit array (uint8 0/1) a budget, each at most as long as its
        budget.

        Layer j refines layers < j. importance: (h, w) of any size over the whole picture, non-negative, any
        unit: places of a high value get more bits. Raises ShapeError for other arrays, CapacityError when
        the first budget holds no token.
        """
        if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8 or 0 in image_u8.shape:
            raise ShapeError(f"expected a picture (H, W, 3) uint8, got {image_u8.shape} {image_u8.dtype}")
        if importance is not None and not (importance.ndim == 2 and (importance >= 0).all()):
            raise ShapeError(
                f"expected importance (h, w) of 0 or more, got {importance.shape} or other values"
            )
        height, width = image_u8.shape[:2]
        blocks = self._blocks(height, width, budgets_bits)
        grid = Grid.of(blocks, height, width)
        focus = None
        if importance is not None and budgets_bits[0] >= FOCUS_FROM_BITS:
            finest = height / (BLOCK * grid.rows), width / (BLOCK * grid.columns)
            focus = choose_focus(importance, finest, int(budgets_bits[0]))
        stated = np.zeros(0, np.uint8) if focus is None else focus.bits()
        latent = self._latent(image_u8, grid, focus)
        costs = _bit_costs(importance, grid, focus)
        prefix = self._prefix(budgets_bits, grid)
        budget = int(budgets_bits[0]) - sum(FIELDS_FIRST) - len(stated)
        tokens, token_latent = self._quantize_tokens(latent, prefix)
        layer, body = self._fill(latent - token_latent, [], prefix, budget - TOKEN_BITS * len(tokens), costs)
        if layer.number == 0:
            # no symbols fit: use the room for tokens
            prefix = self._fitting(budget, grid)
            tokens, token_latent = self._quantize_tokens(latent, prefix)
        rest = latent - token_latent
        marked = prefix if focus is None else prefix + FOCUSED
        head = put((blocks - 1, marked, layer.number, max(0, layer.groups - 1)), FIELDS_FIRST)
        coded = [np.concatenate((head, stated, put(tuple(tokens), (TOKEN_BITS,) * len(tokens)), body))]
        done: list[Layer] = []
        for budget in budgets_bits[1:]:
            rest = self._keep(layer, done, rest)
            layer, body = self._fill(rest, done, prefix, int(budget) - sum(FIELDS_NEXT), costs)
            coded.append(np.concatenate((put((layer.number, max(0, layer.groups - 1)), FIELDS_NEXT), body)))
        return coded

    @property
    def scales(self) -> int:
        """Number of token scales."""
        return len(self._transform.config.sides)

    def encode_tokens(self, image_u8: np.ndarray, prefix: int) -> list[np.ndarray]:
        """One layer that holds nothing but the first `prefix` token scales, at the picture's own size."""
        height, width = image_u8.shape[:2]
        blocks = self._own_blocks(height, width)
        tokens, _ = self._quantize_tokens(self._latent(image_u8, Grid.of(blocks, height, width)), prefix)
        head = put((blocks - 1, prefix, 0, 0), FIELDS_FIRST)
        return [np.concatenate((head, put(tuple(tokens), (TOKEN_BITS,) * len(tokens))))]

    def _own_blocks(self, height: int, width: int) -> int:
        return int(np.clip(round(max(height, width) / BLOCK), SMALLEST, LARGEST))

    def decode(self, layers: Sequence[np.ndarray | None], height: int, width: int) -> np.ndarray:
        """Picture (height, width, 3) uint8 from the layers read so far; those behind the first None are not
        used.

        The shape must be that of the coded picture. Bits behind a layer's end do no harm. Raises CodeError
        for bits that are no sketch, ShapeError for impossible sides.
        """
        if height < 1 or width < 1:
            raise ShapeError(f"expected sides of at least 1 px, got {height}x{width}")
        readable = list(layers)[: next((j for j, bits in enumerate(layers) if bits is None), len(layers))]
        if not readable:
            raise CodeError("no layer of the sketch was read: there is nothing to decode")
        (blocks, prefix, number, groups), bits = take(np.asarray(readable[0], np.uint8), FIELDS_FIRST)
        grid, focus = Grid.of(blocks + 1, height, width), None
        if prefix >= FOCUSED:
            prefix, (focus, bits) = prefix - FOCUSED, read_focus(bits)
        tokens, bits = self._read_tokens(bits, prefix, grid, coded=number > 0)
        done: list[Layer] = []
        if number:
            done.append(self._read_layer(bits, number, groups, grid, done, prefix))
        for later in readable[1:]:
            (number, groups), bits = take(np.asarray(later, np.uint8), FIELDS_NEXT)
            if number:
                done.append(self._read_layer(bits, number, groups, grid, done, prefix))
        picture = self._picture(tokens, done, grid)
        if focus is not None:
            return focus.spread(picture, height, width)
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)

    def density(self, first: np.ndarray, rows: int, cols: int) -> np.ndarray:
        """(rows, cols) float32: latent cells at equal parts of the picture over those of an even code, by a
        code's first layer.

        A place shows what an even code of so many times the bits shows. CodeError for no sketch.
        """
        (_, prefix, _, _), bits = take(np.asarray(first, np.uint8), FIELDS_FIRST)
        focus = read_focus(bits)[0] if prefix >= FOCUSED else Focus(EVEN, EVEN)
        return focus.relative(rows, cols)

    @cached_property
    def _loaded_code(self) -> EntropyCode:
        return EntropyCode(read_tensors(self._path, "code."), self._transform.config.groups)

    @property
    def _code(self) -> EntropyCode:
        with self._lock:
            return self._loaded_code

    def _blocks(self, height: int, width: int, budgets: Sequence[int]) -> int:
        """Cells along the longer side, by the bits of all layers; at most those at the picture's size."""
        if not budgets or int(budgets[0]) < sum(FIELDS_FIRST) + TOKEN_BITS:
            raise CapacityError(
                f"a sketch needs at least {sum(FIELDS_FIRST) + TOKEN_BITS} bits in its first layer"
            )
        longest = max(height, width)
        cells = min(sum(int(b) for b in budgets) / CELL_BITS, int(budgets[0]) / FIRST_CELL_BITS)
        fed = (cells * longest * longest / (height * width)) ** 0.5
        return int(np.clip(round(fed), SMALLEST, self._own_blocks(height, width)))

    def _prefix(self, budgets: Sequence[int], grid: Grid) -> int:
        fitting = self._fitting(int(budgets[0]) - sum(FIELDS_FIRST), grid)
        if budgets[0] < SYMBOLS_FROM_BITS:
            return fitting
        return min(fitting, next(scales for bits, scales in PREFIXES if sum(budgets) < bits))

    def _fitting(self, room: int, grid: Grid) -> int:
        """Token scales that fit into `room` bits."""
        grids = (token_grid(side, grid.rows, grid.columns) for side in self._transform.config.sides)
        counts = np.cumsum([rows * columns for rows, columns in grids])
        return int(np.searchsorted(counts, room // TOKEN_BITS, side="right"))

    @staticmethod
    def _keep(layer: Layer, done: list[Layer], rest: np.ndarray) -> np.ndarray:
        """Append a coded layer to `done`; returns the remaining latent."""
        if layer.number == 0:
            return rest
        done.append(layer)
        return rest - layer.symbols * np.float32(step_size(layer.number))

    def _latent(self, image_u8: np.ndarray, grid: Grid, focus: Focus | None = None) -> np.ndarray:
        size = (grid.columns * BLOCK, grid.rows * BLOCK)
        if focus is not None:
            image_u8 = np.rint(focus.gather(image_u8, size[::-1])).astype(np.uint8)
        if size != (image_u8.shape[1], image_u8.shape[0]):
            shrinks = size[0] < image_u8.shape[1]
            image_u8 = cv2.resize(
                image_u8, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
            )
        return self._transform.latent(image_u8)

    def _quantize_tokens(self, latent: np.ndarray, prefix: int) -> tuple[list[int], np.ndarray]:
        grids, described = self._transform.quantize(latent, prefix)
        return [int(t) for grid in grids for t in grid.ravel()], described

    def _fill(
        self, rest: np.ndarray, done: list[Layer], prefix: int, room: int, costs: np.ndarray
    ) -> tuple[Layer, np.ndarray]:
        """Symbols of the finest step that fit into `room` bits, and those bits; empty when none fit."""
        nothing = Layer(0, 0, np.zeros(rest.shape, np.int64)), np.zeros(0, np.uint8)
        lowest, highest = STEP_NUMBERS[0], done[-1].number - 8 if done else STEP_NUMBERS[1]
        if room < 64 or lowest >= highest:
            return nothing
        best: Layer | None = None
        number, fall, last = self._guess(rest, room, lowest, highest), BITS_FALL, None
        for _ in range(5):
            layer, bits = self._choose(rest, done, prefix, number, costs)
            if bits + CLOSING_BITS <= room:
                highest, best = number, layer
                if bits > 0.978 * room:
                    break
            else:
                lowest = number + 1
            if lowest >= highest:
                break
            if last is not None and last[0] != number and bits > 0:
                fall = float(np.clip(np.log(last[1] / bits) / (number - last[0]), 0.01, 0.08))
            last = number, max(bits, 1.0)
            change = np.log(last[1] / (0.993 * room)) / fall
            number = int(np.clip(round(number + change), lowest, highest - 1))
        for number in range(best.number if best else highest, COARSEST if not done else highest + 1, 2):
            if best is None or best.number != number:
                best, _ = self._choose(rest, done, prefix, number, costs)
            body = self._code.write(
                best.symbols, best.groups, *self._context(done, number, prefix, rest.shape)
            )
            if len(body) <= room:
                return best, body
        return nothing

    def _guess(self, rest: np.ndarray, room: int, lowest: int, highest: int) -> int:
        """Initial step number: a logarithmic model of the bits meets the room."""
        numbers = np.arange(lowest, highest, 3)
        sizes = 4.0 * 2.0 ** (numbers / 32)
        flat = np.abs(rest.ravel()[::4])
        flat = flat[flat > 0.5 * sizes[0]]
        bits = np.array([np.log2(1 + 4.0 * np.maximum(flat / size - 0.5, 0)).sum() for size in sizes]) * 9.4
        return int(numbers[np.argmin(np.abs(np.log((bits + 1) / room)))])

    def _choose(
        self, rest: np.ndarray, done: list[Layer], prefix: int, number: int, costs: np.ndarray
    ) -> tuple[Layer, float]:
        below, condition = self._context(done, number, prefix, rest.shape)
        code = self._code
        exact = rest / np.float32(step_size(number))
        symbols, bits = code.choose(exact, self._used(np.abs(exact) > 0.5), below, condition, costs)
        return Layer(number, self._used(symbols), symbols), bits

    def _used(self, symbols: np.ndarray) -> int:
        """Number of groups up to the last non-zero one."""
        live = np.flatnonzero(symbols.any((1, 2)))
        return int(np.searchsorted(self._code.ends, live[-1], side="right")) + 1 if len(live) else 1

    def _context(
        self, done: list[Layer], number: int, prefix: int, shape: tuple[int, ...]
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """Coder context: sum of the coarser layers in steps of this one, and the condition numbers."""
        if not done:
            return None, condition_numbers(number, 0, prefix)
        below = np.zeros(shape, np.int64)
        for layer in done:
            below += stretch(layer.symbols, max(0, layer.number - number))
        return below, condition_numbers(number, max(1, done[-1].number - number), prefix)

    def _read_tokens(
        self, bits: np.ndarray, prefix: int, grid: Grid, *, coded: bool
    ) -> tuple[list[np.ndarray], np.ndarray]:
        config = self._transform.config
        if prefix > len(config.sides) or (prefix == 0 and not coded):
            raise CodeError(f"a sketch with {prefix} token scales was never written")
        tokens = []
        for side in config.sides[:prefix]:
            shape = token_grid(side, grid.rows, grid.columns)
            count = shape[0] * shape[1]
            values, bits = take(bits, (TOKEN_BITS,) * count)
            tokens.append(np.array(values).reshape(shape))
        return tokens, bits

    def _read_layer(
        self, bits: np.ndarray, number: int, groups: int, grid: Grid, done: list[Layer], prefix: int
    ) -> Layer:
        code = self._code
        if groups >= len(code.groups) or (done and number >= done[-1].number) or number < STEP_NUMBERS[0]:
            raise CodeError("a sketch layer's head holds numbers that were never written")
        shape = (self._transform.config.channels, grid.rows, grid.columns)
        below, condition = self._context(done, number, prefix, shape)
        return Layer(number, groups + 1, code.read(bits, shape, groups + 1, below, condition))

    def _picture(self, tokens: list[np.ndarray], done: list[Layer], grid: Grid) -> np.ndarray:
        refinement = np.zeros((self._transform.config.channels, grid.rows, grid.columns), np.float32)
        for layer in done:
            refinement += layer.symbols * np.float32(step_size(layer.number))
        return self._transform.picture(tokens, refinement, step_size(done[-1].number) if done else 0.0)


def _is_map(importance: np.ndarray) -> bool:
    return importance.ndim == 2 and bool(np.isfinite(importance).all() and (importance >= 0).all())


def _bit_costs(importance: np.ndarray | None, grid: Grid, focus: Focus | None) -> np.ndarray:
    """Lagrange multiplier of the symbols of each cell, (rows, columns) float32."""
    size = grid.rows, grid.columns
    if importance is None:
        return np.full(size, BIT_COST, np.float32)
    even = Focus(EVEN, EVEN) if focus is None else focus
    here = even.gather(np.asarray(importance, np.float32), size)
    return np.float32(BIT_COST) * np.clip(here.mean() / np.maximum(here, 1e-9), 1, UNIMPORTANT_COST)
