"""courtroom: what the judge of Courtroom brings, and each other part of its network.

Weight files of its trainings on the test split of a set of `underdrawing manipulate`, each photograph on one
random path. Three maps of every picture, all before calibration, which is fitted to one of them alone:

    average   z, what both streams together assert
    judge     after the most probable action in each uncertain block
    oracle    after the actions with the largest soft IoU, by the masks: the bound of every judge

F1, IoU and AUC are over pixels, by picture, of manipulated pictures; soft IoU is over cells, of all pictures.
A network without a judge has the average alone. --set weights=DIR names the trainings, at any depth.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from underdrawing.bench.harness.record import Protocol, Store, conditions, part_of, versions_of
from underdrawing.bench.harness.render import Block, Cell, Table
from underdrawing.bench.harness.run import Run, Study
from underdrawing.bench.studies.localization import samples
from underdrawing.bench.studies.localization.samples import View
from underdrawing.content.manipulation_trunk.network import WEIGHTS as TRUNK_WEIGHTS
from underdrawing.content.manipulation_trunk.network import load_trunk
from underdrawing.core.errors import OutputError, PictureError, UsageError, WeightsError
from underdrawing.data.manipulated_set import IGNORED
from underdrawing.judging.map_scorer import CELL, PREFIX
from underdrawing.metrics.localization import Figure, mean_score, score_map
from underdrawing.nets.loading import load_network
from underdrawing.nets.localizer_outputs import LocalizerOutputs
from underdrawing.nets.weights import TRUNK, fingerprint, read_metadata, read_tensors
from underdrawing.systems.courtroom.judge import ACTIONS, applied, evidence, outcomes
from underdrawing.systems.courtroom.network import Config, Courtroom
from underdrawing.systems.courtroom.reward import oracle, soft_iou
from underdrawing.train.localize import majority

PROTOCOL = Protocol("courtroom", sizes=(0,))
MAPS = {"average": "average z, no judge", "judge": "judge", "oracle": "oracle"}
PARTS = {
    "lean": "all parts", "no-suppression": "no suppression", "no-debate": "no debate",
    "no-judge": "no judge in training", "streams": "streams alone",
}  # fmt: skip
"""Recipes, and their names in the table of the parts."""
_STEP = 32  # sides of the trunk's input are multiples of it


@dataclass(frozen=True)
class Settings:
    """Options of the study."""

    set: str = "manipulated"
    """Folder of `underdrawing manipulate` below --data, or its path."""
    weights: str = ""
    """Folder with the outputs of trainings at any depth; they are named as their folders."""


def run(run: Run) -> None:
    """Measure each training that is not measured yet. OutputError where none has the name."""
    settings = run.read_settings(Settings)
    folder = Path(settings.weights or ".")
    paths = {path.parent.name: path for path in sorted(folder.rglob("courtroom.safetensors"))}
    chosen = {name: path for name, path in paths.items() if run.selects(name)}
    if not chosen:
        known = ", ".join(paths) or "none"
        raise OutputError(
            f"{folder}: no training of courtroom is selected; there are: {known}; see --set weights=DIR"
        )
    view, store = _pictures(run, settings), STUDY.store(run.results)
    for name, path in chosen.items():
        if run.again or name not in store.parts:
            start, at = time.process_time(), conditions(PROTOCOL)
            figures = measured(name, view, load_trunk(), load(path))
            seconds = round(time.process_time() - start, 1)
            facts = {
                "photos": len(view.samples),
                "data_hash": view.digest,
                "seconds": seconds,
                "figures": figures,
            }
            versions = versions_of("courtroom", other_weights=True)
            store.write("courtroom", name, part_of(PROTOCOL, at, versions, **facts))


def _pictures(run: Run, settings: Settings) -> View:
    if run.data is None:
        raise UsageError("this study needs --data DIR, a folder with a set of manipulated pictures")
    found = next((p for p in (run.data / settings.set, Path(settings.set)) if p.is_dir()), None)
    if found is None:
        raise PictureError(f"{run.data}: no folder {settings.set} in it")
    return samples.on_chains(samples.of_set(found, run.photos), PROTOCOL.seed)


def load(path: Path) -> Courtroom:
    """The network of a weight file. WeightsError for one that was trained on another trunk."""
    if read_metadata(path).get("trunk_sha256") != fingerprint(read_tensors(TRUNK_WEIGHTS, TRUNK)):
        raise WeightsError(f"{path}: trained on another trunk than the released one")
    return load_network(path, Config, Courtroom, PREFIX)


def measured(name: str, view: View, trunk: nn.Module, network: Courtroom) -> dict[str, Figure]:
    """Figures of one network, "NAME/MAP/METRIC"; of the judge also those of its gain and its actions."""
    rows: dict[str, list[float]] = {}
    for number in range(len(view.samples)):
        image, labels = view.read(number)
        for key, value in _of_picture(trunk, network, image, labels).items():
            rows.setdefault(key, []).append(value)
    photos = view.photos
    values = {key: np.array(found) for key, found in rows.items()}
    if network.judge is not None:
        values |= {
            f"gain/{m}": values[f"judge/{m}"] - values[f"average/{m}"]
            for m in ("f1", "soft_iou", "false_area")
        }
    figures = {f"{name}/{key}": mean_score(found, photos) for key, found in values.items()}
    return {key: figure for key, figure in figures.items() if not math.isnan(figure["mean"])}


@torch.inference_mode()
def _of_picture(
    trunk: nn.Module, network: Courtroom, image: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Metrics of the maps of a picture, and of the judge's actions."""
    bottom, right = (-side % _STEP for side in labels.shape)
    padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REFLECT)
    known = cv2.copyMakeBorder(labels, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=IGNORED)
    images = torch.from_numpy(padded).permute(2, 0, 1)[None].float()
    outputs = network(images, trunk(images))
    cells = torch.from_numpy(majority(known))[None, None]
    target, counted = (cells > 0).float(), (cells >= 0).float()
    found = _actions(outputs)
    for name, logits in _maps(network, outputs, target, counted).items():
        prob = logits.sigmoid()
        pixels = cv2.resize(prob[0, 0].numpy(), None, fx=CELL, fy=CELL, interpolation=cv2.INTER_LINEAR)
        scores = score_map(pixels[: labels.shape[0], : labels.shape[1]], labels)
        found |= {f"{name}/{metric}": float(getattr(scores, metric)) for metric in ("f1", "iou", "auc")}
        found[f"{name}/soft_iou"] = float(soft_iou(prob, target, counted))
        authentic = not (labels == 1).any()
        found[f"{name}/false_area"] = float(scores.flagged) if authentic else math.nan
    return found


def _maps(network: Courtroom, outputs: LocalizerOutputs, target: Tensor, known: Tensor) -> dict[str, Tensor]:
    """Logits by the names of MAPS."""
    parts = outputs.parts
    p, d = parts["prosecution"], parts["defence"]
    if network.judge is None:
        return {"average": evidence(p, d)}
    each = outcomes(p, d, parts["revision"], network.config.step)
    best = oracle(each, target, known, parts["uncertain"])
    return {
        "average": evidence(p, d),
        "judge": outputs.logits,
        "oracle": applied(each, best, parts["uncertain"]),
    }


def _actions(outputs: LocalizerOutputs) -> dict[str, float]:
    """Share of uncertain blocks, and that of each action in them."""
    if "actions" not in outputs.parts:
        return {}
    uncertain = outputs.parts["uncertain"].bool()
    chosen = outputs.parts["actions"].argmax(1, keepdim=True)[uncertain]
    shares = torch.bincount(chosen, minlength=len(ACTIONS)).double() / max(1, len(chosen))
    named = (
        dict(zip(ACTIONS, shares.tolist(), strict=True)) if len(chosen) else dict.fromkeys(ACTIONS, math.nan)
    )
    return {"uncertain": uncertain.double().mean().item()} | {
        f"action/{name}": x for name, x in named.items()
    }


METRICS = {"soft_iou": "soft IoU", "f1": "F1", "iou": "IoU", "auc": "AUC of pixels",
           "false_area": "falsely flagged area, %"}  # fmt: skip


def judged(store: Store) -> Sequence[Block] | None:
    """The three maps of the training `lean`, and whether the judge helps."""
    if "lean/gain/f1" not in store.figures:
        return None
    rows = [
        [title, *(_cell(store, f"lean/{name}/{metric}") for metric in METRICS)]
        for name, title in MAPS.items()
    ]
    return [Table(("map", *METRICS.values()), rows), conclusion(store.figures), _conditions(store, ["lean"])]


def conclusion(figures: Mapping[str, Figure]) -> str:
    """Whether the judge of `lean` helps, by the bounds of its gain in F1 over the same pictures."""
    gain = figures["lean/gain/f1"]
    helps = (
        "helps" if gain["low95"] > 0 else "does harm" if gain["high95"] < 0 else "does not measurably help"
    )
    soft = {name: figures[f"lean/{name}/soft_iou"]["mean"] for name in MAPS}
    room = soft["oracle"] - soft["average"]
    covered = f"{100 * (soft['judge'] - soft['average']) / room:.0f} %" if room > 0 else "nothing"
    actions = sorted(ACTIONS, key=lambda name: -figures[f"lean/action/{name}"]["mean"])
    named = ", ".join(f"{name} {100 * figures[f'lean/action/{name}']['mean']:.0f} %" for name in actions)
    return (
        f"The judge {helps}: F1 {gain['mean']:+.4f} ({gain['low95']:+.4f} to {gain['high95']:+.4f}) "
        "against the average of the same network, by pairs. "
        f"Of the soft IoU between average and oracle it covers {covered}. "
        f"It acts in {100 * figures['lean/uncertain']['mean']:.1f} % of the blocks: {named}."
    )


def parts(store: Store) -> Sequence[Block] | None:
    """Each recipe: its final map."""
    names = [name for name in PARTS if name in store.parts]
    if not names:
        return None
    final = {n: "judge" if f"{n}/judge/soft_iou" in store.figures else "average" for n in names}
    rows = [[PARTS[n], *(_cell(store, f"{n}/{final[n]}/{metric}") for metric in METRICS)] for n in names]
    return [Table(("network", *METRICS.values()), rows), _conditions(store, names)]


def _cell(store: Store, key: str) -> Cell:
    found = store.figures.get(key)
    if found is None:
        return Cell("-")
    scale, digits = (100, 2) if key.endswith("false_area") else (1, 3)
    mean, low, high = (f"{scale * found[name]:.{digits}f}" for name in ("mean", "low95", "high95"))
    return Cell(f"{mean} ({low} to {high})", store.stale([key]))


def _conditions(store: Store, names: Sequence[str]) -> str:
    """Where the figures are from, in one sentence."""
    first = store.parts[names[0]]
    dates = ", ".join(dict.fromkeys(store.parts[name]["conditions"]["date"][:10] for name in names))
    note = store.stale_note(names)
    return (
        f"{first['photos']} pictures, data {first['data_hash']}, measured {dates}; "
        f"in brackets the 95 % bounds, by a bootstrap over photographs. {note}"
    ).strip()


STUDY = Study(
    "courtroom",
    "Courtroom: judge against average and oracle, networks without one part",
    run,
    {"courtroom-judge": judged, "courtroom-parts": parts},
    Settings,
)
