"""The entropy code of the sketch's symbols: the same bits on every machine.

Probabilities come from the context networks (nets/context.py). Floating-point sums depend on the order of
summation, which differs between machines, so the trained networks are rounded to integers: every product and
sum stays below 2^24, which float32 represents exactly. The output (mean in eighths of a step, scale in
quarter octaves) selects one of SCALES x FRACTIONS frequency tables of a range coder, part of the weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import constriction
import numpy as np

from underdrawing.content.sketch.parameters import SYMBOL_LIMIT
from underdrawing.core.errors import CodeError, WeightsError

# The compiled package's inner names are attributes, not modules that could be imported from.
Categorical = constriction.stream.model.Categorical
RangeEncoder = constriction.stream.queue.RangeEncoder
RangeDecoder = constriction.stream.queue.RangeDecoder

REACH = 31
"""Symbols are coded as their distance from the rounded mean, at most this far."""
SCALES = 40
FRACTIONS = 8
TABLE_BITS = 20
INPUT_BITS = 10
HIDDEN_BITS = 5
HIDDEN_LIMIT = 1023
WEIGHT_BITS = 8
CONDITION_BITS = 8
EXACT = 1 << 24


@dataclass(frozen=True)
class Place:
    """Channel range and cells (rows, columns) of one pass over one group."""

    index: int
    start: int
    end: int
    rows: np.ndarray
    columns: np.ndarray
    known: int
    """Channels whose symbols are known: everywhere below `start`, on the white cells from there on."""


class IntegerPass:
    """One pass network in integers."""

    def __init__(self, tensors: dict[str, np.ndarray]):
        # (maps, 9, width): the rows of the maps that are not all zero are then one cheap selection.
        self.look = np.ascontiguousarray(tensors["look"].astype(np.float32).transpose(2, 1, 0))
        self.condition, self.bias = tensors["condition"], tensors["bias"]
        self.mix, self.mix_bias = tensors["mix"].astype(np.float32), tensors["mix_bias"].astype(np.float32)
        self.output, self.output_bias = (
            tensors["tell"].astype(np.float32),
            tensors["tell_bias"].astype(np.float32),
        )

    def __call__(
        self, inputs: list[tuple[np.ndarray, np.ndarray, int]], cells: int, condition: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean (eighths of a step) and scale index, int64 (channels, cells).

        inputs: for each field the neighbourhoods (live maps, 9, cells), the indices of these maps in the
        pass, and the offset from them to the maps of magnitudes.
        """
        start = self.bias + ((self.condition @ condition) >> CONDITION_BITS)
        looked = np.repeat(start[:, None].astype(np.float32), cells, 1)
        for values, live, magnitudes in inputs:
            flat = values.reshape(-1, cells)
            width = len(start)
            looked += self.look[live].reshape(-1, width).T @ flat
            looked += self.look[live + magnitudes].reshape(-1, width).T @ np.abs(flat)
        hidden = _rescale(looked, INPUT_BITS - HIDDEN_BITS)
        hidden = _rescale(self.mix @ hidden + self.mix_bias[:, None], WEIGHT_BITS)
        output = (self.output @ hidden + self.output_bias[:, None]).astype(np.int64)
        mean, scale = np.split(output, 2)
        half = 1 << (WEIGHT_BITS + HIDDEN_BITS - 4)
        mean = (mean + half) >> (WEIGHT_BITS + HIDDEN_BITS - 3)
        scale = ((scale + 2 * half) >> (WEIGHT_BITS + HIDDEN_BITS - 2)) + 16
        return np.clip(mean, -8 * 64, 8 * 64), np.clip(scale, 0, SCALES - 1)


def _rescale(total: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(np.floor(total * np.float32(2.0**-bits)), 0, HIDDEN_LIMIT)


class EntropyCode:
    """Choose, encode and decode fields of symbols (C, h, w)."""

    def __init__(self, tensors: dict[str, np.ndarray], groups: tuple[int, ...]):
        try:
            self.tables = tensors["tables"].astype(np.int64)
            names = ("look", "condition", "bias", "mix", "mix_bias", "tell", "tell_bias")
            self.passes = [
                IntegerPass({name: tensors[f"pass{i}.{name}"] for name in names})
                for i in range(2 * len(groups))
            ]
        except KeyError as error:
            raise WeightsError(f"the sketch's weights lack {error}: install the package again") from error
        self.groups = groups
        self.ends = np.cumsum(groups)

    @cached_property
    def cost(self) -> np.ndarray:
        """Bits of each symbol in each table: float32 (tables, 2 REACH + 1)."""
        return (TABLE_BITS - np.log2(self.tables)).astype(np.float32)

    @cached_property
    def models(self) -> list[Categorical]:
        """The range coder's models, one a table."""
        shares = self.tables / np.float64(1 << TABLE_BITS)
        return [Categorical(row, perfect=False) for row in shares.astype(np.float64)]

    def places(self, groups: int, height: int, width: int) -> Iterator[Place]:
        """The passes of the first `groups` groups in coding order."""
        white = (np.arange(height)[:, None] + np.arange(width)[None]) % 2 == 0
        for group in range(groups):
            start = int(self.ends[group - 1]) if group else 0
            end = int(self.ends[group])
            for parity, cells in enumerate((white, ~white)):
                rows, columns = np.nonzero(cells)
                yield Place(2 * group + parity, start, end, rows, columns, end if parity else start)

    def predict(
        self, place: Place, known: np.ndarray, below: np.ndarray | None, condition: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rounded mean and table number of the place's symbols, int64 (channels, cells).

        known: padded (C, h+2, w+2) float32 field of the decoded values, zero elsewhere. below: the same of
        the coarser layer.
        """
        width = known.shape[2]
        here = place.rows * width + place.columns
        around = (here + np.arange(3)[:, None, None] * width + np.arange(3)[:, None]).reshape(-1)
        inputs, offset = [], 0
        for field, count in ((known, place.known), (below, place.end)):
            if field is None or count == 0:
                continue
            flat = field[:count].reshape(count, -1)
            live = np.flatnonzero(flat.any(1))
            if len(live):
                inputs.append((flat[live].take(around, 1).reshape(len(live), 9, -1), offset + live, count))
            offset += 2 * count
        mean, scale = self.passes[place.index](inputs, len(place.rows), condition)
        centre = (mean + 4) >> 3
        return centre, scale * FRACTIONS + (mean - 8 * centre + 4)

    def choose(self, exact: np.ndarray, groups: int, below: np.ndarray | None, condition: np.ndarray,
               bit_costs: np.ndarray) -> tuple[np.ndarray, float]:  # fmt: skip
        """Symbols (C, h, w) int64 for exact values in steps, and their bits.

        Each is the rounded value, its neighbour towards the expected one, or the expected one, whichever has
        the smallest squared error + bits * the cell's cost, bit_costs (h, w).
        """
        height, width = exact.shape[1:]
        symbols = np.zeros(exact.shape, np.int64)
        known, floor = _fields(exact.shape, below)
        bits = 0.0
        for place in self.places(groups, height, width):
            centre, table = self.predict(place, known, floor, condition)
            value = exact[place.start : place.end, place.rows, place.columns]
            costs = np.broadcast_to(bit_costs[place.rows, place.columns], value.shape)
            chosen, spent = self._decide(value, centre, table, costs)
            bits += spent
            symbols[place.start : place.end, place.rows, place.columns] = chosen
            _update_known(known, below, place, chosen)
        return symbols, bits

    def _decide(
        self, value: np.ndarray, centre: np.ndarray, table: np.ndarray, costs: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """One pass of `choose`: symbols like `value`, and their bits."""
        chosen = centre.copy()
        coded = table >= FRACTIONS
        # Within half a step of the centre there is one option only.
        open_to_choice = coded & (np.abs(value - centre) > 0.5)
        bits = float(self.cost[table[coded & ~open_to_choice], REACH].sum())
        exact, middle, number = value[open_to_choice], centre[open_to_choice], table[open_to_choice]
        near = np.rint(exact).astype(np.int64)
        options = np.stack((near, near - np.sign(near - middle), middle))
        distance = np.clip(options - middle, -REACH, REACH)
        price = self.cost[number[None], distance + REACH]
        best = np.argmin((distance + middle - exact) ** 2 + costs[open_to_choice] * price, 0)[None]
        chosen[open_to_choice] = middle + np.take_along_axis(distance, best, 0)[0]
        return chosen, bits + float(np.take_along_axis(price, best, 0).sum())

    def distances(
        self, symbols: np.ndarray, groups: int, below: np.ndarray | None, condition: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each pass: symbols minus rounded mean, and their table numbers, int64 (channels, cells)."""
        known, floor = _fields(symbols.shape, below)
        for place in self.places(groups, *symbols.shape[1:]):
            centre, table = self.predict(place, known, floor, condition)
            chosen = symbols[place.start : place.end, place.rows, place.columns]
            yield chosen - centre, table
            _update_known(known, below, place, chosen)

    def write(
        self, symbols: np.ndarray, groups: int, below: np.ndarray | None, condition: np.ndarray
    ) -> np.ndarray:
        """Encode the symbols to bits (uint8 0/1) with a range coder; the end mark is checked by `read`."""
        coder = RangeEncoder()
        written: list[tuple[np.ndarray, Categorical]] = []
        for distance, table in self.distances(symbols, groups, below, condition):
            order, runs = _runs(table)
            flat = (distance + REACH).ravel()[order].astype(np.int32)
            written += [(flat[begin:stop], self.models[number]) for number, begin, stop in runs]
        written.append((np.array([MARK], np.int32), _MARKS))
        for values, model in written:
            coder.encode(values, model)
        return _close(coder, written)

    def read(self, bits: np.ndarray, shape: tuple[int, int, int], groups: int, below: np.ndarray | None,
             condition: np.ndarray) -> np.ndarray:  # fmt: skip
        """Decode the output of `write`; CodeError on an invalid stream. Missing bits count as zeros."""
        coder = RangeDecoder(_words(bits))
        symbols = np.zeros(shape, np.int64)
        known, floor = _fields(shape, below)
        try:
            for place in self.places(groups, *shape[1:]):
                centre, table = self.predict(place, known, floor, condition)
                order, runs = _runs(table)
                flat = np.full(table.size, REACH, np.int64)
                for number, begin, stop in runs:
                    flat[order[begin:stop]] = coder.decode(self.models[number], stop - begin)
                chosen = flat.reshape(table.shape) - REACH + centre
                symbols[place.start : place.end, place.rows, place.columns] = chosen
                _update_known(known, below, place, chosen)
            mark = coder.decode(_MARKS, 1)[0]
        except AssertionError as error:  # raised by constriction on invalid data
            raise CodeError(
                "the sketch's bits are no stream that was ever written: they are damaged"
            ) from error
        if mark != MARK:
            raise CodeError("the sketch's bits do not end where they should: they are damaged or cut short")
        return symbols


MARK = 165
_MARKS = Categorical(np.full(256, 1 / 256), perfect=False)


def _fields(shape: tuple[int, ...], below: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    known = np.zeros((shape[0], shape[1] + 2, shape[2] + 2), np.float32)
    if below is None:
        return known, None
    floor = np.zeros_like(known)
    floor[:, 1:-1, 1:-1] = np.clip(below, -SYMBOL_LIMIT, SYMBOL_LIMIT)
    return known, floor


def _update_known(known: np.ndarray, below: np.ndarray | None, place: Place, chosen: np.ndarray) -> None:
    """Write a pass's values (symbol plus coarser layer) to the known field of later passes."""
    value = chosen
    if below is not None:
        value = chosen + below[place.start : place.end, place.rows, place.columns]
    known[place.start : place.end, place.rows + 1, place.columns + 1] = np.clip(
        value, -SYMBOL_LIMIT, SYMBOL_LIMIT
    )


def _runs(table: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Order of the symbols by table, and runs (table, begin, stop); symbols of scale 0 are not coded."""
    flat = table.ravel()
    order = np.argsort(flat, kind="stable")
    counts = np.bincount(flat, minlength=SCALES * FRACTIONS)
    stops = np.cumsum(counts)
    used = np.flatnonzero(counts[FRACTIONS:]) + FRACTIONS
    return order, [(int(t), int(stops[t] - counts[t]), int(stops[t])) for t in used]


def _words(bits: np.ndarray) -> np.ndarray:
    """Bits as uint32 words, filled with zeros to two words past the end."""
    padded = np.zeros((len(bits) // 32 + 3) * 32, np.uint8)
    padded[: len(bits)] = bits
    return np.packbits(padded).view(">u4").astype(np.uint32)


def _bits(words: np.ndarray) -> np.ndarray:
    return np.unpackbits(words.astype(">u4").view(np.uint8))


def _close(coder: RangeEncoder, written: list[tuple[np.ndarray, Categorical]]) -> np.ndarray:
    """The coder's bits without trailing zeros: the number of its last interval with most of them."""
    words, (place, (lower, width)) = coder.get_compressed(), coder.pos()
    for zeros in range(64, -1, -1):
        value = ((lower + (1 << zeros) - 1) >> zeros) << zeros
        if value < min(lower + width, 1 << 64):
            break
    closed = np.append(words[:place], np.array([value >> 32, value & 0xFFFFFFFF], np.uint32))
    # With a pending carry the preceding words are not final: keep the coder's own end.
    return _bits(closed)[: len(closed) * 32 - zeros] if _reads(closed, written) else _bits(words)


def _reads(words: np.ndarray, written: list[tuple[np.ndarray, Categorical]]) -> bool:
    coder = RangeDecoder(words)
    try:
        return all(np.array_equal(coder.decode(model, len(values)), values) for values, model in written)
    except AssertionError:
        return False
