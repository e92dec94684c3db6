"""Tables of documents, made from results/*.json: python -m underdrawing.bench.tables [--check] [--root DIR]

    <!-- table:NAME -->
    (everything here is replaced)
    <!-- /table -->

With --check nothing is written, and the exit code is 1 where a document does not say what the results say.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from underdrawing.bench import (
    tables_bulk,
    tables_hidden_code,
    tables_imagenet_s,
    tables_imuge,
    tables_registry,
    tables_service,
)
from underdrawing.bench.harness.targets import SIZES, Figures, Target, photo_core_targets
from underdrawing.core.errors import OutputError

BLOCK = re.compile(r"(<!-- table:([\w-]+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)
EMPTY = "Not measured yet.\n"


def photo_core_table(results: Path) -> str:
    """Figures with their targets beside them; a cross marks a target that is missed."""
    merged = _read(results / "photo-core.json")
    if merged is None:
        return EMPTY
    figures, rows = merged["figures"], {}
    for target in photo_core_targets():
        rows.setdefault(target.row, {})[target.size] = _cell(target, figures)
    lines = ["| figure | 256x256 | 512x512 | full size |", "|---|---|---|---|"]
    for row, cells in rows.items():
        if any(cells.get(size, "-") != "-" for size in SIZES):
            lines.append(f"| {row} | " + " | ".join(cells.get(size, "-") for size in SIZES) + " |")
    return "\n".join([*lines, "", *_conditions(merged)]) + "\n"


def _cell(target: Target, figures: Figures) -> str:
    value = target.reached(figures)
    if value is None:
        return "-"
    shown = f"{value:.{target.digits}f}{target.unit}"
    if target.limit is None:
        return shown
    sign = "<=" if target.at_most else ">="
    return f"{shown} ({sign} {target.limit:g})" + ("" if target.holds(value) else " ✗")


def _conditions(merged: dict) -> list[str]:
    lines = ["Photos, seconds and commit by part; a cross marks a target that is missed.", ""]
    lines += ["| part | photos | strength | s | commit | date | data |", "|---|---|---|---|---|---|---|"]
    for name, part in merged["parts"].items():
        at, strength = part["conditions"], part["strength"]
        lines.append(
            f"| {name} | {part['photos']} | {strength:.2f} | {part['seconds']:.0f} "
            f"| {at['commit']} | {at['date']} | {part['data_hash']} |"
        )
    device = next(iter(merged["parts"].values()))["conditions"]
    return [*lines, "", f"Seed {device['seed']}, {device['device']}, torch {device['versions']['torch']}."]


def photo_attacks_table(results: Path) -> str:
    """Every channel: what is read, located and recovered after an edit, and what is wrongly flagged."""
    merged = _read(results / "photo-core.json")
    if merged is None:
        return EMPTY
    figures: Figures = merged["figures"]
    columns = ("identity", "signed", "layer_top", "f1", "f1 worst decile", "lpsnr_db", "flagged %")
    lines = ["| size | channel | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for size in SIZES:
        prefix = f"edited/{size}/"
        channels = dict.fromkeys(key.split("/")[2] for key in figures if key.startswith(prefix))
        for channel in channels:
            edited, authentic = f"{prefix}{channel}/", f"authentic/{size}/{channel}/"
            cells = [
                _percent(figures, edited + "identity"),
                _percent(figures, edited + "signed"),
                _percent(figures, edited + "layer_top"),
                _number(figures, edited + "f1", 3),
                _number(figures, edited + "f1", 3, "worst_decile"),
                _number(figures, edited + "lpsnr_db", 2),
                _percent(figures, authentic + "flagged", 2),
            ]
            lines.append(f"| {size} | {channel} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def photo_peers_table(results: Path) -> str:
    """Ours beside the peers that install: container, bits, survival of whole messages, milliseconds."""
    merged = _read(results / "photo-peers.json")
    if merged is None:
        return EMPTY
    figures, systems = merged["figures"], merged["systems"]
    channels = merged["channels"]
    lines = ["| system | bits | PSNR dB | SSIMULACRA2 | " + " | ".join(channels) + " | embed ms | read ms |"]
    lines.append("|---" * (len(channels) + 6) + "|")
    for system, about in sorted(systems.items(), key=lambda item: item[0] != merged["subject"]):
        place = f"{system}/"
        survived = [_percent(figures, f"{place}{channel}/survived", 0) for channel in channels]
        cells = [
            system,
            str(about["bits"]),
            _number(figures, place + "psnr_db", 1),
            _number(figures, place + "ssimulacra2", 1),
            *survived,
            _number(figures, place + "embed/seconds", 0, "median", 1000),
            _number(figures, place + "read/seconds", 0, "median", 1000),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    at = merged["conditions"]
    side = merged["size"]
    about = f"{merged['photos']} photos at {side}x{side}, commit {at['commit']}, {at['date']}."
    return "\n".join([*lines, "", f"Per cent of photos whose whole message was read. {about}"]) + "\n"


def _percent(figures: Figures, key: str, digits: int = 1) -> str:
    return _number(figures, key, digits, scale=100)


def _number(figures: Figures, key: str, digits: int, field: str = "mean", scale: float = 1) -> str:
    return f"{figures[key][field] * scale:.{digits}f}" if key in figures else "-"


def _or_empty(make: Callable[[Path], str | None]) -> Callable[[Path], str]:
    return lambda results: make(results) or EMPTY


TABLES: dict[str, Callable[[Path], str]] = {
    "hidden-code-bits": _or_empty(tables_hidden_code.coded),
    "hidden-code-carriers": _or_empty(tables_hidden_code.carriers),
    "hidden-code-completion": _or_empty(tables_hidden_code.completion),
    "hidden-code-prefixes": _or_empty(tables_hidden_code.prefixes),
    "bulk-killed": _or_empty(tables_bulk.killed),
    "bulk-scaling": _or_empty(tables_bulk.scaling),
    "imagenet-s": _or_empty(tables_imagenet_s.table),
    "imuge-table1": _or_empty(tables_imuge.table1),
    "imuge-table2": _or_empty(tables_imuge.table2),
    "imuge-table3": _or_empty(tables_imuge.table3),
    "photo-core": photo_core_table,
    "photo-attacks": photo_attacks_table,
    "photo-peers": photo_peers_table,
    "registry": _or_empty(tables_registry.table),
    "registry-indexes": _or_empty(tables_registry.indexes),
    "service-load": _or_empty(tables_service.load_table),
    "service-page": _or_empty(tables_service.page_table),
}


def fill(text: str, results: Path) -> str:
    """The document with every table block filled anew. OutputError for a table that nobody makes."""

    def made(found: re.Match[str]) -> str:
        if found[2] not in TABLES:
            raise OutputError(f"no table is called {found[2]!r}; there are: {', '.join(TABLES)}")
        return found[1] + TABLES[found[2]](results) + found[4]

    return BLOCK.sub(made, text)


def documents(root: Path) -> list[Path]:
    """The documents that may hold tables: README.md, docs/ and the own pages of systems and benchmarks."""
    places = ("README.md", "docs/**/*.md", "underdrawing/systems/**/*.md", "underdrawing/bench/**/*.md")
    return sorted(path for place in places for path in root.glob(place))


def main(arguments: list[str] | None = None) -> int:
    """Fill or check all documents below --root; the exit code is 1 where --check finds a stale one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a table is stale")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="folder with README.md and results/")
    options = parser.parse_args(arguments)
    stale = []
    for path in documents(options.root):
        text = path.read_text(encoding="utf-8")
        fresh = fill(text, options.root / "results")
        if fresh != text:
            stale.append(path)
            if not options.check:
                path.write_text(fresh, encoding="utf-8")
    if stale:
        word = "stale" if options.check else "filled"
        sys.stderr.write("".join(f"{word}: {path}\n" for path in stale))
    return 1 if stale and options.check else 0


def _read(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


if __name__ == "__main__":
    raise SystemExit(main())
