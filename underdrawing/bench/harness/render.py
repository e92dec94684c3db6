"""Markdown tables: one renderer for all studies, with marks at rows whose measurement is stale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

STALE = " (stale)"


class Cell(NamedTuple):
    """Text of a table, and whether a stale measurement is behind it."""

    text: str
    stale: bool = False


@dataclass(frozen=True)
class Table:
    """A table with one line a row."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]

    def lines(self) -> list[str]:
        """Markdown; a row with a stale cell is marked behind its first cell."""
        return [_line(self.head), "|---" * len(self.head) + "|", *(_line(_marked(row)) for row in self.rows)]


Block = Table | str


def render(blocks: Iterable[Block]) -> str:
    """Tables and paragraphs, an empty line between them."""
    texts = ["\n".join(block.lines()) if isinstance(block, Table) else block for block in blocks]
    return "\n\n".join(text for text in texts if text) + "\n"


def join(cells: Iterable[Cell | str], separator: str = " / ") -> Cell:
    """Several cells as one."""
    cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
    return Cell(separator.join(cell.text for cell in cells), any(cell.stale for cell in cells))


def judged(cell: Cell, value: float, limit: float | None, at_most: bool = False) -> Cell:
    """The cell with the limit behind it, and a cross where the value misses it."""
    if limit is None:
        return cell
    missed = value > limit if at_most else value < limit
    return cell._replace(text=f"{cell.text} ({'<=' if at_most else '>='} {limit:g})" + " ✗" * missed)


def _marked(row: Sequence[Cell | str]) -> list[str]:
    texts = [cell.text if isinstance(cell, Cell) else cell for cell in row]
    stale = any(isinstance(cell, Cell) and cell.stale for cell in row)
    return [texts[0] + STALE, *texts[1:]] if stale else texts


def _line(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"
