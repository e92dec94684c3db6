"""Tables of registries: how quick each kind is, beside what is asked of a million records, and of indexes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    label: str
    key: str
    """Of the figure."""
    digits: int
    limit: float | None = None
    at_most: bool = True

    def cell(self, figures: dict[str, float]) -> str:
        """The figure with a cross where it misses the limit; "-" where it was not measured."""
        value = figures.get(self.key)
        if value is None:
            return "-"
        held = self.limit is None or (value <= self.limit if self.at_most else value >= self.limit)
        return f"{value:,.{self.digits}f}" + ("" if held else " ✗")

    def asked(self) -> str:
        """The limit in words."""
        return "" if self.limit is None else f"{'<=' if self.at_most else '>='} {self.limit:,g}"


ROWS = (
    Row("look-up by identity, ms", "identity_ms", 3, 2),
    Row("look-up by pixels, ms", "pixels_ms", 3),
    Row("nearest neighbour, ms", "nearest_ms", 1, 30),
    Row("the same, processor time", "nearest_processor_ms", 1),
    Row("its recall@1", "nearest_recall_at_1", 3, 0.98, at_most=False),
    Row("nearest, half of the numbers left out, ms", "nearest_half_masked_ms", 1, 30),
    Row("the same, processor time", "nearest_half_masked_processor_ms", 1),
    Row("its recall@1", "nearest_half_masked_recall_at_1", 3, 0.98, at_most=False),
    Row("27 views at once (unsure search), ms", "unsure_ms", 1),
    Row("the same, processor time", "unsure_processor_ms", 1),
    Row("first search, with what it loads, s", "first_nearest_with_loading_s", 1),
    Row("inserted a second, in batches of 1,000", "inserted_per_s", 0, 2000, at_most=False),
    Row("inserted a second of processor time (this process)", "inserted_per_processor_s", 0),
    Row("audit, s", "audit_s", 1),
    Row("bytes a record, on the disk", "bytes_per_record", 0),
)


def table(results: Path) -> str | None:
    """A column for each kind of registry that was measured, and its conditions; None without results."""
    path = results / "registry.json"
    if not path.is_file():
        return None
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
    parts = dict(
        sorted(parts.items(), key=lambda item: not item[0].startswith("sqlite, 1"))
    )  # the default first
    heads = [_head(name, part) for name, part in parts.items()]
    lines = [
        "| figure; kind of registry, records | asked | " + " | ".join(heads) + " |",
        "|---" * (len(parts) + 2) + "|",
    ]
    for row in ROWS:
        cells = [row.cell(part["figures"]) for part in parts.values()]
        lines.append(f"| {row.label} | {row.asked()} | " + " | ".join(cells) + " |")
    lines += ["", "A cross marks what is missed by the clock. Conditions:", ""]
    for head, part in zip(heads, parts.values(), strict=True):
        at = part["conditions"]
        load = at.get("load_average", "unknown")
        lines.append(
            f"- {head}: commit {at['commit']}, {at['date']}, {at['device']}, threads {at['threads']}, "
            f"load {load}, seed {at['seed']}" + (f"; {at['server']}" if "server" in at else "")
        )
    return "\n".join(lines) + "\n"


INDEX_COLUMNS = (
    ("bytes_per_vector", "bytes a vector, beside the 496 of the vector", "{:,.0f}"),
    ("inserted_per_processor_s", "inserted a second", "{:,.0f}"),
    ("whole_ms", "one view, ms", "{:.1f}"),
    ("whole_recall", "recall@1", "{:.3f}"),
    ("half_ms", "half left out, ms", "{:.1f}"),
    ("half_recall", "recall@1", "{:.3f}"),
    ("unsure_ms", "27 views, ms", "{:.1f}"),
    ("unsure_recall", "recall@1", "{:.3f}"),
)


def indexes(results: Path) -> str | None:
    """Ways to find neighbours, for each collection of vectors; None without results."""
    path = results / "registry-indexes.json"
    if not path.is_file():
        return None
    lines = ["| vectors | index | " + " | ".join(head for _, head, _ in INDEX_COLUMNS) + " |"]
    lines.append("|---" * (2 + len(INDEX_COLUMNS)) + "|")
    told = []
    for part in json.loads(path.read_text(encoding="utf-8"))["parts"].values():
        of = f"{part['vectors']:,} {part['kind']}"
        for row in part["rows"]:
            cells = [form.format(row[key]) if key in row else "-" for key, _, form in INDEX_COLUMNS]
            lines.append(f"| {of} | {row['index']} | {' | '.join(cells)} |")
        at = part["conditions"]
        faiss = f"faiss-cpu {at['faiss']}, " if "faiss" in at else ""
        told.append(
            f"- {of}: commit {at['commit']}, {at['date']}, {at['device']}, {faiss}load {at['load_average']}"
        )
    return "\n".join([*lines, "", "One thread, processor time. Conditions:", "", *told]) + "\n"


def _head(name: str, part: dict) -> str:
    kind = name.rpartition(", ")[0]
    return f"{kind}, {part['figures']['records']:,}"
