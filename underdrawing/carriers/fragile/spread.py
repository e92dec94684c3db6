"""The erasure code over all groups of a picture: parity of every block, and what is recovered from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from underdrawing.carriers.fragile.erasures import (
    LAYERS,
    PARITY_WORDS,
    Layer,
    choices,
    groups,
    parity,
    solve,
    symbols_of,
)

HEADER_WORDS = LAYERS[0].words
"""Of a symbol of the header, which the first layer of every group recovers beside those of the blocks."""


class Spread(NamedTuple):
    """What determines the choice of symbols."""

    key: bytes
    label: str
    """Of the size of the picture."""
    header: int
    """Symbols of the header."""


class Recovered(NamedTuple):
    """What the unchanged blocks of a picture hold."""

    words: np.ndarray
    """(count, WORDS) uint16 patch codes."""
    known: np.ndarray
    """(count,) words of each that are known."""
    parity: np.ndarray
    """(count, PARITY_WORDS) uint16 that these codes imply for every block."""
    implied: np.ndarray
    """(count,) words of it that are known."""
    headers: list[np.ndarray]
    """The header's symbols, (symbols, HEADER_WORDS) uint16, as each group has them."""


def spread_parity(words: np.ndarray, header: np.ndarray, spread: Spread) -> np.ndarray:
    """(count, PARITY_WORDS) uint16 of the patch codes (count, WORDS); header: its symbols."""
    result = np.empty((len(words), PARITY_WORDS), np.uint16)
    for index, members in enumerate(groups(len(words), spread.key, spread.label)):
        for layer, at, chosen, extra in _layers(len(members), index, spread):
            symbols = np.concatenate([symbols_of(words[members], layer), header[:extra, : layer.words]])
            result[members, at] = parity(symbols, chosen)
    return result


def recover(
    words: np.ndarray, exact: np.ndarray, received: np.ndarray, spread: Spread, count: int
) -> Recovered:
    """Patch codes of changed blocks from those of exact ones.

    exact: (count,) bool. received: (count, PARITY_WORDS) as read. count: words of `words` to recover.
    """
    words, known, headers = words.copy(), np.where(exact, count, 0), []
    implied, expected = np.zeros(len(words), np.int64), received.copy()
    for index, members in enumerate(groups(len(words), spread.key, spread.label)):
        own = exact[members]
        for layer, at, chosen, extra in _layers(len(members), index, spread):
            end = layer.start + layer.symbols * layer.words
            if end > count:
                break
            symbols = symbols_of(words[members], layer)
            symbols = np.concatenate([symbols, np.zeros((extra, layer.words), np.uint16)])
            unknown = np.concatenate([~own.repeat(layer.symbols), np.ones(extra, bool)])
            solved = solve(symbols, unknown, chosen[own], received[members, at][own])
            if solved is None:
                break
            if extra:
                headers.append(solved[-extra:])
            words[members, layer.start : end] = solved[: len(solved) - extra].reshape(len(members), -1)
            known[members] = np.maximum(known[members], end)
            expected[members, at] = parity(solved, chosen)
            implied[members] = at.stop
    return Recovered(words, known, expected, implied, headers)


def _layers(blocks: int, group: int, spread: Spread) -> Iterator[tuple[Layer, slice, np.ndarray, int]]:
    """Each layer with its words among those of parity, its choices, and its symbols of the header."""
    at = 0
    for number, layer in enumerate(LAYERS):
        extra = spread.header if number == 0 else 0
        chosen = choices(number, blocks, extra, spread.key, f"{spread.label} {group}")
        yield layer, slice(at, at + layer.words), chosen, extra
        at += layer.words
