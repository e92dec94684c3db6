"""localization-texts: what a text contributes to CMB-Net, by the reliability of who writes it.

The test split of a set of `underdrawing manipulate`, each photograph on one random path, as in the study
localization. The texts are made from the truth by systems/cmb_net/observer.py, so the figures state what an
observer of such rates contributes, not what a language model does; those of `findings` are made without the
truth, from what classical methods find in the pixels, as `examine --describe` does. --set weights=DIR adds
other trainings of CMB-Net, named as their folders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from underdrawing import zoo
from underdrawing.bench.harness.labelled_sets import Found, SetPart, folder_of, measure_parts
from underdrawing.bench.harness.record import Protocol, Store, versions_of
from underdrawing.bench.harness.render import Block, Cell, Table
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.studies.localization import samples
from underdrawing.bench.studies.localization.figures import Figures, of_manipulated, of_pictures
from underdrawing.bench.studies.localization.samples import View
from underdrawing.bench.studies.localization.tables import BOUNDS, cell
from underdrawing.core.interfaces import TextLocalizer
from underdrawing.data.set_writing import seed_of
from underdrawing.judging.classical import classical_evidence
from underdrawing.judging.classical import view as classical
from underdrawing.judging.picture_words import findings_in_words
from underdrawing.metrics.localization import score_map, stacked
from underdrawing.systems.cmb_net.observer import CAREFUL, MISLEADING, WHOLE, Observer, observe

PROTOCOL = Protocol("localization-texts", sizes=(0,))
SYSTEM = "cmb-net"

Writer = Callable[[np.ndarray, np.ndarray, str, np.random.Generator], str]
"""Picture (H, W, 3), labels (H, W), kind of manipulation, chance -> text; empty: none."""


def _observed(
    observer: Observer, image: np.ndarray, labels: np.ndarray, kind: str, rng: np.random.Generator
) -> str:
    return observe((labels == 1).astype(np.float32), kind, WHOLE, observer, rng).text


def _findings(image: np.ndarray, labels: np.ndarray, kind: str, rng: np.random.Generator) -> str:
    """Of the pixels alone, without the faces."""
    return findings_in_words(0, classical_evidence(classical.View(image))) or ""


WRITERS: dict[str, tuple[str, Writer]] = {
    "none": ("none", partial(_observed, Observer(silent=1.0))),
    "findings": ("classical methods (`--describe`)", _findings),
    "fallible": ("of the training, for every picture", partial(_observed, Observer(silent=0.0))),
    "careful": ("without errors", partial(_observed, CAREFUL)),
    "misleading": ("always wrong", partial(_observed, MISLEADING)),
}
"""Title of who writes, and the text."""
_METRICS = {
    "F1": "f1",
    "AUC of pixels": "auc",
    "falsely flagged area, %": "false_area",
    "AUC of pictures": "picture_auc",
}
_TRAININGS = {SYSTEM: "released", f"{SYSTEM}-no-itcam": "no ITCAM", f"{SYSTEM}-no-red": "no RED"}


@dataclass(frozen=True)
class Settings:
    """Options of the study."""

    set: str = "manipulated"
    """Folder of `underdrawing manipulate` below --data, or its path."""
    weights: str = ""
    """Folder with outputs of other trainings of CMB-Net, at any depth."""


def run(run: Run) -> None:
    """Measure each training that is not measured yet. OutputError where none has the name."""
    settings = run.read_settings(Settings)
    found = {SYSTEM: None} if zoo.card(SYSTEM).own_weights else {}
    folders = [Path(settings.weights)] if settings.weights else []
    paths = [path for folder in folders for path in sorted(folder.rglob("cmb_net.safetensors"))]
    trainings: dict[str, Path | None] = found | {path.parent.name: path for path in paths}
    parts = (
        SetPart(
            name, SYSTEM, versions_of(SYSTEM, other_weights=path is not None),
            partial(_found, run, settings.set, name, path),
        )
        for name, path in trainings.items()
    )  # fmt: skip
    measure_parts(run, STUDY.store(run.results), PROTOCOL, parts)


def _found(run: Run, folder: str, name: str, path: Path | None) -> Found:
    view = samples.on_chains(samples.of_set(folder_of(run, folder), run.photos), PROTOCOL.seed)
    figures = measured(name, view, zoo.load(SYSTEM, path) if path else zoo.load(SYSTEM))
    return Found(figures, len(view.samples), view.digest)


def measured(name: str, view: View, localizer: TextLocalizer) -> Figures:
    """Figures of one training, "NAME/WRITER/METRIC"."""
    scores: dict[str, list] = {key: [] for key in WRITERS}
    for number, sample in enumerate(view.samples):
        image, labels = view.read(number)
        for key, (_, write) in WRITERS.items():
            text = write(
                image, labels, sample.kind, np.random.default_rng(seed_of(PROTOCOL.seed, key, sample.name))
            )
            found = localizer.examine_with_text(image, text) if text else localizer.examine(image)
            scores[key].append(score_map(found.tampered_prob, labels, found.picture_prob))
    figures: Figures = {}
    for key, values in scores.items():
        place, of_observer = f"{name}/{key}", stacked(values)
        figures |= of_manipulated(place, view, of_observer) | of_pictures(place, view, of_observer)
    return figures


def table(store: Store) -> Sequence[Block] | None:
    """A row for each training and writer."""
    names = sorted(store.parts, key=lambda name: (name != SYSTEM, name))
    rows: list[list[Cell | str]] = [
        [
            _TRAININGS.get(name, name),
            title,
            *(cell(store, f"{name}/{key}/{metric}") for metric in _METRICS.values()),
        ]
        for name in names
        for key, (title, _) in WRITERS.items()
        if f"{name}/{key}/f1" in store.figures
    ]
    return [Table(("training", "who writes the text", *_METRICS), rows), BOUNDS] if rows else None


STUDY = Study(
    "localization-texts",
    "what a text contributes to CMB-Net: without, right, fallible, wrong",
    run,
    {"localization-texts": table},
    settings=Settings,
)
