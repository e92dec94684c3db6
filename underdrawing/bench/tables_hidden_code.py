"""The tables of Hidden-Code: what beginnings of its code show, what coding saves, what each carrier holds.

Paper: "HIDDEN-CODE", arXiv 2602.22759; its figure 2 shows beginnings of 1 to 10 scales with and without scale
dropout, and its carriers hold 64 to 256 bits. Its own values are not published as numbers.
"""

from __future__ import annotations

import json
from pathlib import Path

from underdrawing.bench.harness.targets import Figures

ROOMS = (32, 64, 100, 256, 1024)
"""|m| that the carriers' table has a row for, beside the lattice's."""
OTHERS = {"trustmark": 100, "gaussian-shading": 256}
"""Bits of carriers by their definition, where no measurement of them is at hand."""
LATTICE = "lattice"
_METRICS = {"psnr_db": ("PSNR, dB", 2), "ssim": ("SSIM", 3), "stlpips": ("ST-LPIPS", 3)}
_WEIGHTS = ("dropout", "plain")


def prefixes(results: Path) -> str | None:
    """Quality of the first k scales with and without scale dropout, and the use of codes; None without."""
    found = _read(results, "hidden-code-tokens")
    if found is None:
        return None
    figures, lengths = found["figures"], found["lengths_bits"]
    heads = [f"{title}, with / without" for title, _ in _METRICS.values()] + ["codes used, %", "perplexity"]
    lines = ["| k | tokens | bits | " + " | ".join(heads) + " |", "|---" * (len(heads) + 3) + "|"]
    for k, length in enumerate(lengths, 1):
        cells = [
            _pair(figures, f"prefix/{{}}/{k}/{metric}", digits) for metric, (_, digits) in _METRICS.items()
        ]
        uses = [found["code_use"][name][k - 1] for name in _WEIGHTS if name in found["code_use"]]
        cells.append(" / ".join(f"{100 * use['used']:.0f}" for use in uses))
        cells.append(" / ".join(f"{use['perplexity']:.0f}" for use in uses))
        lines.append(f"| {k} | {length // found['token_bits']} | {length} | " + " | ".join(cells) + " |")
    strangers = found["strangers"]
    about = f"With / without scale dropout. Use of a scale's {1 << found['token_bits']} codes by {strangers} "
    about += f"other photographs: the first scale has but {strangers} tokens there."
    return "\n".join([*lines, "", about, "", *_wrong(found), _conditions(found)]) + "\n"


def _wrong(found: dict) -> list[str]:
    figures: Figures = found["figures"]
    told = []
    for k in range(1, len(found["lengths_bits"]) + 1):
        values = [figures.get(f"wrong/{name}/{k}/psnr_db") for name in ("none", "gray", "random")]
        if all(value is not None for value in values):
            right, gray, random = (value["mean"] for value in values if value is not None)
            told.append(f"{right - gray:.2f} dB in place of {right - random:.2f} dB at k = {k}")
    if not told:
        return []
    return [f"One wrong bit in a hundred costs, with codes in pseudo-Gray order in place of a random one: "
            f"{', '.join(told)}.", ""]  # fmt: skip


def coded(results: Path) -> str | None:
    """Bits of each scale when the transformer's probabilities code it; None where nothing was measured."""
    found = _read(results, "hidden-code-bits")
    if found is None:
        return None
    each = found["token_bits"]
    lines = ["| scale | tokens | bits, plain | bits, coded | bits a token | saved, % |", "|---" * 6 + "|"]
    for scale, (tokens, bits) in enumerate(zip(found["tokens"], found["coded_bits"], strict=True), 1):
        lines.append(_coded_row(str(scale), tokens, each, bits))
    lines.append(_coded_row("all, with checksum", sum(found["tokens"]), each, found["whole_bits"]))
    heads = ("tokens, whole scales", "tokens, coded", "PSNR, dB: scales alone", "scales, rest expected",
             "coded, rest expected")  # fmt: skip
    lines += ["", "| room, bits | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for room in found["rooms"]:
        keys = [f"plain/{room}/tokens", f"coded/{room}/tokens"]
        keys += [f"{way}/{room}/psnr_db" for way in ("plain", "expected", "coded")]
        values = [found["figures"].get(key) for key in keys]
        digits = (0, 1, 2, 2, 2)
        cells = ["-" if v is None else f"{v:.{d}f}" for v, d in zip(values, digits, strict=True)]
        lines.append(f"| {room} | " + " | ".join(cells) + " |")
    close = (
        f"Double precision: logits differ by at most {found['logit_difference']:.1e} between two orders of "
    )
    return "\n".join([*lines, "", close + f"summation. {_conditions(found)}"]) + "\n"


def _coded_row(name: str, tokens: int, each: int, bits: float) -> str:
    saved = 100 * (1 - bits / (tokens * each))
    return f"| {name} | {tokens} | {tokens * each} | {bits:.1f} | {bits / tokens:.2f} | {saved:.1f} |"


def carriers(results: Path) -> str | None:
    """k, bits and quality for what carriers hold; None where tokens or carriers were not measured."""
    found, held = _read(results, "hidden-code-tokens"), _read(results, "carriers")
    if found is None or held is None:
        return None
    names = {name: round(figures["bits"]) for name, figures in held["figures"].items() if "bits" in figures}
    names = {**OTHERS, **names}
    lattice = lattice_bits(held)
    lines = ["| room, bits | k | tokens | bits used | PSNR, dB | SSIM | carriers that hold it |"]
    lines.append("|---" * 7 + "|")
    for room in sorted({*ROOMS, lattice}):
        k = sum(length <= room for length in found["lengths_bits"])
        used = found["lengths_bits"][k - 1] if k else 0
        cells = [
            _mean(found["figures"], f"prefix/dropout/{k}/{m}", _METRICS[m][1]) for m in ("psnr_db", "ssim")
        ]
        holding = sorted((name for name, bits in names.items() if bits >= room), key=lambda n: (names[n], n))
        cells.append(", ".join(holding) or "none")
        title = f"{room} (the lattice's mean)" if room == lattice else str(room)
        lines.append(
            f"| {title} | {k} | {used // found['token_bits']} | {used} | " + " | ".join(cells) + " |"
        )
    side, count = held["size"], held["photos"]
    told = [f"{name} {bits}" for name, bits in sorted(names.items(), key=lambda item: item[1])]
    about = f"Bits by carrier, means over {count} photographs at {side}x{side}: {', '.join(told)}"
    stated = ", ".join(name for name in OTHERS if name not in held["figures"])
    about += f" ({stated}: by definition)." if stated else "."
    return "\n".join([*lines, "", f"Whole scales, no arithmetic coding. {about} {_conditions(found)}"]) + "\n"


def completion(results: Path) -> str | None:
    """What completes each code best inside an edit; None where nothing was measured."""
    found = _read(results, "hidden-code-completion")
    if found is None:
        return None
    figures = found["figures"]
    codes = sorted({key.split("/")[0] for key in figures}, key=_by_size)
    ways = {"told": "code alone", "toned": "in the tone around it", "completed": "completed",
            "inpainting": "inpainting"}  # fmt: skip
    lines = ["| code | " + " | ".join(ways.values()) + " |", "|---" * (len(ways) + 1) + "|"]
    for code in codes:
        cells = [_mean(figures, f"{code}/{way}/psnr_db", 2) for way in ways]
        kind, _, size = code.partition("-")
        name = {"tokens": f"tokens, {size} scales", "sketch": f"sketch, {size} bits"}.get(kind, "none")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "Tokens are completed by the transformer, sketches by the fusion network.",
              f"Verifying 512x512 with the transformer: {found['verify_512_seconds']:.2f} s."]  # fmt: skip
    return "\n".join([*lines, "", _conditions(found)]) + "\n"


def _by_size(code: str) -> tuple[bool, str, int]:
    kind, _, size = code.partition("-")
    return bool(size), kind, int(size or 0)


def lattice_bits(held: dict) -> int:
    """Mean |m| of the lattice, from the table of carriers."""
    return round(held["figures"][LATTICE]["bits"])


def _pair(figures: Figures, key: str, digits: int) -> str:
    return " / ".join(_mean(figures, key.format(name), digits) for name in _WEIGHTS)


def _mean(figures: Figures, key: str, digits: int) -> str:
    return f"{figures[key]['mean']:.{digits}f}" if key in figures else "-"


def _conditions(found: dict) -> str:
    at, side = found["conditions"], found["size"]
    return (
        f"{found['photos']} photographs at {side}x{side}, commit {at['commit']}, {at['date']}, "
        f"data {found['data_hash']}."
    )


def _read(results: Path, name: str) -> dict | None:
    path = results / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
