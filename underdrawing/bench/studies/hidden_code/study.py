"""hidden-code: what prefixes of its code show, what coding saves, what carriers hold, what completes a code.

Paper: "HIDDEN-CODE", arXiv 2602.22759; its figure 2 shows prefixes of 1 to 10 scales with and without scale
dropout, and its carriers hold 64 to 256 bits. Its own values are not published as numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from underdrawing.bench.harness.photographs import hash_photos
from underdrawing.bench.harness.record import Protocol, Store
from underdrawing.bench.harness.render import Block, Cell, Table, join
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.studies import carriers
from underdrawing.bench.studies.hidden_code.bits import measure_bits
from underdrawing.bench.studies.hidden_code.completion import measure_completion
from underdrawing.bench.studies.hidden_code.tokens import SIDE, measure_tokens
from underdrawing.systems.hidden_code import recovery, tokens

PROTOCOL = Protocol("hidden-code", sizes=(SIDE,), object_set="")
COMPLETION = replace(PROTOCOL, sizes=(256, 512), quality_sets=("coco_val",))
SYSTEM = "hidden-code"
ROOMS = (32, 64, 100, 256, 1024)
"""|m| that the carriers' table has a row for, beside the lattice's."""
OTHERS = {"trustmark": 100, "gaussian-shading": 256}
"""Bits of carriers by their definition, where no measurement of them is at hand."""
LATTICE = "lattice"
METRICS = {"psnr_db": ("PSNR, dB", 2), "ssim": ("SSIM", 3), "stlpips": ("ST-LPIPS", 3)}
TRAININGS = ("dropout", "plain")


@dataclass(frozen=True)
class Settings:
    """Options of this study."""

    tokens: str = str(tokens.WEIGHTS)
    """Tokens trained with scale dropout."""
    plain: str = ""
    """Tokens trained without; needed for their column."""
    recovery: str = str(recovery.WEIGHTS)
    """The transformer."""


def run(run: Run) -> None:
    """Measure the parts tokens, bits and completion."""
    settings = run.read_settings(Settings)
    dropout, fill = Path(settings.tokens), Path(settings.recovery)
    plain = {"plain": Path(settings.plain)} if settings.plain else {}

    def measure(name: str, protocol: Protocol, files: dict[str, Path], values) -> None:
        def facts() -> dict:
            photos = run.sets.photos(*protocol.quality_sets)
            hashes = {key: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for key, path in files.items()}
            known = {"photos": len(photos), "data_hash": hash_photos(photos), "weights": hashes}
            return known | values(photos)

        run.write_once(STUDY, protocol, (SYSTEM, name), facts)

    def tokens_values(photos) -> dict:
        strangers = run.sets.photos(PROTOCOL.stranger_set)
        return measure_tokens({"dropout": dropout} | plain, photos, strangers, PROTOCOL.seed)

    def bits_values(photos) -> dict:
        rooms = [*ROOMS, lattice_bits(carriers.STUDY.store(run.results))]
        return measure_bits(dropout, fill, photos, rooms)

    measure("tokens", PROTOCOL, {"dropout": dropout} | plain, tokens_values)
    measure("bits", PROTOCOL, {"tokens": dropout, "recovery": fill}, bits_values)
    measure("completion", COMPLETION, {}, lambda photos: measure_completion(photos, COMPLETION.seed))


def prefixes(store: Store) -> Sequence[Block] | None:
    """Quality of the first k scales with and without scale dropout, and the use of codes."""
    part = store.parts.get("tokens")
    if part is None:
        return None
    rows = []
    for k, length in enumerate(part["lengths_bits"], 1):
        pairs = [
            join(store.cell(f"prefix/{training}/{k}/{metric}", digits) for training in TRAININGS)
            for metric, (_, digits) in METRICS.items()
        ]
        use = [part["code_use"][training][k - 1] for training in TRAININGS if training in part["code_use"]]
        used = " / ".join(f"{100 * share['used']:.0f}" for share in use)
        perplexity = " / ".join(f"{share['perplexity']:.0f}" for share in use)
        rows.append([str(k), str(length // part["token_bits"]), str(length), *pairs, used, perplexity])
    head = [f"{title}, with / without" for title, _ in METRICS.values()]
    strangers, codes = part["strangers"], 1 << part["token_bits"]
    about = f"With / without scale dropout. Use of a scale's {codes} codes by {strangers} other photographs: "
    return [
        Table(("k", "tokens", "bits", *head, "codes used, %", "perplexity"), rows),
        about + f"the first scale has but {strangers} tokens there.",
        _wrong_bits(store),
        _about(store, "tokens"),
        store.stale_note(["tokens"]),
    ]


def _wrong_bits(store: Store) -> str:
    losses = []
    for k in range(1, len(store.parts["tokens"]["lengths_bits"]) + 1):
        keys = [f"wrong/{order}/{k}/psnr_db" for order in ("none", "gray", "random")]
        if all(key in store.figures for key in keys):
            right, gray, random = (store.figures[key]["mean"] for key in keys)
            losses.append(f"{right - gray:.2f} dB in place of {right - random:.2f} dB at k = {k}")
    if not losses:
        return ""
    order = "codes in pseudo-Gray order in place of a random one"
    return f"One wrong bit in a hundred costs, with {order}: {', '.join(losses)}."


def coded(store: Store) -> Sequence[Block] | None:
    """Bits of each scale when the transformer's probabilities code it, and what fits into each room."""
    part = store.parts.get("bits")
    if part is None:
        return None
    each = part["token_bits"]
    scales = enumerate(zip(part["tokens"], part["coded_bits"], strict=True), 1)
    rows = [_coded_row(str(scale), count, each, bits) for scale, (count, bits) in scales]
    rows.append(_coded_row("all, with checksum", sum(part["tokens"]), each, part["whole_bits"]))
    rows = [[store.marked("bits", row[0]), *row[1:]] for row in rows]
    ways = ("plain", "expected", "coded")
    rooms = []
    for room in part["rooms"]:
        counts = [store.cell(f"plain/{room}/tokens", 0), store.cell(f"coded/{room}/tokens", 1)]
        rooms.append([str(room), *counts, *(store.cell(f"{way}/{room}/psnr_db") for way in ways)])
    difference = f"{part['logit_difference']:.1e} between two orders of summation"
    return [
        Table(("scale", "tokens", "bits, plain", "bits, coded", "bits a token", "saved, %"), rows),
        Table(
            (
                "room, bits",
                "tokens, whole scales",
                "tokens, coded",
                "PSNR, dB: scales alone",
                "scales, rest expected",
                "coded, rest expected",
            ),
            rooms,
        ),
        f"Double precision: logits differ by at most {difference}. {_about(store, 'bits')}",
        store.stale_note(["bits"]),
    ]


def _coded_row(name: str, count: int, each: int, bits: float) -> list[str]:
    saved = 100 * (1 - bits / (count * each))
    return [name, str(count), str(count * each), f"{bits:.1f}", f"{bits / count:.2f}", f"{saved:.1f}"]


def carriers_table(store: Store) -> Sequence[Block] | None:
    """k, bits and quality for what carriers hold."""
    part, held = store.parts.get("tokens"), carriers.STUDY.store(store.results)
    if part is None or not held.parts:
        return None
    bits_keys = {name: f"{name}/bits" for name in held.parts}
    measured = {
        name: round(held.figures[key]["mean"]) for name, key in bits_keys.items() if key in held.figures
    }
    sizes = {**OTHERS, **measured}
    lattice = lattice_bits(held)
    rows = []
    for room in sorted({*ROOMS, lattice}):
        k = sum(length <= room for length in part["lengths_bits"])
        used = part["lengths_bits"][k - 1] if k else 0
        quality = [store.cell(f"prefix/dropout/{k}/{name}", METRICS[name][1]) for name in ("psnr_db", "ssim")]
        holding = sorted((name for name, bits in sizes.items() if bits >= room), key=lambda n: (sizes[n], n))
        title = f"{room} (the lattice's mean)" if room == lattice else str(room)
        names = Cell(", ".join(holding) or "none")
        rows.append([title, str(k), str(used // part["token_bits"]), str(used), *quality, names])
    listed = ", ".join(f"{name} {bits}" for name, bits in sorted(sizes.items(), key=lambda item: item[1]))
    first = held.parts[LATTICE]
    about = f"Bits by carrier, means over {first['photos']} photographs at "
    about += f"{first['protocol']['sizes'][0]}x{first['protocol']['sizes'][0]}: {listed}"
    stated = ", ".join(name for name in OTHERS if name not in held.parts)
    about += f" ({stated}: by definition)." if stated else "."
    head = ("room, bits", "k", "tokens", "bits used", "PSNR, dB", "SSIM", "carriers that hold it")
    return [
        Table(head, rows),
        f"Whole scales, no arithmetic coding. {about} {_about(store, 'tokens')}",
        store.stale_note(["tokens"]) or held.stale_note(),
    ]


def lattice_bits(held: Store) -> int:
    """Mean |m| of the lattice, from the study of carriers."""
    return round(held.figures[f"{LATTICE}/bits"]["mean"])


def completion(store: Store) -> Sequence[Block] | None:
    """What completes each code best inside an edit."""
    part = store.parts.get("completion")
    if part is None:
        return None
    ways = {"told": "code alone", "toned": "in the tone around it", "completed": "completed",
            "inpainting": "inpainting"}  # fmt: skip
    rows = []
    for code in sorted({key.split("/")[0] for key in part["figures"]}, key=_by_size):
        kind, _, size = code.partition("-")
        name = {"tokens": f"tokens, {size} scales", "sketch": f"sketch, {size} bits"}.get(kind, "none")
        rows.append([name, *(store.cell(f"{code}/{way}/psnr_db") for way in ways)])
    return [
        Table(("code", *ways.values()), rows),
        "Tokens are completed by the transformer, sketches by the fusion network.\n"
        f"Verifying 512x512 with the transformer: {part['verify_512_seconds']:.2f} s.",
        _about(store, "completion"),
        store.stale_note(["completion"]),
    ]


def _by_size(code: str) -> tuple[bool, str, int]:
    kind, _, size = code.partition("-")
    return bool(size), kind, int(size or 0)


def _about(store: Store, name: str) -> str:
    part = store.parts[name]
    side = part["protocol"]["sizes"][0]
    text = f"{part['photos']} photographs at {side}x{side}, {store.measured_at(name)}"
    return f"{text}, data {part['data_hash']}."


STUDY = Study(
    SYSTEM,
    "prefixes of Hidden-Code's code, arithmetic coding, room of carriers, completion",
    run,
    {
        "hidden-code-bits": coded,
        "hidden-code-carriers": carriers_table,
        "hidden-code-completion": completion,
        "hidden-code-prefixes": prefixes,
    },
    Settings,
)
