"""The tables of the Imuge paper, filled with what was measured: paper / Imuge / main job in each cell.

Paper: Ying et al., "From Image to Imuge: Immunized Image Generation", ACM MM 2021, tables 1 to 3.
"""

from __future__ import annotations

import json
from pathlib import Path

from underdrawing.bench.harness.targets import Figures

CHANNELS = (
    "jpeg90", "jpeg70", "jpeg50", "scale1.5", "scale0.7", "scale0.5", "crop90%", "crop70%", "crop50%",
    "blur1", "noise5", "none",
)  # fmt: skip
"""In the order of the paper's table 1."""

TABLE1 = {
    "bce": (0.022, 0.096, 0.106, 0.148, 0.074, 0.121, 0.027, 0.082, 0.155, 0.052, 0.103, 0.015),
    "lpsnr_db": (26.11, 23.85, 18.71, 23.87, 25.10, 24.52, 26.85, 24.73, 24.10, 19.93, 27.06, 27.11),
    "psnr_db": (29.33, 27.43, 25.98, 25.23, 26.61, 25.78, 28.66, 25.94, 24.55, 27.35, 28.52, 29.60),
    "ssim": (0.862, 0.854, 0.803, 0.838, 0.870, 0.829, 0.863, 0.821, 0.797, 0.817, 0.842, 0.865),
}
TABLE2 = {
    "10-6": (0.008, 28.93, 29.26, 0.875),
    "25-6": (0.007, 25.32, 24.83, 0.848),
    "16-16": (0.021, 27.25, 26.94, 0.863),
    "30-16": (0.057, 16.92, 26.32, 0.810),
}
TABLE3 = {
    "ablation-none": ("no verifying network, no critics, no TD, PR, LFS", 13.16),
    "ablation-verifier": ("no critics, no TD, PR, LFS", 20.99),
    "ablation-critics": ("no TD, PR, LFS", 23.30),
    "ablation-decoupling": ("no PR, LFS", 25.19),
    "ablation-progressive": ("no LFS", 27.03),
    "ablation-full": ("all", 27.43),
}
"""By the recipe that trains a row: what it lacks, and the paper's L-PSNR after JPEG 70.

TD: task decoupling; PR: progressive recovery; LFS: local feature sharing."""
CONTAINER = {"psnr_db": 34.60, "ssim": 0.973}
"""Of three pictures, the only ones that the paper tells (figure 6)."""

_METRICS = {"bce": ("BCE", 3), "lpsnr_db": ("L-PSNR, dB", 2), "psnr_db": ("PSNR, dB", 2), "ssim": ("SSIM", 3)}
_SYSTEMS = ("imuge", "photo")


def table1(results: Path) -> str | None:
    """Twelve channels by four figures, and F1 beside them; None where nothing was measured."""
    merged = _read(results)
    if merged is None:
        return None
    figures = merged["figures"]
    lines = ["| channel | " + " | ".join(name for name, _ in _METRICS.values()) + " | F1 | flagged, % |"]
    lines.append("|---" * (len(_METRICS) + 3) + "|")
    for index, channel in enumerate(CHANNELS):
        cells = [
            _cell(figures, f"table1/{{}}/{channel}/{metric}", paper[index], _METRICS[metric][1])
            for metric, paper in TABLE1.items()
        ]
        cells.append(_cell(figures, f"table1/{{}}/{channel}/f1", None, 3))
        cells.append(_cell(figures, f"authentic/{{}}/{channel}/flagged", None, 2, 100))
        lines.append(f"| {channel} | " + " | ".join(cells) + " |")
    told = [_container(figures), "", *_speed(figures)]
    return "\n".join([*lines, "", *told, *_conditions(merged)]) + "\n"


def table2(results: Path) -> str | None:
    """Four sizes of edits by four figures; None where nothing was measured."""
    merged = _read(results)
    if merged is None:
        return None
    names = [f"{name}" for name, _ in _METRICS.values()]
    lines = ["| altered in all, largest area | " + " | ".join(names) + " |"]
    lines.append("|---" * (len(_METRICS) + 1) + "|")
    for row, paper in TABLE2.items():
        total, largest = row.split("-")
        cells = [
            _cell(merged["figures"], f"table2/{{}}/{row}/none/{metric}", value, _METRICS[metric][1])
            for metric, value in zip(_METRICS, paper, strict=True)
        ]
        lines.append(f"| {total} %, {largest} % | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def table3(results: Path) -> str | None:
    """The ablation: what each row reaches at one small budget; None where nothing was measured."""
    merged = _read(results, "imuge-table3")
    if merged is None:
        return None
    figures = merged["figures"]
    names = ("paper L-PSNR, dB", "L-PSNR, dB", "worst decile", "F1", "container, dB", "its SSIM")
    lines = ["| row | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for recipe, (lacks, paper) in TABLE3.items():
        place, own = f"table3/{recipe}/jpeg70", f"container/{recipe}"
        recovered = figures[f"{place}/lpsnr_db"]
        cells = [f"{paper:.2f}", f"{recovered['mean']:.2f}", f"{recovered['worst_decile']:.2f}"]
        cells += [f"{figures[f'{place}/f1']['mean']:.3f}"] if "no verifying" not in lacks else ["-"]
        cells += [f"{figures[f'{own}/psnr_db']['mean']:.2f}", f"{figures[f'{own}/ssim']['mean']:.3f}"]
        lines.append(f"| {lacks} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_conditions(merged)]) + "\n"


def _cell(figures: Figures, key: str, paper: float | None, digits: int, scale: float = 1) -> str:
    found = [figures.get(key.format(system)) for system in _SYSTEMS]
    ours = ["-" if value is None else f"{value['mean'] * scale:.{digits}f}" for value in found]
    return " / ".join(([] if paper is None else [f"{paper:.{digits}f}"]) + ours)


def _container(figures: Figures) -> str:
    psnr = _cell(figures, "container/{}/psnr_db", CONTAINER["psnr_db"], 2)
    ssim = _cell(figures, "container/{}/ssim", CONTAINER["ssim"], 3)
    return f"Container: {psnr} dB, SSIM {ssim}. Paper (of three pictures) / Imuge here / main job."


def _speed(figures: Figures) -> list[str]:
    """A line and an empty one, or nothing where it was not measured."""
    steps = ("protect", "verify")
    if any(f"speed/{system}/{step}/seconds" not in figures for system in _SYSTEMS for step in steps):
        return []
    told = [
        f"{step} {_cell(figures, f'speed/{{}}/{step}/seconds', None, 0, 1000)} ms at 256x256"
        for step in steps
    ]
    return [f"Speed: {', '.join(told)}; Imuge here / main job, at their natural strength.", ""]


def _conditions(merged: dict) -> list[str]:
    parts = merged["parts"]
    lines = ["| part | photos | strength | commit | date | data |", "|---" * 6 + "|"]
    for name, part in parts.items():
        at = part["conditions"]
        told = (part["photos"], f"{part['strength']:.2f}", at["commit"], at["date"], part["data_hash"])
        lines.append(f"| {name} | " + " | ".join(map(str, told)) + " |")
    return lines


def _read(results: Path, name: str = "imuge-table1") -> dict | None:
    path = results / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
