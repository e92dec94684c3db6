"""A study: what one benchmark measures, and the tables that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block
from underdrawing.bench.harness.run import Run


@dataclass(frozen=True)
class Study:
    """One benchmark. A file NAME.py, or a folder NAME with study.py, holds it as STUDY."""

    name: str
    """As in `underdrawing bench NAME` and results/NAME/."""
    summary: str
    """What is measured, in one line."""
    run: Callable[[Run], None]
    """Measures what is not measured yet, and writes it."""
    tables: Mapping[str, Callable[[Store], Sequence[Block] | None]] = field(default_factory=dict)
    """Name of a table in documents -> its content; None where nothing was measured."""
    settings: type | None = None
    """Frozen dataclass of the study's own options, all with defaults; see `Run.read_settings`."""
    revision: int = 1
    """Raised when a change of protocol, of measuring, or of measured code without a card changes figures."""

    def store(self, results: Path) -> Store:
        """The results of this study below a folder of results."""
        return Store(results, self.name, self.revision)
