"""Tables of the study: figures with their targets and 95 % bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from underdrawing.attacks.adversary.edits import AREAS, EDITS, VISIBLE_RMS
from underdrawing.attacks.adversary.forgeries import NEIGHBOURS
from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block, Cell, Table, join, judged

PAIRS_UP_TO = 512
"""px: larger photographs are too few for pairs."""
SIZES = ("192", "256", "512", "1024")
SAME_VIEW = ("burst", "mirrored", "zoom 2 %")
"""Neighbours that show all of the registered original, in another frame: it agrees with them rightly."""
PRIVATE_EDITS = ("edit alone", "congruent", "congruent, half a step", "congruent, learned dither")
PRESENCE_TESTS = ("tiles", "energies", "learned dither")
SHARES = tuple(f"{100 * area:g}%" for area in reversed(AREAS))


@dataclass(frozen=True)
class Target:
    """One row: a rate at each size where it was measured, and the limit that it is held against."""

    row: str
    key: str
    """With {size}."""
    limit: float | None = None
    """Per cent; None: reported without one."""
    at_most: bool = True
    only: tuple[str, ...] = ()
    """Sizes that the limit is for; empty: all."""

    def cells(self, store: Store) -> list[Cell]:
        """A cell for each of SIZES; "-" where nothing was measured."""
        return [
            rate_cell(store, self.key.format(size=size), self._limit(size), self.at_most) for size in SIZES
        ]

    def _limit(self, size: str) -> float | None:
        return self.limit if not self.only or size in self.only else None


def rate_cell(store: Store, key: str, limit: float | None = None, at_most: bool = True) -> Cell:
    """A rate in per cent with its 95 % interval and count; of 0 or all, the bound that the count leaves."""
    found = store.figures.get(key)
    if found is None:
        return Cell("-")
    value, count = 100 * found["mean"], found["n"]
    if value == 0:
        text = f"0 of {count} (< {_percent(300 / count)})"
    elif value == 100:
        text = f"all {count} (> {_percent(100 - 300 / count)})"
    else:
        text = (
            f"{_percent(value)} ({_percent(100 * found['low95'])}-{_percent(100 * found['high95'])}, {count})"
        )
    return judged(Cell(text, store.stale([key])), value, limit, at_most)


def _percent(value: float) -> str:
    value = min(100.0, max(0.0, value))
    return f"{value:.2g}" if value < 1 else f"{value:.3g}"


def targets() -> list[Target]:
    """Every row of the main table in its order."""
    rows = [
        Target("unsigned picture under a registered identity: intact",
               "combined/{size}/none/unsigned identity/intact", 0),
        Target("transplant, ordered pairs: intact", "transplant/{size}/none/intact", 0),
        Target("the same, then JPEG 70: intact", "transplant/{size}/jpeg70/intact", 0),
        Target("the same without the top layer: intact", "transplant/{size}/middle only/intact", 0),
    ]  # fmt: skip
    for name in NEIGHBOURS:
        key = f"neighbour/{{size}}/none/{name}"
        rows.append(Target(f"neighbour, {name}: intact", f"{key}/intact", 10))
    rows += [
        Target("collage of two halves: intact", "combined/{size}/none/halves/intact", 0),
        Target("object from another protected picture: intact", "combined/{size}/none/object/intact", 0),
    ]
    limits = {"none": (98, 90, 60), "jpeg90": (98, 90, 60), "jpeg70": (95, 75, 40)}
    for channel, found in limits.items():
        for share, limit in zip(SHARES, (*found, None), strict=True):
            key = f"rewrite/{{size}}/{channel}/{share}/contradicted"
            row = f"rewritten edit of {share}, {channel}: found by the signed content alone"
            rows.append(Target(row, key, limit, at_most=False, only=("512",)))
    for share in SHARES:
        rows.append(
            Target(f"rewritten edit of {share}, none: intact", f"rewrite/{{size}}/none/{share}/intact")
        )
    for share in SHARES:
        key = f"rewrite-coarse/{{size}}/none/{share}/contradicted"
        rows.append(Target(f"the same with coarse content kept, {share}: found", key))
    for channel in ("none", "jpeg70"):
        row = f"second protection on top, {channel}: both named"
        rows.append(Target(row, f"second/{{size}}/{channel}/both_named", 100, at_most=False))
        row = f"the same by software that does not state the first, {channel}: both named"
        rows.append(Target(row, f"again/{{size}}/{channel}/first_named"))
    rows.append(Target("untouched, all benign channels: called altered", "benign/{size}/all/altered", 0.5))
    rows.append(Target("untouched, all benign channels: intact", "benign/{size}/all/intact"))
    return rows


def main_table(store: Store) -> Sequence[Block] | None:
    """Attacks and what they reach; a cross marks a target that is missed."""
    if not store.parts:
        return None
    rows = [[target.row, *target.cells(store)] for target in targets()]
    rows = [row for row in rows if any(cell.text != "-" for cell in row[1:])]
    at = next(iter(store.parts.values()))["conditions"]
    return [
        Table(("share of attacks, %", *(f"{size}x{size}" for size in SIZES)), rows),
        "In brackets the 95 % interval and the number of trials; of 0, three divided by the number. "
        f"An edit changes its pixels by {VISIBLE_RMS:g} levels RMS or more, where eight draws give that.",
        store.conditions_table(seconds=True),
        f"Seed {at['seed']}, {at['device']}.",
        store.stale_note(),
    ]


def modes_table(store: Store) -> Sequence[Block] | None:
    """The attacks with a registry, and those on private mode, at 512x512."""
    if not store.parts:
        return None
    rows: list[list[Cell | str]] = []
    for channel, limits in (("none", (None,) * 4), ("jpeg70", (100, 100, 99, 95))):
        for share, limit in zip(SHARES, limits, strict=True):
            key = f"registry/{channel}/{share}"
            found = rate_cell(store, f"{key}/found", limit, at_most=False)
            quality = f"{store.cell(f'{key}/f1', 3).text}; {store.cell(f'{key}/lpsnr_db', 1).text}"
            rows.append([f"registry, rewritten edit of {share}, {channel}: found; mask F1; L-PSNR, dB",
                         join([found, Cell(quality)], "; ")])  # fmt: skip
    for name in (*NEIGHBOURS, "another picture"):
        key = f"registry/neighbour/{name}/intact"
        limit = None if name in SAME_VIEW else 0
        rows.append([f"registry, transplant, {name}: intact", rate_cell(store, key, limit)])
    key = "registry/unsigned identity"
    rows.append(
        ["registry, unsigned picture under the identity: intact", rate_cell(store, f"{key}/intact", 0)]
    )
    rows.append(["the same, shown with the owner's facts", rate_cell(store, f"{key}/facts_shown", 0)])
    for channel in ("none", "jpeg90", "jpeg70"):
        row = f"registry, untouched, {channel}: called altered"
        rows.append([row, rate_cell(store, f"registry/untouched/{channel}/altered", 0.5)])
    for channel, limit in (("none", None), ("jpeg70", 95)):
        for name in PRIVATE_EDITS:
            row = f"private mode, {name}, 2 % of the frame, {channel}: found"
            rows.append([row, rate_cell(store, f"private/{channel}/{name}/altered", limit, at_most=False)])
    for name in PRESENCE_TESTS:
        rows.append([f"private mode, presence by {name}: AUC", _auc_cell(store, f"presence/{name}/auc")])
    rows = [row for row in rows if not row[1].text.startswith("-")]
    same = (
        "A burst without motion, a mirrored and a zoomed picture show what the registered original shows, "
        "in another frame: no limit is set for them."
    )
    return [Table(("attack at 512x512", "%"), rows), same, store.stale_note()] if rows else None


def _auc_cell(store: Store, key: str) -> Cell:
    found = store.figures.get(key)
    if found is None:
        return Cell("-")
    text = f"{found['mean']:.2f} ({found['low95']:.2f}-{found['high95']:.2f}, {found['n']})"
    return judged(Cell(text, store.stale([key])), found["mean"], 0.55, at_most=True)


def edits_table(store: Store) -> Sequence[Block] | None:
    """Rewritten edits by kind, and untouched pictures by channel."""
    if not store.parts:
        return None
    kinds = []
    for kind in EDITS:
        keys = [f"rewrite-by/{size}/{channel}/{kind}/contradicted" for size in SIZES[1:] for channel in
                ("none", "jpeg70")]  # fmt: skip
        kinds.append([kind, *(rate_cell(store, key) for key in keys)])
    head = [f"{size}, {channel}" for size in SIZES[1:] for channel in ("none", "jpeg70")]
    channels = dict.fromkeys(key.split("/")[2] for key in store.figures if key.startswith("benign/"))
    benign = []
    for channel in channels:
        keys = [f"benign/{size}/{channel}/altered" for size in SIZES[1:]]
        benign.append([channel, *(rate_cell(store, key) for key in keys)])
    return [
        "Rewritten edits of all areas, found by the signed content alone, %:",
        Table(("edit", *head), kinds),
        "Untouched protected photographs called altered, %:",
        Table(("channel", *SIZES[1:]), benign),
        store.stale_note(),
    ]
