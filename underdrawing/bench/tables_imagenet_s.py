"""The table of ImageNet-S: references, what others report, and what each system tells again.

Paper: "HIDDEN-CODE", arXiv 2602.22759, its own triplets and carriers; no JPEG is stated for its figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from underdrawing.bench.harness.targets import Figures

PAPER = {"label": 0.9231, "image": 0.8744}
TARGET = {"kept": 0.92, "image": 0.95}
"""After JPEG 70: the part of the originals' labels that the recovered keep, and Top-1 image."""
TARGET_CHANNEL = "jpeg70"
CHANNELS = ("none", "jpeg70")
NAMES = {
    "original": "original (ceiling)",
    "tampered": "tampered, nothing done",
    "telea": "blind inpainting, Telea",
    "navier-stokes": "blind inpainting, Navier-Stokes",
    "texture": "blind inpainting, texture",
}
_DISTANCES = {"psnr_db": ("PSNR, dB", 2), "ssim": ("SSIM", 3), "stlpips": ("ST-LPIPS", 4)}


def table(results: Path) -> str | None:
    """A row for each picture and channel, distances inside / outside the mask; None without results."""
    path = results / "imagenet-s.json"
    if not path.is_file():
        return None
    merged = json.loads(path.read_text(encoding="utf-8"))
    figures: Figures = merged["figures"]
    told = [name for name in NAMES if f"{name}/none/all/label" in figures]
    systems = sorted({key.split("/")[0] for key in figures if key.endswith("/none/all/label")} - set(NAMES))
    heads = ["Top-1 label", "kept of the originals'", "Top-1 image", "identity read"]
    heads += [f"{title}, in / out" for title, _ in _DISTANCES.values()]
    lines = ["| picture | channel | " + " | ".join(heads) + " |", "|---" * (len(heads) + 2) + "|"]
    for name in [*told, *systems]:
        for channel in CHANNELS:
            if f"{name}/{channel}/all/label" in figures:
                cells = _cells(figures, name, channel, name in systems)
                lines.append(f"| {NAMES.get(name, name)} | {channel} | " + " | ".join(cells) + " |")
    others = f"{PAPER['label']:.4f} | - | {PAPER['image']:.4f} | -"
    lines.append(f"| Hidden-Code (paper) | none stated | {others}" + " | -" * len(_DISTANCES) + " |")
    return "\n".join([*lines, "", *_by_edit(figures, systems), *_told(figures), *_conditions(merged)]) + "\n"


def _cells(figures: Figures, name: str, channel: str, judged: bool) -> list[str]:
    place = f"{name}/{channel}/all"
    kept = label_kept(figures, name, channel)
    judged = judged and channel == TARGET_CHANNEL
    cells = [f"{figures[f'{place}/label']['mean']:.4f}"]
    cells.append("-" if kept is None else _judged(kept, TARGET["kept"] if judged else None))
    cells.append(_judged(figures[f"{place}/image"]["mean"], TARGET["image"] if judged else None))
    identity = figures.get(f"{place}/identity", {"mean": 0})["mean"]
    cells.append(f"{identity:.4f}" if identity else "-")
    for metric, (_, digits) in _DISTANCES.items():
        pair = (figures.get(f"{place}/{side}_{metric}") for side in ("inside", "outside"))
        cells.append(" / ".join("-" if value is None else f"{value['mean']:.{digits}f}" for value in pair))
    return cells


def label_kept(figures: Figures, name: str, channel: str) -> float | None:
    """Top-1 label as a part of what the originals of the same photos get; None where they get none."""
    ceiling = figures[f"{name}/{channel}/all/label_of_original"]["mean"]
    return figures[f"{name}/{channel}/all/label"]["mean"] / ceiling if ceiling else None


def _judged(value: float, least: float | None) -> str:
    if least is None:
        return f"{value:.4f}"
    return f"{value:.4f} (>= {least:g})" + ("" if value >= least else " ✗")


def _by_edit(figures: Figures, systems: Iterable[str]) -> list[str]:
    """Both tasks by edit, after the channel that the target is set for."""
    edits = ("removal", "replacement", "inpainting")
    lines = [f"Top-1 label / Top-1 image after {TARGET_CHANNEL}, by what was done to the object:", ""]
    lines += ["| picture | " + " | ".join(edits) + " |", "|---" * (len(edits) + 1) + "|"]
    for name in ["tampered", *systems]:
        cells = [
            " / ".join(
                _mean(figures, f"{name}/{TARGET_CHANNEL}/{edit}/{task}") for task in ("label", "image")
            )
            for edit in edits
        ]
        lines.append(f"| {NAMES.get(name, name)} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _told(figures: Figures) -> list[str]:
    """Label and distance when the object alone is told, by a code of so many bits under the true mask."""
    sizes = sorted({int(key.split("/")[2]) for key in figures if key.startswith("told/")})
    if not sizes:
        return []
    names = dict.fromkeys(key.split("/")[1] for key in figures if key.startswith("told/"))
    lines = [
        "Top-1 label / PSNR inside, dB, when so many bits tell the object under the true mask:",
        "",
    ]
    lines += ["| code | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name in names:
        places = [f"told/{name}/{size}" for size in sizes]
        told = [(figures[f"{at}/label"]["mean"], figures[f"{at}/inside_psnr_db"]["mean"]) for at in places]
        cells = [f"{label:.3f} / {distance:.2f}" for label, distance in told]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _mean(figures: Figures, key: str) -> str:
    return f"{figures[key]['mean']:.3f}" if key in figures else "-"


def _conditions(merged: dict) -> list[str]:
    lines = ["| part | photos | strength | commit | date | data |", "|---" * 6 + "|"]
    for name, part in merged["parts"].items():
        at = part["conditions"]
        told = (part["photos"], f"{part['strength']:.2f}", at["commit"], at["date"], part["data_hash"])
        lines.append(f"| {name} | " + " | ".join(map(str, told)) + " |")
    return lines
