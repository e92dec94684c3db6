"""The entropy code by itself: exact in whole numbers, undone symbol by symbol, never more than it says."""

import numpy as np
import pytest

from underdrawing.content.sketch.entropy import EXACT, TABLE_BITS, EntropyCode
from underdrawing.content.sketch.parameters import condition_numbers, put, step_size, stretch, take
from underdrawing.content.sketch.sketch import Sketch
from underdrawing.content.sketch.training_context import whole_tables
from underdrawing.core.errors import CodeError


@pytest.fixture(scope="module")
def code() -> EntropyCode:
    return Sketch()._code


def _field(seed: int, *, spread: float = 1.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    falling = spread * np.exp(-np.arange(128) / 20.0)[:, None, None]
    return np.rint(rng.laplace(0, 1, (128, 7, 9)) * falling).astype(np.int64)


@pytest.mark.parametrize("layered", [False, True])
def test_what_is_written_is_read(code: EntropyCode, layered: bool) -> None:
    symbols = _field(1)
    below = stretch(_field(2), 50) if layered else None
    condition = condition_numbers(180, 50 if layered else 0, 3)
    chosen, bits = code.choose(symbols.astype(np.float32), 6, below, condition, np.zeros((7, 9), np.float32))
    written = code.write(chosen, 6, below, condition)
    assert np.array_equal(code.read(written, chosen.shape, 6, below, condition), chosen)
    assert bits - 8 < len(written) < bits + 24


def test_far_symbols_are_held_within_reach(code: EntropyCode) -> None:
    exact = _field(3).astype(np.float32) * 90
    condition = condition_numbers(100, 0, 0)
    chosen, _ = code.choose(exact, 6, None, condition, np.full((7, 9), 0.05))
    written = code.write(chosen, 6, None, condition)
    assert np.array_equal(code.read(written, chosen.shape, 6, None, condition), chosen)


def test_a_higher_bit_cost_trades_bits_for_error(code: EntropyCode) -> None:
    exact = np.random.default_rng(4).laplace(0, 0.8, (128, 6, 6)).astype(np.float32)
    condition = condition_numbers(180, 0, 3)
    runs = [code.choose(exact, 6, None, condition, np.full((6, 6), cost)) for cost in (0.0, 0.1, 0.3)]
    spent = [bits for _, bits in runs]
    errors = [float(((symbols - exact) ** 2).sum()) for symbols, _ in runs]
    assert spent == sorted(spent, reverse=True)
    assert errors == sorted(errors)


def test_sums_stay_where_float32_is_exact(code: EntropyCode) -> None:
    """The same pass in 64 bits, with the cells in another order, tells the same: no sum was ever rounded."""
    rng = np.random.default_rng(5)
    for number in (1, 6, 11):
        net = code.passes[number]
        maps = len(net.look) // 2
        values = rng.integers(-15, 16, (maps, 9, 40)).astype(np.float32)
        live = np.arange(maps)
        condition = condition_numbers(230, 80, 8)
        reported = net([(values, live, maps)], 40, condition)
        single = net.look, net.mix, net.output
        net.look, net.mix, net.output = (weights.astype(np.float64) for weights in single)
        order = rng.permutation(40)
        again = net([(values[..., order].astype(np.float64), live, maps)], 40, condition)
        net.look, net.mix, net.output = single
        assert all(np.array_equal(a[:, order], b) for a, b in zip(reported, again, strict=True))
        assert np.abs(net.look).sum((0, 1)).max() * 15 < EXACT


def test_damaged_bits_end_in_our_error_or_in_symbols(code: EntropyCode) -> None:
    condition = condition_numbers(180, 0, 3)
    written = code.write(_field(6), 6, None, condition)
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(20):
        broken = written.copy()
        broken[rng.integers(len(broken) // 2)] ^= 1
        try:
            code.read(broken, (128, 7, 9), 6, None, condition)
        except CodeError:
            refused += 1
    assert refused >= 18


def test_tables_are_whole_and_positive(code: EntropyCode) -> None:
    assert (code.tables.sum(1) == 1 << TABLE_BITS).all()
    assert code.tables.min() >= 1
    shares = np.random.default_rng(8).dirichlet(np.full(63, 0.05), 5) + 1e-12
    assert (whole_tables(shares).sum(1) == 1 << TABLE_BITS).all()


def test_stretching_follows_the_steps() -> None:
    base = np.arange(-40, 41)
    for ratio in (1, 16, 33, 80, 120):
        wanted = base * step_size(100 + ratio) / step_size(100)
        assert np.abs(stretch(base, ratio) - wanted).max() <= 0.5 + 0.002 * np.abs(wanted).max()
        assert np.array_equal(stretch(-base, ratio), -stretch(base, ratio))


def test_heads_come_back_and_short_ones_are_refused() -> None:
    bits = put((33, 4, 201, 5), (6, 4, 8, 3))
    assert take(np.append(bits, 1), (6, 4, 8, 3))[0] == [33, 4, 201, 5]
    with pytest.raises(CodeError):
        take(bits[:-1], (6, 4, 8, 3))
