"""Targets: figures that a study is meant to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Cell, judged

SIZES = ("256", "512", "full")


@dataclass(frozen=True)
class Target:
    """One target at one size."""

    row: str
    """Its row in the table."""
    size: str
    keys: tuple[str, ...]
    """Figures that must all reach it; the worst of them is printed."""
    limit: float | None
    """None: reported without a target."""
    at_most: bool = False
    field: str = "mean"
    unit: str = ""
    digits: int = 2
    scale: float = 1.0
    """Printed and compared as value times this (100 for per cent)."""

    def cell(self, store: Store) -> Cell:
        """The worst value of its keys beside the limit, with a cross where it misses; "-" if not measured."""
        keys = [key for key in self.keys if key in store.figures]
        if not keys:
            return Cell("-")
        values = [self.scale * store.figures[key][self.field] for key in keys]
        value = max(values) if self.at_most else min(values)
        cell = Cell(f"{value:.{self.digits}f}{self.unit}", store.stale(keys))
        return judged(cell, value, self.limit, self.at_most)


def per_size(row: str, keys: str | Sequence[str], limits: Sequence, **options: object) -> list[Target]:
    """A target for each of SIZES; keys are patterns with {size}, a limit of None sets no target."""
    patterns = [keys] if isinstance(keys, str) else keys
    return [
        Target(row, size, tuple(pattern.format(size=size) for pattern in patterns), limit, **options)
        for size, limit in zip(SIZES, limits, strict=True)
    ]
