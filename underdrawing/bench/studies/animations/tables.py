"""Tables of the study: groups of channels beside the paper, and every channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block, Cell, Table, join
from underdrawing.bench.studies.watermarks.tables import accepted, with_tenths, wrong_bits

SIZES = ("own", "small")
TITLES = {"own": "own size, 200 to 320 px", "small": "128 px"}
GROUPS = {
    "files": "files: GIF, APNG, WebP", "palettes": "palettes of GIF", "signal": "signal",
    "geometry": "geometry", "drop30%": "30 % of the frames dropped", "timing": "all of the timing",
    "deepfakes": "deepfakes",
}  # fmt: skip
PUBLISHED = {"signal": "0.034", "geometry": "0.034", "deepfakes": "0.011"}
"""Wrong bits, %, of GIFGuard (arXiv 2604.26519, abstract); signal and geometry are one figure there."""
LEGEND = (
    "Wrong bits, %: mean (worst tenth of the clips, best tenth) / identity read, %. The paper's .034 % is "
    "for signal and geometric distortions together, on its own animations."
)


def groups(store: Store) -> Sequence[Block] | None:
    """Quality, groups of channels, false accepts."""
    sizes = [size for size in SIZES if size in store.parts]
    if not sizes:
        return None
    rows: list[list[Cell | str]] = [
        ["PSNR of a clip, dB", *(with_tenths(store, f"{size}/psnr_db", 1) for size in sizes), "-"],
        ["SSIM", *(store.cell(f"{size}/ssim", 3) for size in sizes), "-"],
        ["SSIMULACRA2", *(store.cell(f"{size}/ssimulacra2", 1) for size in sizes), "-"],
    ]
    for place, title in GROUPS.items():
        errors = (wrong_bits(store, f"{size}/{place}") for size in sizes)
        rows.append([f"{title}{_fewer(store, sizes, place)}", *errors, PUBLISHED.get(place, "-")])
    wrong = [
        join([store.cell(f"{size}/{group}/wrong", 2, scale=100) for group in ("signal", "deepfakes")])
        for size in sizes
    ]
    rows.append(["wrong identity, %: signal / deepfakes", *wrong, "-"])
    rows.append(
        [
            "accepted unmarked clips",
            accepted(store, "unmarked/accepted"),
            *[""] * (len(sizes) - 1),
            "not reported",
        ]
    )
    head = ("", *(TITLES[size] for size in sizes), "paper")
    return [Table(head, rows), LEGEND, store.conditions_table(), store.stale_note()]


def channels(store: Store) -> Sequence[Block] | None:
    """Every channel of every group."""
    sizes = [size for size in SIZES if size in store.parts]
    if not sizes:
        return None
    places = [
        key.removeprefix(f"{sizes[0]}/").removesuffix("/ber")
        for key in store.figures if key.startswith(f"{sizes[0]}/") and key.endswith("/ber")
    ]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [place, *(wrong_bits(store, f"{size}/{place}") for size in sizes)]
        for place in places
        if place not in GROUPS
    ]
    return [Table(("channel", *(TITLES[size] for size in sizes)), rows), LEGEND, store.stale_note()]


def _fewer(store: Store, sizes: Sequence[str], place: str) -> str:
    """Numbers of clips, where not all have a face that can be forged."""
    counts = [store.figures.get(f"{size}/{place}/ber", {"n": 0})["n"] for size in sizes]
    every = [store.parts[size]["photos"] for size in sizes]
    return "" if counts == every else f", of {' and '.join(f'{count:.0f}' for count in counts)} clips"


TABLES: Mapping[str, Callable[[Store], Sequence[Block] | None]] = {
    "animations": groups,
    "animations-channels": channels,
}
