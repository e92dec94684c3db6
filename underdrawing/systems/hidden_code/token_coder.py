"""Arithmetic coding of tokens by the recovery transformer's probabilities.

    p(z_si | coarser scales)   nothing visible, coarser scales as the code --> integer frequencies
    tokens, coarse to fine, row by row --> range coder --> cut to the available bits
    bits = 16 of a checksum | the coder's bits

The decoder decodes the smallest and the largest number with these leading bits: tokens on which both agree
were sent, so no length is stored. A code may end within a scale; the remaining cells are -1, and the
transformer predicts them.

Frequencies must be equal on every machine: one difference makes all later tokens wrong. All is computed in
double precision, and logits are rounded to multiples of STEP before they become integers. Between orders of
summation, and numbers of threads, logits differ by less than 1e-12
(bench/studies/hidden_code). Rounding separates two such values with probability 1e-12 / STEP
= 8e-12. The 680 tokens of a square picture have 1,024 logits each, 700,000 in all, and those 12 nats below
the best do not matter: less than one picture in 150,000 meets a difference. The checksum then fails, but for
one time in 65,536: a CodeError instead of wrong tokens. The rounding costs STEP^2 / 24 nats a token, a
thousandth of a bit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from itertools import chain

import constriction
import numpy as np
import torch
from torch import Tensor

from underdrawing.coding.bits import crc32, from_int
from underdrawing.core.errors import CapacityError, CodeError
from underdrawing.nets.residual_quantizer import ResidualQuantizer, token_grid
from underdrawing.nets.token_net import BLOCK
from underdrawing.nets.transformer import Cache
from underdrawing.systems.hidden_code.recovery_net import Given, RecoveryNet
from underdrawing.systems.hidden_code.tokens import working_sides

# attributes of a compiled package, not importable modules
Categorical = constriction.stream.model.Categorical
RangeEncoder = constriction.stream.queue.RangeEncoder
RangeDecoder = constriction.stream.queue.RangeDecoder

STEP = 0.125
"""Nats: resolution of the logits."""
CHECK_BITS = 16
"""Checksum over grids, tokens and the coder's bits."""
_LARGEST = 18  # log2 of the highest frequency; the lowest is 1
_FREQUENCIES = np.maximum(1, np.rint(2.0**_LARGEST * np.exp(-STEP * np.arange(110))))
_WORD_BITS = 32
_BEYOND = 4  # words that a decoder may read past the end
_DOMAIN = b"underdrawing coded tokens"


class TokenCoder:
    """Token grids of all scales to bits and back; both sides need the same transformer and codebooks."""

    def __init__(self, net: RecoveryNet, quantizer: ResidualQuantizer) -> None:
        self._net, self._quantizer = net, quantizer

    @cached_property
    def _double(self) -> tuple[RecoveryNet, ResidualQuantizer]:
        return deepcopy(self._net).double().eval(), deepcopy(self._quantizer).double().eval()

    def encode(self, tokens: Sequence[np.ndarray], height: int, width: int, room_bits: int) -> np.ndarray:
        """As many tokens of a picture of height x width px as fit: uint8 bits.

        tokens: grids of every scale, from Tokenizer.encode. Exactly `room_bits` where not all fit, else the
        fewest possible. CodeError for other grids, CapacityError where no token fits.
        """
        predictor = _Predictor(*self._double, height, width)
        if [np.shape(grid) for grid in tokens] != predictor.grids:
            raise CodeError(f"expected grids {predictor.grids}, got {[np.shape(grid) for grid in tokens]}")
        coder = RangeEncoder()
        pairs: list[tuple[int, Categorical]] = []
        for grid in tokens:
            pairs += zip(np.ravel(grid).tolist(), map(model, predictor.frequencies()), strict=True)
            predictor.add(np.asarray(grid, np.int64))
        for token, its_model in pairs:
            coder.encode(token, its_model)
        stream = _shortest(coder.get_compressed(), pairs)[: max(0, room_bits - CHECK_BITS)]
        count = _settled(stream, pairs)
        if not count:
            raise CapacityError(f"{room_bits} bits hold not one token beside {CHECK_BITS} bits of checksum")
        return np.concatenate(
            [_check([token for token, _ in pairs[:count]], predictor.grids, stream), stream]
        )

    def decode(self, bits: np.ndarray, height: int, width: int) -> list[np.ndarray]:
        """Grids (rows, columns) int64 of the scales in the bits; -1 in missing cells, of the last grid only.

        CodeError where `encode` did not write these bits for a picture of this aspect ratio, or this machine
        computes other probabilities.
        """
        check, stream = bits[:CHECK_BITS], bits[CHECK_BITS:]
        predictor, bounds = _Predictor(*self._double, height, width), _Bounds(stream)
        grids: list[np.ndarray] = []
        for shape in predictor.grids:
            flat = np.full(shape[0] * shape[1], -1, np.int64)
            for cell, row in enumerate(predictor.frequencies()):
                flat[cell] = bounds.next(model(row))
                if flat[cell] < 0:
                    break
            grids.append(flat.reshape(shape))
            if flat[-1] < 0:
                break
            predictor.add(grids[-1])
        sent = [token for grid in grids for token in grid.ravel().tolist() if token >= 0]
        if not sent or not np.array_equal(check, _check(sent, predictor.grids, stream)):
            raise CodeError("these bits are no coded tokens, are damaged, or were cut short")
        return grids if grids[-1].flat[0] >= 0 else grids[:-1]

    def cost_bits(self, tokens: Sequence[np.ndarray], height: int, width: int) -> list[float]:
        """Bits of each scale's tokens by these frequencies, without checksum and end of the stream."""
        predictor, costs = _Predictor(*self._double, height, width), []
        for grid in tokens:
            table, flat = predictor.frequencies(), np.asarray(grid, np.int64).ravel()
            chosen = table[np.arange(len(flat)), flat]
            costs.append(float(np.log2(table.sum(1) / chosen).sum()))
            predictor.add(np.asarray(grid, np.int64))
        return costs


def model(frequencies: np.ndarray) -> Categorical:
    """The range coder's model of one token."""
    return Categorical(frequencies, perfect=False)


def rounded(logits: np.ndarray) -> np.ndarray:
    """Logits (cells, codes) -> integer frequencies as float64."""
    steps = np.rint(logits / STEP).astype(np.int64)
    below = steps.max(-1, keepdims=True) - steps
    return _FREQUENCIES[np.minimum(below, len(_FREQUENCIES) - 1)]


class _Predictor:
    """Token frequencies of the next scale, given the coarser ones."""

    def __init__(self, net: RecoveryNet, quantizer: ResidualQuantizer, height: int, width: int) -> None:
        self.net, self.quantizer = net, quantizer
        rows, columns = (side // BLOCK for side in working_sides(height, width))
        self.size = rows, columns
        self.grids = [token_grid(side, rows, columns) for side in quantizer.sides]
        self.total = torch.zeros(1, quantizer.codebooks.shape[2], rows, columns, dtype=torch.float64)
        self.blank = torch.zeros(1, 1, rows, columns, dtype=torch.float64)
        self.code: list[Tensor] = []
        self.cache: Cache | None = None

    @torch.inference_mode()
    def frequencies(self) -> np.ndarray:
        """(cells, codes) of the next scale."""
        scale = len(self.code)
        outputs, _ = self._pass(scale, torch.full((1, *self.grids[scale]), -1))
        return rounded(self.net.logits(scale, outputs, self.quantizer.codebooks[scale])[0].numpy())

    @torch.inference_mode()
    def add(self, grid: np.ndarray) -> None:
        """Add the tokens of the next scale."""
        tokens, scale = torch.from_numpy(grid)[None], len(self.code)
        self.code.append(tokens)
        _, self.cache = self._pass(scale, tokens)
        self.total = self.total + self.quantizer.part(tokens, scale, self.size)

    def _pass(self, scale: int, tokens: Tensor) -> tuple[Tensor, Cache]:
        given = Given(torch.zeros_like(self.total), self.blank, self.code)
        embedded = self.net.embed(scale, self.total, given, tokens, self.quantizer.codebooks[scale])
        return self.net.transformer(embedded, cache=self.cache)


class _Bounds:
    """Decoders of the lowest and the highest number that bits may begin."""

    def __init__(self, bits: np.ndarray) -> None:
        self.decoders = [RangeDecoder(_words(bits, filler)) for filler in (0, 1)]

    def next(self, its_model: Categorical) -> int:
        """The next token; -1 where the bits do not determine it, after which no more may be read."""
        try:
            low, high = (decoder.decode(its_model) for decoder in self.decoders)
        except AssertionError:  # constriction: the number is not decodable
            return -1
        return int(low) if low == high else -1


def _settled(bits: np.ndarray, pairs: Sequence[tuple[int, Categorical]]) -> int:
    """Number of tokens that the leading bits of a stream determine; pairs: token and model."""
    bounds = _Bounds(bits)
    agreement = (bounds.next(its_model) == token for token, its_model in pairs)
    return next((count for count, right in enumerate(agreement) if not right), len(pairs))


def _shortest(words: np.ndarray, pairs: Sequence[tuple[int, Categorical]]) -> np.ndarray:
    """A coder's words as bits, in the shortest form that determines all tokens."""
    stream = np.unpackbits(words.astype(">u4").view(np.uint8))
    value = int.from_bytes(np.packbits(stream).tobytes(), "big")

    def cut(length: int) -> np.ndarray:
        above = -(-value >> (len(stream) - length))
        return from_int(min(above, (1 << length) - 1), length)

    lengths = range(len(stream))
    least = bisect_left(lengths, len(pairs), key=lambda length: _settled(cut(length), pairs))
    return cut(least) if least in lengths else stream


def _words(bits: np.ndarray, filler: int) -> np.ndarray:
    padded = np.full((len(bits) // _WORD_BITS + _BEYOND) * _WORD_BITS, filler, np.uint8)
    padded[: len(bits)] = bits
    return np.packbits(padded).view(">u4").astype(np.uint32)


def _check(tokens: list[int], grids: list[tuple[int, int]], stream: np.ndarray) -> np.ndarray:
    numbers = [from_int(n, 32) for n in [*chain.from_iterable(grids), *tokens]]
    return crc32(np.concatenate(numbers), stream, domain=_DOMAIN)[:CHECK_BITS]
