"""Tables of docs/SERVICE.md: the server under twice its load, and how long its page takes."""

from __future__ import annotations

import json
import statistics
from pathlib import Path


def load_table(results: Path) -> str | None:
    """What `underdrawing.bench.infrastructure.service` measured; None where it did not."""
    path = results / "service-load.json"
    if not path.is_file():
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    figures, at = table["figures"], table["conditions"]
    slower, growth = figures["median_over_unloaded"], 100 * figures["memory_growth"]
    lines = [
        "| twice what the server can carry | |",
        "|---|---|",
        f"| requests: accepted, refused with 503, lost, wrong | {figures['requests']}: "
        f"{figures['accepted']}, {figures['refused']}, {figures['lost']}, {figures['wrong']} |",
        f"| capacity, offered, served a second | {figures['capacity_per_s']:.2f}, "
        f"{figures['offered_per_s']:.2f}, {figures['served_per_s']:.2f} |",
        f"| seconds unloaded: median, most | {figures['unloaded_median_s']:.2f}, "
        f"{figures['unloaded_max_s']:.2f} |",
        f"| seconds of accepted: median, 95 %, most | {figures['accepted_median_s']:.2f}, "
        f"{figures['accepted_p95_s']:.2f}, {figures['accepted_max_s']:.2f} |",
        f"| median over unloaded (< 3) | {slower:.2f} |",
        f"| memory of all processes, MiB: first fifth, last fifth, growth | {figures['memory_first_mib']}, "
        f"{figures['memory_last_mib']}, {growth:.1f} % |",
        "",
        f"{at['seconds']:g} s, {at['workers']} workers, pictures of {at['side']}x{at['side']}, commit "
        f"{at['commit']}, {at['date']}, {at['device']}.",
    ]
    return "\n".join(lines) + "\n"


def page_table(results: Path) -> str | None:
    """What `-m underdrawing.bench.infrastructure.page` measured; None where it did not."""
    path = results / "service-page.json"
    if not path.is_file():
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    drops, at = table["drops"], table["conditions"]
    wall, processor = [drop["s"] for drop in drops], [drop["server_cpu_s"] for drop in drops]
    lines = [
        "| 2-megapixel JPEG dropped on the page | |",
        "|---|---|",
        f"| seconds until verdict and pictures are seen, median by the clock (<= 3) "
        f"| {statistics.median(wall):.2f} |",
        f"| processor seconds of the server, median | {statistics.median(processor):.2f} |",
        "",
        f"{len(drops)} drops, {at['bytes']} bytes, load average {at['load_average']:.1f} on {at['device']}, "
        f"commit {at['commit']}, {at['date']}.",
    ]
    return "\n".join(lines) + "\n"
