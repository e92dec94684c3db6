"""Tables of the study: one row for each localizer or set, figures with 95 % bounds, papers beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block, Cell, Table
from underdrawing.bench.studies.localization.weak_labels import SECONDS


class Idea(NamedTuple):
    """What a row of the comparison stands for."""

    title: str
    idea: str
    labels: str
    """Of its training, of SECONDS."""


IDEAS = {
    "plain-masks": Idea("plain head, masks", "none: full supervision, the ceiling", "masks"),
    "courtroom": Idea("Courtroom", "two hypotheses, debate, a judge", "masks"),
    "cmb-net": Idea("CMB-Net", "text weighted by ambiguity, restored edges", "masks"),
    "box-prompt-iml": Idea("BoxPromptIML", "teacher from boxes, memory", "boxes"),
    "plain-boxes": Idea("plain head, boxes", "none: a box is its mask", "boxes"),
    "sc-iml": Idea("Sc-IML", "consistency, prior maps, entropy", "scribbles"),
    "plain-scribbles": Idea("plain head, scribbles", "none: strokes alone", "scribbles"),
    "plain-pictures": Idea("plain head, labels of pictures", "none: the floor", "pictures"),
    "plain-joint": Idea("plain head, trained with the trunk", "none: a longer training", "masks"),
}
"""In the order of the comparison: masks first, each weak label with its plain head behind."""
SETS = {
    "casia1": "CASIA v1", "columbia": "Columbia", "coverage": "COVERAGE", "in-domain": "mean of these three",
    "imd2020": "IMD2020", "psbattles": "PS-Battles",
    "inpaint_anything": "AI edits (Inpaint Anything)", "out-of-domain": "mean of these three",
}  # fmt: skip
PLATFORMS = {
    "none": "none",
    "facebook": "Facebook",
    "weibo": "Weibo",
    "wechat": "WeChat",
    "whatsapp": "WhatsApp",
}
PAPERS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "BoxPromptIML": {
        "public": {"casia1": 0.552, "columbia": 0.903, "coverage": 0.403, "out-of-domain": 0.285},
        "platforms": {"none": 0.552, "facebook": 0.532, "weibo": 0.536, "wechat": 0.477, "whatsapp": 0.530},
    },
    "Sc-IML": {
        "public": {
            "casia1": 0.716, "columbia": 0.979, "coverage": 0.827, "imd2020": 0.580, "out-of-domain": 0.469,
        },
        "platforms": {},
    },
}  # fmt: skip
"""F1 at .5 of the papers: BoxPromptIML (arXiv 2511.20359), Sc-IML (arXiv 2507.13018, README of its code).
Both are trained on parts of CASIA v2, COVERAGE, Columbia and NIST16, with other pictures out of domain."""
_NOTE = (
    "The papers train on other parts of the same public sets (CASIA v2, COVERAGE, Columbia, NIST16) with "
    "encoders trained on ImageNet, and their sets out of domain are others; ours are trained on synthetic "
    "manipulations, and on 137 pictures of CASIA v2 and 50 of CoMoFoD. The table of BoxPromptIML states .400 "
    "in domain for Sc-IML, the table of Sc-IML .811."
)
BOUNDS = "In brackets the 95 % bounds, by a bootstrap over photographs."
_PER_CENT = ("false_area", "false_pictures", "labelled", "labelled_manipulated", "wrong", "covered")


def cell(store: Store, key: str) -> Cell:
    """A figure with its bounds: shares of areas and pictures in per cent; "-" where it was not measured."""
    found = store.figures.get(key)
    if found is None:
        return Cell("-")
    scale, digits = (100, 1) if key.rpartition("/")[2] in _PER_CENT else (1, 3)
    text = f"{scale * found['mean']:.{digits}f}"
    if "low95" in found:
        text += f" ({scale * found['low95']:.{digits}f} to {scale * found['high95']:.{digits}f})"
    return Cell(text, store.stale([key]))


def measured(store: Store, part: str) -> list[str]:
    """Names of the localizers of a part, in the order of the comparison, others last."""
    found = [name.removeprefix(f"{part}-") for name in store.parts if name.startswith(f"{part}-")]
    order = {name: place for place, name in enumerate(IDEAS)}
    return sorted(found, key=lambda name: (order.get(name, len(order)), name))


def _title(name: str) -> str:
    return IDEAS[name].title if name in IDEAS else name


def _rows(store: Store, names: Iterable[str], keys: Iterable[str]) -> list[list[Cell | str]]:
    keys = list(keys)
    return [[_title(name), *(cell(store, f"{name}/{key}") for key in keys)] for name in names]


def overview(store: Store) -> Sequence[Block] | None:
    """All localizers on the synthetic test split."""
    names = measured(store, "synthetic")
    columns = {
        "F1": "synthetic/all/f1", "worst decile of F1": "synthetic/all/worst", "IoU": "synthetic/all/iou",
        "AUC of pixels": "synthetic/all/auc", "AUC of pictures": "synthetic/all/picture_auc",
        "falsely flagged area, %": "synthetic/all/false_area",
        "untouched photographs, flagged area, %": "untouched/false_area",
    }  # fmt: skip
    table = Table(("localizer", *columns), _rows(store, names, columns.values()))
    return [table, BOUNDS, *_conditions(store, "synthetic")] if names else None


def ideas(store: Store) -> Sequence[Block] | None:
    """What each idea brings on the same trunk."""
    names = [name for name in measured(store, "synthetic") if name in IDEAS]
    rows = []
    for name in names:
        of_row = IDEAS[name]
        figures = [f"{name}/{key}" for key in ("synthetic/all/f1", "public/out-of-domain/f1")]
        rows.append([
            of_row.title, of_row.idea, of_row.labels, f"{SECONDS[of_row.labels]:.0f}",
            *(cell(store, key) for key in figures), _share(store, name),
            *(cell(store, f"{name}/synthetic/all/{metric}") for metric in ("false_area", "picture_auc")),
        ])  # fmt: skip
    head = (
        "localizer", "idea", "labels", "s a picture", "F1, synthetic", "F1, out of domain",
        "share of full supervision", "falsely flagged area, %", "AUC of pictures",
    )  # fmt: skip
    note = (
        "One trunk, the same set and the same number of steps for all but the last row. The trunk itself "
        "was trained with masks, so the rows of weak labels compare heads on maps that know "
        "manipulations. Seconds are those of the papers, for one manipulated picture."
    )
    return [Table(head, rows), note, BOUNDS] if rows else None


def _share(store: Store, name: str) -> Cell:
    """F1 on the synthetic split as a share of that of the plain head with masks, which trained as long."""
    keys = [f"{other}/synthetic/all/f1" for other in (name, "plain-masks")]
    if not all(key in store.figures for key in keys) or not store.figures[keys[1]]["mean"]:
        return Cell("-")
    own, full = (store.figures[key]["mean"] for key in keys)
    return Cell(f"{own / full:.2f}", store.stale(keys))


def kinds(store: Store) -> Sequence[Block] | None:
    """F1 by kind of manipulation."""
    names = measured(store, "synthetic")
    places = dict.fromkeys(
        key.split("/")[2] for name in names for key in store.figures if key.startswith(f"{name}/synthetic/")
    )
    rows = [
        [place.replace("_", "-"), *(cell(store, f"{name}/synthetic/{place}/f1") for name in names)]
        for place in places
    ]
    return [Table(("F1", *map(_title, names)), rows), BOUNDS] if rows else None


def by_place(
    store: Store, part: str, titles: Mapping[str, str], head: str, metric: str = "f1"
) -> Sequence[Block] | None:
    """A row for each set or platform, a column for each localizer, the papers' F1 last."""
    names = measured(store, part)
    papers = PAPERS if metric == "f1" else {}
    rows = [
        [
            titles[place],
            *(cell(store, f"{name}/{part}/{place}/{metric}") for name in names),
            *(_published(paper, part, place) for paper in papers),
        ]
        for place in _places(store, names, part, titles, metric)
    ]
    columns = (head, *map(_title, names), *(f"paper, {paper}" for paper in papers))
    notes = [BOUNDS, *([_NOTE] if papers else []), *_conditions(store, part)]
    return [Table(columns, rows), *notes] if rows else None


def _places(store: Store, names: list[str], part: str, titles: Iterable[str], metric: str) -> list[str]:
    """Of the places with titles, those where any of the localizers was measured."""
    return [p for p in titles if any(f"{name}/{part}/{p}/{metric}" in store.figures for name in names)]


def _published(paper: str, part: str, place: str) -> str:
    found = PAPERS.get(paper, {}).get(part, {}).get(place)
    return "-" if found is None else f"{found:.3f}"


def authentic(store: Store) -> Sequence[Block] | None:
    """Authentic pictures of the public sets, after one JPEG for both classes."""
    names = measured(store, "public")
    metrics = {"false_area": "falsely flagged, %", "picture_auc": "AUC of pictures"}
    rows = [
        [
            SETS[place],
            *(cell(store, f"{name}/public/{place}/{metric}") for metric in metrics for name in names),
        ]
        for place in _places(store, names, "public", SETS, "false_area")
    ]
    head = ("set", *(f"{title}, {_title(name)}" for title in metrics.values() for name in names))
    return [Table(head, rows), BOUNDS] if rows else None


def labels(store: Store) -> Sequence[Block] | None:
    """Weak labels of the synthetic set against its masks."""
    if "labels" not in store.parts:
        return None
    titles = {
        "boxes/count": "boxes of a picture", "boxes/tight_iou": "IoU of drawn and tight boxes",
        "boxes/covered": "manipulated pixels inside of boxes, %", "boxes/mask_iou": "IoU of boxes and masks",
        "scribbles/labelled": "labelled pixels of a picture, %",
        "scribbles/labelled_manipulated": "labelled pixels of a manipulated region, %",
        "scribbles/wrong": "pixels of strokes with a wrong label, %",
    }  # fmt: skip
    rows = [[title, cell(store, f"labels/{key}")] for key, title in titles.items()]
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in SECONDS.items())
    note = f"An annotator needs, for one picture, by the papers: {seconds}."
    return [Table(("of the test split", "mean"), rows), note, *_conditions(store, "labels")]


def beside_paper(store: Store, name: str) -> Sequence[Block] | None:
    """One localizer: every set and platform, with the figures of its own paper."""
    if f"synthetic-{name}" not in store.parts:
        return None
    own = IDEAS[name].title
    kinds_of = [
        key.split("/")[2]
        for key in store.figures
        if key.startswith(f"{name}/synthetic/") and key.endswith("/f1")
    ]
    places = [f"synthetic/{kind}" for kind in dict.fromkeys(kinds_of)]
    places += [f"public/{place}" for place in SETS] + [f"platforms/{place}" for place in PLATFORMS]
    rows = [
        [
            _place_title(place),
            _published(own, *place.split("/", 1)),
            *(
                cell(store, f"{name}/{place}/{metric}")
                for metric in ("f1", "worst", "iou", "auc", "false_area")
            ),
        ]
        for place in places
        if f"{name}/{place}/f1" in store.figures
    ]
    head = (
        "pictures",
        "paper, F1",
        "F1",
        "worst decile of F1",
        "IoU",
        "AUC of pixels",
        "falsely flagged area, %",
    )
    return [Table(head, rows), BOUNDS, _NOTE, *_conditions(store, "synthetic", [name])]


def _place_title(place: str) -> str:
    part, _, name = place.partition("/")
    if part == "synthetic":
        return "synthetic, all kinds" if name == "all" else f"synthetic, {name.replace('_', '-')}"
    return SETS[name] if part == "public" else f"CASIA v1 by {PLATFORMS[name]}"


def _conditions(store: Store, part: str, names: Sequence[str] | None = None) -> list[Block]:
    parts = [f"{part}-{name}" for name in (measured(store, part) if names is None else names)]
    parts = parts or [name for name in store.parts if name == part]
    rows = []
    for name in parts:
        found = store.parts[name]
        at = found["conditions"]
        date = store.marked(name, at["date"])
        rows.append(
            [name, str(found["photos"]), f"{found['seconds']:.0f}", at["commit"], date, found["data_hash"]]
        )
    head = ("part", "pictures", "CPU s", "commit", "date", "data")
    return [Table(head, rows), store.stale_note(parts)] if parts else []


TABLES: Mapping[str, Callable[[Store], Sequence[Block] | None]] = {
    "localization": overview,
    "localization-ideas": ideas,
    "localization-kinds": kinds,
    "localization-sets": partial(by_place, part="public", titles=SETS, head="F1"),
    "localization-platforms": partial(
        by_place, part="platforms", titles=PLATFORMS, head="F1, CASIA v1 after"
    ),
    "localization-authentic": authentic,
    "localization-labels": labels,
    **{
        f"localization-{name}": partial(beside_paper, name=name)
        for name in ("courtroom", "cmb-net", "box-prompt-iml", "sc-iml", "plain-masks")
    },
}
