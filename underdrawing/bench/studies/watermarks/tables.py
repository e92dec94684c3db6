"""Tables of the study: all carriers, the channels of one system beside its paper, further embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from underdrawing.attacks.face_channels import BENIGN, DEEPFAKES
from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block, Cell, Table, join

TITLES = {
    "waveguard": "WaveGuard", "diffmark": "DiffMark", "dawf": "DAWF", "gifguard": "GIFGuard",
    "rivagan": "RivaGAN", "dwt-dct-svd": "DwtDctSvd", "lattice": "lattice", "trustmark": "TrustMark",
}  # fmt: skip
PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "waveguard": {"PSNR, dB": "47.51 (in YUV); 37.02 in an independent test", "jpeg50-444": "0.00",
                  "none": "0.00"},
    "gifguard": {"benign": "0.034", "deepfakes": "0.011"},
}  # fmt: skip
"""Wrong bits in per cent, unless the row names another figure. WaveGuard (IEEE TCSVT 2025): CelebA-HQ, 30
bits, PSNR by its authors over YUV, of which U alone is changed; the independent test is that of AIS (AAAI
2026, table 1). GIFGuard (arXiv 2604.26519, abstract): 128 bits in animations, means over its own attacks."""
NOTES = {
    "waveguard": "The paper's figures are for another training and for deepfakes by networks that are not "
    "public.",
    "diffmark": "The tables of the paper are not public; its channels are those of the benign rows.",
    "dawf": "The paper's abstract gives no figures.",
    "gifguard": "Here an animation of one frame; the paper's figures are for whole animations.",
}
PUBLISHED_AGAIN = {
    "waveguard": ("0.00", "41.42", "25.00", "41.13", "34.78", "WaveGuard in AIS's table 1"),
    "waveguard-ais": ("0.00", "0.02", "0.24", "1.82", "5.26", "WaveGuard + AIS, ditto"),
}
"""Wrong bits in per cent after 1 to 5 embeddings in all (AIS, arXiv 2508.17247, table 1; CelebA-HQ)."""
_PHOTO_CHANNELS = ("none", "jpeg50", "jpeg30", "webp50", "scale0.7", "crop70%", "screenshot")
_FURTHER = ("1", "2", "3", "4", "5")


def title(name: str) -> str:
    """Name of a carrier in tables; of a variant in brackets."""
    for known in sorted(TITLES, key=len, reverse=True):
        if name == known or name.startswith(f"{known}-"):
            variant = name[len(known) + 1 :]
            return f"{TITLES[known]} ({variant})" if variant else TITLES[known]
    return name


def measured(store: Store, part: str) -> list[str]:
    """Carriers with this part, those of this project's systems first."""
    found = [name.removeprefix(f"{part}-") for name in store.parts if name.startswith(f"{part}-")]
    order = list(TITLES)
    return sorted(
        found, key=lambda name: (next((order.index(k) for k in order if name.startswith(k)), 99), name)
    )


def joint(store: Store) -> Sequence[Block] | None:
    """Every carrier on crops, then on whole photographs."""
    if not measured(store, "faces") and not measured(store, "photos"):
        return None
    crops = [name for name in measured(store, "faces") if f"{name}/bits" in store.figures]
    photos = [name for name in measured(store, "photos") if f"{name}/photo/bits" in store.figures]
    without = [title(name) for name in measured(store, "faces") if name not in crops]
    head = ("carrier", "bits", "PSNR, dB (worst, best tenth)", "SSIM", "SSIMULACRA2",
            "wrong bits, %: JPEG 50", "benign", "deepfakes", "identity read, %: benign", "deepfakes",
            "wrong identity, %", "accepted unmarked")  # fmt: skip
    blocks: list[Block] = [Table(head, [_overview(store, name) for name in crops])] if crops else []
    if without:
        blocks.append(f"Without room in a crop of 128 px: {', '.join(without)}.")
    if photos:
        columns = _PHOTO_CHANNELS
        rows = [
            [title(name), store.cell(f"{name}/photo/bits", 0), store.cell(f"{name}/photo/psnr_db", 1)]
            + [_per_cent(store, f"{name}/photo/{channel}/identity", 1) for channel in columns]
            for name in photos
        ]
        blocks += ["Whole photographs, identity read, %:",
                   Table(("carrier", "bits", "PSNR, dB", *columns), rows)]  # fmt: skip
    return [*blocks, _conditions(store, [f"faces-{n}" for n in crops] + [f"photos-{n}" for n in photos])]


def _overview(store: Store, name: str) -> list[Cell | str]:
    wrong = join([_per_cent(store, f"{name}/{group}/wrong", 2) for group in ("benign", "deepfakes")])
    return [
        title(name),
        store.cell(f"{name}/bits", 0),
        with_tenths(store, f"{name}/psnr_db", 1),
        store.cell(f"{name}/ssim", 3),
        store.cell(f"{name}/ssimulacra2", 1),
        *(_per_cent(store, f"{name}/{place}/ber", 2) for place in ("jpeg50", "benign", "deepfakes")),
        *(_per_cent(store, f"{name}/{group}/identity", 1) for group in ("benign", "deepfakes")),
        wrong,
        accepted(store, f"{name}/unmarked/accepted"),
    ]


def channels(store: Store, system: str) -> Sequence[Block] | None:
    """A row for each channel, columns for the variants of one system, and the paper's."""
    names = [name for name in measured(store, "faces") if name == system or name.startswith(f"{system}-")]
    names = [name for name in names if f"{name}/bits" in store.figures]
    if not names:
        return None
    published = PUBLISHED.get(system, {})
    rows: list[list[Cell | str]] = [
        [
            "PSNR, dB",
            *(with_tenths(store, f"{name}/psnr_db", 1) for name in names),
            published.get("PSNR, dB", "-"),
        ],
        ["SSIM", *_of(store, names, "ssim", 3), "-"],
        ["SSIMULACRA2", *_of(store, names, "ssimulacra2", 1), "-"],
    ]
    groups = {"benign": BENIGN, "deepfakes": DEEPFAKES}
    for group, members in groups.items():
        places = [channel.name for channel in members]
        if group == "deepfakes" and any(f"{name}/taef2/ber" in store.figures for name in names):
            places.append("taef2")
        for place in [*places, group]:
            shown = f"mean of {group}" if place == group else place
            rows.append(
                [shown, *(wrong_bits(store, f"{name}/{place}") for name in names), published.get(place, "-")]
            )
    unmarked = [accepted(store, f"{name}/unmarked/accepted") for name in names]
    rows.append(["accepted unmarked", *unmarked, "not reported"])
    head = ("", *(title(name) for name in names), "paper")
    legend = (
        "PSNR and wrong bits, %: mean (worst tenth of the faces, best tenth) / identity read, %. "
        + NOTES[system]
    )
    return [Table(head, rows), legend, _conditions(store, [f"faces-{name}" for name in names])]


def again(store: Store) -> Sequence[Block] | None:
    """The first message after further embeddings."""
    names = [name for name in measured(store, "again") if f"{name}/again/0/ber" in store.figures]
    if not names:
        return None
    rows: list[list[Cell | str]] = []
    for name in names:
        places = [f"{name}/again/{count}" for count in ("0", *_FURTHER)]
        found = [join([_per_cent(store, f"{p}/ber", 2), store.cell(f"{p}/psnr_db", 1)]) for p in places]
        rows.append([title(name), *found])
        if name in PUBLISHED_AGAIN:
            *figures, source = PUBLISHED_AGAIN[name]
            rows.append([source, *figures, "-"])
    head = ("carrier", "once", *(f"{count} more" for count in _FURTHER))
    blocks: list[Block] = [
        "Wrong bits of the first message, % / PSNR, dB, after further messages by the same carrier:",
        Table(head, rows),
    ]
    others = [other for other in names if any(f"{n}/again/by-{other}/ber" in store.figures for n in names)]
    if others:
        crossed = [
            [title(name), *(_per_cent(store, f"{name}/again/by-{other}/ber", 2) for other in others)]
            for name in names
        ]
        blocks += ["Wrong bits of the first message, %, after one message by another carrier:",
                   Table(("carrier", *map(title, others)), crossed)]  # fmt: skip
    return [*blocks, _conditions(store, [f"again-{name}" for name in names])]


def _of(store: Store, names: list[str], metric: str, digits: int) -> list[Cell]:
    return [store.cell(f"{name}/{metric}", digits) for name in names]


def wrong_bits(store: Store, place: str) -> Cell:
    """Wrong bits, %, with tenths, and identities read, %, after a channel."""
    key = f"{place}/ber"
    if key not in store.figures:
        return Cell("-")
    wrong, read = with_tenths(store, key, 1, scale=100), _per_cent(store, f"{place}/identity", 1)
    return Cell(f"{wrong.text} / {read.text}", wrong.stale)


def with_tenths(store: Store, key: str, digits: int, scale: float = 1.0) -> Cell:
    """Mean, and in brackets the means of the worst and of the best tenth of the samples."""
    if key not in store.figures:
        return Cell("-")
    mean, *tenths = (scale * store.figures[key][name] for name in ("mean", "worst_decile", "best_decile"))
    shown = ", ".join(f"{value:.{digits}f}" for value in tenths)
    return Cell(f"{mean:.{digits + (scale > 1)}f} ({shown})", store.stale([key]))


def _per_cent(store: Store, key: str, digits: int) -> Cell:
    return store.cell(key, digits, scale=100)


def accepted(store: Store, key: str) -> Cell:
    """Count of false accepts, not a rate: it is to be 0."""
    if key not in store.figures:
        return Cell("-")
    figure = store.figures[key]
    return Cell(f"{round(figure['mean'] * figure['n'])} of {figure['n']}", store.stale([key]))


def _conditions(store: Store, parts: list[str]) -> str:
    counts = sorted({store.parts[part]["photos"] for part in parts if part in store.parts})
    dates = sorted({store.measured_at(part) for part in parts if part in store.parts})
    samples = " or ".join(map(str, counts))
    return f"{samples} faces or photographs a carrier; {'; '.join(dates)}. {store.stale_note(parts)}".strip()


TABLES: Mapping[str, Callable[[Store], Sequence[Block] | None]] = {
    "watermarks": joint,
    "watermarks-again": again,
    **{f"watermarks-{name}": partial(channels, system=name) for name in NOTES},
}
