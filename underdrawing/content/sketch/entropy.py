"""The entropy code of the sketch's symbols: the same bits on every machine.

Probabilities come from the context networks (nets/context.py), but no float may decide them: two machines
that add in another order would part ways in the middle of a stream. So the trained networks are rounded to
whole numbers, and every product and sum is an integer below 2^24, which float32 matrix products hold exactly
in any order. Their answer (a mean in eighths of a step, a scale in quarter octaves) picks one of SCALES x
FRACTIONS frequency tables, which are stored with the weights and drive a range coder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import constriction
import numpy as np

from underdrawing.core.errors import CodeError, WeightsError
from underdrawing.nets.context import SYMBOL_LIMIT

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
    """What one pass over one group codes: channel range and the cells (rows, columns) of the pass."""

    index: int
    start: int
    end: int
    rows: np.ndarray
    columns: np.ndarray
    known: int
    """Channels whose symbols are known: everywhere below `start`, on the white cells from there on."""


class IntegerPass:
    """One pass network in whole numbers."""

    def __init__(self, tensors: dict[str, np.ndarray]):
        # (maps, 9, width): the rows of the maps that are not all zero are then one cheap selection.
        self.look = np.ascontiguousarray(tensors["look"].astype(np.float32).transpose(2, 1, 0))
        self.condition, self.bias = tensors["condition"], tensors["bias"]
        self.mix, self.mix_bias = tensors["mix"].astype(np.float32), tensors["mix_bias"].astype(np.float32)
        self.tell, self.tell_bias = (
            tensors["tell"].astype(np.float32),
            tensors["tell_bias"].astype(np.float32),
        )

    def __call__(
        self, inputs: list[tuple[np.ndarray, np.ndarray, int]], cells: int, condition: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean (eighths of a step) and scale index, int64 (channels, cells).

        `seen` has for each field the neighbourhoods (live maps, 9, cells), the numbers of the pass's maps
        that they are, and how far behind these the maps of their magnitudes lie.
        """
        start = self.bias + ((self.condition @ condition) >> CONDITION_BITS)
        looked = np.repeat(start[:, None].astype(np.float32), cells, 1)
        for values, live, magnitudes in inputs:
            flat = values.reshape(-1, cells)
            width = len(start)
            looked += self.look[live].reshape(-1, width).T @ flat
            looked += self.look[live + magnitudes].reshape(-1, width).T @ np.abs(flat)
        hidden = _settle(looked, INPUT_BITS - HIDDEN_BITS)
        hidden = _settle(self.mix @ hidden + self.mix_bias[:, None], WEIGHT_BITS)
        output = (self.tell @ hidden + self.tell_bias[:, None]).astype(np.int64)
        mean, scale = np.split(output, 2)
        half = 1 << (WEIGHT_BITS + HIDDEN_BITS - 4)
        mean = (mean + half) >> (WEIGHT_BITS + HIDDEN_BITS - 3)
        scale = ((scale + 2 * half) >> (WEIGHT_BITS + HIDDEN_BITS - 2)) + 16
        return np.clip(mean, -8 * 64, 8 * 64), np.clip(scale, 0, SCALES - 1)


def _settle(total: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(np.floor(total * np.float32(2.0**-bits)), 0, HIDDEN_LIMIT)


class EntropyCode:
    """Prices, writes and reads fields of symbols (C, h, w)."""

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

    def describe(
        self, place: Place, known: np.ndarray, below: np.ndarray | None, condition: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rounded mean and table number of the place's symbols, int64 (channels, cells).

        `known` is the padded (C, h+2, w+2) float32 field of values read so far (zero elsewhere), `below` the
        coarser layer's.
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
               thrift: float) -> tuple[np.ndarray, float]:  # fmt: skip
        """Symbols (C, h, w) int64 for exact values in steps, and their bits.

        Each is the rounded value, its neighbour towards the expected one, or the expected one, whichever has
        the smallest squared error + thrift * bits.
        """
        height, width = exact.shape[1:]
        symbols = np.zeros(exact.shape, np.int64)
        known, floor = _fields(exact.shape, below)
        bits = 0.0
        for place in self.places(groups, height, width):
            centre, table = self.describe(place, known, floor, condition)
            value = exact[place.start : place.end, place.rows, place.columns]
            chosen, spent = self._decide(value, centre, table, thrift)
            bits += spent
            symbols[place.start : place.end, place.rows, place.columns] = chosen
            _learn(known, below, place, chosen)
        return symbols, bits

    def _decide(
        self, value: np.ndarray, centre: np.ndarray, table: np.ndarray, thrift: float
    ) -> tuple[np.ndarray, float]:
        """One pass of `choose`: symbols like `value`, and their bits."""
        chosen = centre.copy()
        coded = table >= FRACTIONS
        # Nearer than half a step to a sure centre there is nothing to choose.
        open_to_choice = coded & (np.abs(value - centre) > 0.5)
        bits = float(self.cost[table[coded & ~open_to_choice], REACH].sum())
        exact, middle, number = value[open_to_choice], centre[open_to_choice], table[open_to_choice]
        near = np.rint(exact).astype(np.int64)
        options = np.stack((near, near - np.sign(near - middle), middle))
        distance = np.clip(options - middle, -REACH, REACH)
        price = self.cost[number[None], distance + REACH]
        best = np.argmin((distance + middle - exact) ** 2 + thrift * price, 0)[None]
        chosen[open_to_choice] = middle + np.take_along_axis(distance, best, 0)[0]
        return chosen, bits + float(np.take_along_axis(price, best, 0).sum())

    def meet(
        self, symbols: np.ndarray, groups: int, below: np.ndarray | None, condition: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pass by pass: symbols' distances from the rounded mean, and the tables they fall to, int64
        (channels, cells)."""
        known, floor = _fields(symbols.shape, below)
        for place in self.places(groups, *symbols.shape[1:]):
            centre, table = self.describe(place, known, floor, condition)
            chosen = symbols[place.start : place.end, place.rows, place.columns]
            yield chosen - centre, table
            _learn(known, below, place, chosen)

    def write(
        self, symbols: np.ndarray, groups: int, below: np.ndarray | None, condition: np.ndarray
    ) -> np.ndarray:
        """The symbols as bits (uint8 0/1) of a range coder, closed by a mark that `read` checks."""
        coder = RangeEncoder()
        written: list[tuple[np.ndarray, Categorical]] = []
        for distance, table in self.meet(symbols, groups, below, condition):
            order, runs = _runs(table)
            flat = (distance + REACH).ravel()[order].astype(np.int32)
            written += [(flat[begin:stop], self.models[number]) for number, begin, stop in runs]
        written.append((np.array([MARK], np.int32), _MARKS))
        for values, model in written:
            coder.encode(values, model)
        return _close(coder, written)

    def read(self, bits: np.ndarray, shape: tuple[int, int, int], groups: int, below: np.ndarray | None,
             condition: np.ndarray) -> np.ndarray:  # fmt: skip
        """Undo `write`; CodeError when the words are no such stream (missing bits count as zeros)."""
        coder = RangeDecoder(_words(bits))
        symbols = np.zeros(shape, np.int64)
        known, floor = _fields(shape, below)
        try:
            for place in self.places(groups, *shape[1:]):
                centre, table = self.describe(place, known, floor, condition)
                order, runs = _runs(table)
                flat = np.full(table.size, REACH, np.int64)
                for number, begin, stop in runs:
                    flat[order[begin:stop]] = coder.decode(self.models[number], stop - begin)
                chosen = flat.reshape(table.shape) - REACH + centre
                symbols[place.start : place.end, place.rows, place.columns] = chosen
                _learn(known, below, place, chosen)
            mark = coder.decode(_MARKS, 1)[0]
        except AssertionError as error:  # constriction's word for impossible data
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


def _learn(known: np.ndarray, below: np.ndarray | None, place: Place, chosen: np.ndarray) -> None:
    """Enter a pass's values (symbol plus what lay below it) into the field that later passes see."""
    value = chosen
    if below is not None:
        value = chosen + below[place.start : place.end, place.rows, place.columns]
    known[place.start : place.end, place.rows + 1, place.columns + 1] = np.clip(
        value, -SYMBOL_LIMIT, SYMBOL_LIMIT
    )


def _runs(table: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Order the symbols by table; runs (table, begin, stop) of it. Scale 0 is so sure that its symbols are
    not coded."""
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
    """The coder's bits, cut where zeros may follow: of all numbers in its last interval the roundest one."""
    words, (place, (lower, width)) = coder.get_compressed(), coder.pos()
    for zeros in range(64, -1, -1):
        value = ((lower + (1 << zeros) - 1) >> zeros) << zeros
        if value < min(lower + width, 1 << 64):
            break
    closed = np.append(words[:place], np.array([value >> 32, value & 0xFFFFFFFF], np.uint32))
    # Where a carry was still pending the words before are not final yet: then the coder's own end stands.
    return _bits(closed)[: len(closed) * 32 - zeros] if _reads(closed, written) else _bits(words)


def _reads(words: np.ndarray, written: list[tuple[np.ndarray, Categorical]]) -> bool:
    coder = RangeDecoder(words)
    try:
        return all(np.array_equal(coder.decode(model, len(values)), values) for values, model in written)
    except AssertionError:
        return False
