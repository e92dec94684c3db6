"""Tables of docs/BULK.md from results/bulk.json: how bulk jobs scale, and what a kill costs."""

from __future__ import annotations

import json
from pathlib import Path


def scaling(results: Path) -> str | None:
    """Figures by number of processes; None where nothing was measured."""
    measured = _part(results, "scaling")
    if measured is None:
        return None
    lines = [
        "| processes | photographs a second, by the clock | ms of processor a photograph "
        "| workers busy, % | of a straight line, by the clock | by processor and idle time |",
        "|---|---|---|---|---|---|",
    ]
    for row in measured["rows"]:
        cells = (
            f"{row['processes']}",
            f"{row['per_second']:.2f}",
            f"{row['processor_ms']:.0f}",
            f"{100 * row['busy']:.1f}",
            f"{row['of_linear_by_clock']:.2f}",
            f"{row['of_linear_by_processor']:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    side, first = measured["side_px"], measured["rows"][0]
    size = f"{first['photographs']} photographs at {side}x{side}"
    driver = f"the driver took {first['driver_ms']:.1f} ms of processor a photograph"
    told = f"{size}; {driver}. {_conditions(measured)}"
    return "\n".join([*lines, "", told]) + "\n"


def killed(results: Path) -> str | None:
    """One row: photographs, kills, and whether the files are those of a job left alone."""
    measured = _part(results, "killed")
    if measured is None:
        return None
    lines = ["| photographs | kills | files | same bytes | each noted once |", "|---|---|---|---|---|"]
    cells = (measured["photographs"], measured["kills"], measured["files"])
    answers = ("yes" if measured[key] else "NO ✗" for key in ("same_bytes", "each_noted_once"))
    lines.append(f"| {' | '.join([*map(str, cells), *answers])} |")
    size = f"{measured['side_px']}x{measured['side_px']}, {measured['processes']} processes."
    return "\n".join([*lines, "", f"{size} {_conditions(measured)}"]) + "\n"


def _part(results: Path, name: str) -> dict | None:
    path = results / "bulk.json"
    return json.loads(path.read_text(encoding="utf-8")).get(name) if path.is_file() else None


def _conditions(measured: dict) -> str:
    at = measured["conditions"]
    load = f"load before {at['load_before']:.1f}: other work had the machine"
    quiet = "" if at["load_before"] < 1 else f", {load}"
    return f"Commit {at['commit']}, {at['date']}, {at['device']}{quiet}."
