"""Large pictures in bands of rows, whose temporary arrays stay in the cache of a processor."""

from __future__ import annotations

from collections.abc import Iterator

ROWS = 64
"""Of a band: at 4000 px of float32 1 MB."""


def bands(rows: int) -> Iterator[slice]:
    """Slices of at most ROWS rows that cover `rows` rows in order."""
    return (slice(start, min(start + ROWS, rows)) for start in range(0, rows, ROWS))
