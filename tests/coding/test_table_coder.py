"""Range coding by tables: symbols come back, at the cost of their frequencies, and damage is an error."""

import numpy as np
import pytest

from underdrawing.coding.error_tables import TABLE_BITS, frequencies
from underdrawing.coding.residual_coder import HALF, Reader, Writer
from underdrawing.coding.table_coder import TableDecoder, TableEncoder, models
from underdrawing.core.errors import CodeError

ERRORS = np.arange(-HALF, HALF)
TABLES = np.stack([frequencies(ERRORS, spread, 0.5) for spread in (0.1, 1.0, 8.0)])


def test_symbols_come_back_at_the_cost_of_their_frequencies():
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 3, 5000).astype(np.int16)
    symbols = np.array([rng.choice(2 * HALF, p=TABLES[n] / (1 << TABLE_BITS)) for n in numbers])
    bits = rng.integers(1, 12, 300).astype(np.int16)
    values = rng.integers(0, 1 << 15, 300) & ((1 << bits.astype(int)) - 1)
    coder = TableEncoder()
    coder.write(symbols, numbers, models(TABLES))
    coder.write_uniform(values, bits)
    data = coder.close()
    cost = (TABLE_BITS - np.log2(TABLES[numbers, symbols])).sum() + bits.sum()
    assert abs(8 * len(data) - cost) < 0.01 * cost + 64
    decoder = TableDecoder(data)
    assert np.array_equal(decoder.read(numbers, models(TABLES)), symbols)
    assert np.array_equal(decoder.read_uniform(bits), values)


def test_residuals_of_any_size_come_back():
    rng = np.random.default_rng(2)
    residuals = (rng.standard_normal(2000) * 10 ** rng.uniform(-1, 4.8, 2000)).astype(np.int32)
    table, shift = rng.integers(0, 3, 2000).astype(np.int16), rng.integers(0, 9, 2000).astype(np.int16)
    writer = Writer(models(TABLES))
    writer.write(residuals, table, shift)
    writer.write(residuals[:500], table[:500], None)
    data = writer.close()
    reader = Reader(data, models(TABLES))
    assert np.array_equal(reader.read(table, shift), residuals)
    assert np.array_equal(reader.read(table[:500], None), residuals[:500])
    for cut in (0, 3, 5, 9):
        with pytest.raises(CodeError):
            Reader(data[:cut], models(TABLES)).read(table, shift)
