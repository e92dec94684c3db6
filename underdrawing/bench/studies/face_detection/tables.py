"""Tables of the study: one row for each detector or kind, figures with 95 % bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from underdrawing.attacks.suites import SUITES
from underdrawing.bench.harness.record import Store
from underdrawing.bench.harness.render import Block, Cell, Table

TITLES = {
    "amtennet": "AMTENnet", "gocnet": "GocNet", "grnet": "GRnet", "dpnet-fgl": "DPNet + FGL",
    "examine": "`examine` (all together)",
}  # fmt: skip
PUBLISHED = {
    "amtennet": {"within/all": 98.52, "post/unknown": 95.17},
    "grnet": {"within/all": 97.72, "post/jpeg60": 96.52},
}
"""Accuracies in per cent, on HFF: Guo et al. 2021 (AMTENnet, abstract), Guo et al. 2023 (GRnet, abstracts).
Those of GocNet (TP at least 4.60 points above other pre-processing) and FGL state no accuracy."""
SETS = {"ciplab": "CIPLab: composites by experts", "ecuador": "FLUX edits of one person",
        "stylegan3": "StyleGAN3"}  # fmt: skip
FRONT_ENDS = {
    "front-end-rgb": "none (RGB)", "front-end-srm": "SRM", "front-end-bayar": "Bayar",
    "front-end-tp": "TP", "front-end-tp-magnitudes": "TP, stem on magnitudes",
    "meso4": "Meso4, another network",
}  # fmt: skip
_MTA = {"mta-none": "no MTA", "mta-replace": "MTA as in the authors' code", "mta-gate": "MTA as a gate"}
_AFM = {
    "alpha-smaller-loss": "alpha: larger for the smaller loss",
    "alpha-larger-loss": "alpha: larger for the larger loss",
    "alpha-trained": "alpha: trained", "alpha-equal": "alpha: 1/2",
    "attention-published": "f' = M f; alpha: larger for the smaller loss",
}  # fmt: skip
_BOUNDS = "In brackets the 95 % bounds, by a bootstrap over people."
_PER_CENT = ("accuracy", "eer", "tpr1", "outside", "right", "signs", "none", "unknown")


def cell(store: Store, key: str, digits: int | None = None) -> Cell:
    """A figure with its bounds: rates in per cent, AUC and ECE as they are; "-" where it was not measured."""
    found = store.figures.get(key)
    if found is None:
        return Cell("-")
    scale, digits = (100, 1) if key.rpartition("/")[2] in _PER_CENT else (1, 3)
    mean, low, high = (f"{scale * found[name]:.{digits}f}" for name in ("mean", "low95", "high95"))
    return Cell(f"{mean} ({low} to {high})", store.stale([key]))


def detectors(store: Store) -> list[str]:
    """Names of the released detectors that were measured; `examine` last."""
    found = [name.removeprefix("within-") for name in store.parts if name.startswith("within-")]
    return sorted(found, key=lambda name: (name == "examine", name))


def overview(store: Store) -> Sequence[Block] | None:
    """All detectors on the test split, after unknown post-processing, on other sets."""
    names = detectors(store)
    if not names:
        return None
    columns = {
        "accuracy, %": "within/all/accuracy", "AUC": "within/all/auc", "EER, %": "within/all/eer",
        "TPR at 1 % FPR, %": "within/all/tpr1", "ECE": "within/all/ece",
        "accuracy, unknown post-processing, %": "post/unknown/accuracy",
    }  # fmt: skip
    first = Table(("detector", *columns), _rows(store, names, columns.values()))
    others = {f"AUC, {SETS[name]}": f"cross/{name}/auc" for name in SETS}
    second = Table(("detector", *others), _rows(store, names, others.values()))
    return [first, second, _BOUNDS, *_conditions(store, "within-")]


def _rows(store: Store, names: Iterable[str], keys: Iterable[str]) -> list[list[Cell | str]]:
    keys = list(keys)
    return [[TITLES.get(name, name), *(cell(store, f"{name}/{key}") for key in keys)] for name in names]


def by_place(
    store: Store, part: str, metric: str, head: str, title: Callable[[str], str] = str
) -> Sequence[Block] | None:
    """A row for each place of a part, in the order of their first measurement, a column for each detector."""
    names = [name for name in detectors(store) if _places(store, name, part)]
    places = list(dict.fromkeys(place for name in names for place in _places(store, name, part)))
    if not places:
        return None
    rows = [
        [title(place), *(cell(store, f"{name}/{part}/{place}/{metric}") for name in names)]
        for place in places
    ]
    return [Table((head, *(TITLES.get(name, name) for name in names)), rows), _BOUNDS]


def _places(store: Store, name: str, part: str) -> list[str]:
    start = f"{name}/{part}/"
    return list(dict.fromkeys(key.split("/")[2] for key in store.figures if key.startswith(start)))


def _post_title(place: str) -> str:
    known, unknown = ([channel.name for channel in SUITES[f"face-{s}"]] for s in ("known", "unknown"))
    if place in (*known, *unknown):
        return f"{place} ({'known' if place in known else 'unknown'})"
    titles = {"camera": "paths of the training", "known": "all known", "unknown": "all unknown"}
    return titles.get(place, place)


def calibration(store: Store) -> Sequence[Block] | None:
    """Calibration error before and after Platt's scaling, and the share of faces called outside."""
    names = detectors(store)
    columns = {
        "ECE before": "within/all/ece_raw", "ECE": "within/all/ece",
        "ECE, unknown post-processing": "post/unknown/ece", "ECE, CIPLab": "cross/ciplab/ece",
        "outside, test split, %": "within/all/outside", "outside, CIPLab, %": "cross/ciplab/outside",
        "outside, FLUX, %": "cross/ecuador/outside", "outside, StyleGAN3, %": "cross/stylegan3/outside",
    }  # fmt: skip
    table = Table(("detector", *columns), _rows(store, names, columns.values()))
    return [table, _BOUNDS] if names else None


def answers(store: Store) -> Sequence[Block] | None:
    """What `examine` answers, by kind, and for untouched photographs."""
    if "answers-examine" not in store.parts:
        return None
    titles = {"signs": "signs of forgery, %", "none": "no signs found, %", "unknown": "cannot tell, %"}
    rows = [
        [
            place.replace("within", "test split"),
            *(cell(store, f"examine/answers/{place}/{a}") for a in titles),
        ]
        for place in _places(store, "examine", "answers")
    ]
    photos = [cell(store, f"examine/untouched/{answer}") for answer in titles]
    note = "In brackets Wilson's 95 % interval."
    return [Table(("faces", *titles.values()), [*rows, ["untouched photographs of people", *photos]]), note]


def untouched(store: Store) -> Sequence[Block] | None:
    """False signs on photographs of people."""
    names = [name for name in ("examine", *detectors(store)) if f"{name}/untouched/signs" in store.figures]
    rows = [[TITLES.get(name, name), cell(store, f"{name}/untouched/signs")] for name in dict.fromkeys(names)]
    table = Table(("detector", "untouched photographs with signs of forgery, %"), rows)
    return [table, *_conditions(store, "untouched-")] if names else None


def shortcut(store: Store) -> Sequence[Block] | None:
    """What must not matter to a detector of forgery."""
    names = [name for name in detectors(store) if f"shortcut-{name}" in store.parts]
    columns = {
        "AUC, paths of their own": "own-paths/auc", "AUC, one path for both": "one-path/auc",
        "difference": "paths/difference", "AUC, forged JPEG 75, real 95": "fakes-low/auc",
        "AUC, forged 95, real 75": "fakes-high/auc", "difference ": "codecs/difference",
        "forgery above its own original, %": "pairs/right",
    }  # fmt: skip
    rows = [
        [TITLES.get(name, name), *(cell(store, f"{name}/shortcut/{key}") for key in columns.values())]
        for name in names
    ]
    return [Table(("detector", *columns), rows), _BOUNDS, *_conditions(store, "shortcut-")] if names else None


def front_ends(store: Store) -> Sequence[Block] | None:
    """The same trunk behind each front end, and MESO4, trained alike."""
    return _trained(store, FRONT_ENDS, "front end")


def _trained(store: Store, titles: Mapping[str, str], head: str) -> Sequence[Block] | None:
    names = [name for name in titles if f"trained-{name}" in store.parts]
    keys = [f"within/all/{metric}" for metric in ("accuracy", "auc", "eer", "tpr1")]
    rows = [[titles[name], *(cell(store, f"{name}/{key}") for key in keys)] for name in names]
    table = Table((head, "accuracy, %", "AUC", "EER, %", "TPR at 1 % FPR, %"), rows)
    return [table, _BOUNDS, *_conditions(store, "trained-")] if names else None


def left_out(store: Store) -> Sequence[Block] | None:
    """One network, trained alike with all kinds and without the kind of the row."""
    name = "front-end-rgb"
    kinds = _places(store, name, "left-out")
    rows = [
        [kind, *(cell(store, f"{name}/{part}/{kind}/auc") for part in ("within", "left-out"))]
        for kind in kinds
    ]
    head = ("AUC, kind of forgery", "trained with it", "left out of the training")
    return [Table(head, rows), _BOUNDS, *_conditions(store, f"left-out-{name}")] if rows else None


def guidance(store: Store) -> Sequence[Block] | None:
    """DPNet trained with and without FGL, on the kinds that both trainings left out."""
    kinds = _places(store, "dpnet", "left-out")
    rows = [
        [kind, *(cell(store, f"{name}/left-out/{kind}/auc") for name in ("dpnet-fgl", "dpnet"))]
        for kind in kinds
    ]
    return [Table(("AUC, kind left out", "with FGL", "without FGL"), rows), _BOUNDS] if rows else None


def adaptation(store: Store) -> Sequence[Block] | None:
    """DPNet as released and adapted to received faces without labels."""
    places = {"within": ("within/all", "test split")} | {
        name: (f"cross/{name}", title) for name, title in SETS.items()
    }
    rows = [
        [title, *(cell(store, f"dpnet-fgl/{key}/{metric}") for metric in ("auc", "accuracy")
                  for key in (released, f"adapted/{place}"))]
        for place, (released, title) in places.items()
        if f"dpnet-fgl/adapted/{place}/auc" in store.figures
    ]  # fmt: skip
    head = ("faces", "AUC", "AUC, adapted", "accuracy, %", "accuracy, adapted, %")
    return [Table(head, rows), _BOUNDS, *_conditions(store, "adapted-")] if rows else None


def beside_paper(store: Store, name: str) -> Sequence[Block] | None:
    """One detector: figures of its paper on HFF, and here."""
    if f"within-{name}" not in store.parts:
        return None
    published = PUBLISHED.get(name, {})
    places = ["within/all", *(f"within/{kind}" for kind in _places(store, name, "within") if kind != "all")]
    places += [f"post/{place}" for place in _places(store, name, "post")]
    places += [f"left-out/{kind}" for kind in _places(store, name, "left-out")]
    places += [f"cross/{place}" for place in SETS]
    rows = [
        [
            _place_title(place),
            f"{published[place]:.2f}" if place in published else "-",
            *(cell(store, f"{name}/{place}/{metric}") for metric in ("accuracy", "auc", "eer", "tpr1")),
        ]
        for place in places
    ]
    head = ("faces", "paper, accuracy, %", "accuracy, %", "AUC", "EER, %", "TPR at 1 % FPR, %")
    return [Table(head, rows), _BOUNDS, *_conditions(store, f"within-{name}")]


def _place_title(place: str) -> str:
    part, _, name = place.partition("/")
    if part == "within":
        return "test split, all kinds" if name == "all" else f"test split, {name}"
    if part == "post":
        return f"after {_post_title(name)}"
    return f"{name}, left out of training" if part == "left-out" else SETS[name]


def _conditions(store: Store, start: str) -> list[Block]:
    names = [name for name in store.parts if name.startswith(start)]
    rows = []
    for name in names:
        part = store.parts[name]
        at = part["conditions"]
        date = store.marked(name, at["date"])
        rows.append(
            [name, str(part["photos"]), f"{part['seconds']:.0f}", at["commit"], date, part["data_hash"]]
        )
    head = ("part", "faces", "CPU s", "commit", "date", "data")
    return [Table(head, rows), store.stale_note(names)] if names else []


TABLES: Mapping[str, Callable[[Store], Sequence[Block] | None]] = {
    "face-detection": overview,
    "face-detection-kinds": partial(by_place, part="within", metric="accuracy", head="accuracy, %"),
    "face-detection-left-out": left_out,
    "face-detection-post": partial(
        by_place, part="post", metric="accuracy", head="accuracy, %", title=_post_title
    ),
    "face-detection-cross": partial(
        by_place, part="cross", metric="auc", head="AUC", title=lambda name: SETS[name]
    ),
    "face-detection-answers": answers,
    "face-detection-untouched": untouched,
    "face-detection-calibration": calibration,
    "face-detection-shortcut": shortcut,
    "face-detection-front-ends": front_ends,
    "face-detection-guidance": guidance,
    "face-detection-adaptation": adaptation,
    "face-detection-mta": partial(_trained, titles=_MTA, head="second trunk"),
    "face-detection-afm": partial(_trained, titles=_AFM, head="AFM, with f' = f + beta M f"),
    **{f"face-detection-{name}": partial(beside_paper, name=name) for name in TITLES if name != "examine"},
}
