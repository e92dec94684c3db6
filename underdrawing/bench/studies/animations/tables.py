"""Tables of the study: groups of channels beside the paper, and every channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block, Cell, Table, join

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
        ["PSNR of a clip, dB", *(_tenths(store, f"{size}/psnr_db", 1) for size in sizes), "-"],
        ["SSIM", *(store.cell(f"{size}/ssim", 3) for size in sizes), "-"],
        ["SSIMULACRA2", *(store.cell(f"{size}/ssimulacra2", 1) for size in sizes), "-"],
    ]
    for place, title in GROUPS.items():
        errors = (_errors(store, f"{size}/{place}") for size in sizes)
        rows.append([f"{title}{_fewer(store, sizes, place)}", *errors, PUBLISHED.get(place, "-")])
    wrong = [
        join([store.cell(f"{size}/{group}/wrong", 2, scale=100) for group in ("signal", "deepfakes")])
        for size in sizes
    ]
    rows.append(["wrong identity, %: signal / deepfakes", *wrong, "-"])
    rows.append(["accepted unmarked clips", _accepted(store), *[""] * (len(sizes) - 1), "not reported"])
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
        [place, *(_errors(store, f"{size}/{place}") for size in sizes)]
        for place in places
        if place not in GROUPS
    ]
    return [Table(("channel", *(TITLES[size] for size in sizes)), rows), LEGEND, store.stale_note()]


def _errors(store: Store, place: str) -> Cell:
    if f"{place}/ber" not in store.figures:
        return Cell("-")
    return join([_tenths(store, f"{place}/ber", 2, 100), store.cell(f"{place}/identity", 1, scale=100)])


def _fewer(store: Store, sizes: Sequence[str], place: str) -> str:
    """Numbers of clips, where not all have a face that can be forged."""
    counts = [store.figures.get(f"{size}/{place}/ber", {"n": 0})["n"] for size in sizes]
    every = [store.parts[size]["photos"] for size in sizes]
    return "" if counts == every else f", of {' and '.join(f'{count:.0f}' for count in counts)} clips"


def _tenths(store: Store, key: str, digits: int, scale: float = 1.0) -> Cell:
    """Mean, and in brackets the means of the worst and of the best tenth of the clips."""
    if key not in store.figures:
        return Cell("-")
    mean, *tenths = (scale * store.figures[key][name] for name in ("mean", "worst_decile", "best_decile"))
    shown = ", ".join(f"{value:.1f}" for value in tenths)
    return Cell(f"{mean:.{digits}f} ({shown})", store.stale([key]))


def _accepted(store: Store) -> Cell:
    """Count, not a rate: it is to be 0."""
    figure = store.figures.get("unmarked/accepted")
    if figure is None:
        return Cell("-")
    return Cell(f"{round(figure['mean'] * figure['n'])} of {figure['n']}", store.stale(["unmarked/accepted"]))


TABLES: Mapping[str, Callable[[Store], Sequence[Block] | None]] = {
    "animations": groups,
    "animations-channels": channels,
}
